//! `GET /jobs`: the list of jobs, with filters and pages.

use std::collections::HashMap;

use serde::Serialize;
use utoipa::ToSchema;

use crate::api::contract::filters::{COUNT_LIMIT_MAX, parse_flag, parse_search, parse_types};
use crate::api::contract::job_filter::{JobConditions, parse_filter};
use crate::api::contract::job_order::ListOrder;
use crate::api::problem::Problem;
use crate::api::rest::metrics::of_parameters;
use crate::api::rest::request::context::{ApiResult, RequestContext};
use crate::api::rest::request::pagination;
use crate::api::rest::request::parameters::Parameters;
use crate::domain::job::priority::Priority;
use crate::domain::job::status::JobStatus;
use crate::domain::recurring::RecurringId;
use crate::domain::values::id::JobId;
use crate::domain::values::name::QueueName;
use crate::service::jobs::{JobPage, SORTED_MAX};
use crate::storage::query::{JobFilter, Page, SortPlace, SortedPage};
use crate::views::explanation::ExplanationView;
use crate::views::job::JobItem;

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
    "filter",
    "countUpTo",
    "limit",
    "offset",
    "after",
    "order",
    "explain",
];
/// A page of jobs.
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
    /// Cursor of the last job, for `after` of the next page; null if there is none.
    #[schema(example = "01963b5e-7d3a-7c1e-9f43-0d2f6b1a9c55")]
    end_cursor: Option<String>,
}

/// List jobs
#[utoipa::path(
    get,
    path = "/jobs",
    tag = "jobs",
    description = "Returns jobs, newest first unless another order is requested. The values `undefined` and `null` and empty values count as absent.",
    params(
        ("status" = Option<String>, Query, description = "Only jobs with these statuses, separated by commas: `pending`, `running`, `completed`, `failed`, `cancelled`", example = "pending,running"),
        ("type" = Option<String>, Query, description = "Only jobs of these types, separated by commas", example = "EmailNotificationJob"),
        ("queue" = Option<String>, Query, description = "Only jobs of this queue", example = "default"),
        ("recurringJobId" = Option<String>, Query, format = Uuid, description = "Only occurrences of this recurring job"),
        ("priority" = Option<String>, Query, description = "Only jobs of this priority: `low`, `normal`, `high` or `critical`", example = "high"),
        ("search" = Option<String>, Query, max_length = 200, description = "Only jobs with this text in their name or type, in any case, or the job whose id it is. The first eight or more digits of an id are enough"),
        ("from" = Option<String>, Query, description = "Only jobs created at this time or later: a date, or a time (RFC 3339)", example = "2024-01-01"),
        ("to" = Option<String>, Query, description = "Only jobs created at this time or earlier: a time (RFC 3339), or a date, which stands for its end", example = "2024-01-15"),
        ("filter" = Option<String>, Query, max_length = 8192, description = "Only jobs that match this filter: terms such as `status:failed`, `type:Email*`, `-queue:bulk`, `error:timeout`, `attempts:>3`, `duration:>10s`, `finished:>=-1h`, all of which must hold beside the other parameters", example = "status:failed attempts:>3"),
        ("countUpTo" = Option<u64>, Query, minimum = 1, maximum = 1000000, description = "Counts the matching jobs up to this number: `totalCount` is at most it, and then there may be more", example = 10000),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 1000, description = "Maximum number of jobs; 50 by default", example = 50),
        ("offset" = Option<u64>, Query, description = "Number of jobs to skip, up to 1000000; for deep pages `after` is faster", example = 0),
        ("after" = Option<String>, Query, description = "`endCursor` of the previous page, or in the order of creation the id of its last job: only the jobs after it are returned"),
        ("order" = Option<String>, Query, description = "`-created` (the default: newest first), `created`, `due`, `finished`, `duration`, or these with `-` for the greatest first. `due`, `finished` and `duration` are allowed for filters that at most 10,000 jobs match, `due` also for the pending jobs of one queue; they exclude `offset`, and jobs without the value are left out", example = "-finished"),
        ("explain" = Option<bool>, Query, description = "`true` adds to each job the reasons why it does not run, as `/jobs/{id}/explain` returns them; the place in line is counted for the first ten jobs that wait in one"),
    ),
    responses((status = 200, description = "A page of jobs", body = JobList))
)]
pub(in super::super) async fn list_jobs(context: RequestContext) -> ApiResult {
    let mut parameters = Parameters::of(&context.request)?;
    let filter = read_filter(&mut parameters);
    let count_up_to = parameters.read("countUpTo", parse_count_limit);
    let order = parameters.read("order", ListOrder::parse).unwrap_or_default();
    let read = match order {
        ListOrder::Created(order) => Read::ByAge(Page {
            order,
            ..pagination::read(&mut parameters)
        }),
        ListOrder::Value(sort) => {
            let _: Option<()> = parameters.read("offset", |offset| match offset {
                "0" => Ok(()),
                _ => {
                    Err("offset is not allowed in this order; the next page is after the endCursor of the previous one")
                }
            });
            Read::ByValue(SortedPage {
                sort,
                after: parameters.read("after", SortPlace::parse),
                limit: pagination::read_limit(&mut parameters),
                sorted_max: SORTED_MAX,
            })
        }
    };
    let is_explained = parameters
        .read("explain", |text| parse_flag("explain", text))
        .unwrap_or_default();
    parameters.finish()?;
    let JobPage {
        jobs,
        total_count,
        has_more,
    } = read.page(&context, &filter, count_up_to).await?;
    let end_cursor = jobs.last().map(|last| order.cursor_of(last));
    let mut explanations = HashMap::new();
    if is_explained {
        let ids: Vec<JobId> = jobs.iter().map(|job| job.id).collect();
        explanations = context.api.explanations.jobs(&context.caller, &ids).await?;
    }
    let list = JobList {
        jobs: jobs
            .iter()
            .map(|job| JobItem {
                explanation: explanations.get(&job.id).map(ExplanationView::from),
                ..JobItem::from(job)
            })
            .collect(),
        total_count,
        has_more,
        end_cursor,
    };
    context.list(&list)
}

/// A page to read.
enum Read {
    ByAge(Page),
    ByValue(SortedPage),
}

impl Read {
    async fn page(
        self,
        context: &RequestContext,
        filter: &JobFilter,
        count_up_to: Option<u64>,
    ) -> Result<JobPage, Problem> {
        let (jobs, caller) = (&context.api.jobs, &context.caller);
        match self {
            Self::ByAge(page) => Ok(jobs.list_up_to(caller, filter, page, count_up_to).await?),
            Self::ByValue(page) => {
                let (found, has_more) = jobs
                    .sorted_page(caller, filter, page, "order")
                    .await
                    .map_err(of_parameters)?;
                let total_count = match count_up_to {
                    Some(limit) => jobs.count_up_to(caller, filter, limit).await?,
                    None => jobs.count(caller, filter).await?,
                };
                Ok(JobPage {
                    jobs: found,
                    total_count,
                    has_more,
                })
            }
        }
    }
}

pub(super) fn read_filter(parameters: &mut Parameters) -> JobFilter {
    let conditions = JobConditions {
        statuses: parameters.read("status", parse_statuses).unwrap_or_default(),
        job_types: parameters.read("type", parse_types).unwrap_or_default(),
        queue: parameters.read("queue", QueueName::parse),
        recurring_id: parameters.read("recurringJobId", RecurringId::parse),
        priority: parameters.read("priority", Priority::parse),
        search: parameters.read("search", parse_search),
        created: parameters.time_bounds(),
        filter: parameters.read("filter", parse_filter),
    };
    conditions.into()
}

fn parse_count_limit(text: &str) -> Result<u64, String> {
    let limit = text.parse().ok().filter(|limit| (1..=COUNT_LIMIT_MAX).contains(limit));
    limit.ok_or_else(|| format!("countUpTo is '{text}'; allowed are whole numbers from 1 to {COUNT_LIMIT_MAX}"))
}

fn parse_statuses(text: &str) -> Result<Vec<JobStatus>, String> {
    let statuses = text.split(',').map(|word| JobStatus::parse(word.trim()));
    statuses.collect::<Result<_, _>>().map_err(|error| error.to_string())
}
