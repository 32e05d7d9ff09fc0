//! `GET /jobs/{id}`: one job with its history.

use std::sync::Arc;

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, ETAG};

use crate::api::contract::view::job::JobView;
use crate::api::rest::reduced::reduce;
use crate::api::rest::request::context::{ApiResult, RequestContext, json_with};
use crate::api::rest::request::etag;
use crate::domain::job::Job;
use crate::domain::job::status::JobStatus;
use crate::service::jobs::ChangedJob;

/// Get a job
#[utoipa::path(
    get,
    path = "/jobs/{id}",
    tag = "jobs",
    params(
        ("id" = String, Path, format = Uuid, description = "The job's id", example = "01963b5e-7d3a-7c1e-9f43-0d2f6b1a9c55"),
        ("If-None-Match" = Option<String>, Header, description = "`ETag` of the caller's copy", example = "\"3\""),
    ),
    responses(
        (status = 200, description = "The job", body = JobView, headers(("ETag" = String, description = "Revision of the job, in quotes"))),
        (status = 304, description = "The caller's copy is current"),
        (status = 404, description = "Job not found"),
    )
)]
pub(in super::super) async fn get_job(context: RequestContext) -> ApiResult {
    let detail = context.api.jobs.detail(&context.caller, context.job_id()?).await?;
    let job = &detail.job;
    // Reports of a running attempt do not change the revision.
    let is_known = job.status != JobStatus::Running && etag::is_known(context.request.headers(), job.revision)?;
    let status = if is_known {
        StatusCode::NOT_MODIFIED
    } else {
        StatusCode::OK
    };
    let mut response = HttpResponse::build(status);
    response.insert_header((ETAG, etag::of_revision(job.revision)));
    response.insert_header((CACHE_CONTROL, "no-cache"));
    if is_known {
        return Ok(response.finish());
    }
    json_with(response, &JobView::of(&detail))
}

/// The response with a changed job.
pub(in super::super) async fn show(context: &RequestContext, status: StatusCode, job: &Arc<Job>) -> ApiResult {
    let ChangedJob {
        job,
        attempts,
        permit,
        is_reduced,
    } = context.api.jobs.changed(&context.caller, job).await?;
    let mut response = HttpResponse::build(status);
    response.insert_header((ETAG, etag::of_revision(job.revision)));
    let warnings = context.api.jobs.warnings(&job).await;
    let response = json_with(response, &JobView::new(&job, &attempts).warned(&warnings));
    drop(permit);
    if is_reduced {
        response.and_then(reduce)
    } else {
        response
    }
}
