//! Stores the webhook endpoints of the configuration, and removes those that are in no live node's configuration.

use std::collections::HashSet;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use sha2::{Digest, Sha256};
use tracing::warn;

use super::options::{ConfiguredEndpoint, DeliveryOptions};
use crate::domain::values::id::{EndpointId, NodeId};
use crate::domain::values::time_span::TimeSpan;
use crate::domain::webhooks::endpoint::{Endpoint, EndpointSource, PreviousSecret, SigningSecret};
use crate::runtime::actor::clock::Clock;
use crate::runtime::actor::failure_log::MaybeOutage;
use crate::runtime::writer::endpoint_cache::EndpointCache;
use crate::runtime::writer::error::WriteError;
use crate::runtime::writer::handle::WriterHandle;
use crate::runtime::writer::messages::WritePriority;
use crate::storage::change::{Applied, Change, WebhookChange};
use crate::storage::outbox::{ReviewEndpoints, ReviewedEndpoints, UnnamedEndpoint};
use crate::storage::query::StoredEndpoint;
use crate::storage::repository::{JobRepository, RepositoryError};

/// Time for which a secret that was removed from the configuration remains valid.
const OVERLAP: TimeSpan = TimeSpan::from_secs(24 * 3600);

/// Error of the synchronization of endpoints.
#[derive(Debug, thiserror::Error)]
pub enum EndpointSyncError {
    /// They could not be read.
    #[error("failed to read webhook endpoints: {0}")]
    Read(#[from] RepositoryError),
    /// They could not be written.
    #[error("failed to store webhook endpoints: {0}")]
    Write(#[from] WriteError),
}

impl MaybeOutage for EndpointSyncError {
    fn is_outage(&self) -> bool {
        match self {
            Self::Read(failure) => failure.is_outage(),
            Self::Write(failure) => failure.is_outage(),
        }
    }
}

/// The id of a configured endpoint: the same on every node and after every start.
pub fn id_of(name: &str) -> EndpointId {
    let digest: [u8; 32] = Sha256::digest(format!("tickerq webhook endpoint {name}").as_bytes()).into();
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[..16]);
    EndpointId::from_uuid(uuid::Builder::from_custom_bytes(bytes).into_uuid())
}

/// Endpoints of this node's configuration.
#[derive(Clone, Debug)]
pub(crate) struct NodeEndpoints {
    /// This node.
    pub node: NodeId,
    /// The configured endpoints.
    pub configured: Arc<[ConfiguredEndpoint]>,
    /// Time after which an endpoint is removed that is in no live node's configuration.
    pub grace: TimeSpan,
}

impl NodeEndpoints {
    /// The endpoints of these options.
    pub(crate) fn of(options: &DeliveryOptions, node: NodeId) -> Self {
        Self {
            node,
            configured: options.endpoints.clone().into(),
            grace: options.remove_unconfigured_after,
        }
    }

    fn names(&self) -> impl Iterator<Item = EndpointId> {
        self.configured.iter().map(|configured| id_of(&configured.name))
    }

    /// `true` if endpoints of this node's configuration are missing in storage, or were retired while it was away.
    pub(crate) fn is_any_lost(&self, stored: &[StoredEndpoint]) -> bool {
        self.names().any(|id| {
            let known = stored.iter().find(|stored| stored.endpoint.id == id);
            known.is_none_or(|known| known.endpoint.events.is_empty())
        })
    }

    /// `true` if the stored nodes of the endpoints are out of date.
    pub(crate) fn is_review_due(&self, stored: &[StoredEndpoint], now: DateTime<Utc>) -> bool {
        let names: HashSet<EndpointId> = self.names().collect();
        let configured = stored
            .iter()
            .filter(|stored| stored.endpoint.source == EndpointSource::Configuration);
        configured.into_iter().any(|stored| {
            if names.contains(&stored.endpoint.id) {
                return stored.unnamed_since.is_some() || !stored.named_by.contains(&self.node);
            }
            match stored.unnamed_since {
                Some(_) if stored.is_named => true,
                None => !stored.is_named,
                Some(since) => now - since >= self.grace.to_delta() && !stored.has_pending,
            }
        })
    }

    /// Stores which endpoints this node configures, and removes those that no live node has configured for the grace
    /// period.
    pub(crate) async fn review(&self, writer: &WriterHandle) -> Result<(), WriteError> {
        let review = Change::Webhook(WebhookChange::Review(ReviewEndpoints {
            node: self.node,
            names: self.names().collect(),
            grace: self.grace,
        }));
        if let Ok(Applied::Reviewed(reviewed)) = writer.write_one(review, WritePriority::Internal).await? {
            self.log(&reviewed);
        }
        Ok(())
    }

    fn log(&self, reviewed: &ReviewedEndpoints) {
        let ReviewedEndpoints {
            unnamed,
            retired,
            removed,
        } = reviewed;
        let grace = self.grace;
        for UnnamedEndpoint { id, name, pending } in unnamed {
            warn!(
                "webhook endpoint '{name}' ({id}) is in no live node's configuration: it is removed after {grace} unless \
                 a node names it again, or by DELETE /webhooks/endpoints/{id}; {pending} of its deliveries are pending"
            );
        }
        for UnnamedEndpoint { id, name, pending } in retired {
            warn!(
                "webhook endpoint '{name}' ({id}) has been in no live node's configuration for {grace}: it receives no new \
                 events and is removed when its {pending} pending deliveries are delivered or have failed"
            );
        }
        for UnnamedEndpoint { id, name, pending: _ } in removed {
            warn!("removed webhook endpoint '{name}' ({id}): it is in no live node's configuration");
        }
    }

    /// Stores the configured endpoints with this node, and fills the cache with all endpoints. Nodes that start at
    /// the same time do the same. Endpoints of other nodes' configurations remain unchanged.
    pub(crate) async fn store(
        &self,
        repository: &dyn JobRepository,
        writer: &WriterHandle,
        cache: &EndpointCache,
        clock: &Clock,
    ) -> Result<(), EndpointSyncError> {
        let stored = repository.endpoints().await?;
        let mut changes = Vec::new();
        for configured in &*self.configured {
            let id = id_of(&configured.name);
            let before = stored
                .iter()
                .map(|stored| &stored.endpoint)
                .find(|known| known.id == id);
            let after = match before {
                Some(before) => changed(before, configured, clock),
                None => Some(new(id, configured, clock)),
            };
            changes.extend(after.map(|after| {
                Change::Webhook(WebhookChange::Put {
                    before: before.cloned(),
                    after: Arc::new(after),
                })
            }));
        }
        if !changes.is_empty() {
            // A conflict: another node has stored the same.
            writer.write(changes, WritePriority::Internal).await?;
        }
        let (_, edits) = cache.read();
        let mut stored = repository.endpoints().await?;
        if self.is_review_due(&stored, clock.now()) {
            self.review(writer).await?;
            stored = repository.endpoints().await?;
        }
        cache.replace(stored.into_iter().map(|stored| stored.endpoint).collect(), edits);
        Ok(())
    }
}

fn new(id: EndpointId, configured: &ConfiguredEndpoint, clock: &Clock) -> Endpoint {
    let ConfiguredEndpoint {
        name,
        url,
        events,
        secret,
        previous_secret,
        max_retries,
        retry_delay,
    } = configured.clone();
    let now = crate::domain::values::timestamp::truncate_to_micros(clock.now());
    Endpoint {
        id,
        name,
        url,
        events,
        secret,
        previous_secret: previous_secret.map(configured_secret),
        max_retries,
        retry_delay,
        source: EndpointSource::Configuration,
        disabled: None,
        failing_since: None,
        created_at: now,
        updated_at: now,
        revision: 1,
    }
}

/// A secret that is valid while it is configured.
fn configured_secret(secret: SigningSecret) -> PreviousSecret {
    PreviousSecret { secret, until: None }
}

/// The endpoint as configured; `None` if it is unchanged. Its disabled state is kept.
fn changed(before: &Endpoint, configured: &ConfiguredEndpoint, clock: &Clock) -> Option<Endpoint> {
    let ConfiguredEndpoint {
        name,
        url,
        events,
        secret,
        previous_secret,
        max_retries,
        retry_delay,
    } = configured.clone();
    let now = crate::domain::values::timestamp::truncate_to_micros(clock.now());
    let base = if before.secret == secret {
        before.changed(now)
    } else {
        before.rotated(secret, OVERLAP, now)
    };
    let previous_secret = match previous_secret {
        Some(secret) => Some(configured_secret(secret)),
        // A secret that is no longer configured; that of a rotation remains valid until its expiry.
        None => base.previous_secret.clone().filter(|previous| previous.until.is_some()),
    };
    let after = Endpoint {
        name,
        url,
        events,
        previous_secret,
        max_retries,
        retry_delay,
        ..base
    };
    let is_so = before.url == after.url
        && before.events == after.events
        && before.secret == after.secret
        && before.previous_secret == after.previous_secret
        && before.max_retries == after.max_retries
        && before.retry_delay == after.retry_delay;
    (!is_so).then_some(after)
}
