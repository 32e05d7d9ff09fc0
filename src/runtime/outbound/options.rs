//! How webhooks and data sync work, as the composition root says.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use reqwest::Url;

use crate::domain::values::id::JobId;
use crate::domain::values::time_span::TimeSpan;
use crate::domain::webhooks::endpoint::{EndpointId, EndpointSource, SigningSecret};
use crate::domain::webhooks::event::WebhookEvents;
use crate::domain::webhooks::sync_field::SyncField;
use crate::storage::outbox::Posting;
use crate::webhooks::client::{HttpClient, HttpClientError};
use crate::webhooks::client_spans::CallReporter;
use crate::webhooks::egress_policy::{BlockedAddress, EgressPolicy};
use crate::webhooks::payload::test_message;

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
    /// How long a configured endpoint stays that no live node's configuration names.
    pub remove_unconfigured_after: TimeSpan,
    /// How many deliveries to one endpoint may be on their way at a time.
    pub concurrency: usize,
    /// Speaks to endpoints.
    pub clients: OutboundClients,
    /// Who is told of calls.
    pub calls: CallReporter,
}

impl WebhookOptions {
    /// Nobody is told anything.
    pub fn off() -> Result<Self, HttpClientError> {
        Ok(Self {
            enable: false,
            endpoints: Vec::new(),
            timeout: Duration::ZERO,
            disable_after: TimeSpan::ZERO,
            remove_unconfigured_after: TimeSpan::ZERO,
            concurrency: 1,
            clients: OutboundClients::new(None)?,
            calls: CallReporter::default(),
        })
    }
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
    /// What they are signed with as well, as long as it is configured.
    pub previous_secret: Option<SigningSecret>,
    /// How many retries a delivery may have.
    pub max_retries: u32,
    /// The wait before the first retry.
    pub retry_delay: TimeSpan,
}

/// An `http` or `https` address without a user and password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndpointAddress(Url);

/// The text is no address of an endpoint. No message repeats it: it may hold a password.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidAddress {
    /// It is no address at all.
    #[error("it is not an address ({cause}); write it as https://example.com/path")]
    Unreadable {
        /// What is wrong with it.
        cause: String,
    },
    /// It is for another protocol.
    #[error("it is not an address that begins with http:// or https://")]
    Scheme,
    /// It has a user name or a password.
    #[error("it must not hold a user name or password")]
    UserInfo,
    /// It is too long.
    #[error("it has more than {ADDRESS_LENGTH_MAX} characters")]
    TooLong,
}

/// How long an address may be, in characters.
const ADDRESS_LENGTH_MAX: usize = 2_000;

impl EndpointAddress {
    /// Reads an address.
    pub fn parse(text: &str) -> Result<Self, InvalidAddress> {
        let url = Url::parse(text).map_err(|error| InvalidAddress::Unreadable {
            cause: error.to_string(),
        })?;
        if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
            return Err(InvalidAddress::Scheme);
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(InvalidAddress::UserInfo);
        }
        if url.as_str().len() > ADDRESS_LENGTH_MAX {
            return Err(InvalidAddress::TooLong);
        }
        Ok(Self(url))
    }

    /// The address without what may be secret.
    pub fn shown(&self) -> String {
        let mut shown = self.0.clone();
        shown.set_query(None);
        shown.set_fragment(None);
        shown.into()
    }
}

impl From<EndpointAddress> for Arc<str> {
    fn from(EndpointAddress(url): EndpointAddress) -> Self {
        Self::from(url.as_str())
    }
}

/// A message that tries an endpoint, with the `webhook-id` that it will have.
pub fn test_posting(id: EndpointId, now: DateTime<Utc>, message_id: JobId) -> (String, Posting) {
    let message = test_message(id, now, message_id.as_uuid());
    let webhook_id = message.webhook_id();
    let posting = Posting {
        message,
        endpoints: vec![id],
    };
    (webhook_id, posting)
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
        let client = |is_allowed| {
            HttpClient::new(if is_allowed {
                EgressPolicy::PRIVATE_ALLOWED
            } else {
                EgressPolicy::PUBLIC_ONLY
            })
        };
        Ok(Self {
            configured: client(allow_private_networks.unwrap_or(true))?,
            of_api: client(allow_private_networks.unwrap_or(false))?,
        })
    }

    /// Says whether an endpoint from there may lie at this address, as far as the address itself tells.
    pub fn check(&self, source: EndpointSource, address: &EndpointAddress) -> Result<(), BlockedAddress> {
        self.of(source).check(&address.0)
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
