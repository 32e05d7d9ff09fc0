//! Who has changed what.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use super::apply::Outcome;
use super::tables::Tables;
use crate::domain::audit::AuditRecord;
use crate::domain::id::AuditId;
use crate::storage::change::{Applied, Change};
use crate::storage::query::{AuditFilter, AuditPage};

/// The records, the newest last.
pub(super) type Records = BTreeMap<AuditId, AuditRecord>;

impl Tables {
    /// Records each change that had an effect and is followed by its record.
    pub(super) fn record(&mut self, changes: &[Change], outcomes: &mut [Option<Outcome>]) {
        for (index, change) in changes.iter().enumerate() {
            let Change::Audit(record) = change else { continue };
            let before = index.checked_sub(1).and_then(|before| outcomes.get(before)?.as_ref());
            let jobs = before.and_then(|outcome| outcome.as_ref().ok()?.jobs_changed());
            if let Some(jobs) = jobs {
                let new = || AuditRecord {
                    jobs: 0,
                    ..(**record).clone()
                };
                self.audit.entry(record.id).or_insert_with(new).jobs += jobs;
            }
            if let Some(outcome) = outcomes.get_mut(index) {
                *outcome = Some(Ok(Applied::Audited {
                    is_recorded: jobs.is_some(),
                }));
            }
        }
    }

    /// Removes the oldest records; tells how many.
    pub(super) fn prune_audit(&mut self, before: DateTime<Utc>, limit: u32) -> u64 {
        let end = AuditId::first_at(before);
        let gone: Vec<AuditId> = self
            .audit
            .range(..end)
            .map(|(id, _)| *id)
            .take(usize::try_from(limit).unwrap_or(usize::MAX))
            .collect();
        for id in &gone {
            self.audit.remove(id);
        }
        u64::try_from(gone.len()).unwrap_or(u64::MAX)
    }

    /// A page of the records that a filter means, the newest first.
    pub(super) fn audit_page(&self, filter: &AuditFilter, page: AuditPage) -> Vec<AuditRecord> {
        let AuditFilter {
            actor,
            action,
            job_id,
            from,
            to,
        } = filter;
        let AuditPage { limit, after } = page;
        self.audit
            .values()
            .rev()
            .filter(|record| after.is_none_or(|after| record.id < after))
            .filter(|record| from.is_none_or(|from| record.id >= AuditId::first_at(from)))
            .filter(|record| to.is_none_or(|to| record.id <= AuditId::last_at(to)))
            .filter(|record| actor.as_ref().is_none_or(|actor| record.actor == *actor))
            .filter(|record| action.is_none_or(|action| record.action == action))
            .filter(|record| job_id.is_none_or(|job_id| record.job_id == Some(job_id)))
            .take(usize::try_from(limit).unwrap_or(usize::MAX))
            .cloned()
            .collect()
    }
}
