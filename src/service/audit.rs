//! Use cases of the audit log.

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

/// A page of the audit log.
#[derive(Clone, Debug)]
pub(crate) struct AuditRecords {
    /// The records, newest first.
    pub records: Vec<AuditRecord>,
    /// True if older records follow.
    pub has_more: bool,
}

/// Use cases of the audit log.
#[derive(Clone)]
pub(crate) struct AuditLog {
    repository: Arc<dyn JobRepository>,
    reads: ExpensiveReads,
}

/// Advice for reads of audit records that time out.
const NARROW_AUDIT: &str = "narrow it by time (from, to), or filter by jobId, by actor or by action alone";

impl AuditLog {
    /// The audit log of this storage.
    pub(crate) fn new(repository: Arc<dyn JobRepository>) -> Self {
        Self {
            repository,
            reads: ExpensiveReads::default(),
        }
    }

    /// Sets the scheduler of expensive reads.
    #[must_use]
    pub(crate) fn with_expensive_reads(self, reads: ExpensiveReads) -> Self {
        Self { reads, ..self }
    }

    /// A page of the records, newest first.
    pub(crate) async fn list(
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

    /// One record, if it exists.
    pub(crate) async fn get(&self, caller: &Caller, id: AuditId) -> Result<Option<AuditRecord>, ServiceError> {
        caller.require(Scope::Admin)?;
        // The record is the first one before the next greater id in the order of the list.
        let next = Uuid::from_u128(id.as_uuid().as_u128().saturating_add(1));
        let page = AuditPage {
            limit: 1,
            after: Some(AuditId::from_uuid(next)),
        };
        let records = self.repository.audit(&AuditFilter::default(), page).await?;
        Ok(records.into_iter().find(|record| record.id == id))
    }
}
