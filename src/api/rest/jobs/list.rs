//! `GET /jobs`: the list of jobs, with filters and pages.

use chrono::{DateTime, NaiveDate, NaiveTime, TimeDelta, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use super::view::JobItem;
use crate::api::rest::request::context::{Answer, Call};
use crate::api::rest::request::json_fields::parse_time;
use crate::api::rest::request::pagination;
use crate::api::rest::request::parameters::Parameters;
use crate::domain::job::priority::Priority;
use crate::domain::job::status::JobStatus;
use crate::domain::recurring::RecurringId;
use crate::domain::values::name::{JobType, QueueName};
use crate::service::jobs::JobPage;
use crate::storage::query::JobFilter;

/// Query parameters of the list.
pub(super) const PARAMETERS: &[&str] = &[
    "status",
    "type",
    "queue",
    "recurringJobId",
    "priority",
    "search",
    "from",
    "to",
    "limit",
    "offset",
    "after",
];
/// Maximum number of types in a filter.
const TYPES_MAX: usize = 1_000;
/// Maximum length of a search text, in characters.
const SEARCH_LENGTH_MAX: usize = 200;

/// A page of jobs, newest first.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in super::super) struct JobList<'a> {
    /// The jobs.
    jobs: Vec<JobItem<'a>>,
    /// Number of jobs that match the filters, on all pages.
    #[schema(example = 150)]
    total_count: u64,
    /// True if more jobs follow.
    #[schema(example = true)]
    has_more: bool,
}

/// List jobs
#[utoipa::path(
    get,
    path = "/jobs",
    tag = "jobs",
    description = "Returns jobs, newest first. The values `undefined` and `null` and empty values count as absent.",
    params(
        ("status" = Option<String>, Query, description = "Only jobs with these statuses, separated by commas: `pending`, `running`, `completed`, `failed`, `cancelled`", example = "pending,running"),
        ("type" = Option<String>, Query, description = "Only jobs of these types, separated by commas", example = "EmailNotificationJob"),
        ("queue" = Option<String>, Query, description = "Only jobs of this queue", example = "default"),
        ("recurringJobId" = Option<String>, Query, format = Uuid, description = "Only occurrences of this recurring job"),
        ("priority" = Option<String>, Query, description = "Only jobs of this priority: `low`, `normal`, `high` or `critical`", example = "high"),
        ("search" = Option<String>, Query, max_length = 200, description = "Only jobs with this text in their name or type, in any case"),
        ("from" = Option<String>, Query, description = "Only jobs created at this time or later: a date, or a time (RFC 3339)", example = "2024-01-01"),
        ("to" = Option<String>, Query, description = "Only jobs created at this time or earlier: a time (RFC 3339), or a date, which stands for its end", example = "2024-01-15"),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 1000, description = "Maximum number of jobs; 50 by default", example = 50),
        ("offset" = Option<u64>, Query, description = "Number of jobs to skip; for deep pages `after` is faster", example = 0),
        ("after" = Option<String>, Query, format = Uuid, description = "Id of the last job of the previous page: only older jobs are returned"),
    ),
    responses((status = 200, description = "A page of jobs", body = JobList))
)]
pub(in super::super) async fn list_jobs(call: Call) -> Answer {
    let mut parameters = Parameters::of(&call.request)?;
    let filter = read_filter(&mut parameters);
    let page = pagination::read(&mut parameters);
    parameters.finish()?;
    let JobPage {
        jobs,
        total_count,
        has_more,
    } = call.api.jobs.list(&call.caller, &filter, page).await?;
    let list = JobList {
        jobs: jobs.iter().map(JobItem::from).collect(),
        total_count,
        has_more,
    };
    call.list(&list)
}

fn read_filter(parameters: &mut Parameters) -> JobFilter {
    let filter = JobFilter {
        statuses: parameters.read("status", parse_statuses).unwrap_or_default(),
        job_types: parameters.read("type", parse_types).unwrap_or_default(),
        queue: parameters.read("queue", QueueName::parse),
        recurring_id: parameters.read("recurringJobId", RecurringId::parse),
        priority: parameters.read("priority", Priority::parse),
        search: parameters.read("search", parse_search),
        created_from: parameters.read("from", |text| parse_bound(text, NaiveTime::MIN)),
        created_to: parameters.read("to", parse_end),
    };
    if let Err(detail) = check_range(filter.created_from, filter.created_to) {
        parameters.refuse("from", detail);
    }
    filter
}

/// Rejects an empty range.
pub(crate) fn check_range(from: Option<DateTime<Utc>>, to: Option<DateTime<Utc>>) -> Result<(), String> {
    match (from, to) {
        (Some(from), Some(to)) if from > to => Err("from is later than to; expected from at or before to".to_owned()),
        (_, _) => Ok(()),
    }
}

fn parse_statuses(text: &str) -> Result<Vec<JobStatus>, String> {
    let statuses = text.split(',').map(|word| JobStatus::parse(word.trim()));
    statuses.collect::<Result<_, _>>().map_err(|error| error.to_string())
}

/// Parses types separated by commas. A comma in brackets belongs to a type's name: ``Pair`2[A,B]``.
pub(in super::super) fn parse_types(text: &str) -> Result<Vec<JobType>, String> {
    let mut open = 0_usize;
    let words = text.split(|character| {
        match character {
            '[' | '<' => open += 1,
            ']' | '>' => open = open.saturating_sub(1),
            _ => {}
        }
        character == ',' && open == 0
    });
    let types = words.map(|word| JobType::parse(word.trim()));
    let types: Vec<JobType> = types.collect::<Result<_, _>>().map_err(|error| error.to_string())?;
    check_types(types.len())?;
    Ok(types)
}

/// Rejects more types than a statement should have parameters.
pub(crate) fn check_types(count: usize) -> Result<(), String> {
    if count > TYPES_MAX {
        return Err(format!("{count} types exceed the limit; allowed are up to {TYPES_MAX}"));
    }
    Ok(())
}

/// Parses a search text.
pub(crate) fn parse_search(text: &str) -> Result<String, String> {
    let length = text.chars().count();
    if length > SEARCH_LENGTH_MAX {
        return Err(format!(
            "search has {length} characters; at most {SEARCH_LENGTH_MAX} are allowed"
        ));
    }
    if text.chars().any(char::is_control) {
        return Err("search has a control character; all other characters are allowed".to_owned());
    }
    Ok(text.to_owned())
}

/// The end of a day is its last microsecond, which is the resolution of the storage.
pub(crate) fn parse_end(text: &str) -> Result<DateTime<Utc>, String> {
    let last = NaiveTime::MIN.overflowing_sub_signed(TimeDelta::microseconds(1)).0;
    parse_bound(text, last)
}

/// Parses a time, or a date, which stands for `time_of_day` of it.
pub(crate) fn parse_bound(text: &str, time_of_day: NaiveTime) -> Result<DateTime<Utc>, String> {
    let is_date = text.len() == 10 && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
    if is_date && let Ok(date) = NaiveDate::parse_from_str(text, "%Y-%m-%d") {
        return Ok(date.and_time(time_of_day).and_utc());
    }
    // A plus sign that was not escaped has become a space: 10:30:00+02:00 arrives as 10:30:00 02:00.
    let restored = match text.rsplit_once(' ') {
        Some((time, offset)) if time.contains(':') && offset.len() == 5 => format!("{time}+{offset}"),
        _ => text.to_owned(),
    };
    parse_time(&restored).map_err(|_| {
        let given: String = text.chars().take(64).collect();
        format!("'{given}' is neither a date such as 2026-01-31 nor a time such as 2026-01-31T12:00:00Z (RFC 3339)")
    })
}
