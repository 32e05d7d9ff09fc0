//! Ownership of endpoints: each is assigned to one node, which sends its deliveries.

use std::sync::Arc;

use super::WebhookDispatcherDeps;
use crate::domain::events::event::Event;
use crate::domain::values::id::{EndpointId, JobId};
use crate::domain::webhooks::endpoint::Endpoint;
use crate::runtime::actor::failure_log::log_failure;
use crate::runtime::outbound::endpoint_sync::EndpointSyncError;
use crate::runtime::writer::error::WriteError;
use crate::runtime::writer::messages::WritePriority;
use crate::storage::change::{Applied, Change, WebhookChange};
use crate::storage::outbox::{HoldEndpoints, OutboxMessage};
use crate::storage::query::StoredEndpoint;
use crate::storage::repository::RepositoryError;
use crate::webhooks::payload::message_of;

impl WebhookDispatcherDeps {
    /// Reads the endpoints, claims this node's share of those without an owner, and returns those that it owns.
    pub(super) async fn owned_endpoints(&self) -> Result<Vec<Arc<Endpoint>>, RepositoryError> {
        let (known, _) = self.endpoints.read();
        if known.is_empty() && !self.repository.is_shared() {
            return Ok(Vec::new());
        }
        let mut stored = self.refresh().await?;
        if self.node_lease.is_open() {
            let (configured, now) = (&self.configured, self.clock.now());
            if configured.is_any_lost(&stored) {
                let (repository, writer) = (&*self.repository, &self.writer);
                let restored = configured.store(repository, writer, &self.endpoints, &self.clock).await;
                if let Err(failure) = restored {
                    log_failure!(
                        failure,
                        "failed to restore configured webhook endpoints, retrying: {failure}"
                    );
                }
                stored = self.refresh().await?;
            } else if configured.is_review_due(&stored, now) {
                if let Err(failure) = configured.review(&self.writer).await {
                    log_failure!(
                        failure,
                        "failed to review configured webhook endpoints, retrying: {failure}"
                    );
                }
                stored = self.refresh().await?;
            }
        }
        let enabled: Vec<StoredEndpoint> = stored
            .into_iter()
            .filter(|stored| stored.endpoint.disabled.is_none())
            .collect();
        let is_own = |stored: &StoredEndpoint| stored.is_held && stored.holder == Some(self.node);
        let mut own: Vec<EndpointId> = enabled
            .iter()
            .filter(|stored| is_own(stored))
            .map(|stored| stored.endpoint.id)
            .collect();
        if self.node_lease.is_open() && enabled.iter().any(|stored| !stored.is_held) {
            let hold = Change::Webhook(WebhookChange::Hold(HoldEndpoints {
                node: self.node,
                limit: self.share_of(enabled.len()).await?,
            }));
            match self.writer.write_one(hold, WritePriority::Internal).await {
                Ok(Ok(Applied::Held(held))) => own = held,
                // Retried at the next tick.
                Ok(_) | Err(WriteError::Busy | WriteError::Unavailable { .. } | WriteError::Fault { .. }) => {}
            }
        }
        let held = enabled.into_iter().filter(|stored| own.contains(&stored.endpoint.id));
        Ok(held.map(|stored| stored.endpoint).collect())
    }

    /// Reads the endpoints, and updates the cache.
    async fn refresh(&self) -> Result<Vec<StoredEndpoint>, RepositoryError> {
        let (_, edits) = self.endpoints.read();
        let stored = self.repository.endpoints().await?;
        let all = stored.iter().map(|stored| Arc::clone(&stored.endpoint));
        self.endpoints.replace(all.collect(), edits);
        Ok(stored)
    }

    /// Writes an alert's message for each endpoint that subscribes to it, including those that another node has just
    /// created.
    pub(super) async fn post_alerts(&self, alerts: &[Event]) -> Result<(), EndpointSyncError> {
        if self.repository.is_shared() {
            self.refresh().await?;
        }
        let now = self.clock.now();
        let postings: Vec<OutboxMessage> = alerts
            .iter()
            .filter_map(|event| {
                let id = JobId::new(now, self.ids.next()).as_uuid();
                let (kind, message) = message_of(event, id)?;
                let endpoints = self.endpoints.subscribed_to(kind);
                (!endpoints.is_empty()).then_some(OutboxMessage { message, endpoints })
            })
            .collect();
        if postings.is_empty() {
            return Ok(());
        }
        // A rejected write is not retried: it would be rejected again.
        drop(
            self.writer
                .write_one(
                    Change::Webhook(WebhookChange::Enqueue(postings)),
                    WritePriority::Internal,
                )
                .await?,
        );
        Ok(())
    }

    /// Maximum number of endpoints of this node, so that all nodes own equally many.
    async fn share_of(&self, endpoints: usize) -> Result<u32, RepositoryError> {
        if !self.repository.is_shared() {
            return Ok(u32::MAX);
        }
        let nodes = self.repository.nodes().await?;
        let live = nodes.iter().filter(|node| node.is_live).count().max(1);
        Ok(u32::try_from(endpoints.div_ceil(live)).unwrap_or(u32::MAX))
    }
}
