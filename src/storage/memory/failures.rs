//! Failures by fingerprint: reads.

use super::tables::Tables;
use crate::domain::metrics::fingerprint::Fingerprint;
use crate::domain::metrics::rollup::{TIME_BUCKETS_PER_HOUR, TimeBucket, TimeBucketRange};
use crate::storage::query::{FailureSeen, JobSummary, RollupFilter};

impl Tables {
    pub(super) fn failures_seen(&self, fingerprints: &[Fingerprint]) -> Vec<FailureSeen> {
        let seen = self
            .tally
            .seen
            .iter()
            .map(|((job_type, reason), (first, last))| FailureSeen {
                fingerprint: Fingerprint::of(job_type, reason),
                job_type: job_type.clone(),
                reason: reason.clone(),
                first_seen: *first,
                last_seen: *last,
            });
        seen.filter(|seen| fingerprints.contains(&seen.fingerprint)).collect()
    }

    pub(super) fn failure_counts(&self, filter: &RollupFilter, reason: &str, spans: &[TimeBucketRange]) -> Vec<u64> {
        let mut counts = vec![0; spans.len()];
        for (key, count) in &self.tally.reasons {
            if key.reason != reason || !filter.matches(&key.queue, &key.job_type) {
                continue;
            }
            let start = TimeBucket(key.hour * TIME_BUCKETS_PER_HOUR);
            for (span, counted) in spans.iter().zip(&mut counts) {
                *counted += if span.holds(start) { *count } else { 0 };
            }
        }
        counts
    }

    pub(super) fn failed_jobs(&self, fingerprint: Fingerprint, limit: u32) -> Vec<JobSummary> {
        self.jobs()
            .rev()
            .filter(|job| Fingerprint::of_job(job) == Some(fingerprint))
            .take(usize::try_from(limit).unwrap_or(usize::MAX))
            .map(|job| JobSummary::from(&**job))
            .collect()
    }
}
