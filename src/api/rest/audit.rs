//! `GET /audit`: the audit log.

use std::rc::Rc;

use actix_web::http::Method;
use actix_web::web::ServiceConfig;
use serde::Serialize;
use utoipa::ToSchema;

use super::api::RestApi;
use super::request::context::{ApiResult, RequestContext, route_with_query};
use super::request::pagination;
use super::request::parameters::Parameters;
use crate::api::contract::filters::{TimeBounds, parse_actor};
use crate::api::contract::view::audit::AuditView;
use crate::api::routing::resource;
use crate::domain::access::audit::AuditAction;
use crate::domain::values::id::{AuditId, JobId};
use crate::service::audit::AuditRecords;
use crate::storage::query::{AuditFilter, AuditPage};

const PARAMETERS: &[&str] = &["actor", "action", "jobId", "from", "to", "limit", "after"];
/// Adds the route.
pub(super) fn configure(config: &mut ServiceConfig, api: &Rc<RestApi>, prefix: &str) {
    config.service(resource(
        &format!("{prefix}/audit"),
        vec![(Method::GET, route_with_query(api, PARAMETERS, list_audit_records))],
    ));
}

/// A page of audit records, newest first.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct AuditList<'a> {
    /// Audit records.
    records: Vec<AuditView<'a>>,
    /// True if older records follow: pass the id of the last one as `after`.
    #[schema(example = true)]
    has_more: bool,
}

/// List audit records
#[utoipa::path(
    get,
    path = "/audit",
    tag = "audit",
    description = "Returns changes by callers, newest first. Only changes that took effect are recorded; the jobs of a \
                   batch are one record. Requires the scope `tickerq:admin`. The values \
                   `undefined` and `null` and empty values count as absent.",
    params(
        ("actor" = Option<String>, Query, max_length = 200, description = "Changes by this caller: the name of its key, or the subject of its token", example = "billing-service"),
        ("action" = Option<String>, Query, description = "Changes of this type", example = "job.cancel"),
        ("jobId" = Option<String>, Query, format = Uuid, description = "Changes of this job, or of this recurring job"),
        ("from" = Option<String>, Query, description = "Changes at this time or later: a date, or a time (RFC 3339)", example = "2024-01-01"),
        ("to" = Option<String>, Query, description = "Changes at this time or earlier: a time (RFC 3339), or a date, which stands for its end", example = "2024-01-15"),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 1000, description = "Maximum number of records; 50 by default", example = 50),
        ("after" = Option<String>, Query, format = Uuid, description = "Id of the last record of the previous page: only older records are returned"),
    ),
    responses((status = 200, description = "A page of audit records", body = AuditList))
)]
pub(super) async fn list_audit_records(context: RequestContext) -> ApiResult {
    let mut parameters = Parameters::of(&context.request)?;
    let filter = read_filter(&mut parameters);
    let page = AuditPage {
        limit: pagination::read_limit(&mut parameters),
        after: parameters.read("after", AuditId::parse),
    };
    parameters.finish()?;
    let AuditRecords { records, has_more } = context.api.audit.list(&context.caller, &filter, page).await?;
    let list = AuditList {
        records: records.iter().map(AuditView::from).collect(),
        has_more,
    };
    context.list(&list)
}

fn read_filter(parameters: &mut Parameters) -> AuditFilter {
    let TimeBounds { from, to } = parameters.time_bounds();
    AuditFilter {
        actor: parameters.read("actor", parse_actor),
        action: parameters.read("action", AuditAction::parse),
        job_id: parameters.read("jobId", JobId::parse),
        from,
        to,
    }
}
