//! `/jobs/recurring/by-key/{key}`: recurring jobs that a deployment declares, each once for any number of deployments.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::{ETAG, LOCATION};

use super::routes::{get_response, response_of};
use crate::api::contract::request::job::JobRequest;
use crate::api::contract::view::recurring::RecurringView;
use crate::api::problem::{Problem, ProblemKind};
use crate::api::request_body;
use crate::api::rest::request::context::{ApiResult, RequestContext, json_with};
use crate::api::rest::request::etag;
use crate::api::rest::request::field_pointer::field_pointer;
use crate::domain::values::name::RecurringKey;
use crate::service::error::ServiceError;
use crate::service::recurring::{Put, PutIf};

/// Get the recurring job with a key
#[utoipa::path(
    get,
    path = "/jobs/recurring/by-key/{key}",
    tag = "recurring jobs",
    params(
        ("key" = String, Path, description = "The recurring job's key", example = "nightly-backup"),
        ("If-None-Match" = Option<String>, Header, description = "`ETag` of the caller's copy", example = "\"3\""),
    ),
    responses(
        (status = 200, description = "The recurring job", body = RecurringView, headers(("ETag" = String, description = "Revision, in quotes"))),
        (status = 304, description = "The caller's copy is current"),
        (status = 404, description = "Recurring job not found"),
    )
)]
pub(in super::super) async fn get_recurring_job_by_key(context: RequestContext) -> ApiResult {
    let key = context.recurring_key()?;
    let recurring = context.api.recurring.get_by_key(&context.caller, &key).await?;
    get_response(&context, &recurring).await
}

/// Create or replace the recurring job with a key
#[utoipa::path(
    put,
    path = "/jobs/recurring/by-key/{key}",
    tag = "recurring jobs",
    description = "Creates the recurring job with this key, or replaces it; omitted fields have their defaults. Concurrent requests create one. A recurring job that is already as requested is not changed, and keeps its revision.",
    params(
        ("key" = String, Path, description = "The recurring job's key: 1 to 200 characters", example = "nightly-backup"),
        ("If-Match" = Option<String>, Header, description = "`ETag`s of which the recurring job must have one; `*`: it must exist", example = "\"3\""),
        ("If-None-Match" = Option<String>, Header, description = "`*`: it must not exist", example = "*"),
    ),
    request_body = JobRequest,
    responses(
        (status = 200, description = "The replaced recurring job", body = RecurringView, headers(("ETag" = String, description = "Revision, in quotes"))),
        (status = 201, description = "The created recurring job", body = RecurringView, headers(
            ("Location" = String, description = "URL of the recurring job"),
            ("ETag" = String, description = "Revision, in quotes"),
        )),
        (status = 409, description = "Concurrent changes"),
        (status = 412, description = "A precondition failed"),
        (status = 413, description = "Body too large"),
        (status = 415, description = "Content type is not JSON"),
    )
)]
pub(in super::super) async fn put_recurring_job_by_key(mut context: RequestContext) -> ApiResult {
    let text = context.recurring_key_text();
    let key = RecurringKey::parse(&text).map_err(|error| Problem::new(ProblemKind::Validation, error.to_string()))?;
    let bytes = context.body(context.api.options.body_bytes_max).await?;
    let new = request_body::parse::<JobRequest>(&bytes)?.into_new_recurring_job()?;
    let condition = context.expected_recurring_of_key(&key).await?;
    let put = context.api.recurring.put(&context.caller, key, new, condition).await;
    match put.map_err(|error| Problem::of_service(error, |field, _| field_pointer(&bytes, "", field)))? {
        Put::Existing(recurring) => response_of(&recurring),
        Put::Created(recurring) => {
            let path = context.request.path();
            let parent = path.rsplit_once("/by-key/").map_or(path, |(parent, _)| parent);
            let mut response = HttpResponse::build(StatusCode::CREATED);
            response.insert_header((LOCATION, context.url_of(&format!("{parent}/{}", recurring.id))));
            response.insert_header((ETAG, etag::of_revision(recurring.revision)));
            let warnings = context.api.recurring.warnings(&recurring).await;
            json_with(response, &RecurringView::from(&*recurring).warned(&warnings))
        }
    }
}

/// Delete the recurring job with a key; its occurrences are kept
#[utoipa::path(
    delete,
    path = "/jobs/recurring/by-key/{key}",
    tag = "recurring jobs",
    params(
        ("key" = String, Path, description = "The recurring job's key", example = "nightly-backup"),
        ("If-Match" = Option<String>, Header, description = "`ETag`s of which the resource must have one", example = "\"3\""),
        ("If-None-Match" = Option<String>, Header, description = "`ETag`s of which the resource must have none; `*` always fails", example = "\"2\""),
    ),
    responses(
        (status = 204, description = "The recurring job was deleted"),
        (status = 404, description = "Recurring job not found"),
        (status = 409, description = "Concurrent changes"),
        (status = 412, description = "A precondition failed"),
    )
)]
pub(in super::super) async fn delete_recurring_job_by_key(context: RequestContext) -> ApiResult {
    let key = context.recurring_key()?;
    let revision = match context.expected_recurring_of_key(&key).await? {
        PutIf::Always | PutIf::Exists => None,
        PutIf::Revision(revision) => Some(revision),
        PutIf::Absent => {
            let actual = context.api.recurring.get_by_key(&context.caller, &key).await?.revision;
            return Err(ServiceError::PreconditionFailed { actual: Some(actual) }.into());
        }
    };
    context
        .api
        .recurring
        .delete_by_key(&context.caller, &key, revision)
        .await?;
    Ok(HttpResponse::NoContent().finish())
}
