//! Job statistics of a period.

use async_graphql::Object;

use crate::api::contract::view::performance::{
    FailureReasonView, JobTypeAnalytics as JobTypesView, JobTypeView, PercentilesView,
    PerformanceMetrics as PerformanceView, PeriodView, SummaryView, TrendView,
};
use crate::api::graphql::scalars::{DateTime, TimeSpan};
use crate::api::graphql::types::int::int;
use crate::service::metrics::{JobTypesReport, PerformanceReport};

/// Period of the statistics.
pub(in crate::api::graphql) struct Period<'a>(pub(super) &'a PeriodView);

/// Period of the statistics.
#[Object]
impl Period<'_> {
    /// First second.
    async fn from(&self) -> DateTime {
        self.0.from.into()
    }

    /// Last second.
    async fn to(&self) -> DateTime {
        self.0.to.into()
    }

    /// IANA time zone in which days begin.
    async fn time_zone(&self) -> &str {
        self.0.time_zone
    }
}

/// Job statistics of a period.
pub(in crate::api::graphql) struct PerformanceMetrics(PerformanceView);

impl From<PerformanceReport> for PerformanceMetrics {
    fn from(report: PerformanceReport) -> Self {
        Self(PerformanceView::from(&report))
    }
}

/// Job statistics of a period.
#[Object]
impl PerformanceMetrics {
    /// Period of the statistics.
    async fn period(&self) -> Period<'_> {
        Period(&self.0.period)
    }

    /// Total of the period.
    async fn summary(&self) -> PerformanceSummary<'_> {
        PerformanceSummary(&self.0.summary)
    }

    /// Days or hours of the period, up to now.
    async fn trends(&self) -> Vec<Trend<'_>> {
        self.0.trends.iter().map(Trend).collect()
    }
}

/// Job statistics.
pub(in crate::api::graphql) struct PerformanceSummary<'a>(&'a SummaryView);

/// Job statistics.
#[Object]
impl PerformanceSummary<'_> {
    /// Number of jobs that completed, or failed with no retries left.
    async fn total_jobs(&self) -> i32 {
        int(self.0.total_jobs)
    }

    /// Number of jobs that completed.
    async fn successful_jobs(&self) -> i32 {
        int(self.0.successful_jobs)
    }

    /// Number of jobs that failed with no retries left.
    async fn failed_jobs(&self) -> i32 {
        int(self.0.failed_jobs)
    }

    /// Number of jobs that were cancelled; not included in `totalJobs`.
    async fn cancelled_jobs(&self) -> i32 {
        int(self.0.cancelled_jobs)
    }

    /// Number of attempts that failed, including those followed by a retry.
    async fn failed_attempts(&self) -> i32 {
        int(self.0.failed_attempts)
    }

    /// Share of `totalJobs` that completed, in percent with one decimal; 100 if there are none.
    async fn success_rate(&self) -> f64 {
        self.0.success_rate
    }

    /// Average duration of an attempt.
    async fn average_execution_time(&self) -> TimeSpan {
        self.0.average_execution_time.into()
    }

    /// Percentiles of the duration of attempts.
    async fn execution_time(&self) -> Percentiles<'_> {
        Percentiles(&self.0.execution_time)
    }

    /// Average time from a job's due time to its start.
    async fn average_wait_time(&self) -> TimeSpan {
        self.0.average_wait_time.into()
    }

    /// Percentiles of the time from a job's due time to its start.
    async fn wait_time(&self) -> Percentiles<'_> {
        Percentiles(&self.0.wait_time)
    }

    /// `totalJobs` per day of the period up to now, as an integer; a period of less than a day counts as one.
    async fn jobs_per_day(&self) -> i32 {
        int(self.0.throughput.jobs_per_day)
    }

    /// Number of jobs in the busiest hour.
    async fn peak_jobs_per_hour(&self) -> i32 {
        int(self.0.throughput.peak_jobs_per_hour)
    }
}

/// Percentiles with a relative error of at most 41 %; `00:00:00` without measurements.
pub(in crate::api::graphql) struct Percentiles<'a>(&'a PercentilesView);

/// Percentiles with a relative error of at most 41 %; `00:00:00` without measurements.
#[Object]
impl Percentiles<'_> {
    /// Median.
    async fn p50(&self) -> TimeSpan {
        self.0.p50.into()
    }

    /// 95th percentile.
    async fn p95(&self) -> TimeSpan {
        self.0.p95.into()
    }

    /// 99th percentile.
    async fn p99(&self) -> TimeSpan {
        self.0.p99.into()
    }
}

/// Job statistics of a day or an hour.
pub(in crate::api::graphql) struct Trend<'a>(&'a TrendView);

/// Job statistics of a day or an hour.
#[Object]
impl Trend<'_> {
    /// The day, such as `2024-01-01`, or the start of the hour.
    async fn date(&self) -> &str {
        &self.0.date
    }

    /// Number of jobs that completed, or failed with no retries left.
    async fn jobs_executed(&self) -> i32 {
        int(self.0.jobs_executed)
    }

    /// Share of them that completed, in percent with one decimal; 100 if there are none.
    async fn success_rate(&self) -> f64 {
        self.0.success_rate
    }

    /// Average duration of an attempt.
    async fn average_execution_time(&self) -> TimeSpan {
        self.0.average_execution_time.into()
    }
}

/// Job statistics of a period by type.
pub(in crate::api::graphql) struct JobTypeAnalytics(JobTypesView);

impl From<JobTypesReport> for JobTypeAnalytics {
    fn from(report: JobTypesReport) -> Self {
        Self(JobTypesView::from(&report))
    }
}

/// Job statistics of a period by type.
#[Object]
impl JobTypeAnalytics {
    /// Period of the statistics, in complete hours.
    async fn period(&self) -> Period<'_> {
        Period(&self.0.period)
    }

    /// Types, those with the most executions first.
    async fn job_types(&self) -> Vec<JobTypeMetrics<'_>> {
        self.0.job_types.iter().map(JobTypeMetrics).collect()
    }
}

/// Job statistics of one type.
pub(in crate::api::graphql) struct JobTypeMetrics<'a>(&'a JobTypeView);

/// Job statistics of one type.
#[Object]
impl JobTypeMetrics<'_> {
    /// Type of the jobs.
    #[graphql(name = "type")]
    async fn job_type(&self) -> &str {
        &self.0.job_type
    }

    /// Number of attempts that completed or failed.
    async fn total_executions(&self) -> i32 {
        int(self.0.total_executions)
    }

    /// Share of them that completed, in percent with one decimal; 100 if there are none.
    async fn success_rate(&self) -> f64 {
        self.0.success_rate
    }

    /// Average duration of an attempt.
    async fn average_execution_time(&self) -> TimeSpan {
        self.0.average_execution_time.into()
    }

    /// Percentiles of the duration of attempts.
    async fn execution_time(&self) -> Percentiles<'_> {
        Percentiles(&self.0.execution_time)
    }

    /// Average time from a job's due time to its start.
    async fn average_wait_time(&self) -> TimeSpan {
        self.0.average_wait_time.into()
    }

    /// Percentiles of the time from a job's due time to its start.
    async fn wait_time(&self) -> Percentiles<'_> {
        Percentiles(&self.0.wait_time)
    }

    /// Number of jobs that failed with no retries left.
    async fn failed_jobs(&self) -> i32 {
        int(self.0.failed_jobs)
    }

    /// Number of jobs that were cancelled.
    async fn cancelled_jobs(&self) -> i32 {
        int(self.0.cancelled_jobs)
    }

    /// Reasons of failed attempts, most frequent first, at most ten.
    async fn failure_reasons(&self) -> Vec<FailureReason<'_>> {
        self.0.failure_reasons.iter().map(FailureReason).collect()
    }
}

/// Reason of failed attempts.
pub(in crate::api::graphql) struct FailureReason<'a>(&'a FailureReasonView);

/// Reason of failed attempts.
#[Object]
impl FailureReason<'_> {
    /// Error message with numbers, ids and quoted values replaced.
    async fn reason(&self) -> &str {
        &self.0.reason
    }

    /// Stable id of the type and the reason, for `fingerprint:` in filters of jobs; null for the sum of rare reasons.
    async fn fingerprint(&self) -> Option<&str> {
        self.0.fingerprint.as_deref()
    }

    /// Number of attempts.
    async fn count(&self) -> i32 {
        int(self.0.count)
    }

    /// Share of `totalExecutions`, in percent with one decimal.
    async fn percentage(&self) -> f64 {
        self.0.percentage
    }
}
