//! Views of job statistics.

use serde::Serialize;
use utoipa::ToSchema;

use super::metrics::one_decimal;
use crate::domain::metrics::failure_reason::OTHER;
use crate::domain::metrics::fingerprint::Fingerprint;
use crate::domain::metrics::histogram::{Histogram, Percentiles};
use crate::domain::metrics::rollup::{RollupCounts, percentage};
use crate::domain::metrics::time_range::{Part, Period};
use crate::domain::values::name::JobType;
use crate::service::metrics::{JobTypesReport, PerformanceReport};
use crate::storage::query::TypeRollup;
use crate::views::values::{Span, Time};

/// Period of the statistics.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Period)]
pub(crate) struct PeriodView {
    /// First second.
    #[schema(value_type = String, format = DateTime, example = "2024-01-01T00:00:00Z")]
    pub(crate) from: Time,
    /// Last second.
    #[schema(value_type = String, format = DateTime, example = "2024-01-15T23:59:59Z")]
    pub(crate) to: Time,
    /// IANA time zone in which days begin.
    #[schema(example = "UTC")]
    pub(crate) time_zone: &'static str,
}

impl From<&Period> for PeriodView {
    fn from(period: &Period) -> Self {
        Self {
            from: Time(period.start()),
            to: Time(period.last_second()),
            time_zone: period.time_zone.as_str(),
        }
    }
}

/// Job statistics of a period.
#[derive(Serialize, ToSchema)]
pub(crate) struct PerformanceMetrics {
    /// Period of the statistics.
    pub(crate) period: PeriodView,
    /// Total of the period.
    pub(crate) summary: SummaryView,
    /// Days or hours of the period, up to now.
    pub(crate) trends: Vec<TrendView>,
}

/// Job statistics.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = PerformanceSummary)]
pub(crate) struct SummaryView {
    /// Number of jobs that completed, or failed with no retries left.
    #[schema(example = 50000)]
    pub(crate) total_jobs: u64,
    /// Number of jobs that completed.
    #[schema(example = 48500)]
    pub(crate) successful_jobs: u64,
    /// Number of jobs that failed with no retries left.
    #[schema(example = 1500)]
    pub(crate) failed_jobs: u64,
    /// Number of jobs that were cancelled; not included in `totalJobs`.
    #[schema(example = 12)]
    pub(crate) cancelled_jobs: u64,
    /// Number of attempts that failed, including those followed by a retry.
    #[schema(example = 1730)]
    pub(crate) failed_attempts: u64,
    /// Share of `totalJobs` that completed, in percent; 100 if there are none.
    #[schema(example = 97.0)]
    pub(crate) success_rate: f64,
    /// Average duration of an attempt.
    #[schema(value_type = String, example = "00:00:45")]
    pub(crate) average_execution_time: Span,
    /// Percentiles of the duration of attempts.
    pub(crate) execution_time: PercentilesView,
    /// Average time from a job's due time to its start.
    #[schema(value_type = String, example = "00:00:00.0420000")]
    pub(crate) average_wait_time: Span,
    /// Percentiles of the time from a job's due time to its start.
    pub(crate) wait_time: PercentilesView,
    /// Throughput.
    pub(crate) throughput: PeriodThroughput,
}

/// Percentiles with a relative error of at most 41 %; `00:00:00` without measurements. Statistics older than three days
/// have a resolution of one day in UTC.
#[derive(Serialize, ToSchema)]
#[schema(as = Percentiles)]
pub(crate) struct PercentilesView {
    #[schema(value_type = String, example = "00:00:31")]
    pub(crate) p50: Span,
    #[schema(value_type = String, example = "00:01:52")]
    pub(crate) p95: Span,
    #[schema(value_type = String, example = "00:03:10")]
    pub(crate) p99: Span,
}

impl From<&Histogram> for PercentilesView {
    fn from(histogram: &Histogram) -> Self {
        let Percentiles { p50, p95, p99 } = histogram.percentiles();
        Self {
            p50: Span(p50),
            p95: Span(p95),
            p99: Span(p99),
        }
    }
}

/// Throughput of a period.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PeriodThroughput {
    /// `totalJobs` per day of the period up to now, as an integer; a period of less than a day counts as one.
    #[schema(example = 3333)]
    pub(crate) jobs_per_day: u64,
    /// Number of jobs in the busiest hour.
    #[schema(example = 250)]
    pub(crate) peak_jobs_per_hour: u64,
}

/// Job statistics of a day or an hour.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Trend)]
pub(crate) struct TrendView {
    /// The day, or the start of the hour.
    #[schema(example = "2024-01-01")]
    pub(crate) date: String,
    /// Number of jobs that completed, or failed with no retries left.
    #[schema(example = 3200)]
    pub(crate) jobs_executed: u64,
    /// Share of them that completed, in percent; 100 if there are none.
    #[schema(example = 96.5)]
    pub(crate) success_rate: f64,
    /// Average duration of an attempt.
    #[schema(value_type = String, example = "00:00:42")]
    pub(crate) average_execution_time: Span,
}

impl TrendView {
    fn new(period: &Period, part: Part, counts: &RollupCounts) -> Self {
        Self {
            date: period.name(part),
            jobs_executed: counts.jobs_ended(),
            success_rate: one_decimal(counts.job_success_rate()),
            average_execution_time: Span(counts.average_run()),
        }
    }
}

impl From<&PerformanceReport> for PerformanceMetrics {
    fn from(report: &PerformanceReport) -> Self {
        let jobs_per_day = report.jobs_per_day();
        let PerformanceReport {
            period,
            at: _,
            sums,
            durations,
            busiest_hour,
            parts,
        } = report;
        Self {
            period: PeriodView::from(period),
            summary: SummaryView {
                total_jobs: sums.jobs_ended(),
                successful_jobs: sums.completed,
                failed_jobs: sums.jobs_failed,
                cancelled_jobs: sums.jobs_cancelled,
                failed_attempts: sums.attempts_failed,
                success_rate: one_decimal(sums.job_success_rate()),
                average_execution_time: Span(sums.average_run()),
                execution_time: PercentilesView::from(&durations.run),
                average_wait_time: Span(sums.average_wait()),
                wait_time: PercentilesView::from(&durations.wait),
                throughput: PeriodThroughput {
                    jobs_per_day,
                    peak_jobs_per_hour: *busiest_hour,
                },
            },
            trends: parts
                .iter()
                .map(|(part, counts)| TrendView::new(period, *part, counts))
                .collect(),
        }
    }
}

/// Job statistics of a period by type.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct JobTypeAnalytics {
    /// Period of the statistics, in complete hours.
    pub(crate) period: PeriodView,
    /// Types, those with the most executions first.
    pub(crate) job_types: Vec<JobTypeView>,
}

impl From<&JobTypesReport> for JobTypeAnalytics {
    fn from(JobTypesReport { period, types }: &JobTypesReport) -> Self {
        Self {
            period: PeriodView::from(period),
            job_types: types
                .iter()
                .map(|(job_type, rollup)| JobTypeView::new(job_type, rollup))
                .collect(),
        }
    }
}

/// Job statistics of one type.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = JobTypeMetrics)]
pub(crate) struct JobTypeView {
    #[serde(rename = "type")]
    #[schema(example = "EmailNotificationJob")]
    pub(crate) job_type: String,
    /// Number of attempts that completed or failed.
    #[schema(example = 15000)]
    pub(crate) total_executions: u64,
    /// Share of them that completed, in percent; 100 if there are none.
    #[schema(example = 98.5)]
    pub(crate) success_rate: f64,
    /// Average duration of an attempt.
    #[schema(value_type = String, example = "00:00:15")]
    pub(crate) average_execution_time: Span,
    /// Percentiles of the duration of attempts.
    pub(crate) execution_time: PercentilesView,
    /// Average time from a job's due time to its start.
    #[schema(value_type = String, example = "00:00:00.0420000")]
    pub(crate) average_wait_time: Span,
    /// Percentiles of the time from a job's due time to its start.
    pub(crate) wait_time: PercentilesView,
    /// Number of jobs that failed with no retries left.
    #[schema(example = 40)]
    pub(crate) failed_jobs: u64,
    /// Number of jobs that were cancelled.
    #[schema(example = 2)]
    pub(crate) cancelled_jobs: u64,
    /// Reasons of failed attempts, most frequent first, at most ten.
    pub(crate) failure_reasons: Vec<FailureReasonView>,
}

/// Reason of failed attempts.
#[derive(Serialize, ToSchema)]
#[schema(as = FailureReason)]
pub(crate) struct FailureReasonView {
    /// Error message with numbers, ids and quoted values replaced.
    #[schema(example = "SMTP timeout")]
    pub(crate) reason: String,
    /// Stable id of the type and the reason, for `fingerprint:` in filters of jobs; null for the sum of rare reasons.
    #[schema(example = "8f14e45fceea167a")]
    pub(crate) fingerprint: Option<String>,
    /// Number of attempts.
    #[schema(example = 150)]
    pub(crate) count: u64,
    /// Share of `totalExecutions`, in percent.
    #[schema(example = 1.0)]
    pub(crate) percentage: f64,
}

impl JobTypeView {
    fn new(job_type: &JobType, rollup: &TypeRollup) -> Self {
        let TypeRollup {
            counts,
            durations,
            reasons,
        } = rollup;
        let total_executions = counts.executions();
        let reason = |(reason, count): &(String, u64)| FailureReasonView {
            reason: reason.clone(),
            fingerprint: (reason != OTHER).then(|| Fingerprint::of(job_type, reason).to_string()),
            count: *count,
            percentage: one_decimal(percentage(*count, total_executions, 0.0)),
        };
        Self {
            job_type: job_type.to_string(),
            total_executions,
            success_rate: one_decimal(counts.attempt_success_rate()),
            average_execution_time: Span(counts.average_run()),
            execution_time: PercentilesView::from(&durations.run),
            average_wait_time: Span(counts.average_wait()),
            wait_time: PercentilesView::from(&durations.wait),
            failed_jobs: counts.jobs_failed,
            cancelled_jobs: counts.jobs_cancelled,
            failure_reasons: reasons.iter().map(reason).collect(),
        }
    }
}
