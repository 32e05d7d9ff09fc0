//! Commits as a whole: results in order, isolated failures, atomic visibility.

use std::sync::Arc;

use crate::storage::change::{
    Applied, Change, ChangeError, ClusterChange, Finished, Idempotency, Inserted, JobChange, QueueChange,
};
use crate::storage::conformance::case::{Case, cases_of};
use crate::storage::conformance::sample;
use crate::storage::conformance::sample::{
    at, completed, failed, finish, insert, job, jobs, node, queue, renamed, start, unknown_id, update,
};
use crate::storage::conformance::subject::Subject;

pub(super) fn cases() -> Vec<Case> {
    cases_of![
        an_empty_commit_changes_nothing,
        an_empty_storage_has_nothing,
        results_are_in_the_order_of_the_changes,
        a_bad_insert_fails_alone,
        a_bad_insert_leaves_no_idempotency_key,
        a_stale_change_fails_alone,
        commits_are_visible_at_once,
    ]
}

async fn an_empty_commit_changes_nothing(storage: Subject) {
    assert_eq!(storage.commit(&[]).await, []);
    assert_eq!(storage.apply(insert([])).await, Ok(Applied::Inserted(Vec::new())));
    let node = storage.live_node(1).await;
    assert_eq!(
        storage.apply(start([], node, at(0))).await,
        Ok(Applied::Started(Vec::new()))
    );
    assert_eq!(storage.all().await, []);
    assert_eq!(storage.queues().await, []);
}

async fn an_empty_storage_has_nothing(storage: Subject) {
    storage.repository.ping().await.expect("storage is available");
    assert_eq!(storage.find(unknown_id()).await, None);
    assert_eq!(storage.attempts(unknown_id()).await, []);
    let by_id = storage.repository.jobs_by_id(&[unknown_id()]).await;
    assert_eq!(by_id.expect("storage reads"), []);
    let orphans = storage.repository.orphans(node(1), 10).await;
    assert_eq!(orphans.expect("storage reads"), []);
    assert_eq!(storage.repository.next_due(at(0)).await.expect("storage reads"), []);
    storage.counts_are_exact().await;
}

/// A commit with one change of each kind that names its jobs.
async fn results_are_in_the_order_of_the_changes(storage: Subject) {
    let [new, pending, running, old, changed] = jobs(5).try_into().expect("five jobs");
    let node = storage.live_node(1).await;
    storage.insert(&[pending.clone(), old.clone(), changed.clone()]).await;
    let running = storage.insert_running(running, node).await;
    let applied = storage
        .commit(&[
            Change::Job(JobChange::Delete {
                job: Arc::new(old.clone()),
            }),
            finish(&running, completed(), at(10)),
            Change::Queue(QueueChange::Set {
                queue: queue("reports"),
                is_paused: Some(true),
            }),
            update(&changed, &renamed(&changed, "another name")),
            insert([new.clone()]),
            start([&pending], node, at(10)),
            Change::Cluster(ClusterChange::Leave { node: sample::node(9) }),
        ])
        .await;
    let expected = [
        Applied::Deleted,
        Applied::Finished(Finished::Stored),
        Applied::QueueSet { changed: true },
        Applied::Updated,
        Applied::Inserted(vec![Inserted::New]),
        Applied::Started(vec![true]),
        Applied::Left { changed: false },
    ];
    assert_eq!(applied, expected.map(Ok));
    storage
        .holds(&[new, pending.start(node, at(10)), renamed(&changed, "another name")])
        .await;
    assert_eq!(storage.find(old.id).await, None);
    storage.counts_are_exact().await;
}

/// The second insert holds an id that is stored already: none of its jobs is stored, and all of the others'.
async fn a_bad_insert_fails_alone(storage: Subject) {
    let node = storage.live_node(1).await;
    let known = job(1);
    storage.insert(std::slice::from_ref(&known)).await;
    let running = storage.insert_running(job(2), node).await;
    let applied = storage
        .commit(&[
            insert([job(3), job(4)]),
            insert([sample::in_queue("other", job(5)), known.clone(), job(6)]),
            insert([job(7), job(7)]),
            finish(&running, failed(), at(10)),
            insert([job(8)]),
        ])
        .await;
    assert_eq!(applied[0], Ok(Applied::Inserted(vec![Inserted::New; 2])));
    assert!(
        matches!(applied[1], Err(ChangeError::Rejected { .. })),
        "{:?}",
        applied[1]
    );
    assert!(
        matches!(applied[2], Err(ChangeError::Rejected { .. })),
        "{:?}",
        applied[2]
    );
    assert_eq!(applied[3], Ok(Applied::Finished(Finished::Stored)));
    assert_eq!(applied[4], Ok(Applied::Inserted(vec![Inserted::New])));
    storage.holds(&[known, job(3), job(4), job(8)]).await;
    for id in [job(5).id, job(6).id, job(7).id] {
        assert_eq!(
            storage.find(id).await,
            None,
            "nothing of an insert that failed is stored"
        );
    }
    assert_eq!(storage.queue("other").await, None, "it has not made a queue either");
    assert_eq!(storage.attempts(running.id).await.len(), 1, "nothing is applied twice");
    storage.counts_are_exact().await;
}

async fn a_bad_insert_leaves_no_idempotency_key(storage: Subject) {
    storage.insert(&[job(1)]).await;
    let with_key = |jobs: &[u32]| {
        Change::Job(JobChange::Insert {
            jobs: jobs.iter().map(|number| Arc::new(job(*number))).collect(),
            idempotency: Some(Idempotency {
                key: "the caller's key".to_owned(),
                fingerprint: [1; 32],
                created_at: at(0),
            }),
        })
    };
    let applied = storage.apply(with_key(&[2, 1])).await;
    assert!(matches!(applied, Err(ChangeError::Rejected { .. })), "{applied:?}");
    let applied = storage.apply(with_key(&[2])).await;
    assert_eq!(applied, Ok(Applied::Inserted(vec![Inserted::New])), "the key is free");
    storage.holds(&[job(2)]).await;
}

async fn a_stale_change_fails_alone(storage: Subject) {
    let [first, second, third, gone] = jobs(4).try_into().expect("four jobs");
    let node = storage.live_node(1).await;
    storage.insert(&[first.clone(), second.clone(), third.clone()]).await;
    let second_now = renamed(&second, "changed meanwhile");
    assert_eq!(storage.apply(update(&second, &second_now)).await, Ok(Applied::Updated));
    let applied = storage
        .commit(&[
            update(&first, &renamed(&first, "first")),
            update(&second, &renamed(&second, "second")),
            Change::Job(JobChange::Delete {
                job: Arc::new(gone.clone()),
            }),
            start([&third], node, at(10)),
        ])
        .await;
    let expected = [
        Ok(Applied::Updated),
        Err(ChangeError::Conflict),
        Err(ChangeError::Conflict),
        Ok(Applied::Started(vec![true])),
    ];
    assert_eq!(applied, expected);
    storage
        .holds(&[renamed(&first, "first"), second_now, third.start(node, at(10))])
        .await;
    storage.counts_are_exact().await;
}

async fn commits_are_visible_at_once(storage: Subject) {
    for number in 0..50 {
        let job = job(number);
        storage.insert(std::slice::from_ref(&job)).await;
        storage.holds(std::slice::from_ref(&job)).await;
        assert_eq!(storage.all().await.first().map(|newest| newest.id), Some(job.id));
    }
}
