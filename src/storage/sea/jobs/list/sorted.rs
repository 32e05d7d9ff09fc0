//! Lists of jobs in the order of a value.
//!
//! An index has the order of the pending jobs of a queue by due time, priority by priority. Of all other filters the matching
//! jobs are read and sorted, if they are few.

use sea_orm::{ConnectionTrait, FromQueryResult};

use super::count::read_number;
use super::text::Text;
use super::{COLUMNS, failed};
use crate::domain::job::priority::Priority;
use crate::storage::query::{
    FilterParts, JobFilter, JobSort, JobSummary, Order, Page, SortField, SortPlace, SortedPage,
};
use crate::storage::repository::RepositoryError;
use crate::storage::sea::jobs::read::{SummaryRow, summary};
use crate::storage::sea::repository::SeaRepository;

/// The value of a job in an order.
const fn value_of(field: SortField) -> &'static str {
    match field {
        SortField::Due => "due_at",
        SortField::Finished => "finished_at",
        SortField::Duration => "(finished_at - started_at)",
    }
}

/// The order of rows.
fn order_of(sort: JobSort) -> String {
    let way = if sort.is_descending { "DESC" } else { "ASC" };
    format!("{} {way}, id {way}", value_of(sort.field))
}

impl Text {
    /// The condition that a job has the value, and follows a place.
    fn behind(&mut self, sort: JobSort, after: Option<SortPlace>) -> String {
        let value = value_of(sort.field);
        match after {
            None => format!(" AND {value} IS NOT NULL"),
            Some(SortPlace { value: at, id }) => {
                let compared = if sort.is_descending { "<" } else { ">" };
                let (at, id) = (self.place(at), self.place(id.as_uuid()));
                format!(" AND ({value}, id) {compared} ({at}, {id})")
            }
        }
    }

    /// The ids and due times of the first pending jobs of a queue, those of each priority, and those that are claimed ahead.
    fn pending_by_due(&mut self, queue: &str, priorities: &[Priority], page: SortedPage) -> Vec<String> {
        let SortedPage { sort, after, limit, .. } = page;
        let queue = self.place(queue);
        let (to_claim, claimed, plus) = if self.is_postgres {
            ("", "", "")
        } else {
            (" INDEXED BY jobs_to_claim", " INDEXED BY jobs_claimed", "+")
        };
        let behind = self.behind(sort, after);
        let order = order_of(sort);
        let mut parts: Vec<String> = priorities
            .iter()
            .map(|priority| {
                format!(
                    "SELECT id, due_at FROM jobs{to_claim} WHERE status = 0 AND claimed_by IS NULL AND queue = {queue} \
                     AND priority = {}{behind} ORDER BY {order} LIMIT {limit}",
                    priority.code()
                )
            })
            .collect();
        let codes: Vec<String> = priorities.iter().map(|priority| priority.code().to_string()).collect();
        parts.push(format!(
            "SELECT id, due_at FROM jobs{claimed} WHERE {plus}status = 0 AND claimed_by IS NOT NULL AND {plus}queue = {queue} \
             AND {plus}priority IN ({}){behind}",
            codes.join(", ")
        ));
        let parts = parts.iter().enumerate();
        parts
            .map(|(number, part)| format!("SELECT id, due_at FROM ({part}) AS part_{number}"))
            .collect()
    }
}

impl SeaRepository {
    pub(crate) async fn read_sorted_jobs(
        &self,
        filter: &JobFilter,
        page: SortedPage,
        connection: &impl ConnectionTrait,
    ) -> Result<Option<Vec<JobSummary>>, RepositoryError> {
        let SortedPage {
            sort,
            after,
            limit,
            sorted_max,
        } = page;
        let order = order_of(sort);
        let parts = FilterParts::of(filter);
        if parts.is_impossible() {
            return Ok(Some(Vec::new()));
        }
        if let Some(queue) = parts.pending_queue().filter(|_| sort.field == SortField::Due) {
            let priorities = parts.priorities.clone();
            let priorities = priorities.unwrap_or_else(|| Priority::BY_URGENCY.to_vec());
            let mut text = self.text();
            let ids = text.pending_by_due(queue, &priorities, page).join(" UNION ALL ");
            let sql = format!(
                "SELECT {COLUMNS} FROM jobs WHERE id IN (SELECT id FROM ({ids}) AS parts ORDER BY {order} LIMIT {limit}) \
                 ORDER BY {order}"
            );
            let rows = connection.query_all_raw(text.statement(sql)).await.map_err(failed)?;
            let rows = rows
                .iter()
                .map(|row| SummaryRow::from_query_result(row, "").map_err(failed));
            return rows
                .map(|row| row.and_then(summary))
                .collect::<Result<_, _>>()
                .map(Some);
        }
        let all = Page {
            limit: sorted_max.saturating_add(1),
            offset: 0,
            after: None,
            order: Order::NewestFirst,
        };
        let Some((mut text, ids)) = self.ids_of(filter, all, connection).await? else {
            return Ok(Some(Vec::new()));
        };
        let count = text.clone();
        let behind = text.behind(sort, after);
        let sql = format!(
            "WITH found AS ({ids}) SELECT {COLUMNS}, CAST((SELECT COUNT(*) FROM found) AS bigint) AS matching \
             FROM jobs WHERE id IN (SELECT id FROM found){behind} ORDER BY {order} LIMIT {limit}"
        );
        let rows = connection.query_all_raw(text.statement(sql)).await.map_err(failed)?;
        let matching = match rows.first() {
            Some(first) => first.try_get("", "matching").map_err(failed)?,
            // None of the matching jobs has the value.
            None => {
                let sql = format!("SELECT CAST(COUNT(*) AS bigint) FROM ({ids}) AS found");
                let count = read_number(count.statement(sql), connection).await?;
                i64::try_from(count).unwrap_or(i64::MAX)
            }
        };
        if matching > i64::from(sorted_max) {
            return Ok(None);
        }
        let rows = rows
            .iter()
            .map(|row| SummaryRow::from_query_result(row, "").map_err(failed));
        rows.map(|row| row.and_then(summary))
            .collect::<Result<_, _>>()
            .map(Some)
    }
}
