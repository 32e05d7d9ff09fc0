//! The routes of deliveries.

use actix_web::http::StatusCode;

use super::request::RedeliverRequest;
use super::view::{DeliveryItem, DeliveryListView, RedeliveredView};
use crate::api::rest::problem::PartError;
use crate::api::rest::request::body;
use crate::api::rest::request::context::{Answer, Call, json};
use crate::api::rest::request::json_fields::Parsed;
use crate::api::rest::request::pagination;
use crate::api::rest::request::parameters::Parameters;
use crate::domain::webhooks::delivery::{DeliveryId, DeliveryStatus};
use crate::storage::query::DeliveryPage;

/// The query parameters of the list.
pub(super) const PARAMETERS: &[&str] = &["status", "limit", "after"];

/// Lists an endpoint's deliveries.
#[utoipa::path(
    get,
    path = "/webhooks/endpoints/{id}/deliveries",
    tag = "webhooks",
    description = "Lists what an endpoint was told or is to be told, the newest first, with the request, the last attempt's \
                   response, its duration and its error.",
    params(
        ("id" = String, Path, format = Uuid, description = "The endpoint's id", example = "01963b5e-7d3a-7c1e-9f43-0d2f6b1a9c55"),
        ("status" = Option<String>, Query, description = "Only those that are `pending`, `delivered` or `failed`", example = "failed"),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 1000, description = "How many; 50 by default", example = 50),
        ("after" = Option<String>, Query, description = "Only deliveries older than this one: the id of the last one of the page before", example = "4711"),
    ),
    responses(
        (status = 200, description = "A part of the deliveries", body = DeliveryListView),
        (status = 404, description = "There is no such endpoint"),
        (status = 413, description = "The answer is larger than `server.max_response` allows: ask for less with `limit`"),
    )
)]
pub(in super::super) async fn list_deliveries(call: Call) -> Answer {
    let id = call.endpoint_id()?;
    let mut parameters = Parameters::of(&call.request)?;
    let page = DeliveryPage {
        status: parameters.read("status", DeliveryStatus::parse),
        limit: pagination::read_limit(&mut parameters),
        after: parameters.read("after", DeliveryId::parse),
    };
    parameters.finish()?;
    let webhooks = &call.api.webhooks;
    let _room = call.room_for(webhooks.size_of_deliveries(&call.caller, id, page).await?)?;
    let list = webhooks.deliveries(&call.caller, id, page).await?;
    let view = DeliveryListView {
        deliveries: list.deliveries.iter().map(DeliveryItem::from).collect(),
        has_more: list.has_more,
    };
    call.list(&view)
}

/// Reads a delivery.
#[utoipa::path(
    get,
    path = "/webhooks/deliveries/{id}",
    tag = "webhooks",
    params(("id" = String, Path, description = "The delivery's id", example = "4711")),
    responses(
        (status = 200, description = "The delivery", body = DeliveryItem),
        (status = 404, description = "There is no such delivery"),
    )
)]
pub(in super::super) async fn get_delivery(call: Call) -> Answer {
    let delivery = call.api.webhooks.delivery(&call.caller, call.delivery_id()?).await?;
    json(StatusCode::OK, &DeliveryItem::from(&delivery))
}

/// Sends a delivery again.
#[utoipa::path(
    post,
    path = "/webhooks/deliveries/{id}/redeliver",
    tag = "webhooks",
    description = "Has a delivery sent again, whatever became of it, under the same `webhook-id`. Needs the scope `tickerq:admin`.",
    params(("id" = String, Path, description = "The delivery's id", example = "4711")),
    responses(
        (status = 202, description = "It waits to be sent", body = DeliveryItem),
        (status = 404, description = "There is no such delivery, or its endpoint is gone"),
    )
)]
pub(in super::super) async fn redeliver(mut call: Call) -> Answer {
    let id = call.delivery_id()?;
    call.no_fields().await?;
    let delivery = call.api.webhooks.redeliver(&call.caller, id).await?;
    json(StatusCode::ACCEPTED, &DeliveryItem::from(&delivery))
}

/// Sends an endpoint's failed deliveries again.
#[utoipa::path(
    post,
    path = "/webhooks/endpoints/{id}/redeliver",
    tag = "webhooks",
    description = "Has all deliveries of an endpoint sent again that have failed and whose event happened at `since` or \
                   later. Needs the scope `tickerq:admin`.",
    params(("id" = String, Path, format = Uuid, description = "The endpoint's id", example = "01963b5e-7d3a-7c1e-9f43-0d2f6b1a9c55")),
    request_body = RedeliverRequest,
    responses(
        (status = 202, description = "They wait to be sent", body = RedeliveredView),
        (status = 404, description = "There is no such endpoint"),
        (status = 413, description = "The body is too large"),
        (status = 415, description = "The body is not JSON"),
    )
)]
pub(in super::super) async fn redeliver_failed(mut call: Call) -> Answer {
    let id = call.endpoint_id()?;
    let bytes = call.body(call.api.options.body_bytes_max).await?;
    let RedeliverRequest { since } = body::parse(&bytes)?;
    let missing = || {
        PartError::field(
            "/since",
            "since is required: the time from which on failed deliveries are meant",
        )
    };
    let Parsed(since) = since.ok_or_else(missing)?;
    let redelivered = call.api.webhooks.redeliver_failed(&call.caller, id, since).await?;
    json(StatusCode::ACCEPTED, &RedeliveredView { redelivered })
}
