//! `/metrics/failures`: failures by fingerprint.

use std::rc::Rc;

use actix_web::http::{Method, StatusCode};
use actix_web::web::ServiceConfig;

use super::api::RestApi;
use super::metrics::{of_parameters, read_filter, read_period};
use super::request::context::{ApiResult, RequestContext, json, route_with_query};
use super::request::pagination::read_limit;
use super::request::parameters::Parameters;
use crate::api::contract::view::failure::{FailureDetailView, FailuresView};
use crate::api::routing::resource;
use crate::domain::metrics::fingerprint::Fingerprint;
use crate::views::words::GranularityWord;

const LIST_PARAMETERS: &[&str] = &["from", "to", "timeZone", "queue", "type", "limit"];
const DETAIL_PARAMETERS: &[&str] = &["from", "to", "timeZone", "granularity"];

/// Adds the routes.
pub(super) fn configure(config: &mut ServiceConfig, api: &Rc<RestApi>, prefix: &str) {
    config.service(resource(
        &format!("{prefix}/metrics/failures"),
        vec![(Method::GET, route_with_query(api, LIST_PARAMETERS, list_failures))],
    ));
    config.service(resource(
        &format!("{prefix}/metrics/failures/{{fingerprint}}"),
        vec![(Method::GET, route_with_query(api, DETAIL_PARAMETERS, get_failure))],
    ));
}

/// List kinds of failures
#[utoipa::path(
    get,
    path = "/metrics/failures",
    tag = "metrics",
    description = "Returns the kinds of failed attempts of a period: a job type and a reason, with a stable fingerprint and the times of the \
                   first and the last one. Counts have a resolution of one hour, to which the period is extended; those older than \
                   three days have a resolution of one day in UTC. A type has at most 100 reasons a day on a server; further ones are \
                   `other reasons`.",
    params(
        ("from" = Option<String>, Query, description = "The first day, or the start time (RFC 3339); six days before the last day by default", example = "2024-01-01"),
        ("to" = Option<String>, Query, description = "The last day, or the end time (RFC 3339); now by default. At most 400 days", example = "2024-01-15"),
        ("timeZone" = Option<String>, Query, description = "IANA time zone in which days begin; UTC by default", example = "Europe/Berlin"),
        ("queue" = Option<String>, Query, description = "Only jobs of this queue", example = "default"),
        ("type" = Option<String>, Query, description = "Only jobs of these types, separated by commas", example = "EmailNotificationJob"),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 1000, description = "Maximum number of kinds; 50 by default", example = 50),
    ),
    responses((status = 200, description = "The kinds of failures", body = FailuresView))
)]
pub(super) async fn list_failures(context: RequestContext) -> ApiResult {
    let mut parameters = Parameters::of(&context.request)?;
    let (period, filter) = (read_period(&mut parameters), read_filter(&mut parameters));
    let limit = read_limit(&mut parameters);
    parameters.finish()?;
    let metrics = &context.api.metrics;
    let report = metrics.failures(&context.caller, &period, &filter, limit).await;
    json(StatusCode::OK, &FailuresView::from(&report.map_err(of_parameters)?))
}

/// Get a kind of failures
#[utoipa::path(
    get,
    path = "/metrics/failures/{fingerprint}",
    tag = "metrics",
    description = "Returns a kind of failed attempts: its count over time in a period, the nodes and workers of its newest jobs, and \
                   these jobs. Counts have a resolution of one hour; those older than three days have a resolution of one day in UTC.",
    params(
        ("fingerprint" = String, Path, description = "The fingerprint", example = "8f14e45fceea167a"),
        ("from" = Option<String>, Query, description = "The first day, or the start time (RFC 3339); six days before the last day by default", example = "2024-01-01"),
        ("to" = Option<String>, Query, description = "The last day, or the end time (RFC 3339); now by default. At most 400 days", example = "2024-01-15"),
        ("timeZone" = Option<String>, Query, description = "IANA time zone in which days begin; UTC by default", example = "Europe/Berlin"),
        ("granularity" = Option<GranularityWord>, Query, description = "`day` (the default), or `hour` for up to 14 days"),
    ),
    responses(
        (status = 200, description = "The kind of failures", body = FailureDetailView),
        (status = 404, description = "No such failures"),
    )
)]
pub(super) async fn get_failure(context: RequestContext) -> ApiResult {
    let fingerprint = context.path_part("fingerprint", "fingerprint", Fingerprint::parse)?;
    let mut parameters = Parameters::of(&context.request)?;
    let period = read_period(&mut parameters);
    parameters.finish()?;
    let report = context.api.metrics.failure(&context.caller, fingerprint, &period).await;
    json(
        StatusCode::OK,
        &FailureDetailView::from(&report.map_err(of_parameters)?),
    )
}
