//! `GET /audit`: the audit log.

use std::rc::Rc;
use std::sync::Arc;

use actix_web::http::Method;
use actix_web::web::ServiceConfig;
use chrono::NaiveTime;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::api::RestApi;
use super::jobs::list::{check_range, parse_bound, parse_end};
use super::request::context::{Answer, Call, resource, route_with_query};
use super::request::json_fields::{Id, Time};
use super::request::pagination;
use super::request::parameters::Parameters;
use crate::domain::access::audit::{AuditAction, AuditRecord};
use crate::domain::values::id::{AuditId, JobId};
use crate::service::audit::AuditRecords;
use crate::storage::query::{AuditFilter, AuditPage};

const PARAMETERS: &[&str] = &["actor", "action", "jobId", "from", "to", "limit", "after"];
/// Maximum length of an actor's name in a filter, in characters.
const ACTOR_LENGTH_MAX: usize = 200;

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

/// A change by a caller: its time, author, target and outcome.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = AuditRecord)]
pub(super) struct AuditView<'a> {
    /// Id of the record.
    #[schema(value_type = Uuid)]
    id: Uuid,
    /// Time of the change.
    #[schema(value_type = String, format = DateTime, example = "2024-01-15T10:30:00Z")]
    at: Option<Time>,
    /// Caller that made the change.
    actor: ActorView<'a>,
    /// Address from which the request came; `null` if it did not come over a network.
    #[schema(example = "192.0.2.7")]
    address: Option<String>,
    /// Type of the change.
    #[schema(example = "job.cancel")]
    action: &'static str,
    /// Id of the changed job or recurring job; `null` for a batch or a queue.
    #[schema(value_type = Option<Uuid>)]
    job_id: Option<Id>,
    /// Name of the changed queue, or of the job's queue; `null` for a batch over several queues.
    #[schema(example = "default")]
    queue: Option<&'a str>,
    /// Number of jobs that were created, changed or deleted; a recurring job counts as one.
    #[schema(example = 1)]
    jobs: u64,
    /// Outcome of the change.
    #[schema(example = "cancelled")]
    outcome: &'static str,
}

/// Caller that made a change.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = AuditActor)]
pub(super) struct ActorView<'a> {
    /// Name of its key, or subject of its token.
    #[schema(example = "billing-service")]
    name: &'a str,
    /// `key`, `token`, `anonymous` (authentication is disabled) or `local` (the program that embeds the server).
    #[schema(example = "key")]
    kind: &'static str,
}

impl<'a> From<&'a AuditRecord> for AuditView<'a> {
    fn from(record: &'a AuditRecord) -> Self {
        let AuditRecord {
            id,
            actor,
            actor_kind,
            address,
            action,
            job_id,
            queue,
            jobs,
            outcome,
        } = record;
        Self {
            id: id.as_uuid(),
            at: id.at().map(Time),
            actor: ActorView {
                name: actor,
                kind: actor_kind.as_str(),
            },
            address: address.map(|address| address.to_string()),
            action: action.as_str(),
            job_id: job_id.map(Id),
            queue: queue.as_ref().map(|queue| queue.as_str()),
            jobs: *jobs,
            outcome: outcome.as_str(),
        }
    }
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
pub(super) async fn list_audit_records(call: Call) -> Answer {
    let mut parameters = Parameters::of(&call.request)?;
    let filter = read_filter(&mut parameters);
    let page = AuditPage {
        limit: pagination::read_limit(&mut parameters),
        after: parameters.read("after", AuditId::parse),
    };
    parameters.finish()?;
    let AuditRecords { records, has_more } = call.api.audit.list(&call.caller, &filter, page).await?;
    let list = AuditList {
        records: records.iter().map(AuditView::from).collect(),
        has_more,
    };
    call.list(&list)
}

fn read_filter(parameters: &mut Parameters) -> AuditFilter {
    let filter = AuditFilter {
        actor: parameters.read("actor", parse_actor),
        action: parameters.read("action", AuditAction::parse),
        job_id: parameters.read("jobId", JobId::parse),
        from: parameters.read("from", |text| parse_bound(text, NaiveTime::MIN)),
        to: parameters.read("to", parse_end),
    };
    if let Err(detail) = check_range(filter.from, filter.to) {
        parameters.refuse("from", detail);
    }
    filter
}

/// Parses the name of an actor.
pub(crate) fn parse_actor(text: &str) -> Result<Arc<str>, String> {
    let length = text.chars().count();
    if length > ACTOR_LENGTH_MAX {
        return Err(format!(
            "actor has {length} characters; at most {ACTOR_LENGTH_MAX} are allowed"
        ));
    }
    if text.chars().any(char::is_control) {
        return Err("actor has a control character; all other characters are allowed".to_owned());
    }
    Ok(Arc::from(text))
}
