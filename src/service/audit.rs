//! Use cases of the records of who has changed what.

use std::sync::Arc;

use uuid::Uuid;

use super::error::ServiceError;
use super::limits::expensive_reads::{Charge, ExpensiveReads};
use super::limits::read_cost::is_expensive_audit;
use crate::domain::access::audit::AuditRecord;
use crate::domain::access::caller::{Caller, Scope};
use crate::domain::values::id::AuditId;
use crate::storage::query::{AuditFilter, AuditPage};
use crate::storage::repository::JobRepository;

/// A part of the records of who has changed what.
#[derive(Clone, Debug)]
pub struct AuditRecords {
    /// The records, the newest first.
    pub records: Vec<AuditRecord>,
    /// Whether older ones follow.
    pub has_more: bool,
}

/// Use cases of the records of who has changed what.
#[derive(Clone)]
pub struct AuditLog {
    repository: Arc<dyn JobRepository>,
    reads: ExpensiveReads,
}

/// What to narrow when a read of records takes too long.
const NARROW_AUDIT: &str = "narrow it by time (from, to), or ask by jobId, by actor or by action alone";

impl AuditLog {
    /// The records in this storage.
    pub fn new(repository: Arc<dyn JobRepository>) -> Self {
        Self {
            repository,
            reads: ExpensiveReads::default(),
        }
    }

    /// The same records, whose expensive reads are among these.
    #[must_use]
    pub fn with_expensive_reads(self, reads: ExpensiveReads) -> Self {
        Self { reads, ..self }
    }

    /// A part of the records, the newest first.
    pub async fn list(
        &self,
        caller: &Caller,
        filter: &AuditFilter,
        page: AuditPage,
    ) -> Result<AuditRecords, ServiceError> {
        caller.require(Scope::Admin)?;
        let one_more = AuditPage {
            limit: page.limit.saturating_add(1),
            ..page
        };
        let mut records = if is_expensive_audit(filter) {
            let read = self.repository.expensive_audit(filter, one_more);
            self.reads.run(caller, Charge::Full, NARROW_AUDIT, read).await?
        } else {
            self.repository.audit(filter, one_more).await?
        };
        let limit = usize::try_from(page.limit).unwrap_or(usize::MAX);
        let has_more = records.len() > limit;
        records.truncate(limit);
        Ok(AuditRecords { records, has_more })
    }

    /// One record, if there is one.
    pub async fn get(&self, caller: &Caller, id: AuditId) -> Result<Option<AuditRecord>, ServiceError> {
        caller.require(Scope::Admin)?;
        // Records are read behind one another: this one is the first behind the next greater id.
        let next = Uuid::from_u128(id.as_uuid().as_u128().saturating_add(1));
        let page = AuditPage {
            limit: 1,
            after: Some(AuditId::from_uuid(next)),
        };
        let records = self.repository.audit(&AuditFilter::default(), page).await?;
        Ok(records.into_iter().find(|record| record.id == id))
    }
}
