//! Lists of recurring jobs.

use std::collections::HashMap;

use crate::api::contract::filters::{parse_flag, parse_recurring_order, parse_search};
use crate::api::contract::view::recurring::{OutcomeView, RecurringListView, RecurringView};
use crate::api::rest::request::context::{ApiResult, RequestContext};
use crate::api::rest::request::pagination;
use crate::api::rest::request::parameters::Parameters;
use crate::domain::values::name::{JobType, QueueName};
use crate::service::recurring::OCCURRENCES_MAX;
use crate::storage::query::{RecurringCursor, RecurringFilter, RecurringSelection};

/// Query parameters of the list.
pub(super) const PARAMETERS: &[&str] = &[
    "search", "enabled", "type", "queue", "order", "after", "limit", "offset", "outcomes",
];

/// List recurring jobs
#[utoipa::path(
    get,
    path = "/jobs/recurring",
    tag = "recurring jobs",
    description = "Returns recurring jobs, newest first unless another order is requested.",
    params(
        ("search" = Option<String>, Query, max_length = 200, description = "Only recurring jobs with this text in their name, type or key, in any case", example = "backup"),
        ("enabled" = Option<bool>, Query, description = "Only enabled, or only disabled recurring jobs", example = true),
        ("type" = Option<String>, Query, description = "Only recurring jobs of this type", example = "DataBackupJob"),
        ("queue" = Option<String>, Query, description = "Only recurring jobs whose occurrences are put into this queue", example = "default"),
        ("order" = Option<String>, Query, description = "`newest`, the default; `nextRun`: the next due time first, and those without one last; `name`", example = "nextRun"),
        ("after" = Option<String>, Query, description = "`endCursor` of the previous page in the same order", example = "01963b5e-7d3a-7c1e-9f43-0d2f6b1a9c55"),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 1000, description = "Maximum number of recurring jobs; 50 by default", example = 50),
        ("offset" = Option<u64>, Query, description = "Number of recurring jobs to skip", example = 0),
        ("outcomes" = Option<u32>, Query, minimum = 1, maximum = 20, description = "Adds so many last occurrences to each recurring job", example = 20),
    ),
    responses(
        (status = 200, description = "A page of recurring jobs", body = RecurringListView),
        (status = 413, description = "The response exceeds `server.max_response`: use a smaller `limit`"),
    )
)]
pub(in super::super) async fn list_recurring_jobs(context: RequestContext) -> ApiResult {
    let mut parameters = Parameters::of(&context.request)?;
    let order = parameters.read("order", parse_recurring_order).unwrap_or_default();
    let selection = RecurringSelection {
        filter: RecurringFilter {
            text: parameters.read("search", parse_search).map(Into::into),
            is_enabled: parameters.read("enabled", |text| parse_flag("enabled", text)),
            job_type: parameters.read("type", JobType::parse),
            queue: parameters.read("queue", QueueName::parse),
        },
        order,
        after: parameters.read("after", |text| RecurringCursor::parse(order, text)),
        limit: pagination::read_limit(&mut parameters),
        offset: pagination::read_offset(&mut parameters),
    };
    let outcomes = parameters.read("outcomes", parse_outcomes);
    parameters.finish()?;
    let (recurring, caller) = (&context.api.recurring, &context.caller);
    let selected = recurring.select(caller, &selection).await?;
    let _room = context.room_for(recurring.size_of(caller, &selected.ids).await?)?;
    let list = recurring.selected(caller, selected).await?;
    let mut found = HashMap::new();
    if let Some(outcomes) = outcomes {
        let ids: Vec<_> = list.recurring_jobs.iter().map(|job| job.id).collect();
        found = recurring.last_occurrences(caller, &ids, outcomes).await?;
    }
    let end_cursor = list
        .recurring_jobs
        .last()
        .map(|last| RecurringCursor::of(order, last).to_string());
    let view = RecurringListView {
        recurring_jobs: list
            .recurring_jobs
            .iter()
            .map(|job| RecurringView {
                last_outcomes: found
                    .get(&job.id)
                    .map(|outcomes| outcomes.iter().map(OutcomeView::from).collect()),
                ..RecurringView::from(&**job)
            })
            .collect(),
        total_count: list.total_count,
        has_more: list.has_more,
        end_cursor,
    };
    context.list(&view)
}

fn parse_outcomes(text: &str) -> Result<u32, String> {
    let outcomes = text
        .parse()
        .ok()
        .filter(|outcomes| (1..=OCCURRENCES_MAX).contains(outcomes));
    outcomes.ok_or_else(|| format!("outcomes is '{text}'; allowed are whole numbers from 1 to {OCCURRENCES_MAX}"))
}
