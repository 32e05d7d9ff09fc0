//! The audit log.

use async_graphql::{ID, InputObject, Object, Result};

use super::connection::{Part, connection};
use super::enums::{ActorKind, AuditAction, AuditOutcome};
use super::int::int;
use super::scalar_parsing;
use super::scalar_parsing::Place;
use crate::api::contract::filters::{TimeBounds, parse_actor};
use crate::api::contract::view::audit::AuditView;
use crate::api::graphql::scalars::{DateTime, Uuid};
use crate::domain::access::audit::AuditRecord as DomainAuditRecord;
use crate::domain::values::id::JobId;
use crate::service::audit::AuditRecords;
use crate::storage::query::AuditFilter;

/// An audit record.
pub(in super::super) struct AuditRecord(DomainAuditRecord);

impl From<DomainAuditRecord> for AuditRecord {
    fn from(record: DomainAuditRecord) -> Self {
        Self(record)
    }
}

impl AuditRecord {
    fn view(&self) -> AuditView<'_> {
        AuditView::from(&self.0)
    }

    /// Its cursor in a list.
    fn cursor(&self) -> String {
        self.view().id.to_string()
    }
}

/// A change by a caller: its time, author, target and outcome.
#[Object]
impl AuditRecord {
    /// Id of the record; the value of `after` in the list.
    pub(super) async fn id(&self) -> ID {
        self.view().id.into()
    }

    /// Time of the change.
    async fn at(&self) -> Option<DateTime> {
        self.view().at.map(DateTime::from)
    }

    /// Caller that made the change: the name of its key, or the subject of its token.
    async fn actor(&self) -> &str {
        self.view().actor.name
    }

    /// Method of authentication of the caller.
    async fn actor_kind(&self) -> ActorKind {
        self.view().actor.kind.0.into()
    }

    /// Address from which the request came; null if it did not come over a network.
    async fn address(&self) -> Option<String> {
        self.view().address.map(|address| address.to_string())
    }

    /// Type of the change.
    async fn action(&self) -> AuditAction {
        self.view().action.0.into()
    }

    /// Id of the changed job or recurring job; null for a batch and for other targets.
    async fn job_id(&self) -> Option<Uuid> {
        self.view().job_id.map(Uuid::from)
    }

    /// Id of the changed webhook endpoint, or of the endpoint of the deliveries.
    async fn endpoint_id(&self) -> Option<Uuid> {
        self.view().endpoint_id.map(Uuid::from)
    }

    /// Id of the remote worker.
    async fn worker_id(&self) -> Option<Uuid> {
        self.view().worker_id.map(Uuid::from)
    }

    /// Id of the changed server.
    async fn node_id(&self) -> Option<Uuid> {
        self.view().node_id.map(Uuid::from)
    }

    /// Id of the bulk operation: the changed one, or the one whose step has changed the job.
    async fn operation_id(&self) -> Option<Uuid> {
        self.view().operation_id.map(Uuid::from)
    }

    /// Name of the changed queue, or of the job's queue; null for a batch over several queues.
    async fn queue(&self) -> Option<&str> {
        self.view().queue
    }

    /// Number of jobs that were created, changed or deleted; a recurring job counts as one.
    async fn jobs(&self) -> i32 {
        int(self.view().jobs)
    }

    /// Outcome of the change.
    async fn outcome(&self) -> AuditOutcome {
        self.view().outcome.0.into()
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
        let TimeBounds { from, to } = place.time_bounds(from, to)?;
        Ok(AuditFilter {
            actor: actor
                .map(|text| scalar_parsing::parse_with(&place.field("actor"), &text, parse_actor))
                .transpose()?,
            action: action.map(Into::into),
            job_id: job_id
                .map(|Uuid(text)| scalar_parsing::parse_with(&place.field("jobId"), &text, JobId::parse))
                .transpose()?,
            from,
            to,
        })
    }
}
