//! Deliveries: due times, outcomes, and retention.

use std::sync::Arc;

use super::sample::{all, due, endpoint, message, numbers, outcome, post, posting, put, read, record};
use crate::domain::values::time_span::TimeSpan;
use crate::domain::values::trace_context::TraceParent;
use crate::domain::webhooks::delivery::{AfterAttempt, Delivery, DeliveryAttempt, DeliveryId, DeliveryStatus, Message};
use crate::domain::webhooks::endpoint::DisabledReason;
use crate::storage::change::{Applied, Change, MaintenanceChange, WebhookChange};
use crate::storage::conformance::case::{Case, cases_of};
use crate::storage::conformance::sample::{at, job};
use crate::storage::conformance::subject::Subject;
use crate::storage::outbox::{AttemptOutcome, Redelivery};
use crate::storage::query::DeliveryPage;

pub(super) fn cases() -> Vec<Case> {
    cases_of![
        deliveries_of_an_ordering_key_keep_their_order_for_every_endpoint,
        of_each_lane_only_the_first_pending_delivery_is_due,
        an_attempt_is_recorded_once,
        a_delivery_keeps_its_values,
        failures_are_sent_again_from_a_time_on,
        deliveries_are_listed_in_pages,
        old_deliveries_are_removed_in_steps,
        the_deliveries_of_a_deleted_endpoint_go_with_it,
    ]
}

async fn deliveries_of_an_ordering_key_keep_their_order_for_every_endpoint(storage: Subject) {
    let (one, another) = (endpoint(1), endpoint(2));
    put(&storage, &one).await;
    put(&storage, &another).await;
    // Two messages of the second ordering key, then one to an endpoint that has had one of the first key.
    let postings = vec![
        posting(message(1, 1, 0), &[&one]),
        posting(message(2, 2, 0), &[&one, &another]),
        posting(message(3, 2, 0), &[&one]),
        posting(message(4, 2, 0), &[&one, &another]),
        posting(message(5, 1, 0), &[&one]),
    ];
    post(&storage, postings).await;
    let mut target = Vec::new();
    loop {
        let due = due(&storage, &one, at(9)).await;
        let Some((number, id)) = due.into_iter().next() else {
            break;
        };
        target.push(number);
        record(&storage, &one, vec![outcome(id, 1, AfterAttempt::Delivered)]).await;
    }
    let of = |lane: &[u64]| {
        target
            .iter()
            .copied()
            .filter(|number| lane.contains(number))
            .collect::<Vec<u64>>()
    };
    assert_eq!(of(&[1, 5]), [1, 5]);
    assert_eq!(of(&[2, 3, 4]), [2, 3, 4]);
    let due: Vec<u64> = due(&storage, &another, at(9))
        .await
        .into_iter()
        .map(|(number, _)| number)
        .collect();
    assert_eq!(due, [2], "one of a lane at a time");
}

async fn of_each_lane_only_the_first_pending_delivery_is_due(storage: Subject) {
    let (target, other) = (put(&storage, &endpoint(1)).await, put(&storage, &endpoint(2)).await);
    let postings = vec![
        posting(message(1, 1, 0), &[&target, &other]),
        posting(message(2, 2, 0), &[&target]),
        posting(message(3, 1, 0), &[&target]),
        posting(message(4, 2, 0), &[&target]),
        posting(message(5, 3, 500), &[&target]),
    ];
    post(&storage, postings).await;
    assert_eq!(numbers(&storage, &target, at(10)).await, [1, 2]);
    assert_eq!(numbers(&storage, &other, at(10)).await, [1]);
    assert_eq!(numbers(&storage, &target, at(500)).await, [1, 2, 5]);
    let first = due(&storage, &target, at(10)).await;
    record(
        &storage,
        &target,
        vec![
            outcome(first[0].1, 1, AfterAttempt::Delivered),
            outcome(first[1].1, 1, AfterAttempt::RetryAt(at(100))),
        ],
    )
    .await;
    // The second lane waits for its retry, and nothing overtakes it.
    assert_eq!(numbers(&storage, &target, at(60)).await, [3]);
    assert_eq!(numbers(&storage, &target, at(100)).await, [3, 2]);
    assert_eq!(
        numbers(&storage, &other, at(10)).await,
        [1],
        "another endpoint is another matter"
    );
    let limited = storage.repository.due_deliveries(target.id, at(100), 1).await;
    assert_eq!(limited.expect("storage reads").len(), 1);
}

async fn an_attempt_is_recorded_once(storage: Subject) {
    let target = put(&storage, &endpoint(1)).await;
    post(&storage, vec![posting(message(1, 1, 0), &[&target])]).await;
    let id = due(&storage, &target, at(0)).await[0].1;
    record(&storage, &target, vec![outcome(id, 1, AfterAttempt::RetryAt(at(70)))]).await;
    // Another node that was sending it as well.
    record(&storage, &target, vec![outcome(id, 1, AfterAttempt::RetryAt(at(90)))]).await;
    let pending = all(&storage, &target, Some(DeliveryStatus::Pending)).await;
    assert_eq!((pending[0].attempts, pending[0].due_at), (1, at(70)));
    record(&storage, &target, vec![outcome(id, 2, AfterAttempt::Delivered)]).await;
    record(&storage, &target, vec![outcome(id, 3, AfterAttempt::Failed)]).await;
    let delivered = all(&storage, &target, None).await;
    assert_eq!(
        (delivered[0].attempts, delivered[0].status),
        (2, DeliveryStatus::Delivered)
    );
}

async fn a_delivery_keeps_its_values(storage: Subject) {
    let target = put(&storage, &endpoint(1)).await;
    let full = Message {
        job_id: Some(job(3).id),
        trace_parent: TraceParent::parse("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01").ok(),
        ..message(1, 1, 5)
    };
    post(&storage, vec![posting(full.clone(), &[&target])]).await;
    let id = due(&storage, &target, at(5)).await[0].1;
    let find = || async { storage.repository.delivery(id).await.expect("storage reads") };
    let fresh = Delivery {
        id,
        endpoint_id: target.id,
        message: full,
        status: DeliveryStatus::Pending,
        attempts: 0,
        due_at: at(5),
        last: None,
    };
    assert_eq!(find().await, Some(fresh.clone()));
    let recorded = outcome(id, 1, AfterAttempt::RetryAt(at(80)));
    record(&storage, &target, vec![recorded.clone()]).await;
    let tried = Delivery {
        attempts: 1,
        due_at: at(80),
        last: Some(recorded.attempt),
        ..fresh
    };
    assert_eq!(find().await, Some(tried.clone()));
    let silent = AttemptOutcome {
        attempt: DeliveryAttempt {
            at: at(80),
            duration: TimeSpan::ZERO,
            response_status: None,
            response_body: None,
            error: None,
        },
        ..outcome(id, 2, AfterAttempt::Failed)
    };
    record(&storage, &target, vec![silent.clone()]).await;
    let failed = find().await.expect("a delivery");
    assert_eq!(
        (failed.status, failed.last),
        (DeliveryStatus::Failed, Some(silent.attempt))
    );
    assert_eq!(
        storage
            .repository
            .delivery(DeliveryId::from_number(i64::MAX))
            .await
            .expect("storage reads"),
        None
    );
}

async fn failures_are_sent_again_from_a_time_on(storage: Subject) {
    let target = put(&storage, &endpoint(1)).await;
    let postings = (1..=4).map(|number: u64| {
        let seconds = i64::try_from(number).expect("a number");
        posting(message(number, number, seconds), &[&target])
    });
    post(&storage, postings.collect()).await;
    let ids = due(&storage, &target, at(10)).await;
    let failed = |index: usize| outcome(ids[index].1, 1, AfterAttempt::Failed);
    let outcomes = vec![
        failed(0),
        failed(1),
        failed(2),
        outcome(ids[3].1, 1, AfterAttempt::Delivered),
    ];
    record(&storage, &target, outcomes).await;
    assert!(due(&storage, &target, at(10)).await.is_empty());
    let since = |limit| {
        Change::Webhook(WebhookChange::Redeliver {
            which: Redelivery::FailedSince {
                endpoint_id: target.id,
                since: at(2),
                limit,
            },
            now: at(200),
        })
    };
    assert_eq!(storage.apply(since(1)).await, Ok(Applied::Removed(1)));
    assert_eq!(storage.apply(since(10)).await, Ok(Applied::Removed(1)));
    assert_eq!(storage.apply(since(10)).await, Ok(Applied::Removed(0)));
    assert_eq!(numbers(&storage, &target, at(199)).await, Vec::<u64>::new());
    assert_eq!(numbers(&storage, &target, at(200)).await, [2, 3]);
    let one = |index: usize| {
        Change::Webhook(WebhookChange::Redeliver {
            which: Redelivery::One(ids[index].1),
            now: at(300),
        })
    };
    assert_eq!(
        storage.apply(one(3)).await,
        Ok(Applied::Removed(1)),
        "delivered ones as well"
    );
    assert_eq!(storage.apply(one(3)).await, Ok(Applied::Removed(0)), "it waits already");
    let again = storage.repository.due_deliveries(target.id, at(300), 10).await;
    assert!(again.expect("storage reads").iter().all(|due| due.attempts == 0));
}

async fn deliveries_are_listed_in_pages(storage: Subject) {
    let (target, other) = (put(&storage, &endpoint(1)).await, put(&storage, &endpoint(2)).await);
    let postings = (1..=5).map(|number| posting(message(number, number, 0), &[&target, &other]));
    post(&storage, postings.collect()).await;
    let mut seen = Vec::new();
    let mut after = None;
    loop {
        let page = DeliveryPage {
            status: None,
            limit: 2,
            after,
        };
        let page = storage
            .repository
            .deliveries(target.id, page)
            .await
            .expect("storage reads");
        let Some(last) = page.last() else { break };
        after = Some(last.id);
        seen.extend(page.iter().map(|delivery| delivery.message.id.as_u64_pair().0));
    }
    assert_eq!(seen, [5, 4, 3, 2, 1]);
    let ids = due(&storage, &target, at(0)).await;
    record(&storage, &target, vec![outcome(ids[1].1, 1, AfterAttempt::Failed)]).await;
    assert_eq!(all(&storage, &target, Some(DeliveryStatus::Failed)).await.len(), 1);
    assert_eq!(all(&storage, &target, Some(DeliveryStatus::Pending)).await.len(), 4);
    assert_eq!(all(&storage, &target, Some(DeliveryStatus::Delivered)).await.len(), 0);
}

fn prune(limit: u32) -> Change {
    Change::Maintenance(MaintenanceChange::PruneDeliveries { before: at(10), limit })
}

async fn old_deliveries_are_removed_in_steps(storage: Subject) {
    let target = put(&storage, &endpoint(1)).await;
    let postings = [(1, 0), (2, 1), (3, 2), (4, 3), (5, 20)]
        .map(|(number, seconds)| posting(message(number, number, seconds), &[&target]));
    post(&storage, postings.to_vec()).await;
    let ids = due(&storage, &target, at(100)).await;
    // The first one waits still, and the last one is young.
    let outcomes = vec![
        outcome(ids[1].1, 1, AfterAttempt::Delivered),
        outcome(ids[2].1, 1, AfterAttempt::Failed),
        outcome(ids[3].1, 1, AfterAttempt::Delivered),
        outcome(ids[4].1, 1, AfterAttempt::Delivered),
    ];
    record(&storage, &target, outcomes).await;
    assert_eq!(storage.apply(prune(2)).await, Ok(Applied::Removed(2)));
    assert_eq!(storage.apply(prune(2)).await, Ok(Applied::Removed(1)));
    assert_eq!(storage.apply(prune(2)).await, Ok(Applied::Removed(0)));
    let left = all(&storage, &target, None).await;
    let left: Vec<u64> = left
        .iter()
        .map(|delivery| delivery.message.id.as_u64_pair().0)
        .collect();
    assert_eq!(left, [5, 1]);
    let before = read(&storage, target.id).await;
    let disable = Change::Webhook(WebhookChange::Put {
        after: Arc::new(before.switched(Some(DisabledReason::Requested), at(50))),
        before: Some(before),
    });
    assert!(storage.apply(disable).await.is_ok());
    // Pending messages of a disabled endpoint expire as well.
    assert_eq!(storage.apply(prune(10)).await, Ok(Applied::Removed(1)));
}

async fn the_deliveries_of_a_deleted_endpoint_go_with_it(storage: Subject) {
    let (target, other) = (put(&storage, &endpoint(1)).await, put(&storage, &endpoint(2)).await);
    let postings = (1..=3).map(|number| posting(message(number, number, 50), &[&target, &other]));
    post(&storage, postings.collect()).await;
    let delete = Change::Webhook(WebhookChange::Delete {
        endpoint: Arc::clone(&target),
    });
    assert_eq!(storage.apply(delete).await, Ok(Applied::Deleted));
    assert_eq!(storage.apply(prune(2)).await, Ok(Applied::Removed(2)));
    assert_eq!(storage.apply(prune(2)).await, Ok(Applied::Removed(1)));
    assert_eq!(storage.apply(prune(2)).await, Ok(Applied::Removed(0)));
    assert!(all(&storage, &target, None).await.is_empty());
    assert_eq!(all(&storage, &other, None).await.len(), 3);
    // The id may be used again.
    put(&storage, &endpoint(1)).await;
}
