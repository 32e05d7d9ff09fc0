//! Statistics of jobs: the part of the repository for them.

use std::collections::BTreeMap;

use async_trait::async_trait;

use super::MemoryRepository;
use crate::domain::metrics::activity_series::SeriesPoints;
use crate::domain::metrics::fingerprint::Fingerprint;
use crate::domain::metrics::rollup::{RollupCounts, TimeBucketRange};
use crate::domain::values::name::JobType;
use crate::storage::query::{ActivityPoint, Durations, FailureSeen, JobSummary, RollupFilter, TypeRollup};
use crate::storage::repository::{MetricsStore, RepositoryError};

#[async_trait]
impl MetricsStore for MemoryRepository {
    async fn rollups(
        &self,
        filter: &RollupFilter,
        spans: &[TimeBucketRange],
    ) -> Result<Vec<RollupCounts>, RepositoryError> {
        let tables = self.tables();
        Ok(spans.iter().map(|span| tables.sum_up(filter, *span)).collect())
    }

    async fn busiest_hour(&self, filter: &RollupFilter, span: TimeBucketRange) -> Result<u64, RepositoryError> {
        Ok(self.tables().busiest_hour(filter, span))
    }

    async fn durations(&self, filter: &RollupFilter, span: TimeBucketRange) -> Result<Durations, RepositoryError> {
        Ok(self.tables().durations(filter, span))
    }

    async fn type_rollups(
        &self,
        filter: &RollupFilter,
        span: TimeBucketRange,
    ) -> Result<BTreeMap<JobType, TypeRollup>, RepositoryError> {
        Ok(self.tables().type_rollups(filter, span))
    }

    async fn activity(
        &self,
        filter: &RollupFilter,
        points: &SeriesPoints,
        first_hour: i64,
    ) -> Result<Vec<ActivityPoint>, RepositoryError> {
        Ok(self.tables().activity(filter, points, first_hour))
    }

    async fn failures_seen(&self, fingerprints: &[Fingerprint]) -> Result<Vec<FailureSeen>, RepositoryError> {
        Ok(self.tables().failures_seen(fingerprints))
    }

    async fn failure_counts(
        &self,
        filter: &RollupFilter,
        reason: &str,
        spans: &[TimeBucketRange],
    ) -> Result<Vec<u64>, RepositoryError> {
        Ok(self.tables().failure_counts(filter, reason, spans))
    }

    async fn failed_jobs(&self, fingerprint: Fingerprint, limit: u32) -> Result<Vec<JobSummary>, RepositoryError> {
        Ok(self.tables().failed_jobs(fingerprint, limit))
    }
}
