//! All operations on webhook endpoints and deliveries, with 50,000 deliveries.

use std::sync::Arc;

use chrono::DateTime;
use tickerq::domain::values::id::EndpointId;
use tickerq::domain::values::time_span::TimeSpan;
use tickerq::domain::webhooks::delivery::DeliveryStatus;
use tickerq::domain::webhooks::endpoint::{Endpoint, EndpointSource, SigningSecret};
use tickerq::domain::webhooks::event::WebhookEvents;
use tickerq::storage::change::{Change, WebhookChange};
use tickerq::storage::outbox::{Redelivery, ReviewEndpoints};
use tickerq::storage::query::{DeliveryPage, StoredTexts};
use tickerq::storage::repository::{JobStore, WebhookStore};

use super::Probe;
use super::samples::{NODE, now};
use super::verdict::Access;

/// An endpoint with a third of the deliveries.
fn endpoint_id() -> EndpointId {
    EndpointId::from_uuid(uuid::Uuid::from_u128((1_600_000_000_001 << 80) | (0x70009 << 60) | 1))
}

/// An endpoint with 20,000 recent failed deliveries and a few others.
fn failing_id() -> EndpointId {
    EndpointId::from_uuid(uuid::Uuid::from_u128((1_600_000_000_007 << 80) | (0x70009 << 60) | 7))
}

/// Executes all reads of them.
pub async fn read(probe: &Probe) {
    let storage = &probe.repository;
    probe.of("endpoints", Access::Lookup, storage.endpoints()).await;
    let due = storage.due_deliveries(endpoint_id(), now(), 20);
    let due = probe.of("due deliveries", Access::Lookup, due).await;
    assert!(!due.is_empty());
    let by_status = Access::Index("webhook_deliveries_by_status", 300);
    for endpoint in [endpoint_id(), failing_id()] {
        for status in std::iter::once(None).chain(DeliveryStatus::ALL.map(Some)) {
            let page = |after| DeliveryPage {
                status,
                limit: 10,
                after,
            };
            let what = format!("deliveries {status:?}");
            let read = storage.deliveries(endpoint, page(None));
            let listed = probe.of(&what, by_status, read).await;
            assert_eq!(listed.len(), 10, "{status:?}");
            let read = storage.deliveries(endpoint, page(Some(listed[4].id)));
            let next = probe.of(&what, by_status, read).await;
            assert_eq!(next[..5], listed[5..], "{status:?}");
            let size = storage.size_of(StoredTexts::OfDeliveries(endpoint, page(None)));
            assert!(probe.of(&format!("the size of {what}"), by_status, size).await > 0);
            probe
                .of("one delivery", Access::Lookup, storage.delivery(listed[0].id))
                .await;
        }
    }
}

/// Removes an endpoint that no node names.
pub async fn write(probe: &Probe) {
    let endpoint = Endpoint {
        id: endpoint_id(),
        name: Arc::from("hook"),
        url: Arc::from("https://example.com/hook"),
        events: WebhookEvents::parse(["job.failed"]).expect("events"),
        secret: SigningSecret::new("webhook-secret-key"),
        previous_secret: None,
        max_retries: 3,
        retry_delay: TimeSpan::from_secs(30),
        source: EndpointSource::Configuration,
        disabled: None,
        failing_since: None,
        created_at: now(),
        updated_at: now(),
        revision: 1,
    };
    let put = Change::Webhook(WebhookChange::Put {
        before: None,
        after: Arc::new(endpoint),
    });
    probe.commit("put an endpoint", Access::Lookup, vec![put]).await;
    let again = Change::Webhook(WebhookChange::Redeliver {
        which: Redelivery::FailedSince {
            endpoint_id: failing_id(),
            since: DateTime::from_timestamp_micros(19_991).expect("a time"),
            limit: 100,
        },
        now: now(),
    });
    let failed_at = Access::Index("webhook_deliveries_failed_at", 100);
    probe
        .commit("redeliver what failed lately", failed_at, vec![again])
        .await;
    for what in ["name no endpoint", "retire an endpoint", "remove an endpoint"] {
        let review = Change::Webhook(WebhookChange::Review(ReviewEndpoints {
            node: NODE,
            names: Arc::default(),
            grace: TimeSpan::ZERO,
        }));
        probe.commit(what, Access::Lookup, vec![review]).await;
    }
}
