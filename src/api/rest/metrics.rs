//! `/metrics`: the server in numbers, and what has become of jobs.

use std::rc::Rc;

use actix_web::http::{Method, StatusCode};
use actix_web::web::ServiceConfig;
use chrono::NaiveDate;
use serde::Serialize;
use utoipa::ToSchema;

use super::api::RestApi;
use super::jobs::list::{parse_bound, parse_types};
use super::problem::{PartError, Problem};
use super::request::context::{Answer, Call, json, resource, route, route_with_query};
use super::request::enumerations::GranularityWord;
use super::request::json_fields::Span;
use super::request::parameters::Parameters;
use crate::api::contract::metrics_view::{ReasonView, SystemMetricsView, one_decimal};
use crate::domain::metrics::histogram::Histogram;
use crate::domain::metrics::rollup::{RollupCounts, percentage};
use crate::domain::metrics::time_range::{Bound, Granularity, Part, Period, PeriodRequest};
use crate::domain::values::name::{JobType, QueueName};
use crate::domain::values::time_span::TimeSpan;
use crate::domain::values::time_zone::TimeZoneName;
use crate::domain::values::timestamp;
use crate::service::error::ServiceError;
use crate::service::metrics::{JobTypesReport, PerformanceReport, SystemReport};
use crate::storage::query::{RollupFilter, TypeRollup};

const PERFORMANCE_PARAMETERS: &[&str] = &["from", "to", "timeZone", "granularity", "queue", "type"];
const JOB_TYPES_PARAMETERS: &[&str] = &["from", "to", "timeZone", "queue", "type"];

/// Adds the routes.
pub(super) fn configure(config: &mut ServiceConfig, api: &Rc<RestApi>, prefix: &str) {
    config.service(resource(
        &format!("{prefix}/metrics/system"),
        vec![(Method::GET, route(api, get_system_metrics))],
    ));
    config.service(resource(
        &format!("{prefix}/metrics/performance"),
        vec![(
            Method::GET,
            route_with_query(api, PERFORMANCE_PARAMETERS, get_performance),
        )],
    ));
    config.service(resource(
        &format!("{prefix}/metrics/job-types"),
        vec![(Method::GET, route_with_query(api, JOB_TYPES_PARAMETERS, get_job_types))],
    ));
}

/// The server in numbers, and what is wrong with it.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct SystemOverview {
    #[serde(flatten)]
    metrics: SystemMetricsView,
    /// What is wrong; empty when it is healthy.
    health_reasons: Vec<ReasonView>,
}

/// The period that numbers are of.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Period)]
pub(super) struct PeriodView {
    /// Its first second.
    #[schema(format = DateTime, example = "2024-01-01T00:00:00Z")]
    from: String,
    /// Its last second.
    #[schema(format = DateTime, example = "2024-01-15T23:59:59Z")]
    to: String,
    /// By whose clocks days begin.
    #[schema(example = "UTC")]
    time_zone: &'static str,
}

impl From<&Period> for PeriodView {
    fn from(period: &Period) -> Self {
        Self {
            from: timestamp::to_text(period.start()),
            to: timestamp::to_text(period.last_second()),
            time_zone: period.time_zone.as_str(),
        }
    }
}

/// What has become of jobs in a period.
#[derive(Serialize, ToSchema)]
pub(super) struct PerformanceMetrics {
    /// Which period.
    period: PeriodView,
    /// All of it together.
    summary: SummaryView,
    /// Its days, or its hours, up to now.
    trends: Vec<TrendView>,
}

/// What has become of jobs.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = PerformanceSummary)]
pub(super) struct SummaryView {
    /// Jobs that have completed, or failed with no retries left.
    #[schema(example = 50000)]
    total_jobs: u64,
    /// Jobs that have completed.
    #[schema(example = 48500)]
    successful_jobs: u64,
    /// Jobs that have failed with no retries left.
    #[schema(example = 1500)]
    failed_jobs: u64,
    /// Jobs that were cancelled; they are no part of `totalJobs`.
    #[schema(example = 12)]
    cancelled_jobs: u64,
    /// Attempts that have failed, whether they were the last one of their job or not.
    #[schema(example = 1730)]
    failed_attempts: u64,
    /// How many percent of `totalJobs` have completed; 100 when there are none.
    #[schema(example = 97.0)]
    success_rate: f64,
    /// How long an attempt has run on average.
    #[schema(value_type = String, example = "00:00:45")]
    average_execution_time: Span,
    /// How long attempts have run.
    execution_time: PercentilesView,
    /// How long a job has waited on average from its due time until a worker took it.
    #[schema(value_type = String, example = "00:00:00.0420000")]
    average_wait_time: Span,
    /// How long jobs have waited.
    wait_time: PercentilesView,
    /// How many a day or an hour.
    throughput: PeriodThroughput,
}

/// Times that half, 95 % and 99 % of all do not exceed; at the most 41 % off. `00:00:00` when nothing was measured. What
/// is older than three days counts by whole days of UTC.
#[derive(Serialize, ToSchema)]
#[schema(as = Percentiles)]
pub(super) struct PercentilesView {
    #[schema(value_type = String, example = "00:00:31")]
    p50: Span,
    #[schema(value_type = String, example = "00:01:52")]
    p95: Span,
    #[schema(value_type = String, example = "00:03:10")]
    p99: Span,
}

impl From<&Histogram> for PercentilesView {
    fn from(histogram: &Histogram) -> Self {
        let percentile = |share| Span(histogram.percentile(share).unwrap_or(TimeSpan::ZERO));
        Self {
            p50: percentile(0.5),
            p95: percentile(0.95),
            p99: percentile(0.99),
        }
    }
}

/// How many jobs in how much time.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct PeriodThroughput {
    /// `totalJobs` by the days of the period up to now, as a whole number; a period that is shorter than a day counts as one.
    #[schema(example = 3333)]
    jobs_per_day: u64,
    /// How many there were in the busiest hour.
    #[schema(example = 250)]
    peak_jobs_per_hour: u64,
}

/// What has become of jobs in a day or an hour.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Trend)]
pub(super) struct TrendView {
    /// Which day, or when the hour begins.
    #[schema(example = "2024-01-01")]
    date: String,
    /// Jobs that have completed, or failed with no retries left.
    #[schema(example = 3200)]
    jobs_executed: u64,
    /// How many percent of them have completed; 100 when there are none.
    #[schema(example = 96.5)]
    success_rate: f64,
    /// How long an attempt has run on average.
    #[schema(value_type = String, example = "00:00:42")]
    average_execution_time: Span,
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
            period: PeriodView::from(period),
            summary: SummaryView {
                total_jobs,
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
                    jobs_per_day: (total_jobs as f64 / period.days_until(*at)).floor() as u64,
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

/// What has become of jobs of each type in a period.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct JobTypeAnalytics {
    /// Which period, of whole hours.
    period: PeriodView,
    /// The types, those with the most executions first.
    job_types: Vec<JobTypeView>,
}

/// What has become of jobs of one type.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = JobTypeMetrics)]
pub(super) struct JobTypeView {
    #[serde(rename = "type")]
    #[schema(example = "EmailNotificationJob")]
    job_type: String,
    /// Attempts that have completed or failed.
    #[schema(example = 15000)]
    total_executions: u64,
    /// How many percent of them have completed; 100 when there are none.
    #[schema(example = 98.5)]
    success_rate: f64,
    /// How long an attempt has run on average.
    #[schema(value_type = String, example = "00:00:15")]
    average_execution_time: Span,
    /// How long attempts have run.
    execution_time: PercentilesView,
    /// How long a job has waited on average from its due time until a worker took it.
    #[schema(value_type = String, example = "00:00:00.0420000")]
    average_wait_time: Span,
    /// How long jobs have waited.
    wait_time: PercentilesView,
    /// Jobs that have failed with no retries left.
    #[schema(example = 40)]
    failed_jobs: u64,
    /// Jobs that were cancelled.
    #[schema(example = 2)]
    cancelled_jobs: u64,
    /// Why attempts have failed, the most frequent reasons first, ten at the most.
    failure_reasons: Vec<FailureReasonView>,
}

/// Why attempts have failed.
#[derive(Serialize, ToSchema)]
#[schema(as = FailureReason)]
pub(super) struct FailureReasonView {
    /// What their errors say, numbers, ids and quoted values folded.
    #[schema(example = "SMTP timeout")]
    reason: String,
    /// How many attempts.
    #[schema(example = 150)]
    count: u64,
    /// How many percent of `totalExecutions`.
    #[schema(example = 1.0)]
    percentage: f64,
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

/// Shows the server in numbers.
#[utoipa::path(
    get,
    path = "/metrics/system",
    tag = "metrics",
    description = "Shows the server in numbers that are no older than a second. They cost the same however many jobs there \
                   are.",
    responses((status = 200, description = "The numbers", body = SystemOverview))
)]
pub(super) async fn get_system_metrics(call: Call) -> Answer {
    let SystemReport { metrics, health } = call.api.metrics.system(&call.caller).await?;
    let overview = SystemOverview {
        metrics: SystemMetricsView::from(&*metrics),
        health_reasons: health.reasons.iter().map(ReasonView::from).collect(),
    };
    json(StatusCode::OK, &overview)
}

/// Shows what has become of jobs in a period.
#[utoipa::path(
    get,
    path = "/metrics/performance",
    tag = "metrics",
    description = "Shows what has become of jobs in a period, all together and by days or hours. Numbers are kept by \
                   quarters of an hour, to which the period is extended; they are counted when jobs start and end, and stay \
                   when jobs are removed, as long as `retention.metrics` says. The values `undefined`, `null` and nothing \
                   count as absent.",
    params(
        ("from" = Option<String>, Query, description = "The first day, or the time from which on (RFC 3339); the six days before `to`'s day by default", example = "2024-01-01"),
        ("to" = Option<String>, Query, description = "The last day, or the time until which (RFC 3339); now by default. From the first to the last day there may be 400", example = "2024-01-15"),
        ("timeZone" = Option<String>, Query, description = "By whose clocks days begin: an IANA time zone; UTC by default", example = "Europe/Berlin"),
        ("granularity" = Option<GranularityWord>, Query, description = "`day` (the default), or `hour` for up to 14 days"),
        ("queue" = Option<String>, Query, description = "Jobs of this queue", example = "default"),
        ("type" = Option<String>, Query, description = "Jobs of this type; several with commas between them", example = "EmailNotificationJob"),
    ),
    responses((status = 200, description = "What has become of jobs", body = PerformanceMetrics))
)]
pub(super) async fn get_performance(call: Call) -> Answer {
    let mut parameters = Parameters::of(&call.request)?;
    let (period, filter) = read(&mut parameters);
    parameters.finish()?;
    let report = call.api.metrics.performance(&call.caller, &period, &filter).await;
    json(
        StatusCode::OK,
        &PerformanceMetrics::from(&report.map_err(of_parameters)?),
    )
}

/// Shows what has become of jobs of each type.
#[utoipa::path(
    get,
    path = "/metrics/job-types",
    tag = "metrics",
    description = "Shows what has become of jobs of each type in a period, and why attempts have failed. Numbers are kept \
                   by hours, to which the period is extended; where it is older than three days, by days of UTC.",
    params(
        ("from" = Option<String>, Query, description = "The first day, or the time from which on (RFC 3339); the six days before `to`'s day by default", example = "2024-01-01"),
        ("to" = Option<String>, Query, description = "The last day, or the time until which (RFC 3339); now by default. From the first to the last day there may be 400", example = "2024-01-15"),
        ("timeZone" = Option<String>, Query, description = "By whose clocks days begin: an IANA time zone; UTC by default", example = "Europe/Berlin"),
        ("queue" = Option<String>, Query, description = "Jobs of this queue", example = "default"),
        ("type" = Option<String>, Query, description = "Jobs of this type; several with commas between them", example = "EmailNotificationJob"),
    ),
    responses((status = 200, description = "What has become of jobs of each type", body = JobTypeAnalytics))
)]
pub(super) async fn get_job_types(call: Call) -> Answer {
    let mut parameters = Parameters::of(&call.request)?;
    let (period, filter) = read(&mut parameters);
    parameters.finish()?;
    let report = call.api.metrics.job_types(&call.caller, &period, &filter).await;
    let JobTypesReport { period, types } = report.map_err(of_parameters)?;
    let analytics = JobTypeAnalytics {
        period: PeriodView::from(&period),
        job_types: types
            .iter()
            .map(|(job_type, rollup)| JobTypeView::new(job_type, rollup))
            .collect(),
    };
    json(StatusCode::OK, &analytics)
}

fn read(parameters: &mut Parameters) -> (PeriodRequest, RollupFilter) {
    let period = PeriodRequest {
        from: parameters.read("from", parse_period_bound),
        to: parameters.read("to", parse_period_bound),
        time_zone: parameters.read("timeZone", TimeZoneName::parse).unwrap_or_default(),
        granularity: parameters.read("granularity", Granularity::parse),
    };
    let filter = RollupFilter {
        queue: parameters.read("queue", QueueName::parse),
        job_types: parameters.read("type", parse_types).unwrap_or_default(),
    };
    (period, filter)
}

/// Reads a bound of a period.
pub(crate) fn parse_period_bound(text: &str) -> Result<Bound, String> {
    let is_date = text.len() == 10;
    if is_date && let Ok(date) = NaiveDate::parse_from_str(text, "%Y-%m-%d") {
        return Ok(Bound::Date(date));
    }
    parse_bound(text, chrono::NaiveTime::MIN).map(Bound::Time)
}

/// What is wrong with a period is wrong with the parameter of that name.
fn of_parameters(error: ServiceError) -> Problem {
    if let ServiceError::Invalid {
        field,
        index: _,
        detail,
    } = error
    {
        return PartError::parameter(field, detail).into();
    }
    Problem::from(error)
}
