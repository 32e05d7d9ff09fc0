//! Idempotency keys: a request takes effect once, however often it is made.

use std::sync::Arc;

use crate::domain::job::Job;
use crate::domain::job::status::JobStatus;
use crate::domain::values::name::UniqueKey;
use crate::storage::change::{Applied, Change, ChangeError, Idempotency, Inserted, JobChange, MaintenanceChange};
use crate::storage::conformance::case::{Case, cases_of};
use crate::storage::conformance::sample;
use crate::storage::conformance::sample::{at, insert, job, with_key};
use crate::storage::conformance::subject::Subject;

pub(super) fn cases() -> Vec<Case> {
    cases_of![
        a_repeated_request_returns_the_created_jobs,
        a_request_is_repeated_within_one_commit,
        a_key_of_another_request_is_rejected,
        a_repeated_request_returns_the_found_job_again,
        a_replay_names_jobs_that_are_gone,
        keys_are_forgotten_when_they_are_old,
        old_keys_go_step_by_step_the_oldest_first,
        keys_are_any_text,
        existing_keys_are_found,
    ]
}

fn keyed_insert(key: &str, fingerprint: u8, jobs: impl IntoIterator<Item = Job>) -> Change {
    request_at(0, key, fingerprint, jobs)
}

fn request_at(seconds: i64, key: &str, fingerprint: u8, jobs: impl IntoIterator<Item = Job>) -> Change {
    Change::Job(JobChange::Insert {
        jobs: jobs.into_iter().map(Arc::new).collect(),
        idempotency: Some(Idempotency {
            key: key.to_owned(),
            fingerprint: [fingerprint; 32],
            created_at: at(seconds),
        }),
    })
}

async fn a_repeated_request_returns_the_created_jobs(storage: Subject) {
    let applied = storage.apply(keyed_insert("k", 1, [job(1), job(2)])).await;
    assert_eq!(applied, Ok(Applied::Inserted(vec![Inserted::New; 2])));
    // The second time the caller has drawn other ids.
    let applied = storage.apply(keyed_insert("k", 1, [job(3), job(4)])).await;
    assert_eq!(
        applied,
        Ok(Applied::Replayed(vec![job(1).id.as_uuid(), job(2).id.as_uuid()])),
        "in their order"
    );
    assert_eq!(storage.all().await.len(), 2);
    storage.counts_are_exact().await;
}

async fn a_request_is_repeated_within_one_commit(storage: Subject) {
    let changes = [
        keyed_insert("k", 1, [job(1)]),
        insert([job(2)]),
        keyed_insert("k", 1, [job(3)]),
        keyed_insert("k", 2, [job(4)]),
    ];
    let expected = [
        Ok(Applied::Inserted(vec![Inserted::New])),
        Ok(Applied::Inserted(vec![Inserted::New])),
        Ok(Applied::Replayed(vec![job(1).id.as_uuid()])),
        Err(ChangeError::IdempotencyMismatch),
    ];
    assert_eq!(storage.commit(&changes).await, expected);
    storage.counts_are_exact().await;
}

async fn a_key_of_another_request_is_rejected(storage: Subject) {
    storage.commit(&[keyed_insert("k", 1, [job(1)])]).await;
    let refused = sample::in_queue("other", job(2));
    let applied = storage
        .commit(&[keyed_insert("k", 2, [refused]), insert([job(3)])])
        .await;
    let expected = [
        Err(ChangeError::IdempotencyMismatch),
        Ok(Applied::Inserted(vec![Inserted::New])),
    ];
    assert_eq!(applied, expected);
    assert_eq!(storage.find(job(2).id).await, None);
    assert_eq!(
        storage.queue("other").await,
        None,
        "a rejected request creates no queue"
    );
    storage.counts_are_exact().await;
}

/// A unique key had a holder when the request was made: that job is the result of the request and of its repetitions.
async fn a_repeated_request_returns_the_found_job_again(storage: Subject) {
    let holder = with_key("invoice", job(1));
    storage.insert(std::slice::from_ref(&holder)).await;
    let request = |first| keyed_insert("k", 1, [job(first), with_key("invoice", job(first + 1))]);
    let applied = storage.apply(request(2)).await;
    let expected = vec![Inserted::New, Inserted::Existing(Arc::new(holder.clone()))];
    assert_eq!(applied, Ok(Applied::Inserted(expected)));
    let applied = storage.apply(request(8)).await;
    assert_eq!(
        applied,
        Ok(Applied::Replayed(vec![job(2).id.as_uuid(), holder.id.as_uuid()]))
    );
}

async fn a_replay_names_jobs_that_are_gone(storage: Subject) {
    storage.commit(&[keyed_insert("k", 1, [job(1)])]).await;
    let delete = Change::Job(JobChange::Delete { job: Arc::new(job(1)) });
    assert_eq!(storage.apply(delete).await, Ok(Applied::Deleted));
    let applied = storage.apply(keyed_insert("k", 1, [job(2)])).await;
    assert_eq!(applied, Ok(Applied::Replayed(vec![job(1).id.as_uuid()])));
    assert_eq!(storage.all().await, []);
}

async fn keys_are_forgotten_when_they_are_old(storage: Subject) {
    storage
        .commit(&[request_at(10, "old", 1, [job(1)]), request_at(20, "young", 1, [job(2)])])
        .await;
    let prune = Change::Maintenance(MaintenanceChange::PruneBookkeeping {
        keys_before: at(20),
        throughput_before: at(0),
        limit: 10,
    });
    assert_eq!(storage.apply(prune).await, Ok(Applied::Removed(1)));
    let applied = storage
        .commit(&[keyed_insert("old", 2, [job(3)]), keyed_insert("young", 1, [job(4)])])
        .await;
    let expected = [
        Ok(Applied::Inserted(vec![Inserted::New])),
        Ok(Applied::Replayed(vec![job(2).id.as_uuid()])),
    ];
    assert_eq!(applied, expected);
    storage.holds(&[job(1), job(2), job(3)]).await;
}

async fn old_keys_go_step_by_step_the_oldest_first(storage: Subject) {
    let keyed_insert =
        [(3, job(3)), (1, job(1)), (2, job(2))].map(|(age, job)| request_at(age, &format!("key {age}"), 1, [job]));
    storage.commit(&keyed_insert).await;
    let prune = Change::Maintenance(MaintenanceChange::PruneBookkeeping {
        keys_before: at(20),
        throughput_before: at(0),
        limit: 2,
    });
    assert_eq!(storage.apply(prune.clone()).await, Ok(Applied::Removed(2)));
    let young = storage.apply(self::keyed_insert("key 3", 1, [job(4)])).await;
    assert_eq!(young, Ok(Applied::Replayed(vec![job(3).id.as_uuid()])));
    assert_eq!(storage.apply(prune).await, Ok(Applied::Removed(1)));
}

async fn keys_are_any_text(storage: Subject) {
    let long = "x".repeat(1_000);
    let keys = ["", " ", "'; --", "ключ", "KEY", "key", "\u{1}", &long];
    for (key, number) in keys.iter().zip(1..) {
        let applied = storage.apply(keyed_insert(key, 1, [job(number)])).await;
        assert_eq!(applied, Ok(Applied::Inserted(vec![Inserted::New])), "{key:?}");
        let applied = storage.apply(keyed_insert(key, 1, [job(1_000 + number)])).await;
        assert_eq!(
            applied,
            Ok(Applied::Replayed(vec![job(number).id.as_uuid()])),
            "{key:?}"
        );
    }
}

async fn existing_keys_are_found(storage: Subject) {
    let unique = |key: &str| UniqueKey::parse(key).expect("a key");
    let finished = Job {
        status: JobStatus::Completed,
        finished_at: Some(at(1)),
        ..with_key("finished", job(2))
    };
    storage
        .insert(&[with_key("taken", job(1)), finished, with_key("Ä'?%", job(3))])
        .await;
    let mut keyed_insert: Vec<UniqueKey> = (0..1_200).map(|number| unique(&number.to_string())).collect();
    keyed_insert.extend(["taken", "finished", "Ä'?%"].map(unique));
    let taken = storage.repository.taken_unique_keys(&keyed_insert).await.expect("keys");
    assert_eq!(taken, ["taken", "Ä'?%"].map(unique).into());
    assert!(
        storage
            .repository
            .taken_unique_keys(&[])
            .await
            .expect("keys")
            .is_empty()
    );
    storage.apply(request_once("k")).await.expect("a request");
    assert!(storage.repository.is_known_request("k").await.expect("a response"));
    assert!(!storage.repository.is_known_request("K").await.expect("a response"));
}

fn request_once(key: &str) -> Change {
    keyed_insert(key, 1, [job(9)])
}
