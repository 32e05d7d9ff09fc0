//! Webhook endpoints and their deliveries.

use std::collections::HashSet;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};

use super::apply::Outcome;
use super::tables::Tables;
use crate::domain::values::id::{EndpointId, NodeId};
use crate::domain::webhooks::delivery::{AfterAttempt, Delivery, DeliveryId, DeliveryStatus, DueDelivery};
use crate::domain::webhooks::endpoint::{Endpoint, EndpointSource};
use crate::domain::webhooks::event::WebhookEvents;
use crate::storage::change::{Applied, ChangeError};
use crate::storage::outbox::{
    Attempts, EndpointHealth, HoldEndpoints, OutboxMessage, Redelivery, ReviewEndpoints, ReviewedEndpoints,
    UnnamedEndpoint,
};
use crate::storage::query::{DeliveryPage, StoredEndpoint};

impl Tables {
    /// Adds a delivery for each endpoint of each message; returns the endpoints.
    pub(super) fn enqueue(&mut self, messages: &[OutboxMessage]) -> Vec<EndpointId> {
        let mut receivers = Vec::new();
        for OutboxMessage { message, endpoints } in messages {
            for endpoint_id in endpoints {
                self.deliveries_numbered += 1;
                let id = DeliveryId::from_number(self.deliveries_numbered);
                let delivery = Delivery {
                    id,
                    endpoint_id: *endpoint_id,
                    message: message.clone(),
                    status: DeliveryStatus::Pending,
                    attempts: 0,
                    due_at: message.at,
                    last: None,
                };
                self.deliveries.insert(id, delivery);
                if !receivers.contains(endpoint_id) {
                    receivers.push(*endpoint_id);
                }
            }
        }
        receivers
    }

    pub(super) fn put_endpoint(&mut self, before: Option<&Endpoint>, after: &Arc<Endpoint>) -> Outcome {
        let stored = self.endpoints.get(&after.id);
        let holder = match (before, stored) {
            (None, None) => None,
            (Some(before), Some((stored, holder))) if stored.revision == before.revision => *holder,
            (Some(_), Some(_)) | (Some(_), None) | (None, Some(_)) => return Err(ChangeError::Conflict),
        };
        self.endpoints.insert(after.id, (Arc::clone(after), holder));
        Ok(Applied::EndpointStored)
    }

    pub(super) fn delete_endpoint(&mut self, endpoint: &Endpoint) -> Outcome {
        let stored = self.endpoints.get(&endpoint.id);
        if stored.is_none_or(|(stored, _)| stored.revision != endpoint.revision) {
            return Err(ChangeError::Conflict);
        }
        self.endpoints.remove(&endpoint.id);
        Ok(Applied::Deleted)
    }

    pub(super) fn hold_endpoints(&mut self, hold: HoldEndpoints, now: DateTime<Utc>) -> Outcome {
        let HoldEndpoints { node, limit } = hold;
        if !self.holds_lease(node, now) {
            return Err(ChangeError::NoLease);
        }
        let stored = self.stored_endpoints(now);
        let enabled = || stored.iter().filter(|stored| stored.endpoint.disabled.is_none());
        let mut held: Vec<EndpointId> = enabled()
            .filter(|stored| stored.holder == Some(node))
            .map(|stored| stored.endpoint.id)
            .collect();
        let room = usize::try_from(limit).unwrap_or(usize::MAX).saturating_sub(held.len());
        let free = enabled().filter(|stored| !stored.is_held).take(room);
        for id in free.map(|stored| stored.endpoint.id).collect::<Vec<EndpointId>>() {
            if let Some((_, holder)) = self.endpoints.get_mut(&id) {
                *holder = Some(node);
                held.push(id);
            }
        }
        Ok(Applied::Held(held))
    }

    fn named_by(&self, id: EndpointId) -> impl Iterator<Item = NodeId> {
        let names = self.endpoint_names.iter().filter(move |(named, _)| *named == id);
        names.map(|(_, node)| *node)
    }

    fn pending_of(&self, id: EndpointId) -> u64 {
        let pending = self
            .deliveries
            .values()
            .filter(|delivery| delivery.endpoint_id == id && delivery.status == DeliveryStatus::Pending);
        u64::try_from(pending.count()).unwrap_or(u64::MAX)
    }

    pub(super) fn review_endpoints(&mut self, review: &ReviewEndpoints, now: DateTime<Utc>) -> Applied {
        let ReviewEndpoints { node, names, grace } = review;
        self.endpoint_names
            .retain(|(_, other)| other != node && self.nodes.contains_key(other));
        self.endpoint_names.extend(names.iter().map(|id| (*id, *node)));
        let configured: Vec<Arc<Endpoint>> = self
            .endpoints
            .values()
            .filter(|(endpoint, _)| endpoint.source == EndpointSource::Configuration)
            .map(|(endpoint, _)| Arc::clone(endpoint))
            .collect();
        let mut reviewed = ReviewedEndpoints::default();
        for endpoint in configured {
            let mut naming = self.named_by(endpoint.id);
            if naming.any(|other| other == *node || self.holds_lease(other, now)) {
                drop(naming);
                self.unnamed_since.remove(&endpoint.id);
                continue;
            }
            drop(naming);
            let unnamed = UnnamedEndpoint {
                id: endpoint.id,
                name: Arc::clone(&endpoint.name),
                pending: self.pending_of(endpoint.id),
            };
            let since = *self.unnamed_since.entry(endpoint.id).or_insert_with(|| {
                reviewed.unnamed.push(unnamed.clone());
                now
            });
            if now - since < grace.to_delta() {
                continue;
            }
            if !endpoint.events.is_empty() {
                let retired = Endpoint {
                    events: WebhookEvents::none(),
                    revision: endpoint.revision + 1,
                    ..Endpoint::clone(&endpoint)
                };
                if let Some((stored, _)) = self.endpoints.get_mut(&endpoint.id) {
                    *stored = Arc::new(retired);
                }
                reviewed.retired.push(unnamed);
            } else if unnamed.pending == 0 {
                self.endpoints.remove(&endpoint.id);
                self.unnamed_since.remove(&endpoint.id);
                reviewed.removed.push(unnamed);
            }
        }
        Applied::Reviewed(reviewed)
    }

    pub(super) fn record_attempts(&mut self, attempts: &Attempts) -> Applied {
        for outcome in &attempts.outcomes {
            let Some(delivery) = self.deliveries.get_mut(&outcome.id) else {
                continue;
            };
            if delivery.status != DeliveryStatus::Pending || delivery.attempts + 1 != outcome.number {
                continue;
            }
            delivery.attempts = outcome.number;
            (delivery.status, delivery.due_at) = match outcome.after {
                AfterAttempt::Delivered => (DeliveryStatus::Delivered, outcome.attempt.at),
                AfterAttempt::Failed => (DeliveryStatus::Failed, outcome.attempt.at),
                AfterAttempt::RetryAt(due_at) => (DeliveryStatus::Pending, due_at),
            };
            delivery.last = Some(outcome.attempt.clone());
        }
        let Some((endpoint, _)) = self.endpoints.get_mut(&attempts.endpoint_id) else {
            return Applied::Attempted { is_disabled: false };
        };
        let known = Endpoint::clone(endpoint);
        let failing_since = match attempts.health {
            EndpointHealth::AsBefore => known.failing_since,
            EndpointHealth::Well => None,
            EndpointHealth::FailingSince(since) => known.failing_since.or(Some(since)),
        };
        let known = Endpoint { failing_since, ..known };
        let disable = attempts.disable.filter(|_| known.disabled.is_none());
        let changed = match disable {
            Some(disabled) => Endpoint {
                disabled: Some(disabled),
                ..known.changed(disabled.at)
            },
            None => known,
        };
        *endpoint = Arc::new(changed);
        Applied::Attempted {
            is_disabled: disable.is_some(),
        }
    }

    pub(super) fn redeliver(&mut self, which: Redelivery, now: DateTime<Utc>) -> Applied {
        let is_meant = |delivery: &Delivery| match which {
            Redelivery::One(id) => delivery.id == id && delivery.status != DeliveryStatus::Pending,
            Redelivery::FailedSince {
                endpoint_id,
                since,
                limit: _,
            } => {
                delivery.endpoint_id == endpoint_id
                    && delivery.status == DeliveryStatus::Failed
                    && delivery.message.at >= since
            }
        };
        let limit = match which {
            Redelivery::One(_) => 1,
            Redelivery::FailedSince { limit, .. } => usize::try_from(limit).unwrap_or(usize::MAX),
        };
        let mut count = 0;
        for delivery in self
            .deliveries
            .values_mut()
            .filter(|delivery| is_meant(delivery))
            .take(limit)
        {
            delivery.status = DeliveryStatus::Pending;
            delivery.attempts = 0;
            delivery.due_at = now;
            count += 1;
        }
        Applied::Removed(count)
    }

    pub(super) fn set_back_deliveries(&mut self, now: DateTime<Utc>, step: TimeDelta, limit: u32) -> usize {
        let mut count = 0;
        for delivery in self.deliveries.values_mut() {
            if count >= usize::try_from(limit).unwrap_or(usize::MAX) {
                break;
            }
            if let Some(after) = delivery.set_back(now, step) {
                *delivery = after;
                count += 1;
            }
        }
        count
    }

    pub(super) fn prune_deliveries(&mut self, before: DateTime<Utc>, limit: u32) -> usize {
        let is_over = |delivery: &Delivery| match self.endpoints.get(&delivery.endpoint_id) {
            None => true,
            Some((endpoint, _)) => {
                delivery.message.at < before
                    && (delivery.status != DeliveryStatus::Pending || endpoint.disabled.is_some())
            }
        };
        let ids: Vec<DeliveryId> = self
            .deliveries
            .values()
            .filter(|delivery| is_over(delivery))
            .take(usize::try_from(limit).unwrap_or(usize::MAX))
            .map(|delivery| delivery.id)
            .collect();
        for id in &ids {
            self.deliveries.remove(id);
        }
        ids.len()
    }

    pub(super) fn stored_endpoints(&self, now: DateTime<Utc>) -> Vec<StoredEndpoint> {
        self.endpoints
            .values()
            .map(|(endpoint, holder)| StoredEndpoint {
                endpoint: Arc::clone(endpoint),
                holder: *holder,
                is_held: holder.is_some_and(|holder| self.holds_lease(holder, now)),
                named_by: self.named_by(endpoint.id).collect(),
                is_named: self.named_by(endpoint.id).any(|node| self.holds_lease(node, now)),
                unnamed_since: self.unnamed_since.get(&endpoint.id).copied(),
                has_pending: endpoint.events.is_empty() && self.pending_of(endpoint.id) > 0,
            })
            .collect()
    }

    pub(super) fn due_deliveries(&self, endpoint: EndpointId, now: DateTime<Utc>, limit: u32) -> Vec<DueDelivery> {
        let mut lanes = HashSet::new();
        let mut due: Vec<&Delivery> = self
            .deliveries
            .values()
            .filter(|delivery| delivery.endpoint_id == endpoint && delivery.status == DeliveryStatus::Pending)
            .filter(|delivery| lanes.insert(delivery.message.ordering_key))
            .filter(|delivery| delivery.due_at <= now)
            .collect();
        due.sort_by_key(|delivery| (delivery.due_at, delivery.id));
        due.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        due.into_iter()
            .map(|delivery| DueDelivery {
                id: delivery.id,
                message: delivery.message.clone(),
                attempts: delivery.attempts,
            })
            .collect()
    }

    pub(super) fn delivery_page(&self, endpoint: EndpointId, page: DeliveryPage) -> Vec<Delivery> {
        let DeliveryPage { status, limit, after } = page;
        self.deliveries
            .values()
            .rev()
            .filter(|delivery| delivery.endpoint_id == endpoint)
            .filter(|delivery| status.is_none_or(|status| status == delivery.status))
            .filter(|delivery| after.is_none_or(|after| delivery.id < after))
            .take(usize::try_from(limit).unwrap_or(usize::MAX))
            .cloned()
            .collect()
    }
}
