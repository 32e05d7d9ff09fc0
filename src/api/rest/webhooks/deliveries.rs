//! The routes of deliveries.

use actix_web::http::StatusCode;

use crate::api::contract::field_values::Parsed;
use crate::api::contract::request::endpoint::RedeliverRequest;
use crate::api::contract::view::webhook::{DeliveryItem, DeliveryListView, RedeliveredView};
use crate::api::problem::PartError;
use crate::api::request_body;
use crate::api::rest::request::context::{ApiResult, RequestContext, json};
use crate::api::rest::request::pagination;
use crate::api::rest::request::parameters::Parameters;
use crate::domain::webhooks::delivery::{DeliveryId, DeliveryStatus};
use crate::storage::query::DeliveryPage;

/// Query parameters of the list.
pub(super) const PARAMETERS: &[&str] = &["status", "limit", "after"];

/// List a webhook endpoint's deliveries
#[utoipa::path(
    get,
    path = "/webhooks/endpoints/{id}/deliveries",
    tag = "webhooks",
    description = "Returns an endpoint's deliveries, newest first, with the request, the last attempt's \
                   response, its duration and its error.",
    params(
        ("id" = String, Path, format = Uuid, description = "The endpoint's id", example = "01963b5e-7d3a-7c1e-9f43-0d2f6b1a9c55"),
        ("status" = Option<String>, Query, description = "Only deliveries with this status: `pending`, `delivered` or `failed`", example = "failed"),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 1000, description = "Maximum number of deliveries; 50 by default", example = 50),
        ("after" = Option<String>, Query, description = "Id of the last delivery of the previous page: only older deliveries are returned", example = "4711"),
    ),
    responses(
        (status = 200, description = "A page of deliveries", body = DeliveryListView),
        (status = 404, description = "Webhook endpoint not found"),
        (status = 413, description = "The response exceeds `server.max_response`: use a smaller `limit`"),
    )
)]
pub(in super::super) async fn list_webhook_deliveries(context: RequestContext) -> ApiResult {
    let id = context.endpoint_id()?;
    let mut parameters = Parameters::of(&context.request)?;
    let page = DeliveryPage {
        status: parameters.read("status", DeliveryStatus::parse),
        limit: pagination::read_limit(&mut parameters),
        after: parameters.read("after", DeliveryId::parse),
    };
    parameters.finish()?;
    let webhooks = &context.api.webhooks;
    let _room = context.room_for(webhooks.size_of_deliveries(&context.caller, id, page).await?)?;
    let list = webhooks.deliveries(&context.caller, id, page).await?;
    let view = DeliveryListView {
        deliveries: list.deliveries.iter().map(DeliveryItem::from).collect(),
        has_more: list.has_more,
    };
    context.list(&view)
}

/// Get a webhook delivery
#[utoipa::path(
    get,
    path = "/webhooks/deliveries/{id}",
    tag = "webhooks",
    params(("id" = String, Path, description = "The delivery's id", example = "4711")),
    responses(
        (status = 200, description = "The delivery", body = DeliveryItem),
        (status = 404, description = "Webhook delivery not found"),
    )
)]
pub(in super::super) async fn get_webhook_delivery(context: RequestContext) -> ApiResult {
    let delivery = context
        .api
        .webhooks
        .delivery(&context.caller, context.delivery_id()?)
        .await?;
    json(StatusCode::OK, &DeliveryItem::from(&delivery))
}

/// Redeliver a webhook delivery
#[utoipa::path(
    post,
    path = "/webhooks/deliveries/{id}/redeliver",
    tag = "webhooks",
    description = "Redelivers a delivery of any status under the same `webhook-id`. Requires the scope `tickerq:admin`.",
    params(("id" = String, Path, description = "The delivery's id", example = "4711")),
    responses(
        (status = 202, description = "The pending delivery", body = DeliveryItem),
        (status = 404, description = "Webhook delivery not found, or its endpoint was deleted"),
    )
)]
pub(in super::super) async fn redeliver_webhook_delivery(mut context: RequestContext) -> ApiResult {
    let id = context.delivery_id()?;
    context.no_fields().await?;
    let delivery = context.api.webhooks.redeliver(&context.caller, id).await?;
    json(StatusCode::ACCEPTED, &DeliveryItem::from(&delivery))
}

/// Redeliver a webhook endpoint's failed deliveries
#[utoipa::path(
    post,
    path = "/webhooks/endpoints/{id}/redeliver",
    tag = "webhooks",
    description = "Redelivers an endpoint's failed deliveries whose event occurred at or after \
                   `since`. Requires the scope `tickerq:admin`.",
    params(("id" = String, Path, format = Uuid, description = "The endpoint's id", example = "01963b5e-7d3a-7c1e-9f43-0d2f6b1a9c55")),
    request_body = RedeliverRequest,
    responses(
        (status = 202, description = "Number of pending deliveries", body = RedeliveredView),
        (status = 404, description = "Webhook endpoint not found"),
        (status = 413, description = "Body too large"),
        (status = 415, description = "Content type is not JSON"),
    )
)]
pub(in super::super) async fn redeliver_failed_webhook_deliveries(mut context: RequestContext) -> ApiResult {
    let id = context.endpoint_id()?;
    let bytes = context.body(context.api.options.body_bytes_max).await?;
    let RedeliverRequest { since } = request_body::parse(&bytes)?;
    let missing = || PartError::field("/since", "since is missing; expected the earliest time of the event");
    let Parsed(since) = since.ok_or_else(missing)?;
    let redelivered = context
        .api
        .webhooks
        .redeliver_failed(&context.caller, id, since)
        .await?;
    json(StatusCode::ACCEPTED, &RedeliveredView { redelivered })
}
