//! All that is asked about webhook endpoints and their deliveries, of which there are thirty thousand.

use std::sync::Arc;

use tickerq::domain::values::time_span::TimeSpan;
use tickerq::domain::webhooks::delivery::DeliveryStatus;
use tickerq::domain::webhooks::endpoint::{Endpoint, EndpointId, EndpointSource, SigningSecret};
use tickerq::domain::webhooks::event::WebhookEvents;
use tickerq::storage::change::Change;
use tickerq::storage::outbox::ReviewEndpoints;
use tickerq::storage::query::DeliveryPage;
use tickerq::storage::repository::JobRepository;

use super::Probe;
use super::samples::{NODE, now};
use super::verdict::Look;

/// An endpoint that a third of the deliveries are for.
fn endpoint_id() -> EndpointId {
    EndpointId::from_uuid(uuid::Uuid::from_u128((1_600_000_000_001 << 80) | (0x70009 << 60) | 1))
}

/// Asks for all that can be read of them.
pub async fn read(probe: &Probe) {
    let storage = &probe.repository;
    probe.of("endpoints", Look::Up, storage.endpoints()).await;
    let due = storage.due_deliveries(endpoint_id(), now(), 20);
    let due = probe.of("due deliveries", Look::Up, due).await;
    assert!(!due.is_empty());
    let mut listed = Vec::new();
    for status in [None, Some(DeliveryStatus::Pending), Some(DeliveryStatus::Failed)] {
        let page = DeliveryPage {
            status,
            limit: 100,
            after: None,
        };
        let read = storage.deliveries(endpoint_id(), page);
        listed = probe.of(&format!("deliveries {status:?}"), Look::Up, read).await;
        assert!(!listed.is_empty(), "{status:?}");
    }
    let id = listed[0].id;
    probe.of("one delivery", Look::Up, storage.delivery(id)).await;
}

/// Has an endpoint removed that no node names.
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
    let put = Change::PutEndpoint {
        before: None,
        after: Arc::new(endpoint),
    };
    probe.commit("put an endpoint", Look::Up, vec![put]).await;
    for what in ["name no endpoint", "retire an endpoint", "remove an endpoint"] {
        let review = Change::ReviewEndpoints(ReviewEndpoints {
            node: NODE,
            names: Arc::default(),
            grace: TimeSpan::ZERO,
        });
        probe.commit(what, Look::Up, vec![review]).await;
    }
}
