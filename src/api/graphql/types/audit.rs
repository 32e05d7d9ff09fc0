//! The audit log.

use async_graphql::{ID, InputObject, Result, SimpleObject};

use super::connection::{Part, connection};
use super::enums::{ActorKind, AuditAction, AuditOutcome};
use super::int::int;
use super::scalar_parsing;
use super::scalar_parsing::Place;
use crate::api::contract::filters::check_range;
use crate::api::contract::filters::parse_actor;
use crate::api::graphql::errors;
use crate::api::graphql::scalars::{DateTime, Uuid};
use crate::domain::access::audit::AuditRecord as DomainAuditRecord;
use crate::domain::values::id::JobId;
use crate::service::audit::AuditRecords;
use crate::storage::query::AuditFilter;

/// A change by a caller: its time, author, target and outcome.
#[derive(Debug, SimpleObject)]
pub(in super::super) struct AuditRecord {
    /// Id of the record; the value of `after` in the list.
    #[graphql(owned)]
    pub(in super::super) id: ID,
    /// Time of the change.
    at: Option<DateTime>,
    /// Caller that made the change: the name of its key, or the subject of its token.
    actor: String,
    /// Method of authentication of the caller.
    actor_kind: ActorKind,
    /// Address from which the request came; null if it did not come over a network.
    address: Option<String>,
    /// Type of the change.
    action: AuditAction,
    /// Id of the changed job, recurring job or webhook endpoint; null for a batch or a queue.
    job_id: Option<Uuid>,
    /// Name of the changed queue, or of the job's queue; null for a batch over several queues.
    queue: Option<String>,
    /// Number of jobs that were created, changed or deleted; a recurring job counts as one.
    jobs: i32,
    /// Outcome of the change.
    outcome: AuditOutcome,
}

impl From<DomainAuditRecord> for AuditRecord {
    fn from(record: DomainAuditRecord) -> Self {
        let DomainAuditRecord {
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
            id: ID(id.as_uuid().to_string()),
            at: id.at().map(DateTime::from),
            actor: actor.to_string(),
            actor_kind: actor_kind.into(),
            address: address.map(|address| address.to_string()),
            action: action.into(),
            job_id: job_id.map(|id| id.as_uuid().into()),
            queue: queue.map(|queue| queue.to_string()),
            jobs: int(jobs),
            outcome: outcome.into(),
        }
    }
}

connection! {
    /// A page of audit records, newest first.
    AuditRecordConnection, AuditRecordEdge, AuditRecord, {
        /// True if older records follow.
        #[graphql(deprecation = "Use pageInfo.hasNextPage.")]
        async fn has_more(&self) -> bool {
            self.0.has_next
        }
    }
}

impl AuditRecordConnection {
    /// A page after another one, or the first page.
    pub(in super::super) fn new(records: AuditRecords, is_first: bool) -> Self {
        let AuditRecords { records, has_more } = records;
        Self::from(Part {
            nodes: records.into_iter().map(AuditRecord::from).collect(),
            has_previous: !is_first,
            has_next: has_more,
        })
    }
}

/// Conditions on audit records. All given conditions must hold; an empty filter matches all.
#[derive(Debug, Default, InputObject)]
pub(in super::super) struct AuditFilterInput {
    /// Changes by this caller: the name of its key, or the subject of its token; at most 200 characters.
    actor: Option<String>,
    /// Changes of this type.
    action: Option<AuditAction>,
    /// Changes of this job, or of this recurring job.
    job_id: Option<Uuid>,
    /// Changes at this time or later; a date stands for its start.
    from: Option<DateTime>,
    /// Changes at this time or earlier; a date stands for its end.
    to: Option<DateTime>,
}

impl AuditFilterInput {
    /// The filter of the input.
    pub(in super::super) fn into_filter(self) -> Result<AuditFilter> {
        let Self {
            actor,
            action,
            job_id,
            from,
            to,
        } = self;
        let place = Place::argument("filter");
        let filter = AuditFilter {
            actor: actor
                .map(|text| scalar_parsing::parse_with(&place.field("actor"), &text, parse_actor))
                .transpose()?,
            action: action.map(Into::into),
            job_id: job_id
                .map(|Uuid(text)| scalar_parsing::parse_with(&place.field("jobId"), &text, JobId::parse))
                .transpose()?,
            from: from
                .map(|time| scalar_parsing::from_time(&place.field("from"), time))
                .transpose()?,
            to: to
                .map(|time| scalar_parsing::to_time(&place.field("to"), time))
                .transpose()?,
        };
        check_range(filter.from, filter.to).map_err(|detail| errors::invalid(&place.field("from"), &detail))?;
        Ok(filter)
    }
}
