//! How webhooks and data sync work, as the composition root says.

use std::sync::Arc;
use std::time::Duration;

use crate::domain::sync_field::SyncField;
use crate::domain::time_span::TimeSpan;
use crate::domain::webhook::{EndpointSource, SigningSecret};
use crate::domain::webhook_event::WebhookEvents;
use crate::webhooks::client::{HttpClient, HttpClientError};
use crate::webhooks::reach::Reach;

/// How webhooks work.
#[derive(Clone, Debug)]
pub struct WebhookOptions {
    /// Whether anybody is told anything.
    pub enable: bool,
    /// The endpoints that are configured.
    pub endpoints: Vec<ConfiguredEndpoint>,
    /// How long an endpoint may take to answer.
    pub timeout: Duration,
    /// An endpoint that has failed for so long is disabled.
    pub disable_after: TimeSpan,
    /// How many deliveries to one endpoint may be on their way at a time.
    pub concurrency: usize,
    /// Speaks to endpoints.
    pub clients: OutboundClients,
}

/// An endpoint as it is configured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfiguredEndpoint {
    /// What people call it: what it is known by from one start to the next.
    pub name: Arc<str>,
    /// Where it is.
    pub url: Arc<str>,
    /// What it is told.
    pub events: WebhookEvents,
    /// What deliveries are signed with.
    pub secret: SigningSecret,
    /// How many retries a delivery may have.
    pub max_retries: u32,
    /// The wait before the first retry.
    pub retry_delay: TimeSpan,
}

/// The clients that speak to endpoints, by how far they reach.
#[derive(Clone, Debug)]
pub struct OutboundClients {
    /// For endpoints from the configuration.
    configured: HttpClient,
    /// For those that were made over the API.
    of_api: HttpClient,
}

impl OutboundClients {
    /// Clients that reach private networks as is said; unless anything is said, the configuration's endpoints may lie in
    /// one and others may not.
    pub fn new(allow_private_networks: Option<bool>) -> Result<Self, HttpClientError> {
        let client = |is_allowed| HttpClient::new(if is_allowed { Reach::PRIVATE_TOO } else { Reach::PUBLIC });
        Ok(Self {
            configured: client(allow_private_networks.unwrap_or(true))?,
            of_api: client(allow_private_networks.unwrap_or(false))?,
        })
    }

    /// The client for endpoints that come from there.
    pub fn of(&self, source: EndpointSource) -> &HttpClient {
        match source {
            EndpointSource::Configuration => &self.configured,
            EndpointSource::Api => &self.of_api,
        }
    }
}

/// How data sync works.
#[derive(Clone, Debug, Default)]
pub struct SyncOptions {
    /// Whether the feed of changed jobs is kept.
    pub feed: bool,
    /// Who is sent it.
    pub targets: Vec<SyncTarget>,
}

/// Somebody who is sent the feed.
#[derive(Clone, Debug)]
pub struct SyncTarget {
    /// What its cursor is stored under.
    pub name: Arc<str>,
    /// Where it is.
    pub url: Arc<str>,
    /// The time between two looks for changes.
    pub interval: Duration,
    /// How many changes one request tells at the most.
    pub batch_size: u32,
    /// What requests are signed with.
    pub secret: Option<SigningSecret>,
    /// What is told of a job.
    pub fields: Vec<SyncField>,
}
