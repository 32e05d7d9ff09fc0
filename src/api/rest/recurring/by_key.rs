//! `/jobs/recurring/by-key/{key}`: recurring jobs that a deployment declares, each once however often it runs.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::{ETAG, LOCATION};

use super::routes::{answer, answer_get};
use super::view::RecurringView;
use crate::api::rest::jobs::request::JobRequest;
use crate::api::rest::problem::{Problem, ProblemKind};
use crate::api::rest::request::body;
use crate::api::rest::request::context::{Answer, Call, json_with};
use crate::api::rest::request::etag;
use crate::api::rest::request::field_pointer::field_pointer;
use crate::domain::values::name::RecurringKey;
use crate::service::error::ServiceError;
use crate::service::recurring::{Put, PutIf};

/// Reads the recurring job that has a key.
#[utoipa::path(
    get,
    path = "/jobs/recurring/by-key/{key}",
    tag = "recurring jobs",
    params(
        ("key" = String, Path, description = "The recurring job's key", example = "nightly-backup"),
        ("If-None-Match" = Option<String>, Header, description = "The `ETag` of what the caller has", example = "\"3\""),
    ),
    responses(
        (status = 200, description = "The recurring job", body = RecurringView, headers(("ETag" = String, description = "Its revision, in quotes"))),
        (status = 304, description = "The caller has it already"),
        (status = 404, description = "No recurring job has this key"),
    )
)]
pub(in super::super) async fn get_recurring_job_by_key(call: Call) -> Answer {
    let key = call.recurring_key()?;
    let recurring = call.api.recurring.get_by_key(&call.caller, &key).await?;
    answer_get(&call, &recurring).await
}

/// Creates or replaces the recurring job that has a key.
#[utoipa::path(
    put,
    path = "/jobs/recurring/by-key/{key}",
    tag = "recurring jobs",
    description = "Creates the recurring job with this key, or replaces it: what is left out has its default again. Two simultaneous requests create one. Nothing changes, the revision included, when it is as requested already.",
    params(
        ("key" = String, Path, description = "The recurring job's key: 1 to 200 characters", example = "nightly-backup"),
        ("If-Match" = Option<String>, Header, description = "Only if it still has this `ETag`, or one of these; `*`: only if there is one", example = "\"3\""),
        ("If-None-Match" = Option<String>, Header, description = "`*`: only if there is none", example = "*"),
    ),
    request_body = JobRequest,
    responses(
        (status = 200, description = "The recurring job as it is now; there was one", body = RecurringView, headers(("ETag" = String, description = "Its revision, in quotes"))),
        (status = 201, description = "The recurring job is stored; there was none", body = RecurringView, headers(
            ("Location" = String, description = "Where the recurring job can be read"),
            ("ETag" = String, description = "Its revision, in quotes"),
        )),
        (status = 409, description = "It is being changed by others at the same time"),
        (status = 412, description = "`If-Match` or `If-None-Match` does not hold"),
        (status = 413, description = "The body is too large"),
        (status = 415, description = "The body is not JSON"),
    )
)]
pub(in super::super) async fn put_recurring_job_by_key(mut call: Call) -> Answer {
    let text = call.recurring_key_text();
    let key = RecurringKey::parse(&text).map_err(|error| Problem::new(ProblemKind::Validation, error.to_string()))?;
    let bytes = call.body(call.api.options.body_bytes_max).await?;
    let new = body::parse::<JobRequest>(&bytes)?.into_new_recurring_job()?;
    let condition = call.expected_recurring_of_key(&key).await?;
    let put = call.api.recurring.put(&call.caller, key, new, condition).await;
    match put.map_err(|error| Problem::of_service(error, |field, _| field_pointer(&bytes, "", field)))? {
        Put::Existing(recurring) => answer(&recurring),
        Put::Created(recurring) => {
            let path = call.request.path();
            let parent = path.rsplit_once("/by-key/").map_or(path, |(parent, _)| parent);
            let mut response = HttpResponse::build(StatusCode::CREATED);
            response.insert_header((LOCATION, call.url_of(&format!("{parent}/{}", recurring.id))));
            response.insert_header((ETAG, etag::of_revision(recurring.revision)));
            let warnings = call.api.recurring.warnings(&recurring).await;
            json_with(response, &RecurringView::from(&*recurring).warned(&warnings))
        }
    }
}

/// Deletes the recurring job that has a key; its occurrences stay.
#[utoipa::path(
    delete,
    path = "/jobs/recurring/by-key/{key}",
    tag = "recurring jobs",
    params(
        ("key" = String, Path, description = "The recurring job's key", example = "nightly-backup"),
        ("If-Match" = Option<String>, Header, description = "Only if it still has this `ETag`, or one of these", example = "\"3\""),
        ("If-None-Match" = Option<String>, Header, description = "Only if it has none of these `ETag`s; `*` never holds", example = "\"2\""),
    ),
    responses(
        (status = 204, description = "The recurring job is gone"),
        (status = 404, description = "No recurring job has this key"),
        (status = 409, description = "It is being changed by others at the same time"),
        (status = 412, description = "It has changed"),
    )
)]
pub(in super::super) async fn delete_recurring_job_by_key(call: Call) -> Answer {
    let key = call.recurring_key()?;
    let revision = match call.expected_recurring_of_key(&key).await? {
        PutIf::Always | PutIf::Exists => None,
        PutIf::Revision(revision) => Some(revision),
        PutIf::Absent => {
            let actual = call.api.recurring.get_by_key(&call.caller, &key).await?.revision;
            return Err(ServiceError::PreconditionFailed { actual: Some(actual) }.into());
        }
    };
    call.api.recurring.delete_by_key(&call.caller, &key, revision).await?;
    Ok(HttpResponse::NoContent().finish())
}
