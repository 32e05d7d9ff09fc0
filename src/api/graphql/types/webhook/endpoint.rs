//! A webhook endpoint, without its secret.

use std::sync::Arc;

use async_graphql::{ID, SimpleObject};

use crate::api::graphql::scalars::{DateTime, TimeSpan, Uuid};
use crate::api::graphql::types::connection::connection;
use crate::api::graphql::types::enums::{WebhookDisabledReason, WebhookEndpointSource};
use crate::api::graphql::types::int::int;
use crate::domain::values::id::NodeId;
use crate::domain::webhooks::endpoint::Endpoint;
use crate::service::webhooks::EndpointView;

/// A subscriber to events over HTTP.
#[derive(Debug, SimpleObject)]
pub(crate) struct WebhookEndpoint {
    /// Id, a UUID: the same as in REST.
    #[graphql(owned)]
    pub(crate) id: ID,
    /// Display name.
    name: String,
    /// Address, with the values of its query hidden.
    url: String,
    /// Subscribed events: names such as `job.failed`, `job.*`, `queue.*`, `system.*`, or `*`.
    events: Vec<String>,
    /// True if events are delivered to it.
    enabled: bool,
    /// Reason why it is disabled; null while it is enabled.
    disabled_reason: Option<WebhookDisabledReason>,
    /// Time since which it is disabled.
    disabled_at: Option<DateTime>,
    /// Time since which all deliveries have failed.
    failing_since: Option<DateTime>,
    /// Retry policy of its deliveries.
    retry_policy: WebhookRetryPolicy,
    /// Origin of the endpoint, where it can be changed.
    source: WebhookEndpointSource,
    /// Time until which deliveries are also signed with the previous secret; null if the configuration has a
    /// `previous_secret`.
    previous_secret_until: Option<DateTime>,
    /// Node that sends its deliveries; null if there is none, and in the results of mutations.
    node: Option<Uuid>,
    /// Time since which no live node's configuration contains the endpoint, if it came from one; null otherwise.
    unconfigured_since: Option<DateTime>,
    /// Time of its creation.
    created_at: DateTime,
    /// Time of the last change by a caller.
    updated_at: DateTime,
    /// Revision, which grows with every change.
    revision: i32,
}

connection! {
    /// A page of webhook endpoints.
    WebhookEndpointConnection, WebhookEndpointEdge, WebhookEndpoint, {}
}

/// Retry policy of webhook deliveries.
#[derive(Debug, SimpleObject)]
pub(crate) struct WebhookRetryPolicy {
    /// Maximum number of retries of a delivery.
    max_retries: i32,
    /// Backoff before the first retry; it doubles with each further one.
    retry_delay: TimeSpan,
}

impl WebhookEndpoint {
    /// An endpoint, and the node that sends its deliveries.
    fn new(endpoint: &Endpoint, node: Option<NodeId>) -> Self {
        let Endpoint {
            id,
            name,
            url: _,
            events,
            secret: _,
            previous_secret,
            max_retries,
            retry_delay,
            source,
            disabled,
            failing_since,
            created_at,
            updated_at,
            revision,
        } = endpoint;
        Self {
            id: ID(id.to_string()),
            name: name.to_string(),
            url: endpoint.display_url(),
            events: events.patterns().map(str::to_owned).collect(),
            enabled: disabled.is_none(),
            disabled_reason: disabled.map(|disabled| disabled.reason.into()),
            disabled_at: disabled.map(|disabled| disabled.at.into()),
            failing_since: failing_since.map(DateTime::from),
            retry_policy: WebhookRetryPolicy {
                max_retries: int((*max_retries).into()),
                retry_delay: (*retry_delay).into(),
            },
            source: (*source).into(),
            previous_secret_until: previous_secret
                .as_ref()
                .and_then(|previous| previous.until)
                .map(DateTime::from),
            node: node.map(|node| node.as_uuid().into()),
            unconfigured_since: None,
            created_at: (*created_at).into(),
            updated_at: (*updated_at).into(),
            revision: int((*revision).into()),
        }
    }
}

impl From<EndpointView> for WebhookEndpoint {
    fn from(view: EndpointView) -> Self {
        let EndpointView {
            endpoint,
            node,
            unconfigured_since,
        } = view;
        Self {
            unconfigured_since: unconfigured_since.map(DateTime::from),
            ..Self::new(&endpoint, node)
        }
    }
}

impl From<Arc<Endpoint>> for WebhookEndpoint {
    fn from(endpoint: Arc<Endpoint>) -> Self {
        Self::new(&endpoint, None)
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
