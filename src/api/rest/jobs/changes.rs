//! `GET /jobs/changes`: the feed of changed jobs.

use serde::Serialize;
use utoipa::ToSchema;

use super::view::JobItem;
use crate::api::rest::request::context::{Answer, Call};
use crate::api::rest::request::json_fields::Id;
use crate::api::rest::request::pagination;
use crate::api::rest::request::parameters::Parameters;
use crate::domain::webhooks::change_feed::{FeedCursor, InvalidFeedCursor};
use crate::service::change_feed::ReadFrom;
use crate::storage::query::{FeedPage, JobSummary};

/// The query parameters.
pub(super) const PARAMETERS: &[&str] = &["after", "limit"];

/// A part of the feed of changed jobs.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in super::super) struct JobChanges<'a> {
    /// The jobs that have changed, as they are now: each once, in the order of their last change in this part.
    changes: Vec<JobChange<'a>>,
    /// Where this part ends: give it as `after` to go on from there.
    #[schema(example = "0-4711")]
    cursor: String,
    /// Whether more follows at once.
    #[schema(example = false)]
    has_more: bool,
}

/// A job that has changed.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in super::super) struct JobChange<'a> {
    /// The job's id.
    #[schema(value_type = String, format = Uuid)]
    id: Id,
    /// Whether the job is gone.
    deleted: bool,
    /// The job as it is now; `null` when it is gone.
    job: Option<JobItem<'a>>,
}

/// Reads which jobs have changed.
#[utoipa::path(
    get,
    path = "/jobs/changes",
    tag = "jobs",
    description = "Reads which jobs have changed since a cursor, in the order of the changes; none is left out. Begin with \
                   `after=latest` and a list of the jobs, or without `after` at the oldest change that is kept. Jobs that \
                   were removed with a queue, or whose time was over, are not told. Needs `[sync] feed = true`, or a target \
                   of data sync.",
    params(
        ("after" = Option<String>, Query, description = "The cursor of the part before, or `latest`", example = "0-4711"),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 1000, description = "How many changes; 50 by default", example = 50),
    ),
    responses(
        (status = 200, description = "A part of the feed", body = JobChanges),
        (status = 409, description = "The server keeps no feed"),
        (status = 410, description = "Changes after the cursor are kept no more: read the jobs anew"),
    )
)]
pub(in super::super) async fn list_changes(call: Call) -> Answer {
    let mut parameters = Parameters::of(&call.request)?;
    let from = parameters.read("after", parse_from);
    let limit = pagination::read_limit(&mut parameters);
    parameters.finish()?;
    let from = from.unwrap_or(ReadFrom::After(FeedCursor::START));
    let FeedPage {
        jobs,
        cursor,
        has_more,
        has_gap: _,
    } = call.api.changes.read(&call.caller, from, limit).await?;
    let summaries: Vec<(Id, Option<JobSummary>)> = jobs
        .iter()
        .map(|(id, job)| (Id(*id), job.as_ref().map(|job| JobSummary::from(&**job))))
        .collect();
    let view = JobChanges {
        changes: summaries
            .iter()
            .map(|(Id(id), job)| JobChange {
                id: Id(*id),
                deleted: job.is_none(),
                job: job.as_ref().map(JobItem::from),
            })
            .collect(),
        cursor: cursor.to_string(),
        has_more,
    };
    call.list(&view)
}

fn parse_from(text: &str) -> Result<ReadFrom, InvalidFeedCursor> {
    if text == "latest" {
        return Ok(ReadFrom::Latest);
    }
    FeedCursor::parse(text).map(ReadFrom::After)
}
