//! The store of rollups.

use std::collections::BTreeMap;

use async_trait::async_trait;

use crate::domain::metrics::activity_series::SeriesPoints;
use crate::domain::metrics::fingerprint::Fingerprint;
use crate::domain::metrics::rollup::{RollupCounts, TimeBucketRange};
use crate::domain::values::name::JobType;
use crate::storage::error::RepositoryError;
use crate::storage::query::{
    ActivityPoint, Durations, FailureSeen, JobSummary, PerformanceRollups, RollupFilter, TypeRollup,
};

/// Stores rollups: metrics of the past. By default all of them are zero.
#[async_trait]
pub trait MetricsStore: Send + Sync + 'static {
    /// The rollups of each of these spans, in their order: the sums of all queues and types that the
    /// filter selects. The cost does not depend on the number of jobs.
    async fn rollups(
        &self,
        filter: &RollupFilter,
        spans: &[TimeBucketRange],
    ) -> Result<Vec<RollupCounts>, RepositoryError> {
        let _ = filter;
        Ok(vec![RollupCounts::default(); spans.len()])
    }

    /// Number of jobs that completed or failed permanently in the busiest hour of the span. Hours begin when
    /// those of UTC do; of the first and the last one only the part in the span counts.
    async fn busiest_hour(&self, filter: &RollupFilter, span: TimeBucketRange) -> Result<u64, RepositoryError> {
        let (_, _) = (filter, span);
        Ok(0)
    }

    /// Durations of runs and waits in the hours of which the span has a part. Days that are kept by days count
    /// whole if their first hour is among them, and otherwise not.
    async fn durations(&self, filter: &RollupFilter, span: TimeBucketRange) -> Result<Durations, RepositoryError> {
        let (_, _) = (filter, span);
        Ok(Durations::default())
    }

    /// The results of [`rollups`](Self::rollups) of the parts of a span, [`busiest_hour`](Self::busiest_hour) of the span and
    /// [`durations`](Self::durations) of another one, in one read where storage can.
    async fn performance(
        &self,
        filter: &RollupFilter,
        parts: &[TimeBucketRange],
        span: TimeBucketRange,
        measured: TimeBucketRange,
    ) -> Result<PerformanceRollups, RepositoryError> {
        Ok(PerformanceRollups {
            parts: self.rollups(filter, parts).await?,
            busiest_hour: self.busiest_hour(filter, span).await?,
            durations: self.durations(filter, measured).await?,
        })
    }

    /// The rollups of each job type in the span; days that are kept by days count as in [`durations`](Self::durations).
    async fn type_rollups(
        &self,
        filter: &RollupFilter,
        span: TimeBucketRange,
    ) -> Result<BTreeMap<JobType, TypeRollup>, RepositoryError> {
        let (_, _) = (filter, span);
        Ok(BTreeMap::new())
    }

    /// The points of a series, in order. Points of slices have the activity of a queue or of all queues; types of the filter
    /// do not apply. A point of quarters of an hour has the durations of those hours that begin in it and are not before
    /// `first_hour`; of days that are kept by days, all are in the first hour.
    async fn activity(
        &self,
        filter: &RollupFilter,
        points: &SeriesPoints,
        first_hour: i64,
    ) -> Result<Vec<ActivityPoint>, RepositoryError> {
        let (_, _) = (filter, first_hour);
        Ok(vec![ActivityPoint::default(); points.len()])
    }

    /// Those of these kinds of failures that have occurred, in any order.
    async fn failures_seen(&self, fingerprints: &[Fingerprint]) -> Result<Vec<FailureSeen>, RepositoryError> {
        let _ = fingerprints;
        Ok(Vec::new())
    }

    /// Number of failed attempts of a filter with this reason in the hours that begin in each of these spans, which are in
    /// order. Of days that are kept by days, all are in the first hour.
    async fn failure_counts(
        &self,
        filter: &RollupFilter,
        reason: &str,
        spans: &[TimeBucketRange],
    ) -> Result<Vec<u64>, RepositoryError> {
        let (_, _) = (filter, reason);
        Ok(vec![0; spans.len()])
    }

    /// The newest jobs whose last attempt failed with this fingerprint, up to a limit.
    async fn failed_jobs(&self, fingerprint: Fingerprint, limit: u32) -> Result<Vec<JobSummary>, RepositoryError> {
        let (_, _) = (fingerprint, limit);
        Ok(Vec::new())
    }
}
