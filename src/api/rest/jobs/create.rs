//! `POST /jobs`: one new job.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::{ETAG, LOCATION};

use serde::Serialize;
use utoipa::ToSchema;

use super::detail::history;
use super::request::{JobRequest, Wanted};
use super::view::JobView;
use crate::api::rest::problem::{Problem, ProblemKind};
use crate::api::rest::recurring;
use crate::api::rest::recurring::view::RecurringView;
use crate::api::rest::request::body;
use crate::api::rest::request::context::{Answer, Call, json_with};
use crate::api::rest::request::etag;
use crate::api::rest::request::field_pointer::field_pointer;
use crate::api::rest::request::idempotency::REPLAYED;
use crate::service::jobs::ScheduledBatch;

/// The job, or with a `cronExpression` the recurring job that was created.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
#[expect(
    dead_code,
    reason = "the description's schema; the answer is written from the view itself"
)]
pub(in super::super) enum CreatedJob<'a> {
    /// A job.
    Job(JobView<'a>),
    /// A recurring job.
    Recurring(RecurringView<'a>),
}

/// Schedules a job, or with a `cronExpression` a recurring one.
#[utoipa::path(
    post,
    path = "/jobs",
    tag = "jobs",
    params(("Idempotency-Key" = Option<String>, Header, max_length = 255, description = "Makes the request take effect once, however often it is sent: a repeated one gets the first one's jobs again", example = "\"8e03978e-40d5-43dd-bc93-6894a57f9324\"")),
    request_body = JobRequest,
    responses(
        (status = 201, description = "The job is stored; with `Idempotency-Replayed: true` it was so before. With a `cronExpression` the answer is a recurring job", body = CreatedJob, headers(
            ("Location" = String, description = "Where the job can be read"),
            ("ETag" = String, description = "The job's revision, in quotes"),
            ("Idempotency-Replayed" = String, description = "`true` when the request was made before and did nothing now"),
        )),
        (status = 200, description = "An unfinished job has this `uniqueKey`: here it is", body = JobView),
        (status = 409, description = "Another recurring job has the `key`"),
        (status = 410, description = "The request was made before, and its job has been removed since: `jobId`"),
        (status = 413, description = "The body is too large"),
        (status = 415, description = "The body is not JSON"),
        (status = 422, description = "The idempotency key was used for another request"),
    )
)]
pub(in super::super) async fn create_job(mut call: Call) -> Answer {
    let bytes = call.body(call.api.options.body_bytes_max).await?;
    let key = call.idempotency_key("POST /jobs", &bytes)?;
    let new = match body::parse::<JobRequest>(&bytes)?.into_wanted("")? {
        Wanted::Job(new) => *new,
        Wanted::Recurring(new) => return recurring::create(&call, *new, key, &bytes).await,
    };
    let scheduled = call.api.jobs.schedule(&call.caller, new, key).await;
    let ScheduledBatch { jobs, is_replay, .. } =
        scheduled.map_err(|error| Problem::of_service(error, |field, _| field_pointer(&bytes, "", field)))?;
    let [scheduled] = jobs.as_slice() else {
        let detail = "the server has lost the job among others; its log says why";
        tracing::error!("{} jobs came of a request for one", jobs.len());
        return Err(Problem::new(ProblemKind::Internal, detail));
    };
    let job = &*scheduled.job;
    let attempts = if scheduled.is_new {
        Vec::new()
    } else {
        history(&call, job).await?
    };
    let status = if scheduled.is_new || is_replay {
        StatusCode::CREATED
    } else {
        StatusCode::OK
    };
    let mut response = HttpResponse::build(status);
    response.insert_header((LOCATION, call.url_of(&format!("{}/{}", call.request.path(), job.id))));
    response.insert_header((ETAG, etag::of_revision(job.revision)));
    if is_replay {
        response.insert_header((REPLAYED, "true"));
    }
    json_with(response, &JobView::new(job, &attempts).warned(&scheduled.warnings))
}
