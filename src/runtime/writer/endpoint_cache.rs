//! Webhook endpoints as this node knows them.

use std::sync::{Arc, PoisonError, RwLock};

use crate::domain::values::id::EndpointId;
use crate::domain::webhooks::endpoint::{Disabled, Endpoint};
use crate::domain::webhooks::event::WebhookEvent;
use crate::storage::change::{Applied, Change, WebhookChange};
use crate::storage::outbox::EndpointsAt;

/// The endpoints that this node knows. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct EndpointCache(Arc<RwLock<Cached>>);

#[derive(Debug, Default)]
struct Cached {
    endpoints: Arc<[Arc<Endpoint>]>,
    /// Number of changes that this node has made or has received in a commit.
    edits: u64,
    /// Lower bound of their version in storage.
    version: Option<i64>,
}

impl EndpointCache {
    /// The endpoints, and the number of edits, which [`replace`](Self::replace) compares.
    pub fn read(&self) -> (Arc<[Arc<Endpoint>]>, u64) {
        let cached = self.0.read().unwrap_or_else(PoisonError::into_inner);
        (Arc::clone(&cached.endpoints), cached.edits)
    }

    /// The endpoints, and the lower bound of their version in storage.
    pub(super) fn read_version(&self) -> (Arc<[Arc<Endpoint>]>, Option<i64>) {
        let cached = self.0.read().unwrap_or_else(PoisonError::into_inner);
        (Arc::clone(&cached.endpoints), cached.version)
    }

    /// An endpoint, unless it is unknown or disabled.
    pub fn enabled(&self, id: EndpointId) -> Option<Arc<Endpoint>> {
        let (endpoints, _) = self.read();
        let mut endpoints = endpoints.iter();
        let found = endpoints.find(|endpoint| endpoint.id == id && endpoint.disabled.is_none());
        found.cloned()
    }

    /// The name of an endpoint.
    pub fn name_of(&self, id: EndpointId) -> Option<Arc<str>> {
        let (endpoints, _) = self.read();
        let found = endpoints.iter().find(|endpoint| endpoint.id == id);
        found.map(|endpoint| Arc::clone(&endpoint.name))
    }

    /// The endpoints that subscribe to an event.
    pub fn subscribed_to(&self, event: WebhookEvent) -> Vec<EndpointId> {
        let (endpoints, _) = self.read();
        let subscribed = endpoints.iter().filter(|endpoint| endpoint.wants(event));
        subscribed.map(|endpoint| endpoint.id).collect()
    }

    /// Replaces the endpoints by those read from storage, unless one was edited since.
    pub fn replace(&self, endpoints: Vec<Arc<Endpoint>>, edits: u64) {
        let mut cached = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if cached.edits == edits {
            cached.endpoints = endpoints.into();
        }
    }

    /// Applies a committed change of this node.
    pub(crate) fn apply(&self, change: &Change, applied: &Applied) {
        match (change, applied) {
            (Change::Webhook(WebhookChange::Put { before: _, after }), Applied::EndpointStored) => {
                self.edit(after.id, Some(Arc::clone(after)));
            }
            (Change::Webhook(WebhookChange::Delete { endpoint }), Applied::Deleted) => self.edit(endpoint.id, None),
            (Change::Webhook(WebhookChange::Attempts(attempts)), Applied::Attempted { is_disabled: true }) => {
                if let Some(disabled) = attempts.disable {
                    self.disable(attempts.endpoint_id, disabled);
                }
            }
            // Other changes concern no endpoint.
            _ => {}
        }
    }

    /// Replaces the endpoints by newer ones that a commit has found.
    pub(crate) fn apply_newer(&self, newer: Option<EndpointsAt>) {
        if let Some(EndpointsAt { version, endpoints }) = newer {
            let mut cached = self.0.write().unwrap_or_else(PoisonError::into_inner);
            cached.endpoints = endpoints;
            cached.version = Some(version);
            cached.edits += 1;
        }
    }

    fn disable(&self, id: EndpointId, disabled: Disabled) {
        let (endpoints, _) = self.read();
        if let Some(endpoint) = endpoints.iter().find(|endpoint| endpoint.id == id) {
            let disabled = Endpoint {
                disabled: Some(disabled),
                ..endpoint.changed(disabled.at)
            };
            self.edit(id, Some(Arc::new(disabled)));
        }
    }

    fn edit(&self, id: EndpointId, endpoint: Option<Arc<Endpoint>>) {
        let mut cached = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let others = cached.endpoints.iter().filter(|other| other.id != id).cloned();
        cached.endpoints = others.chain(endpoint).collect();
        cached.edits += 1;
    }
}
