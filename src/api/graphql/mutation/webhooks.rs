//! Managing webhook endpoints and their deliveries.

use async_graphql::{Context, ID, Object, Result};

use crate::api::graphql::context::{caller, services};
use crate::api::graphql::errors;
use crate::api::graphql::scalars::{DateTime, TimeSpan};
use crate::api::graphql::types::int::int;
use crate::api::graphql::types::scalar_parsing;
use crate::api::graphql::types::scalar_parsing::Place;
use crate::api::graphql::types::webhook::delivery::WebhookDelivery;
use crate::api::graphql::types::webhook::endpoint::{WebhookEndpoint, WebhookEndpointWithSecret};
use crate::api::graphql::types::webhook::input::{CreateWebhookEndpointInput, UpdateWebhookEndpointInput};
use crate::api::rest::webhooks::request::RotateSecretRequest;
use crate::domain::webhooks::delivery::DeliveryId;

#[derive(Default)]
pub(super) struct WebhookMutations;

#[Object]
impl WebhookMutations {
    /// Creates a webhook endpoint. Its secret is in this answer and in no other. Needs the scope for administering.
    async fn create_webhook_endpoint(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The endpoint.")] input: CreateWebhookEndpointInput,
    ) -> Result<Option<WebhookEndpointWithSecret>> {
        let place = Place::argument("input");
        let draft = input.into_draft(&place)?;
        let created = services(ctx)?.webhooks.create(caller(ctx)?, draft).await;
        let endpoint = created.map_err(|error| errors::of_service(error, |field, _| place.field(field)))?;
        Ok(Some(endpoint.into()))
    }

    /// Changes a webhook endpoint that was made over the API. What waits for it is sent to where it is then. Needs the scope
    /// for administering.
    async fn update_webhook_endpoint(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The endpoint's id.")] id: ID,
        #[graphql(desc = "What is to be changed.")] input: UpdateWebhookEndpointInput,
        #[graphql(desc = "Only if the endpoint has this revision.")] expected_revision: Option<i32>,
    ) -> Result<Option<WebhookEndpoint>> {
        let id = scalar_parsing::endpoint_id("id", &id)?;
        let place = Place::argument("input");
        let patch = input.into_patch(&place)?;
        let revision = scalar_parsing::revision(expected_revision)?;
        let changed = services(ctx)?.webhooks.change(caller(ctx)?, id, revision, patch).await;
        let endpoint = changed.map_err(|error| errors::of_service(error, |field, _| place.field(field)))?;
        Ok(Some(endpoint.into()))
    }

    /// Has a webhook endpoint told again of what happens, and of what has waited for it. Needs the scope for administering.
    async fn enable_webhook_endpoint(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The endpoint's id.")] id: ID,
        #[graphql(desc = "Only if the endpoint has this revision.")] expected_revision: Option<i32>,
    ) -> Result<Option<WebhookEndpoint>> {
        switch(ctx, &id, true, expected_revision).await.map(Some)
    }

    /// Has a webhook endpoint told nothing more; what waits for it goes on waiting. Needs the scope for administering.
    async fn disable_webhook_endpoint(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The endpoint's id.")] id: ID,
        #[graphql(desc = "Only if the endpoint has this revision.")] expected_revision: Option<i32>,
    ) -> Result<Option<WebhookEndpoint>> {
        switch(ctx, &id, false, expected_revision).await.map(Some)
    }

    /// Gives a webhook endpoint another secret, which is in this answer and in no other; for a while deliveries are signed
    /// with both. Needs the scope for administering.
    async fn rotate_webhook_secret(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The endpoint's id.")] id: ID,
        #[graphql(desc = "The new secret, 14 to 256 bytes; one is made by default.")] secret: Option<String>,
        #[graphql(
            desc = "For how long deliveries are signed with the old secret as well; a day by default, at most 30."
        )]
        overlap: Option<TimeSpan>,
        #[graphql(desc = "Only if the endpoint has this revision.")] expected_revision: Option<i32>,
    ) -> Result<Option<WebhookEndpointWithSecret>> {
        let id = scalar_parsing::endpoint_id("id", &id)?;
        let overlap = Place::arguments().span("overlap", overlap)?;
        let (secret, overlap) = RotateSecretRequest { secret, overlap }.into_parts();
        let revision = scalar_parsing::revision(expected_revision)?;
        let webhooks = &services(ctx)?.webhooks;
        let endpoint = webhooks.rotate(caller(ctx)?, id, secret, overlap, revision).await?;
        Ok(Some(endpoint.into()))
    }

    /// Sends a webhook endpoint a message that tells nothing. Gives the `webhookId` of its delivery. Needs the scope for
    /// administering.
    async fn test_webhook_endpoint(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The endpoint's id.")] id: ID,
    ) -> Result<Option<String>> {
        let id = scalar_parsing::endpoint_id("id", &id)?;
        let webhook_id = services(ctx)?.webhooks.test(caller(ctx)?, id).await?;
        Ok(Some(webhook_id))
    }

    /// Deletes a webhook endpoint that was made over the API, and what it was or is to be told. Gives its id. Needs the scope
    /// for administering.
    async fn delete_webhook_endpoint(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The endpoint's id.")] id: ID,
        #[graphql(desc = "Only if the endpoint has this revision.")] expected_revision: Option<i32>,
    ) -> Result<Option<ID>> {
        let endpoint_id = scalar_parsing::endpoint_id("id", &id)?;
        let revision = scalar_parsing::revision(expected_revision)?;
        services(ctx)?
            .webhooks
            .delete(caller(ctx)?, endpoint_id, revision)
            .await?;
        Ok(Some(ID(endpoint_id.to_string())))
    }

    /// Has a webhook delivery sent again, whatever became of it, under the same `webhook-id`. Needs the scope for
    /// administering.
    async fn redeliver_webhook(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The delivery's id.")] id: ID,
    ) -> Result<Option<WebhookDelivery>> {
        let id = scalar_parsing::parse_with("id", &id, DeliveryId::parse)?;
        let delivery = services(ctx)?.webhooks.redeliver(caller(ctx)?, id).await?;
        Ok(Some(delivery.into()))
    }

    /// Has all of a webhook endpoint's deliveries sent again that have failed and whose event happened at a time or later.
    /// Gives their number. Needs the scope for administering.
    #[graphql(complexity = 1_000)]
    async fn redeliver_failed_webhooks(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The endpoint's id.")] endpoint_id: ID,
        #[graphql(desc = "The time from which on.")] since: DateTime,
    ) -> Result<Option<i32>> {
        let id = scalar_parsing::endpoint_id("endpointId", &endpoint_id)?;
        let since = scalar_parsing::parse("since", &since.into_text())?;
        let count = services(ctx)?
            .webhooks
            .redeliver_failed(caller(ctx)?, id, since)
            .await?;
        Ok(Some(int(count)))
    }
}

async fn switch(
    ctx: &Context<'_>,
    id: &ID,
    is_enabled: bool,
    expected_revision: Option<i32>,
) -> Result<WebhookEndpoint> {
    let id = scalar_parsing::endpoint_id("id", id)?;
    let revision = scalar_parsing::revision(expected_revision)?;
    let webhooks = &services(ctx)?.webhooks;
    let switched = webhooks.set_enabled(caller(ctx)?, id, is_enabled, revision).await?;
    Ok(switched.into())
}
