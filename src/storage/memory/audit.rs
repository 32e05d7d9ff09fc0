//! The audit log.

use chrono::{DateTime, Utc};

use super::tables::Tables;
use crate::domain::access::audit::{AuditRecord, AuditTarget};
use crate::domain::values::id::AuditId;
use crate::storage::query::{AuditFilter, AuditPage};

impl Tables {
    /// Stores an audit record of a change of this number of jobs.
    pub(super) fn record(&mut self, record: &AuditRecord, jobs: u64) {
        let new = || AuditRecord {
            jobs: 0,
            ..record.clone()
        };
        self.audit.entry(record.id).or_insert_with(new).jobs += jobs;
    }

    /// Removes the oldest records before a time. Returns their number.
    pub(super) fn prune_audit(&mut self, before: DateTime<Utc>, limit: u32) -> usize {
        let ids: Vec<AuditId> = self
            .audit
            .range(..AuditId::first_at(before))
            .take(usize::try_from(limit).unwrap_or(usize::MAX))
            .map(|(id, _)| *id)
            .collect();
        for id in &ids {
            self.audit.remove(id);
        }
        ids.len()
    }

    pub(super) fn audit_page(&self, filter: &AuditFilter, page: AuditPage) -> Vec<AuditRecord> {
        let AuditFilter {
            actor,
            action,
            job_id,
            from,
            to,
        } = filter;
        let AuditPage { limit, after } = page;
        let is_meant = |record: &&AuditRecord| {
            after.is_none_or(|after| record.id < after)
                && actor.as_ref().is_none_or(|actor| *actor == record.actor)
                && action.is_none_or(|action| action == record.action)
                && job_id.is_none_or(|job_id| record.target.map(AuditTarget::as_uuid) == Some(job_id.as_uuid()))
                && from.is_none_or(|from| AuditId::first_at(from) <= record.id)
                && to.is_none_or(|to| record.id <= AuditId::last_at(to))
        };
        self.audit
            .values()
            .rev()
            .filter(is_meant)
            .take(usize::try_from(limit).unwrap_or(usize::MAX))
            .cloned()
            .collect()
    }
}
