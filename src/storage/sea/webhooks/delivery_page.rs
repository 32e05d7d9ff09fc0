//! A page of an endpoint's deliveries, found by the index on status, independently of other statuses.

use sea_orm::{DbBackend, Statement, Value};

use crate::domain::values::id::EndpointId;
use crate::domain::webhooks::delivery::DeliveryStatus;
use crate::storage::query::DeliveryPage;

/// Selects these columns of the deliveries of a page, the latest first.
pub(crate) fn select_page(columns: &str, endpoint: EndpointId, page: DeliveryPage, backend: DbBackend) -> Statement {
    let DeliveryPage { status, limit, after } = page;
    let mut values: Vec<Value> = vec![endpoint.as_uuid().into(), i64::from(limit).into()];
    let below = match after {
        Some(after) => {
            values.push(after.number().into());
            " AND seq < $3"
        }
        None => "",
    };
    // As to the array of one, which leaves PostgreSQL no other index in this order, see `jobs::list`.
    let (of_endpoint, order) = if backend == DbBackend::Postgres {
        (
            "endpoint_id = ANY(ARRAY[$1]::uuid[])",
            "endpoint_id DESC, status DESC, seq DESC",
        )
    } else {
        ("endpoint_id = $1", "seq DESC")
    };
    let of = |status: DeliveryStatus| {
        format!(
            "SELECT seq FROM webhook_deliveries WHERE {of_endpoint} AND status = {}{below} ORDER BY {order} LIMIT $2",
            status.code()
        )
    };
    let numbers = match status {
        Some(status) => of(status),
        None => {
            let parts = DeliveryStatus::ALL.map(|status| format!("SELECT seq FROM ({}) AS part", of(status)));
            let parts = parts.join(" UNION ALL ");
            format!("SELECT seq FROM ({parts}) AS parts ORDER BY seq DESC LIMIT $2")
        }
    };
    let sql = format!("SELECT {columns} FROM webhook_deliveries WHERE seq IN ({numbers}) ORDER BY seq DESC");
    Statement::from_sql_and_values(backend, sql, values)
}
