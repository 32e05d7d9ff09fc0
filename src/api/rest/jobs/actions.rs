//! Changes of jobs: `PATCH` and `DELETE /jobs/{id}`, `POST /jobs/{id}/execute`, `/cancel` and `/retry`.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;

use super::detail::show;
use crate::api::contract::request::job_action::{ExecuteRequest, RetryRequest};
use crate::api::contract::request::job_update::PatchRequest;
use crate::api::contract::view::job::JobView;
use crate::api::request_body;
use crate::api::rest::request::context::{ApiResult, RequestContext};
use crate::service::jobs::CancelOutcome;

/// Update a pending job
#[utoipa::path(
    patch,
    path = "/jobs/{id}",
    tag = "jobs",
    params(
        ("id" = String, Path, format = Uuid, description = "The job's id", example = "01963b5e-7d3a-7c1e-9f43-0d2f6b1a9c55"),
        ("If-Match" = Option<String>, Header, description = "`ETag`s of which the job must have one", example = "\"3\""),
        ("If-None-Match" = Option<String>, Header, description = "`ETag`s of which the resource must have none; `*` always fails", example = "\"2\""),
    ),
    request_body(content = PatchRequest),
    responses(
        (status = 200, description = "The job", body = JobView, headers(("ETag" = String, description = "Revision of the job, in quotes"))),
        (status = 404, description = "Job not found"),
        (status = 409, description = "Not allowed in the job's status"),
        (status = 412, description = "A precondition failed"),
        (status = 413, description = "Body too large"),
        (status = 415, description = "Content type is not JSON"),
    )
)]
pub(in super::super) async fn patch_job(mut context: RequestContext) -> ApiResult {
    let id = context.job_id()?;
    let bytes = context.body(context.api.options.body_bytes_max).await?;
    let patch = request_body::parse::<PatchRequest>(&bytes)?.into_update()?;
    let revision = context.expected_revision(id).await?;
    let job = context.api.jobs.patch(&context.caller, id, patch, revision).await?;
    show(&context, StatusCode::OK, &job).await
}

/// Delete a finished job
#[utoipa::path(
    delete,
    path = "/jobs/{id}",
    tag = "jobs",
    params(
        ("id" = String, Path, format = Uuid, description = "The job's id", example = "01963b5e-7d3a-7c1e-9f43-0d2f6b1a9c55"),
        ("If-Match" = Option<String>, Header, description = "`ETag`s of which the job must have one", example = "\"3\""),
        ("If-None-Match" = Option<String>, Header, description = "`ETag`s of which the resource must have none; `*` always fails", example = "\"2\""),
    ),
    responses(
        (status = 204, description = "The job and its history were deleted"),
        (status = 404, description = "Job not found"),
        (status = 409, description = "Not allowed in the job's status"),
        (status = 412, description = "A precondition failed"),
    )
)]
pub(in super::super) async fn delete_job(context: RequestContext) -> ApiResult {
    let id = context.job_id()?;
    let revision = context.expected_revision(id).await?;
    context.api.jobs.delete(&context.caller, id, revision).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Execute a job
#[utoipa::path(
    post,
    path = "/jobs/{id}/execute",
    tag = "jobs",
    params(
        ("id" = String, Path, format = Uuid, description = "The job's id", example = "01963b5e-7d3a-7c1e-9f43-0d2f6b1a9c55"),
        ("If-Match" = Option<String>, Header, description = "`ETag`s of which the job must have one", example = "\"3\""),
        ("If-None-Match" = Option<String>, Header, description = "`ETag`s of which the resource must have none; `*` always fails", example = "\"2\""),
    ),
    request_body(content = Option<ExecuteRequest>),
    responses(
        (status = 200, description = "The job, pending", body = JobView, headers(("ETag" = String, description = "Revision of the job, in quotes"))),
        (status = 404, description = "Job not found"),
        (status = 409, description = "Not allowed in the job's status"),
        (status = 412, description = "A precondition failed"),
        (status = 413, description = "Body too large"),
        (status = 415, description = "Content type is not JSON"),
    )
)]
pub(in super::super) async fn execute_job(mut context: RequestContext) -> ApiResult {
    let id = context.job_id()?;
    let (priority, due) = context.optional_body::<ExecuteRequest>().await?.into_parts()?;
    let revision = context.expected_revision(id).await?;
    let job = context
        .api
        .jobs
        .execute(&context.caller, id, priority, due, revision)
        .await?;
    show(&context, StatusCode::OK, &job).await
}

/// Cancel a job
#[utoipa::path(
    post,
    path = "/jobs/{id}/cancel",
    tag = "jobs",
    params(
        ("id" = String, Path, format = Uuid, description = "The job's id", example = "01963b5e-7d3a-7c1e-9f43-0d2f6b1a9c55"),
        ("If-Match" = Option<String>, Header, description = "`ETag`s of which the job must have one", example = "\"3\""),
        ("If-None-Match" = Option<String>, Header, description = "`ETag`s of which the resource must have none; `*` always fails", example = "\"2\""),
    ),
    responses(
        (status = 200, description = "The job is cancelled", body = JobView, headers(("ETag" = String, description = "Revision of the job, in quotes"))),
        (status = 202, description = "The job is running and its cancellation was requested", body = JobView, headers(("ETag" = String, description = "Revision of the job, in quotes"))),
        (status = 404, description = "Job not found"),
        (status = 409, description = "Not allowed in the job's status"),
        (status = 412, description = "A precondition failed"),
        (status = 413, description = "Body too large"),
        (status = 415, description = "Content type is not JSON"),
    )
)]
pub(in super::super) async fn cancel_job(mut context: RequestContext) -> ApiResult {
    let id = context.job_id()?;
    context.no_fields().await?;
    let revision = context.expected_revision(id).await?;
    let (status, job) = match context.api.jobs.cancel(&context.caller, id, revision).await? {
        CancelOutcome::Cancelled(job) => (StatusCode::OK, job),
        CancelOutcome::Requested(job) => (StatusCode::ACCEPTED, job),
    };
    show(&context, status, &job).await
}

/// Retry a job
#[utoipa::path(
    post,
    path = "/jobs/{id}/retry",
    tag = "jobs",
    params(
        ("id" = String, Path, format = Uuid, description = "The job's id", example = "01963b5e-7d3a-7c1e-9f43-0d2f6b1a9c55"),
        ("If-Match" = Option<String>, Header, description = "`ETag`s of which the job must have one", example = "\"3\""),
        ("If-None-Match" = Option<String>, Header, description = "`ETag`s of which the resource must have none; `*` always fails", example = "\"2\""),
    ),
    request_body(content = Option<RetryRequest>),
    responses(
        (status = 200, description = "The job, pending", body = JobView, headers(("ETag" = String, description = "Revision of the job, in quotes"))),
        (status = 404, description = "Job not found"),
        (status = 409, description = "Not allowed in the job's status"),
        (status = 412, description = "A precondition failed"),
        (status = 413, description = "Body too large"),
        (status = 415, description = "Content type is not JSON"),
    )
)]
pub(in super::super) async fn retry_job(mut context: RequestContext) -> ApiResult {
    let id = context.job_id()?;
    let resets = context.optional_body::<RetryRequest>().await?.resets_retry_count();
    let revision = context.expected_revision(id).await?;
    let job = context.api.jobs.retry(&context.caller, id, resets, revision).await?;
    show(&context, StatusCode::OK, &job).await
}
