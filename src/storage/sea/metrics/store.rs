//! Statistics of jobs: the part of the repository for them.

use std::collections::BTreeMap;

use async_trait::async_trait;

use crate::domain::metrics::activity_series::SeriesPoints;
use crate::domain::metrics::fingerprint::Fingerprint;
use crate::domain::metrics::rollup::{RollupCounts, TimeBucket, TimeBucketRange};
use crate::domain::values::name::JobType;
use crate::storage::query::{
    ActivityPoint, Durations, FailureSeen, JobSummary, PerformanceRollups, RollupFilter, TypeRollup,
};
use crate::storage::repository::{MetricsStore, RepositoryError};
use crate::storage::sea::repository::SeaRepository;

const NO_TIME: TimeBucketRange = TimeBucketRange {
    from: TimeBucket(0),
    to: TimeBucket(0),
};

#[async_trait]
impl MetricsStore for SeaRepository {
    async fn rollups(
        &self,
        filter: &RollupFilter,
        spans: &[TimeBucketRange],
    ) -> Result<Vec<RollupCounts>, RepositoryError> {
        let report = self.performance(filter, spans, NO_TIME, NO_TIME).await?;
        Ok(report.parts)
    }

    async fn busiest_hour(&self, filter: &RollupFilter, span: TimeBucketRange) -> Result<u64, RepositoryError> {
        let report = self.performance(filter, &[], span, NO_TIME).await?;
        Ok(report.busiest_hour)
    }

    async fn durations(&self, filter: &RollupFilter, span: TimeBucketRange) -> Result<Durations, RepositoryError> {
        let report = self.performance(filter, &[], NO_TIME, span).await?;
        Ok(report.durations)
    }

    async fn performance(
        &self,
        filter: &RollupFilter,
        parts: &[TimeBucketRange],
        span: TimeBucketRange,
        measured: TimeBucketRange,
    ) -> Result<PerformanceRollups, RepositoryError> {
        self.pools
            .read(Box::pin(self.read_performance(filter, parts, span, measured)))
            .await
    }

    async fn type_rollups(
        &self,
        filter: &RollupFilter,
        span: TimeBucketRange,
    ) -> Result<BTreeMap<JobType, TypeRollup>, RepositoryError> {
        self.pools.read(Box::pin(self.read_type_rollups(filter, span))).await
    }

    async fn activity(
        &self,
        filter: &RollupFilter,
        points: &SeriesPoints,
        first_hour: i64,
    ) -> Result<Vec<ActivityPoint>, RepositoryError> {
        self.pools
            .read(Box::pin(self.read_activity(filter, points, first_hour)))
            .await
    }

    async fn failures_seen(&self, fingerprints: &[Fingerprint]) -> Result<Vec<FailureSeen>, RepositoryError> {
        self.pools.read(Box::pin(self.read_failures_seen(fingerprints))).await
    }

    async fn failure_counts(
        &self,
        filter: &RollupFilter,
        reason: &str,
        spans: &[TimeBucketRange],
    ) -> Result<Vec<u64>, RepositoryError> {
        self.pools
            .read(Box::pin(self.read_failure_counts(filter, reason, spans)))
            .await
    }

    async fn failed_jobs(&self, fingerprint: Fingerprint, limit: u32) -> Result<Vec<JobSummary>, RepositoryError> {
        self.pools
            .read(Box::pin(self.read_failed_jobs(fingerprint, limit)))
            .await
    }
}
