//! Use cases of deliveries: reading them, and sending them again.

use chrono::{DateTime, Utc};

use super::endpoints::Webhooks;
use crate::domain::access::caller::{Caller, Scope};
use crate::domain::values::id::{EndpointId, JobId};
use crate::domain::values::timestamp;
use crate::domain::webhooks::delivery::{Delivery, DeliveryId, DeliveryStatus};
use crate::runtime::outbound::options::test_posting;
use crate::service::audit_writer;
use crate::service::audit_writer::AuditedAction;
use crate::service::error::ServiceError;
use crate::storage::change::{Applied, Change, WebhookChange};
use crate::storage::outbox::Redelivery;
use crate::storage::query::{DeliveryPage, StoredTexts};

/// Number of deliveries that one step of requeueing takes.
const REDELIVER_STEP: u32 = 1_000;

/// A page of an endpoint's deliveries.
#[derive(Clone, Debug)]
pub(crate) struct DeliveryList {
    /// The deliveries, newest first.
    pub deliveries: Vec<Delivery>,
    /// True if older ones follow.
    pub has_more: bool,
}

impl Webhooks {
    /// Sends a test message to an endpoint and returns its `webhook-id`.
    pub(crate) async fn test(&self, caller: &Caller, id: EndpointId) -> Result<String, ServiceError> {
        caller.require(Scope::Admin)?;
        self.clients()?;
        let endpoint = self.matching(id, None).await?;
        if endpoint.disabled.is_some() {
            return Err(ServiceError::EndpointDisabled { id });
        }
        let now = timestamp::truncate_to_micros(self.runtime.clock.now());
        let (webhook_id, posting) = test_posting(id, now, JobId::new(now, self.runtime.ids.next()));
        let post = Change::Webhook(WebhookChange::Enqueue(vec![posting]));
        let entry = self.audit.entry(caller, AuditedAction::TEST_ENDPOINT);
        let entry = entry.map(|entry| audit_writer::of_endpoint(entry, id));
        let applied = self.audit.write(post, entry).await??;
        let Applied::Enqueued(_) = applied else {
            return Err(ServiceError::unexpected(&applied));
        };
        Ok(webhook_id)
    }

    /// A page of an endpoint's deliveries, newest first.
    pub(crate) async fn deliveries(
        &self,
        caller: &Caller,
        id: EndpointId,
        page: DeliveryPage,
    ) -> Result<DeliveryList, ServiceError> {
        caller.require(Scope::Read)?;
        self.read(id).await?;
        let one_more = DeliveryPage {
            limit: page.limit.saturating_add(1),
            ..page
        };
        let mut deliveries = self.repository.deliveries(id, one_more).await?;
        let limit = usize::try_from(page.limit).unwrap_or(usize::MAX);
        let has_more = deliveries.len() > limit;
        deliveries.truncate(limit);
        Ok(DeliveryList { deliveries, has_more })
    }

    /// Size of the bodies of a page of deliveries, in bytes.
    pub(crate) async fn size_of_deliveries(
        &self,
        caller: &Caller,
        id: EndpointId,
        page: DeliveryPage,
    ) -> Result<u64, ServiceError> {
        caller.require(Scope::Read)?;
        Ok(self.repository.size_of(StoredTexts::OfDeliveries(id, page)).await?)
    }

    /// One delivery.
    pub(crate) async fn delivery(&self, caller: &Caller, id: DeliveryId) -> Result<Delivery, ServiceError> {
        // It contains the payload about jobs.
        caller.require(Scope::Read)?;
        self.read_delivery(id).await
    }

    async fn read_delivery(&self, id: DeliveryId) -> Result<Delivery, ServiceError> {
        let found = self.repository.delivery(id).await?;
        found.ok_or(ServiceError::NoSuchDelivery { id })
    }

    /// Requeues a delivery in any status; a pending one keeps waiting.
    pub(crate) async fn redeliver(&self, caller: &Caller, id: DeliveryId) -> Result<Delivery, ServiceError> {
        caller.require(Scope::Admin)?;
        let delivery = self.read_delivery(id).await?;
        // A delivery of a deleted endpoint can't be sent.
        self.read(delivery.endpoint_id).await?;
        if delivery.status == DeliveryStatus::Pending {
            return Ok(delivery);
        }
        let now = self.runtime.clock.now();
        let again = Change::Webhook(WebhookChange::Redeliver {
            which: Redelivery::One(id),
            now,
        });
        let entry = self.audit.entry(caller, AuditedAction::REDELIVER);
        let entry = entry.map(|entry| audit_writer::of_endpoint(entry, delivery.endpoint_id));
        let applied = self.audit.write(again, entry).await??;
        let Applied::Removed(_) = applied else {
            return Err(ServiceError::unexpected(&applied));
        };
        // The change took effect, even if storage can't be read now.
        Ok(self.read_delivery(id).await.unwrap_or(Delivery {
            status: DeliveryStatus::Pending,
            attempts: 0,
            due_at: now,
            ..delivery
        }))
    }

    /// Requeues all failed deliveries of an endpoint whose event is not older than `since`; returns their number.
    pub(crate) async fn redeliver_failed(
        &self,
        caller: &Caller,
        id: EndpointId,
        since: DateTime<Utc>,
    ) -> Result<u64, ServiceError> {
        caller.require(Scope::Admin)?;
        self.read(id).await?;
        // One record for all steps.
        let entry = self.audit.entry(caller, AuditedAction::REDELIVER);
        let entry = entry.map(|entry| audit_writer::of_endpoint(entry, id));
        let mut total = 0;
        loop {
            let again = Change::Webhook(WebhookChange::Redeliver {
                which: Redelivery::FailedSince {
                    endpoint_id: id,
                    since,
                    limit: REDELIVER_STEP,
                },
                now: self.runtime.clock.now(),
            });
            let applied = self.audit.write(again, entry.clone()).await??;
            let Applied::Removed(count) = applied else {
                return Err(ServiceError::unexpected(&applied));
            };
            total += count;
            if count < u64::from(REDELIVER_STEP) {
                return Ok(total);
            }
        }
    }
}
