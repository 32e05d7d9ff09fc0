//! A webhook endpoint, without its secret.

use std::sync::Arc;

use async_graphql::{ID, Object, SimpleObject};

use crate::api::contract::view::webhook::{EndpointItem, RetryPolicyView};
use crate::api::graphql::scalars::{DateTime, TimeSpan, Uuid};
use crate::api::graphql::types::connection::connection;
use crate::api::graphql::types::enums::{WebhookDisabledReason, WebhookEndpointSource};
use crate::api::graphql::types::int::int;
use crate::domain::webhooks::endpoint::Endpoint;
use crate::service::webhooks::EndpointView;

/// A webhook endpoint.
pub(crate) struct WebhookEndpoint(EndpointItem);

impl WebhookEndpoint {
    /// Its cursor in a list.
    pub(crate) fn cursor(&self) -> String {
        self.0.id.to_string()
    }
}

impl From<EndpointView> for WebhookEndpoint {
    fn from(view: EndpointView) -> Self {
        Self(EndpointItem::from(&view))
    }
}

impl From<Arc<Endpoint>> for WebhookEndpoint {
    fn from(endpoint: Arc<Endpoint>) -> Self {
        Self(EndpointItem::new(&endpoint, None))
    }
}

/// A subscriber to events over HTTP.
#[Object]
impl WebhookEndpoint {
    /// Id, a UUID: the same as in REST.
    pub(crate) async fn id(&self) -> ID {
        self.0.id.into()
    }

    /// Display name.
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// Address, with the values of its query hidden.
    async fn url(&self) -> &str {
        &self.0.url
    }

    /// Subscribed events: names such as `job.failed`, `job.*`, `queue.*`, `system.*`, or `*`.
    async fn events(&self) -> &[String] {
        &self.0.events
    }

    /// True if events are delivered to it.
    async fn enabled(&self) -> bool {
        self.0.enabled
    }

    /// Reason why it is disabled; null while it is enabled.
    async fn disabled_reason(&self) -> Option<WebhookDisabledReason> {
        self.0.disabled_reason.map(|reason| reason.0.into())
    }

    /// Time since which it is disabled.
    async fn disabled_at(&self) -> Option<DateTime> {
        self.0.disabled_at.map(DateTime::from)
    }

    /// Time since which all deliveries have failed.
    async fn failing_since(&self) -> Option<DateTime> {
        self.0.failing_since.map(DateTime::from)
    }

    /// Retry policy of its deliveries.
    async fn retry_policy(&self) -> WebhookRetryPolicy<'_> {
        WebhookRetryPolicy(&self.0.retry_policy)
    }

    /// Origin of the endpoint, where it can be changed.
    async fn source(&self) -> WebhookEndpointSource {
        self.0.source.0.into()
    }

    /// Time until which deliveries are also signed with the previous secret; null if the configuration has a
    /// `previous_secret`.
    async fn previous_secret_until(&self) -> Option<DateTime> {
        self.0.previous_secret_until.map(DateTime::from)
    }

    /// Node that sends its deliveries; null if there is none, and in the results of mutations.
    async fn node(&self) -> Option<Uuid> {
        self.0.node.map(Uuid::from)
    }

    /// Time since which no live node's configuration contains the endpoint, if it came from one; null otherwise.
    async fn unconfigured_since(&self) -> Option<DateTime> {
        self.0.unconfigured_since.map(DateTime::from)
    }

    /// Time of its creation.
    async fn created_at(&self) -> DateTime {
        self.0.created_at.into()
    }

    /// Time of the last change by a caller.
    async fn updated_at(&self) -> DateTime {
        self.0.updated_at.into()
    }

    /// Revision, which grows with every change.
    async fn revision(&self) -> i32 {
        int(self.0.revision)
    }
}

connection! {
    /// A page of webhook endpoints.
    WebhookEndpointConnection, WebhookEndpointEdge, WebhookEndpoint, {}
}

/// Retry policy of an endpoint.
pub(crate) struct WebhookRetryPolicy<'a>(&'a RetryPolicyView);

/// Retry policy of webhook deliveries.
#[Object]
impl WebhookRetryPolicy<'_> {
    /// Maximum number of retries of a delivery.
    async fn max_retries(&self) -> i32 {
        int(self.0.max_retries)
    }

    /// Backoff before the first retry; it doubles with each further one.
    async fn retry_delay(&self) -> TimeSpan {
        self.0.retry_delay.into()
    }
}

/// A webhook endpoint with its secret, which no other response contains.
#[derive(SimpleObject)]
pub(crate) struct WebhookEndpointWithSecret {
    /// The endpoint.
    endpoint: WebhookEndpoint,
    /// Secret with which its deliveries are signed.
    secret: String,
}

impl From<Arc<Endpoint>> for WebhookEndpointWithSecret {
    fn from(endpoint: Arc<Endpoint>) -> Self {
        Self {
            secret: endpoint.secret.expose().to_owned(),
            endpoint: endpoint.into(),
        }
    }
}
