//! `POST /jobs`: one new job.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::{ETAG, LOCATION};

use serde::Serialize;
use utoipa::ToSchema;

use crate::api::contract::request::job::{JobRequest, Scheduling};
use crate::api::contract::view::job::JobView;
use crate::api::contract::view::recurring::RecurringView;
use crate::api::problem::{Problem, ProblemKind};
use crate::api::request_body;
use crate::api::rest::recurring;
use crate::api::rest::reduced::reduce;
use crate::api::rest::request::context::{ApiResult, RequestContext, json_with};
use crate::api::rest::request::etag;
use crate::api::rest::request::field_pointer::field_pointer;
use crate::api::rest::request::idempotency::REPLAYED;
use crate::service::jobs::{ChangedJob, ScheduledBatch};

/// The created job, or with a `cronExpression` the recurring job.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
#[expect(
    dead_code,
    reason = "the schema of the OpenAPI document; responses serialize the view itself"
)]
pub(in super::super) enum CreatedJob<'a> {
    /// A job.
    Job(JobView<'a>),
    /// A recurring job.
    Recurring(RecurringView<'a>),
}

/// Schedule a job, or with a `cronExpression` a recurring job
#[utoipa::path(
    post,
    path = "/jobs",
    tag = "jobs",
    params(("Idempotency-Key" = Option<String>, Header, max_length = 255, description = "Repeated requests with the same key take effect once and return the jobs of the first one", example = "\"8e03978e-40d5-43dd-bc93-6894a57f9324\"")),
    request_body = JobRequest,
    responses(
        (status = 201, description = "The job was stored; with `Idempotency-Replayed: true` by an earlier request. With a `cronExpression` it is a recurring job", body = CreatedJob, headers(
            ("Location" = String, description = "URL of the job"),
            ("ETag" = String, description = "Revision of the job, in quotes"),
            ("Idempotency-Replayed" = String, description = "`true` if this is the response of an earlier request with the key"),
        )),
        (status = 200, description = "The unfinished job with this `uniqueKey`", body = JobView),
        (status = 409, description = "Another recurring job has the `key`"),
        (status = 410, description = "The job of the earlier request with the key was deleted: `jobId`"),
        (status = 413, description = "Body too large"),
        (status = 415, description = "Content type is not JSON"),
        (status = 422, description = "The idempotency key belongs to another request"),
    )
)]
pub(in super::super) async fn create_job(mut context: RequestContext) -> ApiResult {
    let bytes = context.body(context.api.options.body_bytes_max).await?;
    let key = context.idempotency_key("POST /jobs", &bytes)?;
    let new = match request_body::parse::<JobRequest>(&bytes)?.parse()? {
        Scheduling::Job(new) => *new,
        Scheduling::Recurring(new) => return recurring::create(&context, *new, key, &bytes).await,
    };
    let scheduled = context.api.jobs.schedule(&context.caller, new, key).await;
    let ScheduledBatch { jobs, is_replay, .. } =
        scheduled.map_err(|error| Problem::of_service(error, |field, _| field_pointer(&bytes, "", field)))?;
    let [scheduled] = jobs.as_slice() else {
        let detail = "internal server error; see the server's log";
        tracing::error!("a request for one job created {} jobs", jobs.len());
        return Err(Problem::new(ProblemKind::Internal, detail));
    };
    let ChangedJob {
        job,
        attempts,
        permit,
        is_reduced,
    } = if scheduled.is_new {
        ChangedJob::new(&scheduled.job)
    } else {
        context.api.jobs.changed(&context.caller, &scheduled.job).await?
    };
    let status = if scheduled.is_new || is_replay {
        StatusCode::CREATED
    } else {
        StatusCode::OK
    };
    let mut response = HttpResponse::build(status);
    response.insert_header((
        LOCATION,
        context.url_of(&format!("{}/{}", context.request.path(), job.id)),
    ));
    response.insert_header((ETAG, etag::of_revision(job.revision)));
    if is_replay {
        response.insert_header((REPLAYED, "true"));
    }
    let response = json_with(response, &JobView::new(&job, &attempts).warned(&scheduled.warnings));
    drop(permit);
    if is_reduced {
        response.and_then(reduce)
    } else {
        response
    }
}
