//! The routes of webhook endpoints.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::{ETAG, LOCATION};

use crate::api::contract::request::endpoint::{EndpointPatchRequest, EndpointRequest, RotateSecretRequest};
use crate::api::contract::view::webhook::{EndpointItem, EndpointListView, TestView};
use crate::api::request_body;
use crate::api::rest::request::context::{ApiResult, RequestContext, json, json_with};
use crate::api::rest::request::etag;

/// List webhook endpoints
#[utoipa::path(
    get,
    path = "/webhooks/endpoints",
    tag = "webhooks",
    description = "Returns webhook endpoints, oldest first: those of the configuration and those that were created over the API.",
    responses((status = 200, description = "All endpoints", body = EndpointListView))
)]
pub(in super::super) async fn list_webhook_endpoints(context: RequestContext) -> ApiResult {
    let endpoints = context.api.webhooks.list(&context.caller).await?;
    let view = EndpointListView {
        endpoints: endpoints.iter().map(EndpointItem::from).collect(),
    };
    json(StatusCode::OK, &view)
}

/// Create a webhook endpoint
#[utoipa::path(
    post,
    path = "/webhooks/endpoints",
    tag = "webhooks",
    description = "Creates a webhook endpoint. Requires the scope `tickerq:admin`. Only this response contains the \
                   secret. Private networks are rejected unless the server's configuration allows them.",
    request_body = EndpointRequest,
    responses(
        (status = 201, description = "The endpoint was stored", body = EndpointItem, headers(
            ("Location" = String, description = "URL of the endpoint"),
            ("ETag" = String, description = "Revision, in quotes"),
        )),
        (status = 409, description = "Webhooks are disabled, or the limit of endpoints is reached"),
        (status = 413, description = "Body too large"),
        (status = 415, description = "Content type is not JSON"),
    )
)]
pub(in super::super) async fn create_webhook_endpoint(mut context: RequestContext) -> ApiResult {
    let bytes = context.body(context.api.options.body_bytes_max).await?;
    let draft = request_body::parse::<EndpointRequest>(&bytes)?.into_draft()?;
    let endpoint = context.api.webhooks.create(&context.caller, draft).await?;
    let mut response = HttpResponse::build(StatusCode::CREATED);
    response.insert_header((
        LOCATION,
        context.url_of(&format!("{}/{}", context.request.path(), endpoint.id)),
    ));
    response.insert_header((ETAG, etag::of_revision(endpoint.revision)));
    json_with(response, &EndpointItem::with_secret(&endpoint))
}

fn response_of(revision: u32, view: &EndpointItem) -> ApiResult {
    let mut response = HttpResponse::build(StatusCode::OK);
    response.insert_header((ETAG, etag::of_revision(revision)));
    json_with(response, view)
}

/// Get a webhook endpoint
#[utoipa::path(
    get,
    path = "/webhooks/endpoints/{id}",
    tag = "webhooks",
    params(("id" = String, Path, format = Uuid, description = "The endpoint's id", example = "01963b5e-7d3a-7c1e-9f43-0d2f6b1a9c55")),
    responses(
        (status = 200, description = "The endpoint", body = EndpointItem, headers(("ETag" = String, description = "Revision, in quotes"))),
        (status = 404, description = "Webhook endpoint not found"),
    )
)]
pub(in super::super) async fn get_webhook_endpoint(context: RequestContext) -> ApiResult {
    let view = context
        .api
        .webhooks
        .get(&context.caller, context.endpoint_id()?)
        .await?;
    response_of(view.endpoint.revision, &EndpointItem::from(&view))
}

/// Update a webhook endpoint
#[utoipa::path(
    patch,
    path = "/webhooks/endpoints/{id}",
    tag = "webhooks",
    description = "Changes a webhook endpoint; omitted fields are not changed. Pending deliveries are sent to its new address. \
                   Requires the scope `tickerq:admin`.",
    params(
        ("id" = String, Path, format = Uuid, description = "The endpoint's id", example = "01963b5e-7d3a-7c1e-9f43-0d2f6b1a9c55"),
        ("If-Match" = Option<String>, Header, description = "`ETag`s of which the resource must have one", example = "\"3\""),
        ("If-None-Match" = Option<String>, Header, description = "`ETag`s of which the resource must have none; `*` always fails", example = "\"2\""),
    ),
    request_body = EndpointPatchRequest,
    responses(
        (status = 200, description = "The endpoint", body = EndpointItem, headers(("ETag" = String, description = "Revision, in quotes"))),
        (status = 404, description = "Webhook endpoint not found"),
        (status = 409, description = "The endpoint is configured in a file, or concurrent changes"),
        (status = 412, description = "A precondition failed"),
        (status = 413, description = "Body too large"),
        (status = 415, description = "Content type is not JSON"),
    )
)]
pub(in super::super) async fn patch_webhook_endpoint(mut context: RequestContext) -> ApiResult {
    let id = context.endpoint_id()?;
    let bytes = context.body(context.api.options.body_bytes_max).await?;
    let patch = request_body::parse::<EndpointPatchRequest>(&bytes)?.into_patch()?;
    let revision = context.expected_endpoint_revision(id).await?;
    let endpoint = context
        .api
        .webhooks
        .change(&context.caller, id, revision, patch)
        .await?;
    response_of(endpoint.revision, &EndpointItem::new(&endpoint, None))
}

/// Delete a webhook endpoint
#[utoipa::path(
    delete,
    path = "/webhooks/endpoints/{id}",
    tag = "webhooks",
    description = "Deletes a webhook endpoint and its deliveries. Requires the scope `tickerq:admin`.",
    params(
        ("id" = String, Path, format = Uuid, description = "The endpoint's id", example = "01963b5e-7d3a-7c1e-9f43-0d2f6b1a9c55"),
        ("If-Match" = Option<String>, Header, description = "`ETag`s of which the resource must have one", example = "\"3\""),
        ("If-None-Match" = Option<String>, Header, description = "`ETag`s of which the resource must have none; `*` always fails", example = "\"2\""),
    ),
    responses(
        (status = 204, description = "The endpoint was deleted"),
        (status = 404, description = "Webhook endpoint not found"),
        (status = 409, description = "The endpoint is configured in a file, or concurrent changes"),
        (status = 412, description = "A precondition failed"),
    )
)]
pub(in super::super) async fn delete_webhook_endpoint(mut context: RequestContext) -> ApiResult {
    let id = context.endpoint_id()?;
    context.no_fields().await?;
    let revision = context.expected_endpoint_revision(id).await?;
    context.api.webhooks.delete(&context.caller, id, revision).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Enable a webhook endpoint
#[utoipa::path(
    post,
    path = "/webhooks/endpoints/{id}/enable",
    tag = "webhooks",
    description = "Enables an endpoint. Its pending deliveries are sent, followed by those of new events. Requires the scope `tickerq:admin`.",
    params(
        ("id" = String, Path, format = Uuid, description = "The endpoint's id", example = "01963b5e-7d3a-7c1e-9f43-0d2f6b1a9c55"),
        ("If-Match" = Option<String>, Header, description = "`ETag`s of which the resource must have one", example = "\"3\""),
        ("If-None-Match" = Option<String>, Header, description = "`ETag`s of which the resource must have none; `*` always fails", example = "\"2\""),
    ),
    responses(
        (status = 200, description = "The endpoint", body = EndpointItem, headers(("ETag" = String, description = "Revision, in quotes"))),
        (status = 404, description = "Webhook endpoint not found"),
        (status = 409, description = "Concurrent changes"),
        (status = 412, description = "A precondition failed"),
    )
)]
pub(in super::super) async fn enable_webhook_endpoint(context: RequestContext) -> ApiResult {
    switch(context, true).await
}

/// Disable a webhook endpoint
#[utoipa::path(
    post,
    path = "/webhooks/endpoints/{id}/disable",
    tag = "webhooks",
    description = "Disables an endpoint. Its pending deliveries stay pending. Requires the scope `tickerq:admin`.",
    params(
        ("id" = String, Path, format = Uuid, description = "The endpoint's id", example = "01963b5e-7d3a-7c1e-9f43-0d2f6b1a9c55"),
        ("If-Match" = Option<String>, Header, description = "`ETag`s of which the resource must have one", example = "\"3\""),
        ("If-None-Match" = Option<String>, Header, description = "`ETag`s of which the resource must have none; `*` always fails", example = "\"2\""),
    ),
    responses(
        (status = 200, description = "The endpoint", body = EndpointItem, headers(("ETag" = String, description = "Revision, in quotes"))),
        (status = 404, description = "Webhook endpoint not found"),
        (status = 409, description = "Concurrent changes"),
        (status = 412, description = "A precondition failed"),
    )
)]
pub(in super::super) async fn disable_webhook_endpoint(context: RequestContext) -> ApiResult {
    switch(context, false).await
}

async fn switch(mut context: RequestContext, is_enabled: bool) -> ApiResult {
    let id = context.endpoint_id()?;
    context.no_fields().await?;
    let revision = context.expected_endpoint_revision(id).await?;
    let webhooks = &context.api.webhooks;
    let endpoint = webhooks.set_enabled(&context.caller, id, is_enabled, revision).await?;
    response_of(endpoint.revision, &EndpointItem::new(&endpoint, None))
}

/// Rotate the secret of a webhook endpoint
#[utoipa::path(
    post,
    path = "/webhooks/endpoints/{id}/rotate-secret",
    tag = "webhooks",
    description = "Replaces the secret of an endpoint. During the overlap deliveries are signed with both: `webhook-signature` \
                   has two signatures, and `X-TickerQ-Signature-Previous` that of the old one. Only this response contains the \
                   new secret. Requires the scope `tickerq:admin`.",
    params(
        ("id" = String, Path, format = Uuid, description = "The endpoint's id", example = "01963b5e-7d3a-7c1e-9f43-0d2f6b1a9c55"),
        ("If-Match" = Option<String>, Header, description = "`ETag`s of which the resource must have one", example = "\"3\""),
        ("If-None-Match" = Option<String>, Header, description = "`ETag`s of which the resource must have none; `*` always fails", example = "\"2\""),
    ),
    request_body(content = Option<RotateSecretRequest>),
    responses(
        (status = 200, description = "The endpoint, with its secret", body = EndpointItem, headers(("ETag" = String, description = "Revision, in quotes"))),
        (status = 404, description = "Webhook endpoint not found"),
        (status = 409, description = "The endpoint is configured in a file, or concurrent changes"),
        (status = 412, description = "A precondition failed"),
        (status = 413, description = "Body too large"),
        (status = 415, description = "Content type is not JSON"),
    )
)]
pub(in super::super) async fn rotate_webhook_secret(mut context: RequestContext) -> ApiResult {
    let id = context.endpoint_id()?;
    let request: RotateSecretRequest = context.optional_body().await?;
    let (secret, overlap) = request.into_parts();
    let revision = context.expected_endpoint_revision(id).await?;
    let webhooks = &context.api.webhooks;
    let endpoint = webhooks.rotate(&context.caller, id, secret, overlap, revision).await?;
    response_of(endpoint.revision, &EndpointItem::with_secret(&endpoint))
}

/// Send a test event to a webhook endpoint
#[utoipa::path(
    post,
    path = "/webhooks/endpoints/{id}/test",
    tag = "webhooks",
    description = "Sends the event `webhook.test` to an endpoint with any subscription. The result is in its \
                   deliveries. Requires the scope `tickerq:admin`.",
    params(("id" = String, Path, format = Uuid, description = "The endpoint's id", example = "01963b5e-7d3a-7c1e-9f43-0d2f6b1a9c55")),
    responses(
        (status = 202, description = "The test event is pending", body = TestView),
        (status = 404, description = "Webhook endpoint not found"),
        (status = 409, description = "The endpoint is disabled"),
    )
)]
pub(in super::super) async fn test_webhook_endpoint(mut context: RequestContext) -> ApiResult {
    let id = context.endpoint_id()?;
    context.no_fields().await?;
    let webhook_id = context.api.webhooks.test(&context.caller, id).await?;
    json(StatusCode::ACCEPTED, &TestView { webhook_id })
}
