//! Webhook endpoints and deliveries: what is written with a commit, what is due, and what becomes of it.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::sample::{at, finish, insert, job, jobs, node};
use super::{Case, Subject, cases_of};
use crate::domain::delivery::{AfterAttempt, Delivery, DeliveryAttempt, DeliveryId, DeliveryStatus, Message};
use crate::domain::id::JobId;
use crate::domain::outcome::Outcome;
use crate::domain::time_span::TimeSpan;
use crate::domain::webhook::{
    Disabled, DisabledReason, Endpoint, EndpointId, EndpointSource, PreviousSecret, SigningSecret,
};
use crate::domain::webhook_event::WebhookEvents;
use crate::storage::change::{Applied, Change, ChangeError, Inserted};
use crate::storage::outbox::{
    Announcement, Announcer, AttemptOutcome, Attempts, EndpointHealth, HoldEndpoints, Posting, Redelivery,
};
use crate::storage::query::{DeliveryPage, StoredEndpoint};

pub(super) fn cases() -> Vec<Case> {
    cases_of![
        an_endpoint_is_read_as_it_was_written,
        an_endpoint_is_changed_only_as_it_was_read,
        an_announcement_is_written_with_what_was_applied,
        a_bad_change_announces_nothing_and_the_others_do,
        of_each_lane_only_the_first_pending_delivery_is_due,
        an_attempt_is_noted_once,
        a_delivery_keeps_what_it_was_given,
        failures_are_sent_again_from_a_time_on,
        the_health_of_an_endpoint_is_noted,
        an_endpoint_is_held_by_one_node,
        what_a_dead_node_held_another_takes,
        deliveries_are_listed_in_pages,
        old_deliveries_are_removed_in_steps,
        the_deliveries_of_a_deleted_endpoint_go_with_it,
    ]
}

fn endpoint(number: u64) -> Endpoint {
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

async fn put(storage: &Subject, endpoint: &Endpoint) -> Arc<Endpoint> {
    let after = Arc::new(endpoint.clone());
    let change = Change::PutEndpoint {
        before: None,
        after: Arc::clone(&after),
    };
    assert_eq!(storage.apply(change).await, Ok(Applied::EndpointStored));
    after
}

async fn stored(storage: &Subject) -> Vec<StoredEndpoint> {
    storage.repository.endpoints().await.expect("storage reads")
}

async fn read(storage: &Subject, id: EndpointId) -> Arc<Endpoint> {
    let all = stored(storage).await;
    let found = all.into_iter().find(|stored| stored.endpoint.id == id);
    found.expect("an endpoint").endpoint
}

/// A message so many seconds into the day, in a lane.
fn message(number: u64, lane: u64, seconds: i64) -> Message {
    Message {
        id: Uuid::from_u64_pair(number, 4),
        event: Arc::from("job.completed"),
        at: at(seconds),
        lane: Uuid::from_u64_pair(lane, 5),
        job_id: None,
        body: Arc::from(format!(
            "{{\"event\":\"job.completed\",\"data\":{{\"number\":{number}}}}}"
        )),
    }
}

fn posting(message: Message, endpoints: &[&Endpoint]) -> Posting {
    Posting {
        message,
        endpoints: endpoints.iter().map(|endpoint| endpoint.id).collect(),
    }
}

async fn post(storage: &Subject, postings: Vec<Posting>) {
    let posted = storage.apply(Change::Post(postings)).await;
    assert!(matches!(posted, Ok(Applied::Announced(_))), "{posted:?}");
}

/// What is due for an endpoint at a time: the numbers of the messages, and the deliveries.
async fn due(storage: &Subject, endpoint: &Endpoint, now: DateTime<Utc>) -> Vec<(u64, DeliveryId)> {
    let due = storage.repository.due_deliveries(endpoint.id, now, 100).await;
    let due = due.expect("storage reads");
    due.into_iter()
        .map(|due| (due.message.id.as_u64_pair().0, due.id))
        .collect()
}

async fn numbers(storage: &Subject, endpoint: &Endpoint, now: DateTime<Utc>) -> Vec<u64> {
    due(storage, endpoint, now)
        .await
        .into_iter()
        .map(|(number, _)| number)
        .collect()
}

fn outcome(id: DeliveryId, number: u32, after: AfterAttempt) -> AttemptOutcome {
    AttemptOutcome {
        id,
        number,
        attempt: DeliveryAttempt {
            at: at(50),
            duration: TimeSpan::from_millis(12),
            response_status: Some(500),
            response_body: Some(Arc::from("no\tsuch thing ü")),
            error: Some(Arc::from("it answered 500")),
        },
        after,
    }
}

async fn note(storage: &Subject, endpoint: &Endpoint, outcomes: Vec<AttemptOutcome>) {
    let attempts = Attempts {
        endpoint_id: endpoint.id,
        outcomes,
        health: EndpointHealth::AsBefore,
        disable: None,
    };
    let noted = storage.apply(Change::Attempts(Box::new(attempts))).await;
    assert_eq!(noted, Ok(Applied::Attempted { is_disabled: false }));
}

async fn all(storage: &Subject, endpoint: &Endpoint, status: Option<DeliveryStatus>) -> Vec<Delivery> {
    let page = DeliveryPage {
        status,
        limit: 1_000,
        after: None,
    };
    let read = storage.repository.deliveries(endpoint.id, page).await;
    read.expect("storage reads")
}

async fn an_endpoint_is_read_as_it_was_written(storage: Subject) {
    let plain = endpoint(1);
    let full = Endpoint {
        previous_secret: Some(PreviousSecret {
            secret: SigningSecret::new("old ü"),
            until: at(100),
        }),
        source: EndpointSource::Configuration,
        disabled: Some(Disabled {
            at: at(7),
            reason: DisabledReason::Failing,
        }),
        failing_since: Some(at(3)),
        updated_at: at(9),
        revision: 4,
        ..endpoint(2)
    };
    put(&storage, &plain).await;
    put(&storage, &full).await;
    let read: Vec<Endpoint> = stored(&storage)
        .await
        .into_iter()
        .map(|stored| Endpoint::clone(&stored.endpoint))
        .collect();
    assert_eq!(read, [plain, full]);
    assert!(stored(&storage).await.iter().all(|stored| !stored.is_held));
}

async fn an_endpoint_is_changed_only_as_it_was_read(storage: Subject) {
    let before = put(&storage, &endpoint(1)).await;
    let change = |before: &Arc<Endpoint>, name: &str| {
        let after = Endpoint {
            name: Arc::from(name),
            ..before.changed(at(5))
        };
        Change::PutEndpoint {
            before: Some(Arc::clone(before)),
            after: Arc::new(after),
        }
    };
    assert_eq!(storage.apply(change(&before, "one")).await, Ok(Applied::EndpointStored));
    assert_eq!(storage.apply(change(&before, "two")).await, Err(ChangeError::Conflict));
    let again = Change::PutEndpoint {
        before: None,
        after: Arc::clone(&before),
    };
    assert_eq!(storage.apply(again).await, Err(ChangeError::Conflict));
    let delete = Change::DeleteEndpoint { endpoint: before };
    assert_eq!(storage.apply(delete).await, Err(ChangeError::Conflict));
    let now = read(&storage, endpoint(1).id).await;
    assert_eq!(&*now.name, "one");
    let delete = Change::DeleteEndpoint { endpoint: now };
    assert_eq!(storage.apply(delete.clone()).await, Ok(Applied::Deleted));
    assert_eq!(storage.apply(delete).await, Err(ChangeError::Conflict));
    assert!(stored(&storage).await.is_empty());
}

/// Announces each job that was really inserted, and each end that was really stored.
fn announcer(endpoint: &Endpoint) -> Change {
    let id = endpoint.id;
    Change::Announce(Announcer::new(move |changes, results| {
        assert_eq!(changes.len(), results.len(), "a result for each change");
        let told = |job: JobId, event: &str| Posting {
            message: Message {
                event: Arc::from(event),
                job_id: Some(job),
                ..message(job.as_uuid().as_u64_pair().0, 1, 0)
            },
            endpoints: vec![id],
        };
        let mut postings = Vec::new();
        for (change, result) in changes.iter().zip(results) {
            match (change, result) {
                (Change::Insert { jobs, .. }, Some(Ok(Applied::Inserted(inserted)))) => {
                    let new = jobs.iter().zip(inserted).filter(|(_, is)| **is == Inserted::New);
                    postings.extend(new.map(|(job, _)| told(job.id, "job.created")));
                }
                (Change::Finish { job, .. }, Some(Ok(Applied::Finished(_)))) => {
                    postings.push(told(job.id, "job.completed"));
                }
                _ => {}
            }
        }
        Announcement {
            postings,
            feed: Vec::new(),
        }
    }))
}

async fn an_announcement_is_written_with_what_was_applied(storage: Subject) {
    let told = put(&storage, &endpoint(1)).await;
    let node = storage.live_node(1).await;
    let running = storage.insert_running(job(1), node).await;
    let changes = [
        insert(jobs(3).split_off(2)),
        finish(&running, Outcome::Completed(None), at(60)),
        announcer(&told),
    ];
    let applied = storage.commit(&changes).await;
    assert_eq!(applied[2], Ok(Applied::Announced(vec![told.id])));
    let mut told_of: Vec<(String, JobId)> = all(&storage, &told, None)
        .await
        .into_iter()
        .map(|delivery| {
            (
                delivery.message.event.to_string(),
                delivery.message.job_id.expect("a job"),
            )
        })
        .collect();
    told_of.sort();
    assert_eq!(
        told_of,
        [
            ("job.completed".to_owned(), job(1).id),
            ("job.created".to_owned(), job(2).id)
        ]
    );
    let nothing = storage.commit(&[announcer(&told)]).await;
    assert_eq!(nothing, [Ok(Applied::Announced(Vec::new()))]);
}

async fn a_bad_change_announces_nothing_and_the_others_do(storage: Subject) {
    let told = put(&storage, &endpoint(1)).await;
    storage.insert(&[job(1)]).await;
    // An id that is taken.
    let changes = [insert([job(1)]), insert([job(2)]), announcer(&told)];
    let applied = storage.commit(&changes).await;
    assert!(matches!(applied[0], Err(ChangeError::Rejected { .. })), "{applied:?}");
    assert!(applied[1].is_ok(), "{applied:?}");
    assert_eq!(applied[2], Ok(Applied::Announced(vec![told.id])));
    let told_of: Vec<Option<JobId>> = all(&storage, &told, None)
        .await
        .into_iter()
        .map(|delivery| delivery.message.job_id)
        .collect();
    assert_eq!(told_of, [Some(job(2).id)]);
}

async fn of_each_lane_only_the_first_pending_delivery_is_due(storage: Subject) {
    let (told, other) = (put(&storage, &endpoint(1)).await, put(&storage, &endpoint(2)).await);
    let postings = vec![
        posting(message(1, 1, 0), &[&told, &other]),
        posting(message(2, 2, 0), &[&told]),
        posting(message(3, 1, 0), &[&told]),
        posting(message(4, 2, 0), &[&told]),
        posting(message(5, 3, 500), &[&told]),
    ];
    post(&storage, postings).await;
    assert_eq!(numbers(&storage, &told, at(10)).await, [1, 2]);
    assert_eq!(numbers(&storage, &other, at(10)).await, [1]);
    assert_eq!(numbers(&storage, &told, at(500)).await, [1, 2, 5]);
    let first = due(&storage, &told, at(10)).await;
    note(
        &storage,
        &told,
        vec![
            outcome(first[0].1, 1, AfterAttempt::Delivered),
            outcome(first[1].1, 1, AfterAttempt::RetryAt(at(100))),
        ],
    )
    .await;
    // The second lane waits for its retry, and nothing overtakes it.
    assert_eq!(numbers(&storage, &told, at(60)).await, [3]);
    assert_eq!(numbers(&storage, &told, at(100)).await, [3, 2]);
    assert_eq!(
        numbers(&storage, &other, at(10)).await,
        [1],
        "another endpoint is another matter"
    );
    let limited = storage.repository.due_deliveries(told.id, at(100), 1).await;
    assert_eq!(limited.expect("storage reads").len(), 1);
}

async fn an_attempt_is_noted_once(storage: Subject) {
    let told = put(&storage, &endpoint(1)).await;
    post(&storage, vec![posting(message(1, 1, 0), &[&told])]).await;
    let id = due(&storage, &told, at(0)).await[0].1;
    note(&storage, &told, vec![outcome(id, 1, AfterAttempt::RetryAt(at(70)))]).await;
    // Another node that had it on its way as well.
    note(&storage, &told, vec![outcome(id, 1, AfterAttempt::RetryAt(at(90)))]).await;
    let pending = all(&storage, &told, Some(DeliveryStatus::Pending)).await;
    assert_eq!((pending[0].attempts, pending[0].due_at), (1, at(70)));
    note(&storage, &told, vec![outcome(id, 2, AfterAttempt::Delivered)]).await;
    note(&storage, &told, vec![outcome(id, 3, AfterAttempt::Failed)]).await;
    let delivered = all(&storage, &told, None).await;
    assert_eq!(
        (delivered[0].attempts, delivered[0].status),
        (2, DeliveryStatus::Delivered)
    );
}

async fn a_delivery_keeps_what_it_was_given(storage: Subject) {
    let told = put(&storage, &endpoint(1)).await;
    let full = Message {
        job_id: Some(job(3).id),
        ..message(1, 1, 5)
    };
    post(&storage, vec![posting(full.clone(), &[&told])]).await;
    let id = due(&storage, &told, at(5)).await[0].1;
    let find = || async { storage.repository.delivery(id).await.expect("storage reads") };
    let fresh = Delivery {
        id,
        endpoint_id: told.id,
        message: full,
        status: DeliveryStatus::Pending,
        attempts: 0,
        due_at: at(5),
        last: None,
    };
    assert_eq!(find().await, Some(fresh.clone()));
    let noted = outcome(id, 1, AfterAttempt::RetryAt(at(80)));
    note(&storage, &told, vec![noted.clone()]).await;
    let tried = Delivery {
        attempts: 1,
        due_at: at(80),
        last: Some(noted.attempt),
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
    note(&storage, &told, vec![silent.clone()]).await;
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
    let told = put(&storage, &endpoint(1)).await;
    let postings = (1..=4).map(|number: u64| {
        let seconds = i64::try_from(number).expect("a number");
        posting(message(number, number, seconds), &[&told])
    });
    post(&storage, postings.collect()).await;
    let ids = due(&storage, &told, at(10)).await;
    let failed = |index: usize| outcome(ids[index].1, 1, AfterAttempt::Failed);
    let outcomes = vec![
        failed(0),
        failed(1),
        failed(2),
        outcome(ids[3].1, 1, AfterAttempt::Delivered),
    ];
    note(&storage, &told, outcomes).await;
    assert!(due(&storage, &told, at(10)).await.is_empty());
    let since = |limit| Change::Redeliver {
        which: Redelivery::FailedSince {
            endpoint_id: told.id,
            since: at(2),
            limit,
        },
        now: at(200),
    };
    assert_eq!(storage.apply(since(1)).await, Ok(Applied::Removed(1)));
    assert_eq!(storage.apply(since(10)).await, Ok(Applied::Removed(1)));
    assert_eq!(storage.apply(since(10)).await, Ok(Applied::Removed(0)));
    assert_eq!(numbers(&storage, &told, at(199)).await, Vec::<u64>::new());
    assert_eq!(numbers(&storage, &told, at(200)).await, [2, 3]);
    let one = |index: usize| Change::Redeliver {
        which: Redelivery::One(ids[index].1),
        now: at(300),
    };
    assert_eq!(
        storage.apply(one(3)).await,
        Ok(Applied::Removed(1)),
        "also what was delivered"
    );
    assert_eq!(storage.apply(one(3)).await, Ok(Applied::Removed(0)), "it waits already");
    let again = storage.repository.due_deliveries(told.id, at(300), 10).await;
    assert!(again.expect("storage reads").iter().all(|due| due.attempts == 0));
}

async fn the_health_of_an_endpoint_is_noted(storage: Subject) {
    let told = put(&storage, &endpoint(1)).await;
    let noted = |health, disable| {
        Change::Attempts(Box::new(Attempts {
            endpoint_id: told.id,
            outcomes: Vec::new(),
            health,
            disable,
        }))
    };
    let failing = |seconds| noted(EndpointHealth::FailingSince(at(seconds)), None);
    for change in [failing(10), failing(20)] {
        assert!(storage.apply(change).await.is_ok());
    }
    let now = read(&storage, told.id).await;
    assert_eq!((now.failing_since, now.revision), (Some(at(10)), 1));
    assert!(storage.apply(noted(EndpointHealth::Well, None)).await.is_ok());
    assert_eq!(read(&storage, told.id).await.failing_since, None);
    let disabled = Disabled {
        at: at(30),
        reason: DisabledReason::Gone,
    };
    let disable = || noted(EndpointHealth::AsBefore, Some(disabled));
    let is = |is_disabled| Ok(Applied::Attempted { is_disabled });
    assert_eq!(storage.apply(disable()).await, is(true));
    assert_eq!(storage.apply(disable()).await, is(false), "it is already");
    let now = read(&storage, told.id).await;
    assert_eq!((now.disabled, now.revision), (Some(disabled), 2));
}

fn hold(number: u64, limit: u32) -> Change {
    Change::HoldEndpoints(HoldEndpoints {
        node: node(number),
        limit,
    })
}

async fn an_endpoint_is_held_by_one_node(storage: Subject) {
    let told = [1, 2, 3].map(endpoint);
    for endpoint in &told {
        put(&storage, endpoint).await;
    }
    let off = Endpoint {
        disabled: Some(Disabled {
            at: at(0),
            reason: DisabledReason::Asked,
        }),
        ..endpoint(4)
    };
    put(&storage, &off).await;
    assert_eq!(storage.apply(hold(1, 2)).await, Err(ChangeError::NoLease));
    let first = storage.live_node(1).await;
    for limit in [2, 1] {
        let held = storage.apply(hold(1, limit)).await;
        let Ok(Applied::Held(mut held)) = held else {
            panic!("{held:?}");
        };
        held.sort_unstable();
        assert_eq!(held, [told[0].id, told[1].id], "it keeps what it has");
    }
    let all = stored(&storage).await;
    let holders: Vec<_> = all.iter().map(|stored| (stored.holder, stored.is_held)).collect();
    assert_eq!(
        holders,
        [(Some(first), true), (Some(first), true), (None, false), (None, false)]
    );
    let Some(other) = storage.other() else { return };
    let second = other.live_node(2).await;
    let held = other.apply(hold(2, 10)).await;
    assert_eq!(held, Ok(Applied::Held(vec![told[2].id])));
    let all = stored(&storage).await;
    assert_eq!(all[2].holder, Some(second));
}

async fn what_a_dead_node_held_another_takes(storage: Subject) {
    let told = put(&storage, &endpoint(1)).await;
    storage.live_node(1).await;
    assert_eq!(storage.apply(hold(1, 10)).await, Ok(Applied::Held(vec![told.id])));
    assert!(storage.apply(Change::Leave { node: node(1) }).await.is_ok());
    assert!(!stored(&storage).await[0].is_held);
    let second = storage.live_node(2).await;
    assert_eq!(storage.apply(hold(2, 10)).await, Ok(Applied::Held(vec![told.id])));
    assert_eq!(stored(&storage).await[0].holder, Some(second));
    // What is changed of an endpoint does not change who holds it.
    let before = read(&storage, told.id).await;
    let put = Change::PutEndpoint {
        after: Arc::new(before.changed(at(9))),
        before: Some(before),
    };
    assert!(storage.apply(put).await.is_ok());
    let all = stored(&storage).await;
    assert_eq!((all[0].holder, all[0].is_held), (Some(second), true));
}

async fn deliveries_are_listed_in_pages(storage: Subject) {
    let (told, other) = (put(&storage, &endpoint(1)).await, put(&storage, &endpoint(2)).await);
    let postings = (1..=5).map(|number| posting(message(number, number, 0), &[&told, &other]));
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
            .deliveries(told.id, page)
            .await
            .expect("storage reads");
        let Some(last) = page.last() else { break };
        after = Some(last.id);
        seen.extend(page.iter().map(|delivery| delivery.message.id.as_u64_pair().0));
    }
    assert_eq!(seen, [5, 4, 3, 2, 1]);
    let ids = due(&storage, &told, at(0)).await;
    note(&storage, &told, vec![outcome(ids[1].1, 1, AfterAttempt::Failed)]).await;
    assert_eq!(all(&storage, &told, Some(DeliveryStatus::Failed)).await.len(), 1);
    assert_eq!(all(&storage, &told, Some(DeliveryStatus::Pending)).await.len(), 4);
    assert_eq!(all(&storage, &told, Some(DeliveryStatus::Delivered)).await.len(), 0);
}

fn prune(limit: u32) -> Change {
    Change::PruneDeliveries { before: at(10), limit }
}

async fn old_deliveries_are_removed_in_steps(storage: Subject) {
    let told = put(&storage, &endpoint(1)).await;
    let postings = [(1, 0), (2, 1), (3, 2), (4, 3), (5, 20)]
        .map(|(number, seconds)| posting(message(number, number, seconds), &[&told]));
    post(&storage, postings.to_vec()).await;
    let ids = due(&storage, &told, at(100)).await;
    // The first one waits still, and the last one is young.
    let outcomes = vec![
        outcome(ids[1].1, 1, AfterAttempt::Delivered),
        outcome(ids[2].1, 1, AfterAttempt::Failed),
        outcome(ids[3].1, 1, AfterAttempt::Delivered),
        outcome(ids[4].1, 1, AfterAttempt::Delivered),
    ];
    note(&storage, &told, outcomes).await;
    assert_eq!(storage.apply(prune(2)).await, Ok(Applied::Removed(2)));
    assert_eq!(storage.apply(prune(2)).await, Ok(Applied::Removed(1)));
    assert_eq!(storage.apply(prune(2)).await, Ok(Applied::Removed(0)));
    let left = all(&storage, &told, None).await;
    let left: Vec<u64> = left
        .iter()
        .map(|delivery| delivery.message.id.as_u64_pair().0)
        .collect();
    assert_eq!(left, [5, 1]);
    let before = read(&storage, told.id).await;
    let disable = Change::PutEndpoint {
        after: Arc::new(before.switched(Some(DisabledReason::Asked), at(50))),
        before: Some(before),
    };
    assert!(storage.apply(disable).await.is_ok());
    // What waits for an endpoint that is told nothing has its time as well.
    assert_eq!(storage.apply(prune(10)).await, Ok(Applied::Removed(1)));
}

async fn the_deliveries_of_a_deleted_endpoint_go_with_it(storage: Subject) {
    let (told, other) = (put(&storage, &endpoint(1)).await, put(&storage, &endpoint(2)).await);
    let postings = (1..=3).map(|number| posting(message(number, number, 50), &[&told, &other]));
    post(&storage, postings.collect()).await;
    let delete = Change::DeleteEndpoint {
        endpoint: Arc::clone(&told),
    };
    assert_eq!(storage.apply(delete).await, Ok(Applied::Deleted));
    assert_eq!(storage.apply(prune(2)).await, Ok(Applied::Removed(2)));
    assert_eq!(storage.apply(prune(2)).await, Ok(Applied::Removed(1)));
    assert_eq!(storage.apply(prune(2)).await, Ok(Applied::Removed(0)));
    assert!(all(&storage, &told, None).await.is_empty());
    assert_eq!(all(&storage, &other, None).await.len(), 3);
    // The id may be used again.
    put(&storage, &endpoint(1)).await;
}
