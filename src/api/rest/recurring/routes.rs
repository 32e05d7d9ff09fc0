//! The routes of recurring jobs.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, ETAG, LOCATION};

use crate::api::contract::request::job::JobRequest;
use crate::api::contract::request::recurring::RecurringPatch;
use crate::api::contract::view::job::JobView;
use crate::api::contract::view::recurring::RecurringView;
use crate::api::problem::Problem;
use crate::api::request_body;
use crate::api::rest::jobs::detail::show;
use crate::api::rest::request::context::{ApiResult, RequestContext, json_with};
use crate::api::rest::request::etag;
use crate::api::rest::request::field_pointer::field_pointer;
use crate::api::rest::request::idempotency::REPLAYED;
use crate::domain::job::new_job::Due;
use crate::domain::recurring::{NewRecurringJob, RecurringJob};
use crate::service::idempotency::IdempotencyKey;

/// Schedule a recurring job
#[utoipa::path(
    post,
    path = "/jobs/recurring",
    tag = "recurring jobs",
    params(("Idempotency-Key" = Option<String>, Header, max_length = 255, description = "Repeated requests with the same key take effect once and return the recurring job of the first one", example = "\"8e03978e-40d5-43dd-bc93-6894a57f9324\"")),
    request_body = JobRequest,
    responses(
        (status = 201, description = "The recurring job was stored; with `Idempotency-Replayed: true` by an earlier request", body = RecurringView, headers(
            ("Location" = String, description = "URL of the recurring job"),
            ("ETag" = String, description = "Revision, in quotes"),
            ("Idempotency-Replayed" = String, description = "`true` if this is the response of an earlier request with the key"),
        )),
        (status = 409, description = "Another recurring job has the `key`"),
        (status = 410, description = "The recurring job of the earlier request with the key was deleted: `jobId`"),
        (status = 413, description = "Body too large"),
        (status = 415, description = "Content type is not JSON"),
        (status = 422, description = "The idempotency key belongs to another request"),
    )
)]
pub(in super::super) async fn create_recurring_job(mut context: RequestContext) -> ApiResult {
    let bytes = context.body(context.api.options.body_bytes_max).await?;
    let key = context.idempotency_key("POST /jobs/recurring", &bytes)?;
    let new = request_body::parse::<JobRequest>(&bytes)?.into_new_recurring_job()?;
    create(&context, new, key, &bytes).await
}

/// Stores a recurring job and returns it, for each of the routes that create one.
pub(in super::super) async fn create(
    context: &RequestContext,
    new: NewRecurringJob,
    key: Option<IdempotencyKey>,
    bytes: &[u8],
) -> ApiResult {
    let created = context.api.recurring.create(&context.caller, new, key).await;
    let (recurring, is_replay) =
        created.map_err(|error| Problem::of_service(error, |field, _| field_pointer(bytes, "", field)))?;
    let path = context.request.path().trim_end_matches("/recurring");
    let mut response = HttpResponse::build(StatusCode::CREATED);
    response.insert_header((LOCATION, context.url_of(&format!("{path}/recurring/{}", recurring.id))));
    response.insert_header((ETAG, etag::of_revision(recurring.revision)));
    if is_replay {
        response.insert_header((REPLAYED, "true"));
    }
    let warnings = context.api.recurring.warnings(&recurring).await;
    json_with(response, &RecurringView::from(&*recurring).warned(&warnings))
}

pub(super) fn response_of(recurring: &RecurringJob) -> ApiResult {
    let mut response = HttpResponse::build(StatusCode::OK);
    response.insert_header((ETAG, etag::of_revision(recurring.revision)));
    json_with(response, &RecurringView::from(recurring))
}

/// Get a recurring job
#[utoipa::path(
    get,
    path = "/jobs/recurring/{id}",
    tag = "recurring jobs",
    params(
        ("id" = String, Path, format = Uuid, description = "The recurring job's id", example = "01963b5e-7d3a-7c1e-9f43-0d2f6b1a9c55"),
        ("If-None-Match" = Option<String>, Header, description = "`ETag` of the caller's copy", example = "\"3\""),
    ),
    responses(
        (status = 200, description = "The recurring job", body = RecurringView, headers(("ETag" = String, description = "Revision, in quotes"))),
        (status = 304, description = "The caller's copy is current"),
        (status = 404, description = "Recurring job not found"),
    )
)]
pub(in super::super) async fn get_recurring_job(context: RequestContext) -> ApiResult {
    let recurring = context
        .api
        .recurring
        .get(&context.caller, context.recurring_id()?)
        .await?;
    get_response(&context, &recurring).await
}

/// The recurring job, or 304 if the caller's copy is current.
pub(super) async fn get_response(context: &RequestContext, recurring: &RecurringJob) -> ApiResult {
    let is_known = etag::is_known(context.request.headers(), recurring.revision)?;
    let status = if is_known {
        StatusCode::NOT_MODIFIED
    } else {
        StatusCode::OK
    };
    let mut response = HttpResponse::build(status);
    response.insert_header((ETAG, etag::of_revision(recurring.revision)));
    response.insert_header((CACHE_CONTROL, "no-cache"));
    if is_known {
        return Ok(response.finish());
    }
    let warnings = context.api.recurring.warnings(recurring).await;
    json_with(response, &RecurringView::from(recurring).warned(&warnings))
}

/// Replace a recurring job
#[utoipa::path(
    put,
    path = "/jobs/recurring/{id}",
    tag = "recurring jobs",
    description = "Replaces a recurring job; omitted fields have their defaults. Existing occurrences are not changed.",
    params(
        ("id" = String, Path, format = Uuid, description = "The recurring job's id", example = "01963b5e-7d3a-7c1e-9f43-0d2f6b1a9c55"),
        ("If-Match" = Option<String>, Header, description = "`ETag`s of which the resource must have one", example = "\"3\""),
        ("If-None-Match" = Option<String>, Header, description = "`ETag`s of which the resource must have none; `*` always fails", example = "\"2\""),
    ),
    request_body = JobRequest,
    responses(
        (status = 200, description = "The recurring job", body = RecurringView, headers(("ETag" = String, description = "Revision, in quotes"))),
        (status = 404, description = "Recurring job not found"),
        (status = 409, description = "Concurrent changes"),
        (status = 412, description = "A precondition failed"),
        (status = 413, description = "Body too large"),
        (status = 415, description = "Content type is not JSON"),
    )
)]
pub(in super::super) async fn replace_recurring_job(mut context: RequestContext) -> ApiResult {
    let id = context.recurring_id()?;
    let bytes = context.body(context.api.options.body_bytes_max).await?;
    let new = request_body::parse::<JobRequest>(&bytes)?.into_new_recurring_job()?;
    let revision = context.expected_recurring_revision(id).await?;
    let changed = context
        .api
        .recurring
        .change(&context.caller, id, revision, |_| new.clone())
        .await;
    response_of(&*changed.map_err(|error| Problem::of_service(error, |field, _| field_pointer(&bytes, "", field)))?)
}

/// Update a recurring job
#[utoipa::path(
    patch,
    path = "/jobs/recurring/{id}",
    tag = "recurring jobs",
    description = "Changes a recurring job; omitted fields are not changed. Existing occurrences are not changed.",
    params(
        ("id" = String, Path, format = Uuid, description = "The recurring job's id", example = "01963b5e-7d3a-7c1e-9f43-0d2f6b1a9c55"),
        ("If-Match" = Option<String>, Header, description = "`ETag`s of which the resource must have one", example = "\"3\""),
        ("If-None-Match" = Option<String>, Header, description = "`ETag`s of which the resource must have none; `*` always fails", example = "\"2\""),
    ),
    request_body = RecurringPatch,
    responses(
        (status = 200, description = "The recurring job", body = RecurringView, headers(("ETag" = String, description = "Revision, in quotes"))),
        (status = 404, description = "Recurring job not found"),
        (status = 409, description = "Concurrent changes"),
        (status = 412, description = "A precondition failed"),
        (status = 413, description = "Body too large"),
        (status = 415, description = "Content type is not JSON"),
    )
)]
pub(in super::super) async fn patch_recurring_job(mut context: RequestContext) -> ApiResult {
    let id = context.recurring_id()?;
    let bytes = context.body(context.api.options.body_bytes_max).await?;
    let patch = request_body::parse::<RecurringPatch>(&bytes)?;
    patch.check()?;
    let revision = context.expected_recurring_revision(id).await?;
    response_of(
        &*context
            .api
            .recurring
            .change(&context.caller, id, revision, |known| patch.apply(known))
            .await?,
    )
}

/// Delete a recurring job; its occurrences are kept
#[utoipa::path(
    delete,
    path = "/jobs/recurring/{id}",
    tag = "recurring jobs",
    params(
        ("id" = String, Path, format = Uuid, description = "The recurring job's id", example = "01963b5e-7d3a-7c1e-9f43-0d2f6b1a9c55"),
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
pub(in super::super) async fn delete_recurring_job(context: RequestContext) -> ApiResult {
    let id = context.recurring_id()?;
    let revision = context.expected_recurring_revision(id).await?;
    context.api.recurring.delete(&context.caller, id, revision).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Enable a recurring job
#[utoipa::path(
    post,
    path = "/jobs/recurring/{id}/enable",
    tag = "recurring jobs",
    params(
        ("id" = String, Path, format = Uuid, description = "The recurring job's id", example = "01963b5e-7d3a-7c1e-9f43-0d2f6b1a9c55"),
        ("If-Match" = Option<String>, Header, description = "`ETag`s of which the resource must have one", example = "\"3\""),
        ("If-None-Match" = Option<String>, Header, description = "`ETag`s of which the resource must have none; `*` always fails", example = "\"2\""),
    ),
    responses(
        (status = 200, description = "The recurring job", body = RecurringView, headers(("ETag" = String, description = "Revision, in quotes"))),
        (status = 404, description = "Recurring job not found"),
        (status = 409, description = "Concurrent changes"),
        (status = 412, description = "A precondition failed"),
    )
)]
pub(in super::super) async fn enable_recurring_job(context: RequestContext) -> ApiResult {
    switch(context, true).await
}

/// Disable a recurring job
#[utoipa::path(
    post,
    path = "/jobs/recurring/{id}/disable",
    tag = "recurring jobs",
    params(
        ("id" = String, Path, format = Uuid, description = "The recurring job's id", example = "01963b5e-7d3a-7c1e-9f43-0d2f6b1a9c55"),
        ("If-Match" = Option<String>, Header, description = "`ETag`s of which the resource must have one", example = "\"3\""),
        ("If-None-Match" = Option<String>, Header, description = "`ETag`s of which the resource must have none; `*` always fails", example = "\"2\""),
    ),
    responses(
        (status = 200, description = "The recurring job", body = RecurringView, headers(("ETag" = String, description = "Revision, in quotes"))),
        (status = 404, description = "Recurring job not found"),
        (status = 409, description = "Concurrent changes"),
        (status = 412, description = "A precondition failed"),
    )
)]
pub(in super::super) async fn disable_recurring_job(context: RequestContext) -> ApiResult {
    switch(context, false).await
}

async fn switch(mut context: RequestContext, is_enabled: bool) -> ApiResult {
    let id = context.recurring_id()?;
    context.no_fields().await?;
    let revision = context.expected_recurring_revision(id).await?;
    response_of(
        &*context
            .api
            .recurring
            .set_enabled(&context.caller, id, is_enabled, revision)
            .await?,
    )
}

/// Create one occurrence of a recurring job now
#[utoipa::path(
    post,
    path = "/jobs/recurring/{id}/trigger",
    tag = "recurring jobs",
    description = "Creates one occurrence now, in addition to those of the schedule. The recurring job may be disabled.",
    params(
        ("id" = String, Path, format = Uuid, description = "The recurring job's id", example = "01963b5e-7d3a-7c1e-9f43-0d2f6b1a9c55"),
        ("If-Match" = Option<String>, Header, description = "`ETag`s of which the resource must have one", example = "\"3\""),
        ("If-None-Match" = Option<String>, Header, description = "`ETag`s of which the resource must have none; `*` always fails", example = "\"2\""),
    ),
    responses(
        (status = 201, description = "The occurrence", body = JobView, headers(("ETag" = String, description = "Revision of the job, in quotes"))),
        (status = 404, description = "Recurring job not found"),
        (status = 409, description = "Concurrent changes"),
        (status = 412, description = "A precondition failed"),
    )
)]
pub(in super::super) async fn trigger_recurring_job(mut context: RequestContext) -> ApiResult {
    let id = context.recurring_id()?;
    context.no_fields().await?;
    let revision = context.expected_recurring_revision(id).await?;
    let job = context
        .api
        .recurring
        .trigger(&context.caller, id, None, Due::Now, revision)
        .await?;
    show(&context, StatusCode::CREATED, &job).await
}
