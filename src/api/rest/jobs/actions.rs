//! What changes a job: `PATCH` and `DELETE /jobs/{id}`, `POST /jobs/{id}/execute`, `/cancel` and `/retry`.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use chrono::{DateTime, Utc};
use serde::Deserialize;
use utoipa::ToSchema;

use super::super::body;
use super::super::call::{Answer, Call};
use super::super::values::{Parsed, PriorityValue};
use super::detail::show;
use super::request::{PatchRequest, due};
use crate::domain::time_span::TimeSpan;
use crate::service::jobs::CancelOutcome;

/// How a job is to be run now. Everything may be left out.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in super::super) struct ExecuteRequest {
    /// `low`, `normal`, `high` or `critical`, in any case; or 0 to 3. The job's own by default.
    #[schema(value_type = Option<String>, example = "high")]
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
pub(in super::super) async fn patch_job(mut call: Call) -> Answer {
    let id = call.job_id()?;
    let bytes = call.body(call.api.options.body_bytes_max).await?;
    let patch = body::parse::<PatchRequest>(&bytes)?.into_patch()?;
    let revision = call.expected_revision(id).await?;
    let job = call.api.jobs.patch(id, patch, revision).await?;
    show(&call, StatusCode::OK, &job).await
}

/// Deletes a finished job and its history.
pub(in super::super) async fn delete_job(call: Call) -> Answer {
    let id = call.job_id()?;
    let revision = call.expected_revision(id).await?;
    call.api.jobs.delete(id, revision).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Makes a pending job due, or queues a finished one again.
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
    let job = call.api.jobs.execute(id, priority, due, revision).await?;
    show(&call, StatusCode::OK, &job).await
}

/// Cancels a pending job; tells a running one to stop.
pub(in super::super) async fn cancel_job(mut call: Call) -> Answer {
    let id = call.job_id()?;
    call.no_fields().await?;
    let revision = call.expected_revision(id).await?;
    let (status, job) = match call.api.jobs.cancel(id, revision).await? {
        CancelOutcome::Cancelled(job) => (StatusCode::OK, job),
        CancelOutcome::Requested(job) => (StatusCode::ACCEPTED, job),
    };
    show(&call, status, &job).await
}

/// Makes a failed or cancelled job pending again.
pub(in super::super) async fn retry_job(mut call: Call) -> Answer {
    let id = call.job_id()?;
    let RetryRequest { reset_retry_count } = call.optional_body().await?;
    let revision = call.expected_revision(id).await?;
    let job = call
        .api
        .jobs
        .retry(id, reset_retry_count.unwrap_or(false), revision)
        .await?;
    show(&call, StatusCode::OK, &job).await
}
