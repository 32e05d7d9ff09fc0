//! `GET /audit`: who has changed what.

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
/// How long the name of an actor may be that is asked for, in characters.
const ACTOR_LENGTH_MAX: usize = 200;

/// Adds the route.
pub(super) fn configure(config: &mut ServiceConfig, api: &Rc<RestApi>, prefix: &str) {
    config.service(resource(
        &format!("{prefix}/audit"),
        vec![(Method::GET, route_with_query(api, PARAMETERS, list_audit))],
    ));
}

/// A part of the records of who has changed what, the newest first.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct AuditList<'a> {
    /// The records.
    records: Vec<AuditView<'a>>,
    /// Whether older ones follow: ask again with `after` set to the id of the last one.
    #[schema(example = true)]
    has_more: bool,
}

/// Who did what, when, from where, to what, and what came of it.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = AuditRecord)]
pub(super) struct AuditView<'a> {
    /// The record's id.
    #[schema(value_type = Uuid)]
    id: Uuid,
    /// When it was done.
    #[schema(value_type = String, format = DateTime, example = "2024-01-15T10:30:00Z")]
    at: Option<Time>,
    /// Who did it.
    actor: ActorView<'a>,
    /// The address that the request came from; `null` if it came over no network.
    #[schema(example = "192.0.2.7")]
    address: Option<String>,
    /// What was done.
    #[schema(example = "job.cancel")]
    action: &'static str,
    /// The job, or the recurring job, that it was done to; `null` for a batch, or a queue.
    #[schema(value_type = Option<Uuid>)]
    job_id: Option<Id>,
    /// The queue that it was done to, or the job's; `null` for a batch over several queues.
    #[schema(example = "default")]
    queue: Option<&'a str>,
    /// How many jobs were created, changed or removed; a recurring job is one.
    #[schema(example = 1)]
    jobs: u64,
    /// What came of it.
    #[schema(example = "cancelled")]
    outcome: &'static str,
}

/// Who did it.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = AuditActor)]
pub(super) struct ActorView<'a> {
    /// The name of its key, or the subject of its token.
    #[schema(example = "billing-service")]
    name: &'a str,
    /// `key`, `token`, `anonymous` (this server asks nobody) or `local` (the program that the server runs in).
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

/// Lists who has changed what. Needs the scope for administering.
#[utoipa::path(
    get,
    path = "/audit",
    tag = "audit",
    description = "Lists what callers have changed, the newest first. Only what has taken effect is recorded; many jobs \
                   that were created by one request are one record. Needs the scope `tickerq:admin`. The values \
                   `undefined`, `null` and nothing count as absent.",
    params(
        ("actor" = Option<String>, Query, max_length = 200, description = "What this caller did: the name of its key, or the subject of its token", example = "billing-service"),
        ("action" = Option<String>, Query, description = "Only this action", example = "job.cancel"),
        ("jobId" = Option<String>, Query, format = Uuid, description = "What was done to this job, or to this recurring job"),
        ("from" = Option<String>, Query, description = "Done at this time or later: a date, or a time (RFC 3339)", example = "2024-01-01"),
        ("to" = Option<String>, Query, description = "Done at this time or earlier: a time (RFC 3339), or a date, which means its end", example = "2024-01-15"),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 1000, description = "How many records; 50 by default", example = 50),
        ("after" = Option<String>, Query, format = Uuid, description = "Only records older than this one: the id of the last record of the page before"),
    ),
    responses((status = 200, description = "A part of the records", body = AuditList))
)]
pub(super) async fn list_audit(call: Call) -> Answer {
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

/// Reads the name of an actor.
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
