//! View of audit records.

use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::api::contract::json_values::{Id, Time};
use crate::domain::access::audit::AuditRecord;

/// A change by a caller: its time, author, target and outcome.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = AuditRecord)]
pub(crate) struct AuditView<'a> {
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
pub(crate) struct ActorView<'a> {
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
