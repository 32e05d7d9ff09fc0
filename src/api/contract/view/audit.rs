//! View of audit records.

use std::net::IpAddr;

use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::access::audit::{AuditAction, AuditOutcome, AuditRecord, AuditTarget};
use crate::domain::access::caller::CallerKind;
use crate::views::values::{Id, Time};
use crate::views::words::Word;

/// A change by a caller: its time, author, target and outcome.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = AuditRecord)]
pub(crate) struct AuditView<'a> {
    /// Id of the record.
    #[schema(value_type = uuid::Uuid)]
    pub(crate) id: Id,
    /// Time of the change.
    #[schema(value_type = String, format = DateTime, example = "2024-01-15T10:30:00Z")]
    pub(crate) at: Option<Time>,
    /// Caller that made the change.
    pub(crate) actor: ActorView<'a>,
    /// Address from which the request came; `null` if it did not come over a network.
    #[schema(value_type = Option<String>, example = "192.0.2.7")]
    pub(crate) address: Option<IpAddr>,
    /// Type of the change.
    #[schema(value_type = String, example = "job.cancel")]
    pub(crate) action: Word<AuditAction>,
    /// Id of the changed job or recurring job; `null` for a batch and for other targets.
    #[schema(value_type = Option<Uuid>)]
    pub(crate) job_id: Option<Id>,
    /// Id of the changed webhook endpoint, or of the endpoint of the deliveries.
    #[schema(value_type = Option<Uuid>)]
    pub(crate) endpoint_id: Option<Id>,
    /// Id of the remote worker.
    #[schema(value_type = Option<Uuid>)]
    pub(crate) worker_id: Option<Id>,
    /// Id of the changed server.
    #[schema(value_type = Option<Uuid>)]
    pub(crate) node_id: Option<Id>,
    /// Id of the bulk operation: the changed one, or the one whose step has changed the job.
    #[schema(value_type = Option<Uuid>)]
    pub(crate) operation_id: Option<Id>,
    /// Name of the changed queue, or of the job's queue; `null` for a batch over several queues.
    #[schema(example = "default")]
    pub(crate) queue: Option<&'a str>,
    /// Number of jobs that were created, changed or deleted; a recurring job counts as one.
    #[schema(example = 1)]
    pub(crate) jobs: u64,
    /// Outcome of the change.
    #[schema(value_type = String, example = "cancelled")]
    pub(crate) outcome: Word<AuditOutcome>,
}

/// Caller that made a change.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = AuditActor)]
pub(crate) struct ActorView<'a> {
    /// Name of its key, or subject of its token.
    #[schema(example = "billing-service")]
    pub(crate) name: &'a str,
    /// `key`, `token`, `anonymous` (authentication is disabled) or `local` (the program that embeds the server).
    #[schema(value_type = String, example = "key")]
    pub(crate) kind: Word<CallerKind>,
}

impl<'a> From<&'a AuditRecord> for AuditView<'a> {
    fn from(record: &'a AuditRecord) -> Self {
        let AuditRecord {
            id,
            actor,
            actor_kind,
            address,
            action,
            target,
            queue,
            jobs,
            outcome,
            operation,
        } = record;
        let of_target = |id: fn(AuditTarget) -> Option<Id>| target.and_then(id);
        Self {
            id: Id::from(*id),
            at: id.at().map(Time),
            actor: ActorView {
                name: actor,
                kind: Word(*actor_kind),
            },
            address: *address,
            action: Word(*action),
            job_id: of_target(|target| match target {
                AuditTarget::Job(id) => Some(Id::from(id)),
                AuditTarget::Endpoint(_)
                | AuditTarget::Worker(_)
                | AuditTarget::Node(_)
                | AuditTarget::Operation(_) => None,
            }),
            endpoint_id: of_target(|target| match target {
                AuditTarget::Endpoint(id) => Some(Id::from(id)),
                AuditTarget::Job(_) | AuditTarget::Worker(_) | AuditTarget::Node(_) | AuditTarget::Operation(_) => None,
            }),
            worker_id: of_target(|target| match target {
                AuditTarget::Worker(id) => Some(Id::from(id)),
                AuditTarget::Job(_) | AuditTarget::Endpoint(_) | AuditTarget::Node(_) | AuditTarget::Operation(_) => {
                    None
                }
            }),
            node_id: of_target(|target| match target {
                AuditTarget::Node(id) => Some(Id::from(id)),
                AuditTarget::Job(_) | AuditTarget::Endpoint(_) | AuditTarget::Worker(_) | AuditTarget::Operation(_) => {
                    None
                }
            }),
            operation_id: of_target(|target| match target {
                AuditTarget::Operation(id) => Some(Id::from(id)),
                AuditTarget::Job(_) | AuditTarget::Endpoint(_) | AuditTarget::Worker(_) | AuditTarget::Node(_) => None,
            })
            .or(operation.map(Id::from)),
            queue: queue.as_ref().map(|queue| queue.as_str()),
            jobs: *jobs,
            outcome: Word(*outcome),
        }
    }
}
