//! A webhook endpoint. Its secret is no part of it.

use std::sync::Arc;

use async_graphql::{ID, SimpleObject};

use crate::api::graphql::scalars::{DateTime, TimeSpan, Uuid};
use crate::api::graphql::types::connection::connection;
use crate::api::graphql::types::enums::{WebhookDisabledReason, WebhookEndpointSource};
use crate::api::graphql::types::int::int;
use crate::domain::values::id::NodeId;
use crate::domain::webhooks::endpoint::Endpoint;
use crate::service::webhooks::EndpointView;

/// A program that is told of events.
#[derive(Debug, SimpleObject)]
pub(crate) struct WebhookEndpoint {
    /// Its identity, a UUID: the same as in REST.
    #[graphql(owned)]
    pub(crate) id: ID,
    /// What people call it.
    name: String,
    /// Where it is; what its query says is hidden.
    url: String,
    /// What it is told: names of events such as `job.failed`, `job.*`, `queue.*`, `system.*`, or `*`.
    events: Vec<String>,
    /// Whether it is told anything.
    enabled: bool,
    /// Why it is told nothing; null while it is enabled.
    disabled_reason: Option<WebhookDisabledReason>,
    /// Since when it is disabled.
    disabled_at: Option<DateTime>,
    /// Since when it has failed, without a success in between.
    failing_since: Option<DateTime>,
    /// How a delivery is tried again.
    retry_policy: WebhookRetryPolicy,
    /// Where it comes from, and can be changed.
    source: WebhookEndpointSource,
    /// Until when deliveries are signed with the secret that it had before as well; null while the configuration names a
    /// `previous_secret`.
    previous_secret_until: Option<DateTime>,
    /// The server that sends its deliveries; null while there is none, and in the answers of mutations.
    node: Option<Uuid>,
    /// Since when no live node's configuration names the endpoint, which came from one; null otherwise.
    unconfigured_since: Option<DateTime>,
    /// When it was created.
    created_at: DateTime,
    /// When somebody changed it last.
    updated_at: DateTime,
    /// Grows with every change.
    revision: i32,
}

connection! {
    /// A page of the list of webhook endpoints.
    WebhookEndpointConnection, WebhookEndpointEdge, WebhookEndpoint, {}
}

/// How a webhook delivery is tried again.
#[derive(Debug, SimpleObject)]
pub(crate) struct WebhookRetryPolicy {
    /// How many retries a delivery may have.
    max_retries: i32,
    /// The wait before the first retry; each further one is twice as long.
    retry_delay: TimeSpan,
}

impl WebhookEndpoint {
    /// An endpoint, and the node that tells it.
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
            url: endpoint.shown_url(),
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

/// A webhook endpoint with its secret, which is told this once.
#[derive(SimpleObject)]
pub(crate) struct WebhookEndpointWithSecret {
    /// The endpoint.
    endpoint: WebhookEndpoint,
    /// What its deliveries are signed with.
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
