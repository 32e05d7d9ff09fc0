//! The routes of webhook endpoints.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::{ETAG, LOCATION};

use super::request::{EndpointPatchRequest, EndpointRequest, RotateSecretRequest};
use super::view::{EndpointItem, EndpointListView, TestView};
use crate::api::rest::request::body;
use crate::api::rest::request::context::{Answer, Call, json, json_with};
use crate::api::rest::request::etag;

/// Lists webhook endpoints.
#[utoipa::path(
    get,
    path = "/webhooks/endpoints",
    tag = "webhooks",
    description = "Lists webhook endpoints, the oldest first: those of the configuration and those that were made here.",
    responses((status = 200, description = "All endpoints", body = EndpointListView))
)]
pub(in super::super) async fn list_endpoints(call: Call) -> Answer {
    let endpoints = call.api.webhooks.list(&call.caller).await?;
    let view = EndpointListView {
        endpoints: endpoints.iter().map(EndpointItem::from).collect(),
    };
    json(StatusCode::OK, &view)
}

/// Creates a webhook endpoint.
#[utoipa::path(
    post,
    path = "/webhooks/endpoints",
    tag = "webhooks",
    description = "Creates a webhook endpoint. Needs the scope `tickerq:admin`. The secret is in this answer and in no \
                   other. Unless the server's configuration says otherwise, the endpoint may not lie in a private network.",
    request_body = EndpointRequest,
    responses(
        (status = 201, description = "The endpoint is stored", body = EndpointItem, headers(
            ("Location" = String, description = "Where the endpoint can be read"),
            ("ETag" = String, description = "Its revision, in quotes"),
        )),
        (status = 409, description = "Webhooks are switched off, or there are as many endpoints as there may be"),
        (status = 413, description = "The body is too large"),
        (status = 415, description = "The body is not JSON"),
    )
)]
pub(in super::super) async fn create_endpoint(mut call: Call) -> Answer {
    let bytes = call.body(call.api.options.body_bytes_max).await?;
    let draft = body::parse::<EndpointRequest>(&bytes)?.into_draft()?;
    let endpoint = call.api.webhooks.create(&call.caller, draft).await?;
    let mut response = HttpResponse::build(StatusCode::CREATED);
    response.insert_header((
        LOCATION,
        call.url_of(&format!("{}/{}", call.request.path(), endpoint.id)),
    ));
    response.insert_header((ETAG, etag::of_revision(endpoint.revision)));
    json_with(response, &EndpointItem::with_secret(&endpoint))
}

fn answer(revision: u32, view: &EndpointItem<'_>) -> Answer {
    let mut response = HttpResponse::build(StatusCode::OK);
    response.insert_header((ETAG, etag::of_revision(revision)));
    json_with(response, view)
}

/// Reads a webhook endpoint.
#[utoipa::path(
    get,
    path = "/webhooks/endpoints/{id}",
    tag = "webhooks",
    params(("id" = String, Path, format = Uuid, description = "The endpoint's id", example = "01963b5e-7d3a-7c1e-9f43-0d2f6b1a9c55")),
    responses(
        (status = 200, description = "The endpoint", body = EndpointItem, headers(("ETag" = String, description = "Its revision, in quotes"))),
        (status = 404, description = "There is no such endpoint"),
    )
)]
pub(in super::super) async fn get_endpoint(call: Call) -> Answer {
    let view = call.api.webhooks.get(&call.caller, call.endpoint_id()?).await?;
    answer(view.endpoint.revision, &EndpointItem::from(&view))
}

/// Changes a webhook endpoint.
#[utoipa::path(
    patch,
    path = "/webhooks/endpoints/{id}",
    tag = "webhooks",
    description = "Changes a webhook endpoint: what is left out stays as it is. What waits for it is sent to where it is then. \
                   Needs the scope `tickerq:admin`.",
    params(
        ("id" = String, Path, format = Uuid, description = "The endpoint's id", example = "01963b5e-7d3a-7c1e-9f43-0d2f6b1a9c55"),
        ("If-Match" = Option<String>, Header, description = "Only if it still has this `ETag`, or one of these", example = "\"3\""),
        ("If-None-Match" = Option<String>, Header, description = "Only if it has none of these `ETag`s; `*` never holds", example = "\"2\""),
    ),
    request_body = EndpointPatchRequest,
    responses(
        (status = 200, description = "The endpoint as it is now", body = EndpointItem, headers(("ETag" = String, description = "Its revision, in quotes"))),
        (status = 404, description = "There is no such endpoint"),
        (status = 409, description = "It comes from the configuration, or is being changed by others at the same time"),
        (status = 412, description = "It has changed"),
        (status = 413, description = "The body is too large"),
        (status = 415, description = "The body is not JSON"),
    )
)]
pub(in super::super) async fn patch_endpoint(mut call: Call) -> Answer {
    let id = call.endpoint_id()?;
    let bytes = call.body(call.api.options.body_bytes_max).await?;
    let patch = body::parse::<EndpointPatchRequest>(&bytes)?.into_patch()?;
    let revision = call.expected_endpoint_revision(id).await?;
    let endpoint = call.api.webhooks.change(&call.caller, id, revision, patch).await?;
    answer(endpoint.revision, &EndpointItem::new(&endpoint, None))
}

/// Deletes a webhook endpoint.
#[utoipa::path(
    delete,
    path = "/webhooks/endpoints/{id}",
    tag = "webhooks",
    description = "Deletes a webhook endpoint, and what it was or is to be told. Needs the scope `tickerq:admin`.",
    params(
        ("id" = String, Path, format = Uuid, description = "The endpoint's id", example = "01963b5e-7d3a-7c1e-9f43-0d2f6b1a9c55"),
        ("If-Match" = Option<String>, Header, description = "Only if it still has this `ETag`, or one of these", example = "\"3\""),
        ("If-None-Match" = Option<String>, Header, description = "Only if it has none of these `ETag`s; `*` never holds", example = "\"2\""),
    ),
    responses(
        (status = 204, description = "It is deleted"),
        (status = 404, description = "There is no such endpoint"),
        (status = 409, description = "It comes from the configuration, or is being changed by others at the same time"),
        (status = 412, description = "It has changed"),
    )
)]
pub(in super::super) async fn delete_endpoint(mut call: Call) -> Answer {
    let id = call.endpoint_id()?;
    call.no_fields().await?;
    let revision = call.expected_endpoint_revision(id).await?;
    call.api.webhooks.delete(&call.caller, id, revision).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Enables a webhook endpoint.
#[utoipa::path(
    post,
    path = "/webhooks/endpoints/{id}/enable",
    tag = "webhooks",
    description = "Has an endpoint told again of what happens, and of what has waited for it. Needs the scope `tickerq:admin`.",
    params(
        ("id" = String, Path, format = Uuid, description = "The endpoint's id", example = "01963b5e-7d3a-7c1e-9f43-0d2f6b1a9c55"),
        ("If-Match" = Option<String>, Header, description = "Only if it still has this `ETag`, or one of these", example = "\"3\""),
        ("If-None-Match" = Option<String>, Header, description = "Only if it has none of these `ETag`s; `*` never holds", example = "\"2\""),
    ),
    responses(
        (status = 200, description = "The endpoint as it is now", body = EndpointItem, headers(("ETag" = String, description = "Its revision, in quotes"))),
        (status = 404, description = "There is no such endpoint"),
        (status = 409, description = "It is being changed by others at the same time"),
        (status = 412, description = "It has changed"),
    )
)]
pub(in super::super) async fn enable_endpoint(call: Call) -> Answer {
    switch(call, true).await
}

/// Disables a webhook endpoint.
#[utoipa::path(
    post,
    path = "/webhooks/endpoints/{id}/disable",
    tag = "webhooks",
    description = "Has an endpoint told nothing more. What waits for it waits until it is enabled. Needs the scope `tickerq:admin`.",
    params(
        ("id" = String, Path, format = Uuid, description = "The endpoint's id", example = "01963b5e-7d3a-7c1e-9f43-0d2f6b1a9c55"),
        ("If-Match" = Option<String>, Header, description = "Only if it still has this `ETag`, or one of these", example = "\"3\""),
        ("If-None-Match" = Option<String>, Header, description = "Only if it has none of these `ETag`s; `*` never holds", example = "\"2\""),
    ),
    responses(
        (status = 200, description = "The endpoint as it is now", body = EndpointItem, headers(("ETag" = String, description = "Its revision, in quotes"))),
        (status = 404, description = "There is no such endpoint"),
        (status = 409, description = "It is being changed by others at the same time"),
        (status = 412, description = "It has changed"),
    )
)]
pub(in super::super) async fn disable_endpoint(call: Call) -> Answer {
    switch(call, false).await
}

async fn switch(mut call: Call, is_enabled: bool) -> Answer {
    let id = call.endpoint_id()?;
    call.no_fields().await?;
    let revision = call.expected_endpoint_revision(id).await?;
    let webhooks = &call.api.webhooks;
    let endpoint = webhooks.set_enabled(&call.caller, id, is_enabled, revision).await?;
    answer(endpoint.revision, &EndpointItem::new(&endpoint, None))
}

/// Gives a webhook endpoint another secret.
#[utoipa::path(
    post,
    path = "/webhooks/endpoints/{id}/rotate-secret",
    tag = "webhooks",
    description = "Gives an endpoint another secret. During the overlap deliveries are signed with both: `webhook-signature` \
                   has two, and `X-TickerQ-Signature-Previous` is by the old one. The new secret is in this answer and in \
                   no other. Needs the scope `tickerq:admin`.",
    params(
        ("id" = String, Path, format = Uuid, description = "The endpoint's id", example = "01963b5e-7d3a-7c1e-9f43-0d2f6b1a9c55"),
        ("If-Match" = Option<String>, Header, description = "Only if it still has this `ETag`, or one of these", example = "\"3\""),
        ("If-None-Match" = Option<String>, Header, description = "Only if it has none of these `ETag`s; `*` never holds", example = "\"2\""),
    ),
    request_body(content = Option<RotateSecretRequest>),
    responses(
        (status = 200, description = "The endpoint as it is now, with its secret", body = EndpointItem, headers(("ETag" = String, description = "Its revision, in quotes"))),
        (status = 404, description = "There is no such endpoint"),
        (status = 409, description = "It comes from the configuration, or is being changed by others at the same time"),
        (status = 412, description = "It has changed"),
        (status = 413, description = "The body is too large"),
        (status = 415, description = "The body is not JSON"),
    )
)]
pub(in super::super) async fn rotate_secret(mut call: Call) -> Answer {
    let id = call.endpoint_id()?;
    let request: RotateSecretRequest = call.optional_body().await?;
    let (secret, overlap) = request.into_parts();
    let revision = call.expected_endpoint_revision(id).await?;
    let webhooks = &call.api.webhooks;
    let endpoint = webhooks.rotate(&call.caller, id, secret, overlap, revision).await?;
    answer(endpoint.revision, &EndpointItem::with_secret(&endpoint))
}

/// Tries a webhook endpoint.
#[utoipa::path(
    post,
    path = "/webhooks/endpoints/{id}/test",
    tag = "webhooks",
    description = "Sends an endpoint the event `webhook.test`, whatever it has chosen to be told. What came of it is in its \
                   deliveries. Needs the scope `tickerq:admin`.",
    params(("id" = String, Path, format = Uuid, description = "The endpoint's id", example = "01963b5e-7d3a-7c1e-9f43-0d2f6b1a9c55")),
    responses(
        (status = 202, description = "The test is on its way", body = TestView),
        (status = 404, description = "There is no such endpoint"),
        (status = 409, description = "It is disabled"),
    )
)]
pub(in super::super) async fn test_endpoint(mut call: Call) -> Answer {
    let id = call.endpoint_id()?;
    call.no_fields().await?;
    let webhook_id = call.api.webhooks.test(&call.caller, id).await?;
    json(StatusCode::ACCEPTED, &TestView { webhook_id })
}
