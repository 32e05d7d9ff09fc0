//! What changes a job: `PATCH` and `DELETE /jobs/{id}`, `POST /jobs/{id}/execute`, `/cancel` and `/retry`.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use chrono::{DateTime, Utc};
use serde::Deserialize;
use utoipa::ToSchema;

use super::detail::show;
use super::request::{PatchRequest, due};
use super::view::JobView;
use crate::api::rest::request::body;
use crate::api::rest::request::context::{Answer, Call};
use crate::api::rest::request::enumerations::PriorityWord;
use crate::api::rest::request::json_fields::{Parsed, PriorityValue};
use crate::domain::values::time_span::TimeSpan;
use crate::service::jobs::CancelOutcome;

/// How a job is to be run now. Everything may be left out.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in super::super) struct ExecuteRequest {
    /// `low`, `normal`, `high` or `critical`, in any case; or 0 to 3. The job's own by default.
    #[schema(value_type = Option<PriorityWord>)]
    priority: Option<PriorityValue>,
    /// How long it waits before it may start. Not together with `runAt`.
    #[schema(value_type = Option<String>, example = "00:05:00")]
    delay: Option<Parsed<TimeSpan>>,
    /// When it may start (RFC 3339). Not together with `delay`.
    #[schema(value_type = Option<String>, format = DateTime)]
    run_at: Option<Parsed<DateTime<Utc>>>,
}

/// How a job is to be retried.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in super::super) struct RetryRequest {
    /// Whether the count of its retries starts anew; by default it goes on.
    #[schema(example = false)]
    reset_retry_count: Option<bool>,
}

/// Changes a pending job.
#[utoipa::path(
    patch,
    path = "/jobs/{id}",
    tag = "jobs",
    params(
        ("id" = String, Path, format = Uuid, description = "The job's id", example = "01963b5e-7d3a-7c1e-9f43-0d2f6b1a9c55"),
        ("If-Match" = Option<String>, Header, description = "Only if the job still has this `ETag`, or one of these", example = "\"3\""),
        ("If-None-Match" = Option<String>, Header, description = "Only if it has none of these `ETag`s; `*` never holds", example = "\"2\""),
    ),
    request_body(content = PatchRequest),
    responses(
        (status = 200, description = "The job as it is now", body = JobView, headers(("ETag" = String, description = "The job's revision, in quotes"))),
        (status = 404, description = "There is no such job"),
        (status = 409, description = "The job's status does not allow it"),
        (status = 412, description = "The job has changed"),
        (status = 413, description = "The body is too large"),
        (status = 415, description = "The body is not JSON"),
    )
)]
pub(in super::super) async fn patch_job(mut call: Call) -> Answer {
    let id = call.job_id()?;
    let bytes = call.body(call.api.options.body_bytes_max).await?;
    let patch = body::parse::<PatchRequest>(&bytes)?.into_patch()?;
    let revision = call.expected_revision(id).await?;
    let job = call.api.jobs.patch(&call.caller, id, patch, revision).await?;
    show(&call, StatusCode::OK, &job).await
}

/// Deletes a finished job and its history.
#[utoipa::path(
    delete,
    path = "/jobs/{id}",
    tag = "jobs",
    params(
        ("id" = String, Path, format = Uuid, description = "The job's id", example = "01963b5e-7d3a-7c1e-9f43-0d2f6b1a9c55"),
        ("If-Match" = Option<String>, Header, description = "Only if the job still has this `ETag`, or one of these", example = "\"3\""),
        ("If-None-Match" = Option<String>, Header, description = "Only if it has none of these `ETag`s; `*` never holds", example = "\"2\""),
    ),
    responses(
        (status = 204, description = "The job and its history are gone"),
        (status = 404, description = "There is no such job"),
        (status = 409, description = "The job's status does not allow it"),
        (status = 412, description = "The job has changed"),
    )
)]
pub(in super::super) async fn delete_job(call: Call) -> Answer {
    let id = call.job_id()?;
    let revision = call.expected_revision(id).await?;
    call.api.jobs.delete(&call.caller, id, revision).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Makes a pending job due, or queues a finished one again.
#[utoipa::path(
    post,
    path = "/jobs/{id}/execute",
    tag = "jobs",
    params(
        ("id" = String, Path, format = Uuid, description = "The job's id", example = "01963b5e-7d3a-7c1e-9f43-0d2f6b1a9c55"),
        ("If-Match" = Option<String>, Header, description = "Only if the job still has this `ETag`, or one of these", example = "\"3\""),
        ("If-None-Match" = Option<String>, Header, description = "Only if it has none of these `ETag`s; `*` never holds", example = "\"2\""),
    ),
    request_body(content = Option<ExecuteRequest>),
    responses(
        (status = 200, description = "The job, pending", body = JobView, headers(("ETag" = String, description = "The job's revision, in quotes"))),
        (status = 404, description = "There is no such job"),
        (status = 409, description = "The job's status does not allow it"),
        (status = 412, description = "The job has changed"),
        (status = 413, description = "The body is too large"),
        (status = 415, description = "The body is not JSON"),
    )
)]
pub(in super::super) async fn execute_job(mut call: Call) -> Answer {
    let id = call.job_id()?;
    let ExecuteRequest {
        priority,
        delay,
        run_at,
    } = call.optional_body().await?;
    let due = due(delay, run_at, "")?.unwrap_or_default();
    let priority = priority.map(|PriorityValue(priority)| priority);
    let revision = call.expected_revision(id).await?;
    let job = call.api.jobs.execute(&call.caller, id, priority, due, revision).await?;
    show(&call, StatusCode::OK, &job).await
}

/// Cancels a pending job; tells a running one to stop.
#[utoipa::path(
    post,
    path = "/jobs/{id}/cancel",
    tag = "jobs",
    params(
        ("id" = String, Path, format = Uuid, description = "The job's id", example = "01963b5e-7d3a-7c1e-9f43-0d2f6b1a9c55"),
        ("If-Match" = Option<String>, Header, description = "Only if the job still has this `ETag`, or one of these", example = "\"3\""),
        ("If-None-Match" = Option<String>, Header, description = "Only if it has none of these `ETag`s; `*` never holds", example = "\"2\""),
    ),
    responses(
        (status = 200, description = "The job is cancelled", body = JobView, headers(("ETag" = String, description = "The job's revision, in quotes"))),
        (status = 202, description = "The job runs and was told to stop", body = JobView, headers(("ETag" = String, description = "The job's revision, in quotes"))),
        (status = 404, description = "There is no such job"),
        (status = 409, description = "The job's status does not allow it"),
        (status = 412, description = "The job has changed"),
        (status = 413, description = "The body is too large"),
        (status = 415, description = "The body is not JSON"),
    )
)]
pub(in super::super) async fn cancel_job(mut call: Call) -> Answer {
    let id = call.job_id()?;
    call.no_fields().await?;
    let revision = call.expected_revision(id).await?;
    let (status, job) = match call.api.jobs.cancel(&call.caller, id, revision).await? {
        CancelOutcome::Cancelled(job) => (StatusCode::OK, job),
        CancelOutcome::Requested(job) => (StatusCode::ACCEPTED, job),
    };
    show(&call, status, &job).await
}

/// Makes a failed or cancelled job pending again.
#[utoipa::path(
    post,
    path = "/jobs/{id}/retry",
    tag = "jobs",
    params(
        ("id" = String, Path, format = Uuid, description = "The job's id", example = "01963b5e-7d3a-7c1e-9f43-0d2f6b1a9c55"),
        ("If-Match" = Option<String>, Header, description = "Only if the job still has this `ETag`, or one of these", example = "\"3\""),
        ("If-None-Match" = Option<String>, Header, description = "Only if it has none of these `ETag`s; `*` never holds", example = "\"2\""),
    ),
    request_body(content = Option<RetryRequest>),
    responses(
        (status = 200, description = "The job, pending", body = JobView, headers(("ETag" = String, description = "The job's revision, in quotes"))),
        (status = 404, description = "There is no such job"),
        (status = 409, description = "The job's status does not allow it"),
        (status = 412, description = "The job has changed"),
        (status = 413, description = "The body is too large"),
        (status = 415, description = "The body is not JSON"),
    )
)]
pub(in super::super) async fn retry_job(mut call: Call) -> Answer {
    let id = call.job_id()?;
    let RetryRequest { reset_retry_count } = call.optional_body().await?;
    let revision = call.expected_revision(id).await?;
    let job = call
        .api
        .jobs
        .retry(&call.caller, id, reset_retry_count.unwrap_or(false), revision)
        .await?;
    show(&call, StatusCode::OK, &job).await
}
