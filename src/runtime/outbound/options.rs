//! Options of webhooks and data sync.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use reqwest::Url;

use crate::domain::values::id::{EndpointId, JobId};
use crate::domain::values::time_span::TimeSpan;
use crate::domain::webhooks::endpoint::{EndpointSource, SigningSecret};
use crate::domain::webhooks::event::WebhookEvents;
use crate::domain::webhooks::sync_field::SyncField;
use crate::storage::outbox::OutboxMessage;
use crate::webhooks::client::{HttpClient, HttpClientError};
use crate::webhooks::client_spans::CallReporter;
use crate::webhooks::egress_policy::{BlockedAddress, EgressPolicy};
use crate::webhooks::payload::test_message;

/// Options of webhooks.
#[derive(Clone, Debug)]
pub struct WebhookOptions {
    /// The configured options of deliveries.
    pub delivery: DeliveryOptions,
    /// HTTP clients.
    pub clients: OutboundClients,
    /// Reports outgoing calls.
    pub calls: CallReporter,
}

/// Options of deliveries.
#[derive(Clone, Debug)]
pub struct DeliveryOptions {
    /// Webhooks are enabled.
    pub enable: bool,
    /// The configured endpoints.
    pub endpoints: Vec<ConfiguredEndpoint>,
    /// Timeout of a request.
    pub timeout: Duration,
    /// Time of consecutive failures after which an endpoint is disabled.
    pub disable_after: TimeSpan,
    /// Time after which an endpoint is removed that is in no live node's configuration.
    pub remove_unconfigured_after: TimeSpan,
    /// Maximum number of concurrent deliveries to one endpoint.
    pub concurrency: usize,
}

impl WebhookOptions {
    /// Options without webhooks.
    pub fn off() -> Result<Self, HttpClientError> {
        Ok(Self {
            delivery: DeliveryOptions {
                enable: false,
                endpoints: Vec::new(),
                timeout: Duration::ZERO,
                disable_after: TimeSpan::ZERO,
                remove_unconfigured_after: TimeSpan::ZERO,
                concurrency: 1,
            },
            clients: OutboundClients::new(None)?,
            calls: CallReporter::default(),
        })
    }
}

/// A configured endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfiguredEndpoint {
    /// Its name, which identifies it across restarts.
    pub name: Arc<str>,
    /// Its URL.
    pub url: Arc<str>,
    /// Its events.
    pub events: WebhookEvents,
    /// Secret for signatures.
    pub secret: SigningSecret,
    /// Former secret, which signs as well while it is configured.
    pub previous_secret: Option<SigningSecret>,
    /// Maximum number of retries of a delivery.
    pub max_retries: u32,
    /// Delay before the first retry.
    pub retry_delay: TimeSpan,
}

/// An `http` or `https` URL without credentials.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndpointAddress(Url);

/// Error of an invalid URL. No message repeats it, because it may contain a password.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidAddress {
    /// Not a URL.
    #[error("invalid URL ({cause}); expected https://example.com/path")]
    Unreadable {
        /// The cause.
        cause: String,
    },
    /// Another scheme.
    #[error("the URL must begin with http:// or https://")]
    Scheme,
    /// It contains a user name or a password.
    #[error("must not contain credentials")]
    UserInfo,
    /// Too long.
    #[error("must have at most {ADDRESS_LENGTH_MAX} characters")]
    TooLong,
}

/// Maximum length of a URL, in characters.
const ADDRESS_LENGTH_MAX: usize = 2_000;

impl EndpointAddress {
    /// Parses a URL.
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

    /// The URL without parts that may be secret.
    pub fn redacted(&self) -> String {
        let mut redacted = self.0.clone();
        redacted.set_query(None);
        redacted.set_fragment(None);
        redacted.into()
    }
}

impl From<EndpointAddress> for Arc<str> {
    fn from(EndpointAddress(url): EndpointAddress) -> Self {
        Self::from(url.as_str())
    }
}

/// A test message for an endpoint, with its `webhook-id`.
pub(crate) fn test_posting(id: EndpointId, now: DateTime<Utc>, message_id: JobId) -> (String, OutboxMessage) {
    let message = test_message(id, now, message_id.as_uuid());
    let webhook_id = message.webhook_id();
    let posting = OutboxMessage {
        message,
        endpoints: vec![id],
    };
    (webhook_id, posting)
}

/// HTTP clients by the source of endpoints.
#[derive(Clone, Debug)]
pub struct OutboundClients {
    /// For configured endpoints.
    configured: HttpClient,
    /// For endpoints created over the API.
    of_api: HttpClient,
}

impl OutboundClients {
    /// Clients with access to private networks as specified; by default, configured endpoints may be in a private
    /// network and others may not.
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

    /// Checks whether an endpoint of this source may have this URL, before its name is resolved.
    pub fn check(&self, source: EndpointSource, address: &EndpointAddress) -> Result<(), BlockedAddress> {
        self.of(source).check(&address.0)
    }

    /// The client for endpoints of this source.
    pub fn of(&self, source: EndpointSource) -> &HttpClient {
        match source {
            EndpointSource::Configuration => &self.configured,
            EndpointSource::Api => &self.of_api,
        }
    }
}

/// Options of data sync.
#[derive(Clone, Debug, Default)]
pub struct SyncOptions {
    /// The change feed is enabled.
    pub feed: bool,
    /// Targets of the feed.
    pub targets: Vec<SyncTarget>,
}

/// A target of the feed.
#[derive(Clone, Debug)]
pub struct SyncTarget {
    /// Name under which its cursor is stored.
    pub name: Arc<str>,
    /// Its URL.
    pub url: Arc<str>,
    /// Interval between two reads of the feed.
    pub interval: Duration,
    /// Maximum number of changes per request.
    pub batch_size: u32,
    /// Secret for signatures.
    pub secret: Option<SigningSecret>,
    /// The fields of a job that are sent.
    pub fields: Vec<SyncField>,
}
