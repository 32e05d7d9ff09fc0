//! The record of who has changed what.

use async_graphql::{ID, InputObject, Result, SimpleObject};

use super::connection::{Part, connection};
use super::enums::{ActorKind, AuditAction, AuditOutcome};
use super::int::int;
use super::scalar_parsing;
use super::scalar_parsing::Place;
use crate::api::graphql::errors;
use crate::api::graphql::scalars::{DateTime, Uuid};
use crate::api::rest::audit::parse_actor;
use crate::api::rest::jobs::list::check_range;
use crate::domain::access::audit::AuditRecord as DomainAuditRecord;
use crate::domain::values::id::JobId;
use crate::service::audit::AuditRecords;
use crate::storage::query::AuditFilter;

/// Who did what, when, from where, to what, and what came of it.
#[derive(Debug, SimpleObject)]
pub(in super::super) struct AuditRecord {
    /// The record's identity; what `after` of the list takes.
    #[graphql(owned)]
    pub(in super::super) id: ID,
    /// When it was done.
    at: Option<DateTime>,
    /// Who did it: the name of its key, or the subject of its token.
    actor: String,
    /// How it was known who it is.
    actor_kind: ActorKind,
    /// The address that the request came from; null if it came over no network.
    address: Option<String>,
    /// What was done.
    action: AuditAction,
    /// The job, the recurring job or the webhook endpoint that it was done to; null for a batch, or a queue.
    job_id: Option<Uuid>,
    /// The queue that it was done to, or the job's; null for a batch over several queues.
    queue: Option<String>,
    /// How many jobs were created, changed or removed; a recurring job is one.
    jobs: i32,
    /// What came of it.
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
    /// A page of the records of who has changed what, the newest first.
    AuditRecordConnection, AuditRecordEdge, AuditRecord, {
        /// Whether older ones follow.
        #[graphql(deprecation = "Use pageInfo.hasNextPage.")]
        async fn has_more(&self) -> bool {
            self.0.has_next
        }
    }
}

impl AuditRecordConnection {
    /// A page behind another one, or the first.
    pub(in super::super) fn new(records: AuditRecords, is_first: bool) -> Self {
        let AuditRecords { records, has_more } = records;
        Self::from(Part {
            nodes: records.into_iter().map(AuditRecord::from).collect(),
            has_previous: !is_first,
            has_next: has_more,
        })
    }
}

/// Which records are meant. Every condition that is given must hold; an empty filter means all.
#[derive(Debug, Default, InputObject)]
pub(in super::super) struct AuditFilterInput {
    /// What this caller did: the name of its key, or the subject of its token; at most 200 characters.
    actor: Option<String>,
    /// Only this action.
    action: Option<AuditAction>,
    /// What was done to this job, or to this recurring job.
    job_id: Option<Uuid>,
    /// Done at this time or later; a date is its beginning.
    from: Option<DateTime>,
    /// Done at this time or earlier; a date is its end.
    to: Option<DateTime>,
}

impl AuditFilterInput {
    /// The filter that is meant.
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
