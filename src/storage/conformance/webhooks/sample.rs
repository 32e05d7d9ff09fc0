//! Sample endpoints, messages and deliveries, and common steps of the cases.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::domain::values::id::EndpointId;
use crate::domain::values::time_span::TimeSpan;
use crate::domain::webhooks::delivery::{AfterAttempt, Delivery, DeliveryAttempt, DeliveryId, DeliveryStatus, Message};
use crate::domain::webhooks::endpoint::{Endpoint, EndpointSource, SigningSecret};
use crate::domain::webhooks::event::WebhookEvents;
use crate::storage::change::{Applied, Change, WebhookChange};
use crate::storage::conformance::sample::at;
use crate::storage::conformance::subject::Subject;
use crate::storage::outbox::{AttemptOutcome, Attempts, EndpointHealth, OutboxMessage};
use crate::storage::query::{DeliveryPage, StoredEndpoint};

pub(in crate::storage::conformance) fn endpoint(number: u64) -> Endpoint {
    Endpoint {
        id: EndpointId::from_uuid(Uuid::from_u64_pair(number, 3)),
        name: Arc::from("Müller's hook 🦀"),
        url: Arc::from("https://example.com/hook?key=1"),
        events: WebhookEvents::parse(["job.*", "system.alert"]).expect("events"),
        secret: SigningSecret::new("webhook-secret-key"),
        previous_secret: None,
        max_retries: 3,
        retry_delay: TimeSpan::from_secs(30),
        source: EndpointSource::Api,
        disabled: None,
        failing_since: None,
        created_at: at(0),
        updated_at: at(0),
        revision: 1,
    }
}

pub(in crate::storage::conformance) async fn put(storage: &Subject, endpoint: &Endpoint) -> Arc<Endpoint> {
    let after = Arc::new(endpoint.clone());
    let change = Change::Webhook(WebhookChange::Put {
        before: None,
        after: Arc::clone(&after),
    });
    assert_eq!(storage.apply(change).await, Ok(Applied::EndpointStored));
    after
}

pub(in crate::storage::conformance) async fn stored(storage: &Subject) -> Vec<StoredEndpoint> {
    storage.repository.endpoints().await.expect("storage reads")
}

pub(in crate::storage::conformance) async fn read(storage: &Subject, id: EndpointId) -> Arc<Endpoint> {
    let all = stored(storage).await;
    let found = all.into_iter().find(|stored| stored.endpoint.id == id);
    found.expect("an endpoint").endpoint
}

/// A message with an ordering key, this number of seconds after the start of the day.
pub(in crate::storage::conformance) fn message(number: u64, lane: u64, seconds: i64) -> Message {
    Message {
        id: Uuid::from_u64_pair(number, 4),
        event: Arc::from("job.completed"),
        at: at(seconds),
        ordering_key: Uuid::from_u64_pair(lane, 5),
        job_id: None,
        trace_parent: None,
        propagated: None,
        body: Arc::from(format!(
            "{{\"event\":\"job.completed\",\"data\":{{\"number\":{number}}}}}"
        )),
    }
}

pub(in crate::storage::conformance) fn posting(message: Message, endpoints: &[&Endpoint]) -> OutboxMessage {
    OutboxMessage {
        message,
        endpoints: endpoints.iter().map(|endpoint| endpoint.id).collect(),
    }
}

pub(in crate::storage::conformance) async fn post(storage: &Subject, messages: Vec<OutboxMessage>) {
    let posted = storage.apply(Change::Webhook(WebhookChange::Enqueue(messages))).await;
    assert!(matches!(posted, Ok(Applied::Enqueued(_))), "{posted:?}");
}

/// Due deliveries of an endpoint at a time: the numbers of the messages, and the deliveries.
pub(in crate::storage::conformance) async fn due(
    storage: &Subject,
    endpoint: &Endpoint,
    now: DateTime<Utc>,
) -> Vec<(u64, DeliveryId)> {
    let due = storage.repository.due_deliveries(endpoint.id, now, 100).await;
    let due = due.expect("storage reads");
    due.into_iter()
        .map(|due| (due.message.id.as_u64_pair().0, due.id))
        .collect()
}

pub(in crate::storage::conformance) async fn record(
    storage: &Subject,
    endpoint: &Endpoint,
    outcomes: Vec<AttemptOutcome>,
) {
    let attempts = Attempts {
        endpoint_id: endpoint.id,
        outcomes,
        health: EndpointHealth::AsBefore,
        disable: None,
    };
    let recorded = storage
        .apply(Change::Webhook(WebhookChange::Attempts(Box::new(attempts))))
        .await;
    assert_eq!(recorded, Ok(Applied::Attempted { is_disabled: false }));
}

pub(in crate::storage::conformance) async fn numbers(
    storage: &Subject,
    endpoint: &Endpoint,
    now: DateTime<Utc>,
) -> Vec<u64> {
    due(storage, endpoint, now)
        .await
        .into_iter()
        .map(|(number, _)| number)
        .collect()
}

pub(in crate::storage::conformance) fn outcome(id: DeliveryId, number: u32, after: AfterAttempt) -> AttemptOutcome {
    AttemptOutcome {
        id,
        number,
        attempt: DeliveryAttempt {
            at: at(50),
            duration: TimeSpan::from_millis(12),
            response_status: Some(500),
            response_body: Some(Arc::from("no\tsuch thing ü")),
            error: Some(Arc::from("it responded with 500")),
        },
        after,
    }
}

pub(in crate::storage::conformance) async fn all(
    storage: &Subject,
    endpoint: &Endpoint,
    status: Option<DeliveryStatus>,
) -> Vec<Delivery> {
    let page = DeliveryPage {
        status,
        limit: 1_000,
        after: None,
    };
    let read = storage.repository.deliveries(endpoint.id, page).await;
    read.expect("storage reads")
}
