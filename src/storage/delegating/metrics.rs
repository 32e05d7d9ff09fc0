//! Forwarding of calls about rollups.

use std::collections::BTreeMap;

use async_trait::async_trait;

use super::inner::DelegatingRepository;
use crate::domain::metrics::activity_series::SeriesPoints;
use crate::domain::metrics::fingerprint::Fingerprint;
use crate::domain::metrics::rollup::{RollupCounts, TimeBucketRange};
use crate::domain::values::name::JobType;
use crate::storage::error::RepositoryError;
use crate::storage::query::{
    ActivityPoint, Durations, FailureSeen, JobSummary, PerformanceRollups, RollupFilter, TypeRollup,
};
use crate::storage::repository::MetricsStore;

/// Forwards calls about rollups: see [`DelegatingRepository`].
#[async_trait]
pub trait DelegatingMetrics: DelegatingRepository {
    /// See [`MetricsStore::rollups`].
    async fn rollups(
        &self,
        filter: &RollupFilter,
        spans: &[TimeBucketRange],
    ) -> Result<Vec<RollupCounts>, RepositoryError> {
        self.inner().rollups(filter, spans).await
    }

    /// See [`MetricsStore::busiest_hour`].
    async fn busiest_hour(&self, filter: &RollupFilter, span: TimeBucketRange) -> Result<u64, RepositoryError> {
        self.inner().busiest_hour(filter, span).await
    }

    /// See [`MetricsStore::durations`].
    async fn durations(&self, filter: &RollupFilter, span: TimeBucketRange) -> Result<Durations, RepositoryError> {
        self.inner().durations(filter, span).await
    }

    /// See [`MetricsStore::performance`].
    async fn performance(
        &self,
        filter: &RollupFilter,
        parts: &[TimeBucketRange],
        span: TimeBucketRange,
        measured: TimeBucketRange,
    ) -> Result<PerformanceRollups, RepositoryError> {
        self.inner().performance(filter, parts, span, measured).await
    }

    /// See [`MetricsStore::type_rollups`].
    async fn type_rollups(
        &self,
        filter: &RollupFilter,
        span: TimeBucketRange,
    ) -> Result<BTreeMap<JobType, TypeRollup>, RepositoryError> {
        self.inner().type_rollups(filter, span).await
    }

    /// See [`MetricsStore::activity`].
    async fn activity(
        &self,
        filter: &RollupFilter,
        points: &SeriesPoints,
        first_hour: i64,
    ) -> Result<Vec<ActivityPoint>, RepositoryError> {
        self.inner().activity(filter, points, first_hour).await
    }

    /// See [`MetricsStore::failures_seen`].
    async fn failures_seen(&self, fingerprints: &[Fingerprint]) -> Result<Vec<FailureSeen>, RepositoryError> {
        self.inner().failures_seen(fingerprints).await
    }

    /// See [`MetricsStore::failure_counts`].
    async fn failure_counts(
        &self,
        filter: &RollupFilter,
        reason: &str,
        spans: &[TimeBucketRange],
    ) -> Result<Vec<u64>, RepositoryError> {
        self.inner().failure_counts(filter, reason, spans).await
    }

    /// See [`MetricsStore::failed_jobs`].
    async fn failed_jobs(&self, fingerprint: Fingerprint, limit: u32) -> Result<Vec<JobSummary>, RepositoryError> {
        self.inner().failed_jobs(fingerprint, limit).await
    }
}

#[async_trait]
impl<T: DelegatingMetrics> MetricsStore for T {
    async fn rollups(
        &self,
        filter: &RollupFilter,
        spans: &[TimeBucketRange],
    ) -> Result<Vec<RollupCounts>, RepositoryError> {
        DelegatingMetrics::rollups(self, filter, spans).await
    }

    async fn busiest_hour(&self, filter: &RollupFilter, span: TimeBucketRange) -> Result<u64, RepositoryError> {
        DelegatingMetrics::busiest_hour(self, filter, span).await
    }

    async fn durations(&self, filter: &RollupFilter, span: TimeBucketRange) -> Result<Durations, RepositoryError> {
        DelegatingMetrics::durations(self, filter, span).await
    }

    async fn performance(
        &self,
        filter: &RollupFilter,
        parts: &[TimeBucketRange],
        span: TimeBucketRange,
        measured: TimeBucketRange,
    ) -> Result<PerformanceRollups, RepositoryError> {
        DelegatingMetrics::performance(self, filter, parts, span, measured).await
    }

    async fn type_rollups(
        &self,
        filter: &RollupFilter,
        span: TimeBucketRange,
    ) -> Result<BTreeMap<JobType, TypeRollup>, RepositoryError> {
        DelegatingMetrics::type_rollups(self, filter, span).await
    }

    async fn activity(
        &self,
        filter: &RollupFilter,
        points: &SeriesPoints,
        first_hour: i64,
    ) -> Result<Vec<ActivityPoint>, RepositoryError> {
        DelegatingMetrics::activity(self, filter, points, first_hour).await
    }

    async fn failures_seen(&self, fingerprints: &[Fingerprint]) -> Result<Vec<FailureSeen>, RepositoryError> {
        DelegatingMetrics::failures_seen(self, fingerprints).await
    }

    async fn failure_counts(
        &self,
        filter: &RollupFilter,
        reason: &str,
        spans: &[TimeBucketRange],
    ) -> Result<Vec<u64>, RepositoryError> {
        DelegatingMetrics::failure_counts(self, filter, reason, spans).await
    }

    async fn failed_jobs(&self, fingerprint: Fingerprint, limit: u32) -> Result<Vec<JobSummary>, RepositoryError> {
        DelegatingMetrics::failed_jobs(self, fingerprint, limit).await
    }
}
