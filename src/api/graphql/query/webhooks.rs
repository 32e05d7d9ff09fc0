//! Webhook endpoints and deliveries.

use async_graphql::{Context, ID, Object, Result};

use crate::api::contract::filters::{LIMIT_DEFAULT, LIMIT_MAX};
use crate::api::graphql::context::{caller, services};
use crate::api::graphql::errors::if_any;
use crate::api::graphql::execution::budget::room_for_page;
use crate::api::graphql::types::connection::Part;
use crate::api::graphql::types::connection::page_size;
use crate::api::graphql::types::enums::WebhookDeliveryStatus;
use crate::api::graphql::types::scalar_parsing;
use crate::api::graphql::types::webhook::delivery::{WebhookDelivery, WebhookDeliveryConnection};
use crate::api::graphql::types::webhook::endpoint::{WebhookEndpoint, WebhookEndpointConnection};
use crate::domain::webhooks::delivery::DeliveryId;
use crate::storage::query::DeliveryPage;

#[derive(Default)]
pub(super) struct WebhookQueries;

#[Object]
impl WebhookQueries {
    /// Returns the webhook endpoints, oldest first: those of the configuration and those that were created over the
    /// API.
    #[graphql(
        complexity = "10 + 5 * child_complexity",
        deprecation = "Use webhookEndpointsConnection."
    )]
    async fn webhook_endpoints(&self, ctx: &Context<'_>) -> Result<Option<Vec<WebhookEndpoint>>> {
        let endpoints = services(ctx)?.webhooks.list(caller(ctx)?).await?;
        Ok(Some(endpoints.into_iter().map(WebhookEndpoint::from).collect()))
    }

    /// Returns a page of webhook endpoints, oldest first: those of the configuration and those that were created over
    /// the API.
    #[graphql(complexity = "10 + 5 * child_complexity")]
    async fn webhook_endpoints_connection(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Maximum number of endpoints, 1 to 1000; 50 by default.")] first: Option<i32>,
        #[graphql(desc = "Cursor: only later endpoints of the list are returned.")] after: Option<ID>,
    ) -> Result<Option<WebhookEndpointConnection>> {
        let endpoints = services(ctx)?.webhooks.list(caller(ctx)?).await?;
        let endpoints = endpoints.into_iter().map(WebhookEndpoint::from).collect();
        let part = Part::of_list(endpoints, WebhookEndpoint::cursor, first, after.as_ref())?;
        Ok(Some(part.into()))
    }

    /// Returns the webhook endpoint with this id, or null.
    async fn webhook_endpoint(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The endpoint's id.")] id: ID,
    ) -> Result<Option<WebhookEndpoint>> {
        let id = scalar_parsing::endpoint_id("id", &id)?;
        let endpoint = if_any(services(ctx)?.webhooks.get(caller(ctx)?, id).await)?;
        Ok(endpoint.map(WebhookEndpoint::from))
    }

    /// Returns a page of an endpoint's deliveries, newest first.
    #[graphql(complexity = "page_size(first, None).saturating_mul(child_complexity)")]
    async fn webhook_deliveries(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The endpoint's id.")] endpoint_id: ID,
        #[graphql(desc = "Only deliveries with this status; all by default.")] status: Option<WebhookDeliveryStatus>,
        #[graphql(desc = "Maximum number of deliveries, 1 to 1000; 50 by default.")] first: Option<i32>,
        #[graphql(desc = "Id of the last delivery of the previous page: only older deliveries are returned.")]
        after: Option<ID>,
    ) -> Result<Option<WebhookDeliveryConnection>> {
        let id = scalar_parsing::endpoint_id("endpointId", &endpoint_id)?;
        let page = DeliveryPage {
            status: status.map(Into::into),
            limit: scalar_parsing::count("first", first, LIMIT_DEFAULT, LIMIT_MAX)?,
            after: after
                .map(|ID(text)| scalar_parsing::parse_with("after", &text, DeliveryId::parse))
                .transpose()?,
        };
        let is_first = page.after.is_none();
        let webhooks = &services(ctx)?.webhooks;
        let _room = room_for_page(ctx, webhooks.size_of_deliveries(caller(ctx)?, id, page).await?)?;
        let list = webhooks.deliveries(caller(ctx)?, id, page).await?;
        Ok(Some(WebhookDeliveryConnection::new(list, is_first)))
    }

    /// Returns the webhook delivery with this id, or null.
    async fn webhook_delivery(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The delivery's id.")] id: ID,
    ) -> Result<Option<WebhookDelivery>> {
        let id = scalar_parsing::parse_with("id", &id, DeliveryId::parse)?;
        let delivery = if_any(services(ctx)?.webhooks.delivery(caller(ctx)?, id).await)?;
        Ok(delivery.map(WebhookDelivery::from))
    }
}
