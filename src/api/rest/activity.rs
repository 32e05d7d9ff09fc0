//! `/metrics/activity` and `/metrics/durations`: time series, and distributions of durations.

use std::rc::Rc;

use actix_web::http::{Method, StatusCode};
use actix_web::web::ServiceConfig;

use super::api::RestApi;
use super::metrics::{of_parameters, read_filter, read_period};
use super::request::context::{ApiResult, RequestContext, json, route_with_query};
use super::request::parameters::Parameters;
use crate::api::contract::filters::parse_period_bound;
use crate::api::contract::view::activity::{ActivityView, DurationsView};
use crate::api::routing::resource;
use crate::domain::metrics::activity_series::{SeriesRequest, Step};
use crate::domain::values::time_zone::TimeZoneName;
use crate::views::words::StepWord;

const ACTIVITY_PARAMETERS: &[&str] = &["from", "to", "step", "timeZone", "queue", "type"];
const DURATIONS_PARAMETERS: &[&str] = &["from", "to", "timeZone", "queue", "type"];

/// Adds the routes.
pub(super) fn configure(config: &mut ServiceConfig, api: &Rc<RestApi>, prefix: &str) {
    config.service(resource(
        &format!("{prefix}/metrics/activity"),
        vec![(Method::GET, route_with_query(api, ACTIVITY_PARAMETERS, get_activity))],
    ));
    config.service(resource(
        &format!("{prefix}/metrics/durations"),
        vec![(Method::GET, route_with_query(api, DURATIONS_PARAMETERS, get_durations))],
    ));
}

/// Get activity over time
#[utoipa::path(
    get,
    path = "/metrics/activity",
    tag = "metrics",
    description = "Returns the activity of jobs as a time series: a point for each step of the period, which is extended to \
                   whole steps and ends now at the latest. Steps of 5 seconds are kept for an hour, of a minute for a day, \
                   and counted by queue alone; longer steps have the resolution and the retention of the job statistics. \
                   Percentiles of 15 minutes are available for the last day, if `type` is absent; of hours for three days; \
                   of days they are those of the day in UTC that begins in them when they are older than three days.",
    params(
        ("from" = Option<String>, Query, description = "The first day, or the start time (RFC 3339); an hour before the end by default, with a longer step a day (`1m`, `15m`), 7 days (`1h`) or 30 days (`1d`)", example = "2024-01-15T10:00:00Z"),
        ("to" = Option<String>, Query, description = "The last day, or the end time (RFC 3339), which is excluded; now by default", example = "2024-01-15T11:00:00Z"),
        ("step" = Option<StepWord>, Query, description = "`5s` (up to an hour), `1m` (up to a day), `15m` (up to 90 days), `1h` or `1d` (up to 400 days); by default the shortest one that suits the period"),
        ("timeZone" = Option<String>, Query, description = "IANA time zone in which days and hours begin; UTC by default", example = "Europe/Berlin"),
        ("queue" = Option<String>, Query, description = "Only jobs of this queue", example = "default"),
        ("type" = Option<String>, Query, description = "Only jobs of these types, separated by commas; requires steps of 15 minutes or longer", example = "EmailNotificationJob"),
    ),
    responses((status = 200, description = "The time series", body = ActivityView))
)]
pub(super) async fn get_activity(context: RequestContext) -> ApiResult {
    let mut parameters = Parameters::of(&context.request)?;
    let request = SeriesRequest {
        from: parameters.read("from", parse_period_bound),
        to: parameters.read("to", parse_period_bound),
        time_zone: parameters.read("timeZone", TimeZoneName::parse).unwrap_or_default(),
        step: parameters.read("step", Step::parse),
        is_by_type: false,
    };
    let filter = read_filter(&mut parameters);
    parameters.finish()?;
    let report = context.api.metrics.activity(&context.caller, &request, &filter).await;
    json(StatusCode::OK, &ActivityView::from(&report.map_err(of_parameters)?))
}

/// Get the distribution of durations
#[utoipa::path(
    get,
    path = "/metrics/durations",
    tag = "metrics",
    description = "Returns histograms of the durations of attempts and of the times from a job's due time to its start. They have a \
                   resolution of one hour, to which the period is extended; those older than three days have a resolution of one \
                   day in UTC.",
    params(
        ("from" = Option<String>, Query, description = "The first day, or the start time (RFC 3339); six days before the last day by default", example = "2024-01-01"),
        ("to" = Option<String>, Query, description = "The last day, or the end time (RFC 3339); now by default. At most 400 days", example = "2024-01-15"),
        ("timeZone" = Option<String>, Query, description = "IANA time zone in which days begin; UTC by default", example = "Europe/Berlin"),
        ("queue" = Option<String>, Query, description = "Only jobs of this queue", example = "default"),
        ("type" = Option<String>, Query, description = "Only jobs of these types, separated by commas", example = "EmailNotificationJob"),
    ),
    responses((status = 200, description = "The histograms", body = DurationsView))
)]
pub(super) async fn get_durations(context: RequestContext) -> ApiResult {
    let mut parameters = Parameters::of(&context.request)?;
    let (period, filter) = (read_period(&mut parameters), read_filter(&mut parameters));
    parameters.finish()?;
    let report = context.api.metrics.durations(&context.caller, &period, &filter).await;
    json(StatusCode::OK, &DurationsView::from(&report.map_err(of_parameters)?))
}
