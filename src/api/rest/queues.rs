//! `/queues`: lists, pausing, resuming, clearing and deletion of queues.

use std::rc::Rc;

use actix_web::HttpResponse;
use actix_web::http::{Method, StatusCode};
use actix_web::web::ServiceConfig;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::api::RestApi;
use super::problem::PartError;
use super::request::context::{Answer, Call, json, resource, route};
use super::request::enumerations::QueueStatusWord;
use crate::domain::queue::{StatusCounts, Throughput};
use crate::service::queues::{Cleared, QueueView};

/// Adds the routes of queues.
pub(super) fn configure(config: &mut ServiceConfig, api: &Rc<RestApi>, prefix: &str) {
    config.service(resource(
        &format!("{prefix}/queues"),
        vec![(Method::GET, route(api, list_queues))],
    ));
    config.service(resource(
        &format!("{prefix}/queues/{{name}}"),
        vec![
            (Method::GET, route(api, get_queue)),
            (Method::DELETE, route(api, delete_queue)),
        ],
    ));
    config.service(resource(
        &format!("{prefix}/queues/{{name}}/pause"),
        vec![(Method::POST, route(api, pause_queue))],
    ));
    config.service(resource(
        &format!("{prefix}/queues/{{name}}/resume"),
        vec![(Method::POST, route(api, resume_queue))],
    ));
    config.service(resource(
        &format!("{prefix}/queues/{{name}}/clear"),
        vec![(Method::POST, route(api, clear_queue))],
    ));
}

/// A queue.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Queue)]
pub(super) struct QueueDocument {
    /// Name.
    #[schema(example = "default")]
    name: String,
    /// `running`, or `paused`: it starts no jobs.
    #[schema(value_type = QueueStatusWord)]
    status: &'static str,
    /// Number of jobs that wait for their due time, for a worker, or for a retry.
    #[schema(example = 25)]
    pending_jobs: u64,
    /// Number of running jobs.
    #[schema(example = 5)]
    running_jobs: u64,
    /// Number of stored completed jobs.
    #[schema(example = 1250)]
    completed_jobs: u64,
    /// Number of stored failed jobs.
    #[schema(example = 12)]
    failed_jobs: u64,
    /// Number of stored cancelled jobs.
    #[schema(example = 3)]
    cancelled_jobs: u64,
    /// Number of workers on each node.
    #[schema(example = 10)]
    workers: u32,
    /// Recent throughput.
    throughput: ThroughputDocument,
}

/// Numbers of recently completed jobs.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Throughput)]
pub(super) struct ThroughputDocument {
    /// Completed in the last 60 seconds.
    #[schema(example = 15)]
    jobs_per_minute: u64,
    /// Completed in the last hour.
    #[schema(example = 930)]
    jobs_per_hour: u64,
}

impl From<QueueView> for QueueDocument {
    fn from(view: QueueView) -> Self {
        let QueueView {
            name,
            is_paused,
            counts,
            throughput,
            workers,
        } = view;
        let StatusCounts {
            pending,
            running,
            completed,
            failed,
            cancelled,
        } = counts;
        let Throughput { last_minute, last_hour } = throughput;
        Self {
            name: name.to_string(),
            status: if is_paused { "paused" } else { "running" },
            pending_jobs: pending,
            running_jobs: running,
            completed_jobs: completed,
            failed_jobs: failed,
            cancelled_jobs: cancelled,
            workers,
            throughput: ThroughputDocument {
                jobs_per_minute: last_minute,
                jobs_per_hour: last_hour,
            },
        }
    }
}

/// All queues.
#[derive(Serialize, ToSchema)]
pub(super) struct QueueList {
    /// The queues, sorted by name.
    queues: Vec<QueueDocument>,
}

/// Jobs of a queue to delete. Without fields the pending jobs are deleted; an omitted field is false if the other one
/// is given.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct ClearRequest {
    /// True to delete its pending jobs.
    #[schema(example = true)]
    clear_pending: Option<bool>,
    /// True to delete its failed jobs.
    #[schema(example = false)]
    clear_failed: Option<bool>,
}

/// A cleared queue, and the numbers of deleted jobs.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct ClearedQueue {
    /// The queue.
    #[serde(flatten)]
    queue: QueueDocument,
    /// Number of deleted pending jobs.
    #[schema(example = 25)]
    cleared_pending: u64,
    /// Number of deleted failed jobs.
    #[schema(example = 0)]
    cleared_failed: u64,
}

/// List queues
#[utoipa::path(
    get,
    path = "/queues",
    tag = "queues",
    responses((status = 200, description = "All queues, sorted by name", body = QueueList))
)]
pub(super) async fn list_queues(call: Call) -> Answer {
    let views = call.api.queues.list(&call.caller).await?;
    let queues = views.into_iter().map(QueueDocument::from).collect();
    json(StatusCode::OK, &QueueList { queues })
}

/// Get a queue
#[utoipa::path(
    get,
    path = "/queues/{name}",
    tag = "queues",
    params(("name" = String, Path, description = "The queue's name", example = "default")),
    responses(
        (status = 200, description = "The queue", body = QueueDocument),
        (status = 404, description = "Queue not found"),
    )
)]
pub(super) async fn get_queue(call: Call) -> Answer {
    let view = call.api.queues.get(&call.caller, &call.queue_name()?).await?;
    json(StatusCode::OK, &QueueDocument::from(view))
}

/// Delete a queue without unfinished jobs; configured queues can't be deleted
#[utoipa::path(
    delete,
    path = "/queues/{name}",
    tag = "queues",
    params(("name" = String, Path, description = "The queue's name", example = "old-imports")),
    responses(
        (status = 204, description = "The queue is deleted"),
        (status = 404, description = "Queue not found"),
        (status = 409, description = "The queue is configured, or has unfinished jobs"),
    )
)]
pub(super) async fn delete_queue(call: Call) -> Answer {
    let name = call.queue_name()?;
    call.api.queues.delete(&call.caller, &name).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Pause a queue; its running jobs continue
#[utoipa::path(
    post,
    path = "/queues/{name}/pause",
    tag = "queues",
    params(("name" = String, Path, description = "The queue's name", example = "default")),
    responses(
        (status = 200, description = "The queue, paused", body = QueueDocument),
        (status = 404, description = "Queue not found"),
        (status = 413, description = "Body too large"),
        (status = 415, description = "Content type is not JSON"),
    )
)]
pub(super) async fn pause_queue(mut call: Call) -> Answer {
    let name = call.queue_name()?;
    call.no_fields().await?;
    let view = call.api.queues.pause(&call.caller, &name).await?;
    json(StatusCode::OK, &QueueDocument::from(view))
}

/// Resume a queue
#[utoipa::path(
    post,
    path = "/queues/{name}/resume",
    tag = "queues",
    params(("name" = String, Path, description = "The queue's name", example = "default")),
    responses(
        (status = 200, description = "The queue, running", body = QueueDocument),
        (status = 404, description = "Queue not found"),
        (status = 413, description = "Body too large"),
        (status = 415, description = "Content type is not JSON"),
    )
)]
pub(super) async fn resume_queue(mut call: Call) -> Answer {
    let name = call.queue_name()?;
    call.no_fields().await?;
    let view = call.api.queues.resume(&call.caller, &name).await?;
    json(StatusCode::OK, &QueueDocument::from(view))
}

/// Delete a queue's pending jobs, its failed jobs, or both
#[utoipa::path(
    post,
    path = "/queues/{name}/clear",
    tag = "queues",
    params(("name" = String, Path, description = "The queue's name", example = "default")),
    request_body(content = Option<ClearRequest>),
    responses(
        (status = 200, description = "The queue, and the numbers of deleted jobs", body = ClearedQueue),
        (status = 404, description = "Queue not found"),
        (status = 413, description = "Body too large"),
        (status = 415, description = "Content type is not JSON"),
    )
)]
pub(super) async fn clear_queue(mut call: Call) -> Answer {
    let name = call.queue_name()?;
    let ClearRequest {
        clear_pending,
        clear_failed,
    } = call.optional_body().await?;
    let (clear_pending, clear_failed) = what_to_clear(clear_pending, clear_failed)?;
    let queues = &call.api.queues;
    let (Cleared { pending, failed }, view) = queues.clear(&call.caller, &name, clear_pending, clear_failed).await?;
    let cleared = ClearedQueue {
        queue: view.into(),
        cleared_pending: pending,
        cleared_failed: failed,
    };
    json(StatusCode::OK, &cleared)
}

/// Statuses to clear: pending and failed, by the values of the two fields.
pub(crate) fn what_to_clear(
    clear_pending: Option<bool>,
    clear_failed: Option<bool>,
) -> Result<(bool, bool), PartError> {
    let (clear_pending, clear_failed) = match (clear_pending, clear_failed) {
        (None, None) => (true, false),
        (clear_pending, clear_failed) => (clear_pending.unwrap_or(false), clear_failed.unwrap_or(false)),
    };
    if clear_pending || clear_failed {
        return Ok((clear_pending, clear_failed));
    }
    let detail = "clearPending and clearFailed are both false; set one of them to true";
    Err(PartError::field("/clearPending", detail))
}
