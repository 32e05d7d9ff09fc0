//! Activity: time series, and distributions of durations.

use async_graphql::Object;

use super::performance::Period;
use crate::api::contract::view::activity::{
    ActivityCountsView, ActivityPointView, ActivityView, DurationBucketView, DurationsView,
};
use crate::api::graphql::scalars::{DateTime, TimeSpan};
use crate::api::graphql::types::enums::Step;
use crate::api::graphql::types::int::int;
use crate::service::metrics::activity::{ActivityReport, DurationsReport};

/// Activity of jobs over time.
pub(in crate::api::graphql) struct ActivitySeries(ActivityView);

impl From<ActivityReport> for ActivitySeries {
    fn from(report: ActivityReport) -> Self {
        Self(ActivityView::from(&report))
    }
}

/// Activity of jobs over time.
#[Object]
impl ActivitySeries {
    /// Time between two points.
    async fn step(&self) -> Step {
        self.0.step.0.into()
    }

    /// IANA time zone of days and hours.
    async fn time_zone(&self) -> &str {
        self.0.time_zone
    }

    /// Totals of the series.
    async fn total(&self) -> ActivityCounts<'_> {
        ActivityCounts(&self.0.total)
    }

    /// A point for each step, in order, up to now. A step without jobs has a point of zeros.
    async fn points(&self) -> Vec<ActivityPoint<'_>> {
        self.0.points.iter().map(ActivityPoint).collect()
    }
}

/// Counts of a series.
pub(in crate::api::graphql) struct ActivityCounts<'a>(&'a ActivityCountsView);

/// Counts of a series.
#[Object]
impl ActivityCounts<'_> {
    /// Number of created jobs.
    async fn created(&self) -> i32 {
        int(self.0.created)
    }

    /// Number of started attempts.
    async fn started(&self) -> i32 {
        int(self.0.started)
    }

    /// Number of completed jobs.
    async fn completed(&self) -> i32 {
        int(self.0.completed)
    }

    /// Number of jobs that failed with no retries left.
    async fn failed(&self) -> i32 {
        int(self.0.failed)
    }

    /// Number of failed attempts that are followed by another attempt.
    async fn retried(&self) -> i32 {
        int(self.0.retried)
    }

    /// Number of cancelled jobs.
    async fn cancelled(&self) -> i32 {
        int(self.0.cancelled)
    }
}

/// A point of a series. Percentiles are null without measurements, and where durations are not kept at this step.
pub(in crate::api::graphql) struct ActivityPoint<'a>(&'a ActivityPointView);

/// A point of a series. Percentiles are null without measurements, and where durations are not kept at this step.
#[Object]
impl ActivityPoint<'_> {
    /// Start of the step.
    async fn at(&self) -> DateTime {
        self.0.at.into()
    }

    /// Number of created jobs.
    async fn created(&self) -> i32 {
        int(self.0.counts.created)
    }

    /// Number of started attempts.
    async fn started(&self) -> i32 {
        int(self.0.counts.started)
    }

    /// Number of completed jobs.
    async fn completed(&self) -> i32 {
        int(self.0.counts.completed)
    }

    /// Number of jobs that failed with no retries left.
    async fn failed(&self) -> i32 {
        int(self.0.counts.failed)
    }

    /// Number of failed attempts that are followed by another attempt.
    async fn retried(&self) -> i32 {
        int(self.0.counts.retried)
    }

    /// Number of cancelled jobs.
    async fn cancelled(&self) -> i32 {
        int(self.0.counts.cancelled)
    }

    /// Median time from a job's due time to its start.
    #[graphql(name = "waitP50")]
    async fn wait_p50(&self) -> Option<TimeSpan> {
        self.0.wait_p50.map(Into::into)
    }

    /// 95th percentile of the time from a job's due time to its start.
    #[graphql(name = "waitP95")]
    async fn wait_p95(&self) -> Option<TimeSpan> {
        self.0.wait_p95.map(Into::into)
    }

    /// 99th percentile of the time from a job's due time to its start.
    #[graphql(name = "waitP99")]
    async fn wait_p99(&self) -> Option<TimeSpan> {
        self.0.wait_p99.map(Into::into)
    }

    /// Median duration of an attempt.
    #[graphql(name = "runP50")]
    async fn run_p50(&self) -> Option<TimeSpan> {
        self.0.run_p50.map(Into::into)
    }

    /// 95th percentile of the duration of an attempt.
    #[graphql(name = "runP95")]
    async fn run_p95(&self) -> Option<TimeSpan> {
        self.0.run_p95.map(Into::into)
    }

    /// 99th percentile of the duration of an attempt.
    #[graphql(name = "runP99")]
    async fn run_p99(&self) -> Option<TimeSpan> {
        self.0.run_p99.map(Into::into)
    }
}

/// Distribution of run and wait times.
pub(in crate::api::graphql) struct DurationDistribution(DurationsView);

impl From<DurationsReport> for DurationDistribution {
    fn from(report: DurationsReport) -> Self {
        Self(DurationsView::from(&report))
    }
}

/// Distribution of run and wait times.
#[Object]
impl DurationDistribution {
    /// Period of the distribution, in complete hours.
    async fn period(&self) -> Period<'_> {
        Period(&self.0.period)
    }

    /// Durations of attempts that completed or failed.
    async fn run(&self) -> Vec<DurationBucket<'_>> {
        self.0.run.iter().map(DurationBucket).collect()
    }

    /// Times from a job's due time to its start.
    async fn wait(&self) -> Vec<DurationBucket<'_>> {
        self.0.wait.iter().map(DurationBucket).collect()
    }
}

/// A bucket of a histogram. Buckets grow by a factor of 1.41; those before the first and after the last measurement are
/// left out.
pub(in crate::api::graphql) struct DurationBucket<'a>(&'a DurationBucketView);

/// A bucket of a histogram. Buckets grow by a factor of 1.41; those before the first and after the last measurement are
/// left out.
#[Object]
impl DurationBucket<'_> {
    /// Shortest duration.
    async fn from(&self) -> TimeSpan {
        self.0.from.into()
    }

    /// The next bucket's shortest duration; null for the last possible bucket, which has all longer durations.
    async fn to(&self) -> Option<TimeSpan> {
        self.0.to.map(Into::into)
    }

    /// Number of measurements.
    async fn count(&self) -> i32 {
        int(self.0.count)
    }
}
