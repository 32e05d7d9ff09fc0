//! What has become of jobs over time.

use async_graphql::SimpleObject;

use super::int::int;
use crate::api::contract::metrics_view::one_decimal;
use crate::api::graphql::scalars::{DateTime, TimeSpan};
use crate::domain::metrics::histogram::Histogram;
use crate::domain::metrics::rollup::{RollupCounts, percentage};
use crate::domain::metrics::time_range::{Part, Period as DomainPeriod};
use crate::domain::values::name::JobType;
use crate::domain::values::time_span::TimeSpan as Span;
use crate::service::metrics::{JobTypesReport, PerformanceReport};
use crate::storage::query::TypeRollup;

/// The period that numbers are of.
#[derive(Debug, SimpleObject)]
pub(in super::super) struct Period {
    /// Its first second.
    from: DateTime,
    /// Its last second.
    to: DateTime,
    /// By whose clocks days begin: an IANA time zone.
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

/// What has become of jobs in a period.
#[derive(Debug, SimpleObject)]
pub(in super::super) struct PerformanceMetrics {
    /// Which period.
    period: Period,
    /// All of it together.
    summary: PerformanceSummary,
    /// Its days, or its hours, up to now.
    trends: Vec<Trend>,
}

/// What has become of jobs.
#[derive(Debug, SimpleObject)]
pub(in super::super) struct PerformanceSummary {
    /// Jobs that have completed, or failed with no retries left.
    total_jobs: i32,
    /// Jobs that have completed.
    successful_jobs: i32,
    /// Jobs that have failed with no retries left.
    failed_jobs: i32,
    /// Jobs that were cancelled; they are no part of `totalJobs`.
    cancelled_jobs: i32,
    /// Attempts that have failed, whether they were the last one of their job or not.
    failed_attempts: i32,
    /// How many percent of `totalJobs` have completed, with one decimal; 100 when there are none.
    success_rate: f64,
    /// How long an attempt has run on average.
    average_execution_time: TimeSpan,
    /// How long attempts have run.
    execution_time: Percentiles,
    /// How long a job has waited on average from its due time until a worker took it.
    average_wait_time: TimeSpan,
    /// How long jobs have waited.
    wait_time: Percentiles,
    /// `totalJobs` by the days of the period up to now, as a whole number; a period that is shorter than a day counts as
    /// one.
    jobs_per_day: i32,
    /// How many jobs there were in the busiest hour.
    peak_jobs_per_hour: i32,
}

/// Times that half, 95 % and 99 % of all do not exceed; at the most 41 % off, and `00:00:00` when nothing was measured.
#[derive(Debug, SimpleObject)]
pub(in super::super) struct Percentiles {
    /// What half of all do not exceed.
    p50: TimeSpan,
    /// What 95 % of all do not exceed.
    p95: TimeSpan,
    /// What 99 % of all do not exceed.
    p99: TimeSpan,
}

impl From<&Histogram> for Percentiles {
    fn from(histogram: &Histogram) -> Self {
        let percentile = |share| histogram.percentile(share).unwrap_or(Span::ZERO).into();
        Self {
            p50: percentile(0.5),
            p95: percentile(0.95),
            p99: percentile(0.99),
        }
    }
}

/// What has become of jobs in a day or an hour.
#[derive(Debug, SimpleObject)]
pub(in super::super) struct Trend {
    /// Which day, such as `2024-01-01`, or when the hour begins.
    date: String,
    /// Jobs that have completed, or failed with no retries left.
    jobs_executed: i32,
    /// How many percent of them have completed, with one decimal; 100 when there are none.
    success_rate: f64,
    /// How long an attempt has run on average.
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
        let PerformanceReport {
            period,
            at,
            sums,
            durations,
            busiest_hour,
            parts,
        } = report;
        let total_jobs = sums.jobs_ended();
        Self {
            period: (&period).into(),
            summary: PerformanceSummary {
                total_jobs: int(total_jobs),
                successful_jobs: int(sums.completed),
                failed_jobs: int(sums.jobs_failed),
                cancelled_jobs: int(sums.jobs_cancelled),
                failed_attempts: int(sums.attempts_failed),
                success_rate: one_decimal(sums.job_success_rate()),
                average_execution_time: sums.average_run().into(),
                execution_time: Percentiles::from(&durations.run),
                average_wait_time: sums.average_wait().into(),
                wait_time: Percentiles::from(&durations.wait),
                jobs_per_day: int((total_jobs as f64 / period.days_until(at)).floor() as u64),
                peak_jobs_per_hour: int(busiest_hour),
            },
            trends: parts
                .iter()
                .map(|(part, counts)| Trend::new(&period, *part, counts))
                .collect(),
        }
    }
}

/// What has become of jobs of each type in a period.
#[derive(Debug, SimpleObject)]
pub(in super::super) struct JobTypeAnalytics {
    /// Which period, of whole hours.
    period: Period,
    /// The types, those with the most executions first.
    job_types: Vec<JobTypeMetrics>,
}

/// What has become of jobs of one type.
#[derive(Debug, SimpleObject)]
pub(in super::super) struct JobTypeMetrics {
    /// The name of the type.
    #[graphql(name = "type")]
    job_type: String,
    /// Attempts that have completed or failed.
    total_executions: i32,
    /// How many percent of them have completed, with one decimal; 100 when there are none.
    success_rate: f64,
    /// How long an attempt has run on average.
    average_execution_time: TimeSpan,
    /// How long attempts have run.
    execution_time: Percentiles,
    /// How long a job has waited on average from its due time until a worker took it.
    average_wait_time: TimeSpan,
    /// How long jobs have waited.
    wait_time: Percentiles,
    /// Jobs that have failed with no retries left.
    failed_jobs: i32,
    /// Jobs that were cancelled.
    cancelled_jobs: i32,
    /// Why attempts have failed, the most frequent reasons first, ten at the most.
    failure_reasons: Vec<FailureReason>,
}

/// Why attempts have failed.
#[derive(Debug, SimpleObject)]
pub(in super::super) struct FailureReason {
    /// What their errors say, numbers, ids and quoted values folded.
    reason: String,
    /// How many attempts.
    count: i32,
    /// How many percent of `totalExecutions`, with one decimal.
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
