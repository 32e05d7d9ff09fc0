//! Job statistics of a period.

use async_graphql::SimpleObject;

use super::int::int;
use crate::api::contract::view::metrics::one_decimal;
use crate::api::graphql::scalars::{DateTime, TimeSpan};
use crate::domain::metrics::histogram::{Histogram, Percentiles as DomainPercentiles};
use crate::domain::metrics::rollup::{RollupCounts, percentage};
use crate::domain::metrics::time_range::{Part, Period as DomainPeriod};
use crate::domain::values::name::JobType;
use crate::service::metrics::{JobTypesReport, PerformanceReport};
use crate::storage::query::TypeRollup;

/// Period of the statistics.
#[derive(Debug, SimpleObject)]
pub(in super::super) struct Period {
    /// First second.
    from: DateTime,
    /// Last second.
    to: DateTime,
    /// IANA time zone in which days begin.
    time_zone: String,
}

impl From<&DomainPeriod> for Period {
    fn from(period: &DomainPeriod) -> Self {
        Self {
            from: period.start().into(),
            to: period.last_second().into(),
            time_zone: period.time_zone.as_str().to_owned(),
        }
    }
}

/// Job statistics of a period.
#[derive(Debug, SimpleObject)]
pub(in super::super) struct PerformanceMetrics {
    /// Period of the statistics.
    period: Period,
    /// Total of the period.
    summary: PerformanceSummary,
    /// Days or hours of the period, up to now.
    trends: Vec<Trend>,
}

/// Job statistics.
#[derive(Debug, SimpleObject)]
pub(in super::super) struct PerformanceSummary {
    /// Number of jobs that completed, or failed with no retries left.
    total_jobs: i32,
    /// Number of jobs that completed.
    successful_jobs: i32,
    /// Number of jobs that failed with no retries left.
    failed_jobs: i32,
    /// Number of jobs that were cancelled; not included in `totalJobs`.
    cancelled_jobs: i32,
    /// Number of attempts that failed, including those followed by a retry.
    failed_attempts: i32,
    /// Share of `totalJobs` that completed, in percent with one decimal; 100 if there are none.
    success_rate: f64,
    /// Average duration of an attempt.
    average_execution_time: TimeSpan,
    /// Percentiles of the duration of attempts.
    execution_time: Percentiles,
    /// Average time from a job's due time to its start.
    average_wait_time: TimeSpan,
    /// Percentiles of the time from a job's due time to its start.
    wait_time: Percentiles,
    /// `totalJobs` per day of the period up to now, as an integer; a period of less than a day counts as one.
    jobs_per_day: i32,
    /// Number of jobs in the busiest hour.
    peak_jobs_per_hour: i32,
}

/// Percentiles with a relative error of at most 41 %; `00:00:00` without measurements.
#[derive(Debug, SimpleObject)]
pub(in super::super) struct Percentiles {
    /// Median.
    p50: TimeSpan,
    /// 95th percentile.
    p95: TimeSpan,
    /// 99th percentile.
    p99: TimeSpan,
}

impl From<&Histogram> for Percentiles {
    fn from(histogram: &Histogram) -> Self {
        let DomainPercentiles { p50, p95, p99 } = histogram.percentiles();
        Self {
            p50: p50.into(),
            p95: p95.into(),
            p99: p99.into(),
        }
    }
}

/// Job statistics of a day or an hour.
#[derive(Debug, SimpleObject)]
pub(in super::super) struct Trend {
    /// The day, such as `2024-01-01`, or the start of the hour.
    date: String,
    /// Number of jobs that completed, or failed with no retries left.
    jobs_executed: i32,
    /// Share of them that completed, in percent with one decimal; 100 if there are none.
    success_rate: f64,
    /// Average duration of an attempt.
    average_execution_time: TimeSpan,
}

impl Trend {
    fn new(period: &DomainPeriod, part: Part, counts: &RollupCounts) -> Self {
        Self {
            date: period.name(part),
            jobs_executed: int(counts.jobs_ended()),
            success_rate: one_decimal(counts.job_success_rate()),
            average_execution_time: counts.average_run().into(),
        }
    }
}

impl From<PerformanceReport> for PerformanceMetrics {
    fn from(report: PerformanceReport) -> Self {
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
            period: (&period).into(),
            summary: PerformanceSummary {
                total_jobs: int(sums.jobs_ended()),
                successful_jobs: int(sums.completed),
                failed_jobs: int(sums.jobs_failed),
                cancelled_jobs: int(sums.jobs_cancelled),
                failed_attempts: int(sums.attempts_failed),
                success_rate: one_decimal(sums.job_success_rate()),
                average_execution_time: sums.average_run().into(),
                execution_time: Percentiles::from(&durations.run),
                average_wait_time: sums.average_wait().into(),
                wait_time: Percentiles::from(&durations.wait),
                jobs_per_day: int(jobs_per_day),
                peak_jobs_per_hour: int(busiest_hour),
            },
            trends: parts
                .iter()
                .map(|(part, counts)| Trend::new(&period, *part, counts))
                .collect(),
        }
    }
}

/// Job statistics of a period by type.
#[derive(Debug, SimpleObject)]
pub(in super::super) struct JobTypeAnalytics {
    /// Period of the statistics, in complete hours.
    period: Period,
    /// Types, those with the most executions first.
    job_types: Vec<JobTypeMetrics>,
}

/// Job statistics of one type.
#[derive(Debug, SimpleObject)]
pub(in super::super) struct JobTypeMetrics {
    /// Type of the jobs.
    #[graphql(name = "type")]
    job_type: String,
    /// Number of attempts that completed or failed.
    total_executions: i32,
    /// Share of them that completed, in percent with one decimal; 100 if there are none.
    success_rate: f64,
    /// Average duration of an attempt.
    average_execution_time: TimeSpan,
    /// Percentiles of the duration of attempts.
    execution_time: Percentiles,
    /// Average time from a job's due time to its start.
    average_wait_time: TimeSpan,
    /// Percentiles of the time from a job's due time to its start.
    wait_time: Percentiles,
    /// Number of jobs that failed with no retries left.
    failed_jobs: i32,
    /// Number of jobs that were cancelled.
    cancelled_jobs: i32,
    /// Reasons of failed attempts, most frequent first, at most ten.
    failure_reasons: Vec<FailureReason>,
}

/// Reason of failed attempts.
#[derive(Debug, SimpleObject)]
pub(in super::super) struct FailureReason {
    /// Error message with numbers, ids and quoted values replaced.
    reason: String,
    /// Number of attempts.
    count: i32,
    /// Share of `totalExecutions`, in percent with one decimal.
    percentage: f64,
}

impl JobTypeMetrics {
    fn new(job_type: &JobType, rollup: &TypeRollup) -> Self {
        let TypeRollup {
            counts,
            durations,
            reasons,
        } = rollup;
        let total_executions = counts.executions();
        let reason = |(reason, count): &(String, u64)| FailureReason {
            reason: reason.clone(),
            count: int(*count),
            percentage: one_decimal(percentage(*count, total_executions, 0.0)),
        };
        Self {
            job_type: job_type.to_string(),
            total_executions: int(total_executions),
            success_rate: one_decimal(counts.attempt_success_rate()),
            average_execution_time: counts.average_run().into(),
            execution_time: Percentiles::from(&durations.run),
            average_wait_time: counts.average_wait().into(),
            wait_time: Percentiles::from(&durations.wait),
            failed_jobs: int(counts.jobs_failed),
            cancelled_jobs: int(counts.jobs_cancelled),
            failure_reasons: reasons.iter().map(reason).collect(),
        }
    }
}

impl From<JobTypesReport> for JobTypeAnalytics {
    fn from(report: JobTypesReport) -> Self {
        let JobTypesReport { period, types } = report;
        Self {
            period: (&period).into(),
            job_types: types
                .iter()
                .map(|(job_type, rollup)| JobTypeMetrics::new(job_type, rollup))
                .collect(),
        }
    }
}
