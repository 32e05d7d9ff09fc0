//! `GET /jobs/changes`: the change feed.

use serde::Serialize;
use utoipa::ToSchema;

use crate::api::rest::request::context::{ApiResult, RequestContext};
use crate::api::rest::request::pagination;
use crate::api::rest::request::parameters::Parameters;
use crate::domain::webhooks::change_feed::{FeedCursor, InvalidFeedCursor};
use crate::service::change_feed::ReadFrom;
use crate::storage::query::FeedPage;
use crate::views::job::JobItem;
use crate::views::values::Id;

/// The query parameters.
pub(super) const PARAMETERS: &[&str] = &["after", "limit"];

/// A page of the change feed.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in super::super) struct JobChanges<'a> {
    /// Jobs that have changed, in their current state: each once, in the order of its last change in this page.
    changes: Vec<JobChange<'a>>,
    /// Cursor of the end of this page: pass it as `after` to continue.
    #[schema(example = "0-4711")]
    cursor: String,
    /// True if more changes follow.
    #[schema(example = false)]
    has_more: bool,
}

/// A changed job.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in super::super) struct JobChange<'a> {
    /// Id of the job.
    #[schema(value_type = String, format = Uuid)]
    id: Id,
    /// True if the job was deleted.
    deleted: bool,
    /// The job in its current state; `null` if it was deleted.
    job: Option<JobItem<'a>>,
}

/// List changes of jobs
#[utoipa::path(
    get,
    path = "/jobs/changes",
    tag = "jobs",
    description = "Returns the jobs that have changed since a cursor, in the order of the changes, without gaps. Start with \
                   `after=latest` and a list of the jobs, or without `after` at the oldest stored change. Jobs that \
                   were deleted with a queue or by retention are not reported. Requires `[change_feed] enable = true`, or a target \
                   of data sync.",
    params(
        ("after" = Option<String>, Query, description = "Cursor of the previous page, or `latest`", example = "0-4711"),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 1000, description = "Maximum number of changes; 50 by default", example = 50),
    ),
    responses(
        (status = 200, description = "A page of the change feed", body = JobChanges),
        (status = 409, description = "The change feed is disabled"),
        (status = 410, description = "The cursor has expired: list the jobs again"),
    )
)]
pub(in super::super) async fn list_job_changes(context: RequestContext) -> ApiResult {
    let mut parameters = Parameters::of(&context.request)?;
    let from = parameters.read("after", parse_from);
    let limit = pagination::read_limit(&mut parameters);
    parameters.finish()?;
    let from = from.unwrap_or(ReadFrom::After(FeedCursor::START));
    let FeedPage {
        jobs,
        cursor,
        has_more,
        has_gap: _,
    } = context.api.changes.read(&context.caller, from, limit).await?;
    let view = JobChanges {
        changes: jobs
            .iter()
            .map(|(id, job)| JobChange {
                id: Id::from(*id),
                deleted: job.is_none(),
                job: job.as_deref().map(JobItem::from),
            })
            .collect(),
        cursor: cursor.to_string(),
        has_more,
    };
    context.list(&view)
}

fn parse_from(text: &str) -> Result<ReadFrom, InvalidFeedCursor> {
    if text == "latest" {
        return Ok(ReadFrom::Latest);
    }
    FeedCursor::parse(text).map(ReadFrom::After)
}
