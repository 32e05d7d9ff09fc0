//! Webhook endpoints and their deliveries.

use chrono::{DateTime, Utc};
use reqwest::Method;
use serde_json::json;
use tickerq_core::values::time_span::TimeSpan;

use super::Client;
use crate::error::Error;
use crate::http::Call;
use crate::schemas::{
    Redelivered, WebhookDelivery, WebhookDeliveryList, WebhookEndpoint, WebhookEndpointOptions, WebhookEndpointUpdate,
    WebhookTest,
};

impl Client {
    /// All webhook endpoints.
    pub async fn webhook_endpoints(&self) -> Result<Vec<WebhookEndpoint>, Error> {
        self.list("/webhooks/endpoints", "endpoints", Vec::new()).await
    }

    /// Creates a webhook endpoint. Only this response has its secret.
    pub async fn create_webhook_endpoint(
        &self,
        url: &str,
        options: &WebhookEndpointOptions,
    ) -> Result<WebhookEndpoint, Error> {
        let mut body = serde_json::to_value(options).map_err(|error| Error::InvalidResponse(error.to_string()))?;
        body["url"] = url.into();
        self.http
            .send(Call::new(Method::POST, "/webhooks/endpoints").body(&body))
            .await
    }

    /// A webhook endpoint.
    pub async fn webhook_endpoint(&self, id: &str) -> Result<WebhookEndpoint, Error> {
        self.get(format!("/webhooks/endpoints/{id}")).await
    }

    /// Changes a webhook endpoint; fails if it does not have the given `revision`.
    pub async fn update_webhook_endpoint(
        &self,
        id: &str,
        changes: &WebhookEndpointUpdate,
        revision: Option<u32>,
    ) -> Result<WebhookEndpoint, Error> {
        let call = Call::new(Method::PATCH, format!("/webhooks/endpoints/{id}")).body(changes);
        self.http.send(call.if_match(revision)).await
    }

    /// Deletes a webhook endpoint and its deliveries.
    pub async fn delete_webhook_endpoint(&self, id: &str) -> Result<(), Error> {
        self.http
            .send(Call::new(Method::DELETE, format!("/webhooks/endpoints/{id}")))
            .await
    }

    /// Enables or disables a webhook endpoint.
    pub async fn enable_webhook_endpoint(&self, id: &str, is_enabled: bool) -> Result<WebhookEndpoint, Error> {
        let action = if is_enabled { "enable" } else { "disable" };
        self.http
            .send(Call::new(Method::POST, format!("/webhooks/endpoints/{id}/{action}")).safe())
            .await
    }

    /// Replaces an endpoint's secret by a random one; the old one remains valid for `overlap`.
    pub async fn rotate_webhook_secret(&self, id: &str, overlap: Option<TimeSpan>) -> Result<WebhookEndpoint, Error> {
        let body = match overlap {
            Some(overlap) => json!({ "overlap": overlap.to_string() }),
            None => json!({}),
        };
        self.http
            .send(Call::new(Method::POST, format!("/webhooks/endpoints/{id}/rotate-secret")).body(&body))
            .await
    }

    /// Sends a test message to a webhook endpoint.
    pub async fn test_webhook_endpoint(&self, id: &str) -> Result<WebhookTest, Error> {
        self.http
            .send(Call::new(Method::POST, format!("/webhooks/endpoints/{id}/test")))
            .await
    }

    /// A page of the deliveries of an endpoint, newest first. Parameters: `status`, `limit`, `after`.
    pub async fn webhook_deliveries(
        &self,
        endpoint: &str,
        filter: Vec<(&'static str, String)>,
    ) -> Result<WebhookDeliveryList, Error> {
        let path = format!("/webhooks/endpoints/{endpoint}/deliveries");
        self.http.send(Call::new(Method::GET, path).query(filter)).await
    }

    /// A webhook delivery.
    pub async fn webhook_delivery(&self, id: &str) -> Result<WebhookDelivery, Error> {
        self.get(format!("/webhooks/deliveries/{id}")).await
    }

    /// Sends one delivery again.
    pub async fn redeliver_webhook(&self, id: &str) -> Result<WebhookDelivery, Error> {
        self.http
            .send(Call::new(Method::POST, format!("/webhooks/deliveries/{id}/redeliver")))
            .await
    }

    /// Sends all failed deliveries of an endpoint since a time again.
    pub async fn redeliver_failed_webhooks(&self, endpoint: &str, since: DateTime<Utc>) -> Result<Redelivered, Error> {
        let call = Call::new(Method::POST, format!("/webhooks/endpoints/{endpoint}/redeliver"));
        self.http.send(call.body(&json!({ "since": since }))).await
    }
}
