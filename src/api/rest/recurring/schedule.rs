//! `/jobs/recurring/preview` and `/jobs/recurring/upcoming`: future due times.

use actix_web::http::StatusCode;

use crate::api::contract::filters::TimeBounds;
use crate::api::contract::view::schedule::{SchedulePreviewView, UpcomingView};
use crate::api::rest::metrics::of_parameters;
use crate::api::rest::request::context::{ApiResult, RequestContext, json};
use crate::api::rest::request::parameters::Parameters;
use crate::domain::cron::CronExpression;
use crate::domain::values::time_zone::TimeZoneName;
use crate::service::recurring::preview::{PREVIEW_DEFAULT, PREVIEW_MAX};

/// Query parameters of a preview.
pub(super) const PREVIEW_PARAMETERS: &[&str] = &["cronExpression", "timeZone", "after", "count"];
/// Query parameters of future due times.
pub(super) const UPCOMING_PARAMETERS: &[&str] = &["from", "to", "timeZone"];

/// Preview a cron expression
#[utoipa::path(
    get,
    path = "/jobs/recurring/preview",
    tag = "recurring jobs",
    description = "Returns the next times of a cron expression in a time zone, its description in words, and what happens when the clocks change.",
    params(
        ("cronExpression" = String, Query, description = "The expression: five fields, six with seconds first, or a macro", example = "0 2 * * *"),
        ("timeZone" = Option<String>, Query, description = "IANA time zone; UTC by default", example = "Europe/Berlin"),
        ("after" = Option<String>, Query, description = "Only later times: a time (RFC 3339), or a date; now by default", example = "2024-03-30"),
        ("count" = Option<u32>, Query, minimum = 1, maximum = 100, description = "Number of times; 5 by default", example = 5),
    ),
    responses((status = 200, description = "The next times", body = SchedulePreviewView))
)]
pub(in super::super) async fn preview_schedule(context: RequestContext) -> ApiResult {
    let mut parameters = Parameters::of(&context.request)?;
    let expression = parameters.read("cronExpression", CronExpression::parse);
    let time_zone = parameters.read("timeZone", TimeZoneName::parse).unwrap_or_default();
    let after = parameters.read("after", TimeBounds::parse_from);
    let count = parameters.read("count", parse_count).unwrap_or(PREVIEW_DEFAULT);
    parameters.finish()?;
    let recurring = &context.api.recurring;
    let preview = recurring.preview(&context.caller, expression, time_zone, after, count);
    let preview = preview.map_err(of_parameters)?;
    json(StatusCode::OK, &SchedulePreviewView::from(&preview))
}

fn parse_count(text: &str) -> Result<u32, String> {
    let count = text.parse().ok().filter(|count| (1..=PREVIEW_MAX).contains(count));
    count.ok_or_else(|| format!("count is '{text}'; allowed are whole numbers from 1 to {PREVIEW_MAX}"))
}

/// List future due times
#[utoipa::path(
    get,
    path = "/jobs/recurring/upcoming",
    tag = "recurring jobs",
    description = "Returns the future due times of all enabled recurring jobs, by hour and queue.",
    params(
        ("from" = Option<String>, Query, description = "Start: a time (RFC 3339), or a date; now by default, and at the earliest", example = "2024-01-15"),
        ("timeZone" = Option<String>, Query, description = "IANA time zone of the hours; UTC by default", example = "Europe/Berlin"),
        ("to" = Option<String>, Query, description = "End, which is excluded; a day after the start by default. At most 31 days, with at most 100,000 due times", example = "2024-01-16"),
    ),
    responses((status = 200, description = "The due times", body = UpcomingView))
)]
pub(in super::super) async fn list_upcoming(context: RequestContext) -> ApiResult {
    let mut parameters = Parameters::of(&context.request)?;
    let from = parameters.read("from", TimeBounds::parse_from);
    let to = parameters.read("to", TimeBounds::parse_from);
    let time_zone = parameters.read("timeZone", TimeZoneName::parse).unwrap_or_default();
    parameters.finish()?;
    let upcoming = context
        .api
        .recurring
        .upcoming(&context.caller, from, to, time_zone)
        .await;
    let upcoming = upcoming.map_err(of_parameters)?;
    json(StatusCode::OK, &UpcomingView::from(&upcoming))
}
