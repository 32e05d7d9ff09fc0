//! `/metrics`: system metrics and job statistics.

use std::rc::Rc;

use actix_web::http::{Method, StatusCode};
use actix_web::web::ServiceConfig;

use super::api::RestApi;
use super::request::context::{ApiResult, RequestContext, json, route, route_with_query};
use super::request::parameters::Parameters;
use crate::api::contract::filters::{parse_period_bound, parse_types};
use crate::api::contract::view::metrics::SystemOverview;
use crate::api::contract::view::performance::{JobTypeAnalytics, PerformanceMetrics};
use crate::api::problem::{PartError, Problem};
use crate::api::routing::resource;
use crate::domain::metrics::time_range::{Granularity, PeriodRequest};
use crate::domain::values::name::QueueName;
use crate::domain::values::time_zone::TimeZoneName;
use crate::service::error::ServiceError;
use crate::storage::query::RollupFilter;
use crate::views::words::GranularityWord;

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
            route_with_query(api, PERFORMANCE_PARAMETERS, get_performance_metrics),
        )],
    ));
    config.service(resource(
        &format!("{prefix}/metrics/job-types"),
        vec![(
            Method::GET,
            route_with_query(api, JOB_TYPES_PARAMETERS, get_job_type_metrics),
        )],
    ));
}

/// Get system metrics
#[utoipa::path(
    get,
    path = "/metrics/system",
    tag = "metrics",
    description = "Returns the system metrics, at most one second old. The cost does not depend on the number of \
                   jobs.",
    responses((status = 200, description = "The system metrics", body = SystemOverview))
)]
pub(super) async fn get_system_metrics(context: RequestContext) -> ApiResult {
    let report = context.api.metrics.system(&context.caller).await?;
    json(StatusCode::OK, &SystemOverview::from(&report))
}

/// Get job statistics of a period
#[utoipa::path(
    get,
    path = "/metrics/performance",
    tag = "metrics",
    description = "Returns job statistics of a period: its total and its trend by days or hours. Statistics have a resolution of \
                   15 minutes, to which the period is extended; they are updated when jobs start and end, and kept \
                   for `retention.metrics` when jobs are deleted. The values `undefined` and `null` and empty values \
                   count as absent.",
    params(
        ("from" = Option<String>, Query, description = "The first day, or the start time (RFC 3339); six days before the last day by default", example = "2024-01-01"),
        ("to" = Option<String>, Query, description = "The last day, or the end time (RFC 3339); now by default. At most 400 days", example = "2024-01-15"),
        ("timeZone" = Option<String>, Query, description = "IANA time zone in which days begin; UTC by default", example = "Europe/Berlin"),
        ("granularity" = Option<GranularityWord>, Query, description = "`day` (the default), or `hour` for up to 14 days"),
        ("queue" = Option<String>, Query, description = "Only jobs of this queue", example = "default"),
        ("type" = Option<String>, Query, description = "Only jobs of these types, separated by commas", example = "EmailNotificationJob"),
    ),
    responses((status = 200, description = "The job statistics", body = PerformanceMetrics))
)]
pub(super) async fn get_performance_metrics(context: RequestContext) -> ApiResult {
    let mut parameters = Parameters::of(&context.request)?;
    let (period, filter) = (read_period(&mut parameters), read_filter(&mut parameters));
    parameters.finish()?;
    let report = context.api.metrics.performance(&context.caller, &period, &filter).await;
    json(
        StatusCode::OK,
        &PerformanceMetrics::from(&report.map_err(of_parameters)?),
    )
}

/// Get job statistics of a period by type
#[utoipa::path(
    get,
    path = "/metrics/job-types",
    tag = "metrics",
    description = "Returns job statistics of a period by type, with the reasons of failed attempts. Statistics have a resolution \
                   of one hour, to which the period is extended; those older than three days have a resolution of one day in UTC.",
    params(
        ("from" = Option<String>, Query, description = "The first day, or the start time (RFC 3339); six days before the last day by default", example = "2024-01-01"),
        ("to" = Option<String>, Query, description = "The last day, or the end time (RFC 3339); now by default. At most 400 days", example = "2024-01-15"),
        ("timeZone" = Option<String>, Query, description = "IANA time zone in which days begin; UTC by default", example = "Europe/Berlin"),
        ("queue" = Option<String>, Query, description = "Only jobs of this queue", example = "default"),
        ("type" = Option<String>, Query, description = "Only jobs of these types, separated by commas", example = "EmailNotificationJob"),
    ),
    responses((status = 200, description = "The job statistics", body = JobTypeAnalytics))
)]
pub(super) async fn get_job_type_metrics(context: RequestContext) -> ApiResult {
    let mut parameters = Parameters::of(&context.request)?;
    let (period, filter) = (read_period(&mut parameters), read_filter(&mut parameters));
    parameters.finish()?;
    let report = context.api.metrics.job_types(&context.caller, &period, &filter).await;
    json(StatusCode::OK, &JobTypeAnalytics::from(&report.map_err(of_parameters)?))
}

/// Reads the parameters of a period. Its granularity is absent where that is no parameter.
pub(super) fn read_period(parameters: &mut Parameters) -> PeriodRequest {
    PeriodRequest {
        from: parameters.read("from", parse_period_bound),
        to: parameters.read("to", parse_period_bound),
        time_zone: parameters.read("timeZone", TimeZoneName::parse).unwrap_or_default(),
        granularity: parameters.read("granularity", Granularity::parse),
    }
}

/// Reads the parameters of a filter of rollups.
pub(super) fn read_filter(parameters: &mut Parameters) -> RollupFilter {
    RollupFilter {
        queue: parameters.read("queue", QueueName::parse),
        job_types: parameters.read("type", parse_types).unwrap_or_default(),
    }
}

/// Maps errors of a period to the parameters of the same names.
pub(super) fn of_parameters(error: ServiceError) -> Problem {
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
