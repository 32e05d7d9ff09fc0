//! Two servers at once, for storages that servers can share.

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::{join, join_all};

use crate::domain::values::id::JobId;
use crate::storage::change::{Applied, Change, ChangeError, Finished, Idempotency, Inserted, JobChange, QueueChange};
use crate::storage::cluster_message::{ClusterMessage, Signal};
use crate::storage::conformance::case::{Case, cases_of};
use crate::storage::conformance::sample;
use crate::storage::conformance::sample::{
    at, claim, completed, finish, in_queue, insert, job, jobs, node, queue, start, update, with_key,
};
use crate::storage::conformance::subject::Subject;

pub(super) fn cases() -> Vec<Case> {
    cases_of![
        two_servers_never_claim_one_job,
        two_servers_never_start_one_job,
        two_servers_never_end_one_attempt_twice,
        two_servers_never_store_one_unique_key,
        two_servers_that_wait_for_each_other_both_succeed,
        two_servers_never_take_one_idempotency_key,
        two_servers_never_make_the_same_update,
        two_servers_count_together,
        two_servers_clear_together,
        a_server_receives_signals_of_others_and_not_its_own,
    ]
}

/// Applies a change on each of the two servers at the same time.
async fn both(one: &Subject, other: &Subject, changes: [Change; 2]) -> [Result<Applied, ChangeError>; 2] {
    let [first, second] = changes;
    let (first, second) = join(one.apply(first), other.apply(second)).await;
    [first, second]
}

async fn two_servers_never_claim_one_job(one: Subject) {
    let Some(other) = one.other() else { return };
    let nodes = [one.live_node(1).await, other.live_node(2).await];
    one.insert(&jobs(60)).await;
    let mut taken: Vec<JobId> = Vec::new();
    for _ in 0..20 {
        let changes = nodes.map(|node| Change::Job(JobChange::Claim(claim(4, node, at(100)))));
        for applied in both(&one, &other, changes).await {
            let Ok(Applied::Claimed(jobs)) = applied else {
                panic!("unexpected result of a claim: {applied:?}");
            };
            taken.extend(jobs.iter().map(|job| job.id));
        }
    }
    assert_eq!(taken.len(), 60);
    assert_eq!(
        taken.into_iter().collect::<BTreeSet<JobId>>().len(),
        60,
        "each job is taken once"
    );
    one.counts_are_exact().await;
}

async fn two_servers_never_start_one_job(one: Subject) {
    let Some(other) = one.other() else { return };
    let nodes = [one.live_node(1).await, other.live_node(2).await];
    one.insert(&jobs(20)).await;
    for job in jobs(20) {
        let applied = both(&one, &other, nodes.map(|node| start([&job], node, at(100)))).await;
        let started = applied.map(|applied| applied == Ok(Applied::Started(vec![true])));
        assert_ne!(started[0], started[1], "one of them");
        let winner = nodes[usize::from(started[1])];
        one.holds(&[job.start(winner, at(100))]).await;
    }
    one.counts_are_exact().await;
}

async fn two_servers_never_end_one_attempt_twice(one: Subject) {
    let Some(other) = one.other() else { return };
    let node = one.live_node(1).await;
    for number in 0..20 {
        let running = one.insert_running(job(number), node).await;
        let ends = [
            finish(&running, completed(), at(500)),
            finish(&running, crate::domain::job::outcome::Outcome::Lost, at(500)),
        ];
        let mut applied = both(&one, &other, ends).await.map(|applied| match applied {
            Ok(Applied::Finished(finished)) => finished,
            other => panic!("unexpected result of a completion: {other:?}"),
        });
        applied.sort_by_key(|finished| *finished != Finished::Stored);
        assert_eq!(applied, [Finished::Stored, Finished::LeaseLost]);
        assert_eq!(one.attempts(running.id).await.len(), 1);
    }
    one.counts_are_exact().await;
}

async fn two_servers_never_store_one_unique_key(one: Subject) {
    let Some(other) = one.other() else { return };
    for number in 0..20 {
        let text = format!("key {number}");
        let jobs = [number, 100 + number].map(|number| with_key(&text, job(number)));
        let applied = both(&one, &other, jobs.clone().map(|job| insert([job]))).await;
        let new = Ok(Applied::Inserted(vec![Inserted::New]));
        let winner = if applied[0] == new { 0 } else { 1 };
        assert_eq!(applied[winner], new);
        let existing = Inserted::Existing(jobs[winner].clone().into());
        assert_eq!(applied[1 - winner], Ok(Applied::Inserted(vec![existing])));
    }
    assert_eq!(one.all().await.len(), 20);
    one.counts_are_exact().await;
}

/// Both take the same unique keys, in opposite orders: somewhere in the middle each needs what the other one has. That
/// a storage ends such a commit is no reason to fail its callers.
async fn two_servers_that_wait_for_each_other_both_succeed(one: Subject) {
    const KEYS: u32 = 60;
    let Some(other) = one.other() else { return };
    // Both know the queue: the first insert into a queue may wait for a concurrent one.
    one.insert(&[job(1_000)]).await;
    other.insert(&[job(1_001)]).await;
    let insert_key = |key: u32, number: u32| insert([with_key(&format!("key {key}"), job(number))]);
    let forwards: Vec<Change> = (0..KEYS).map(|key| insert_key(key, key)).collect();
    let backwards: Vec<Change> = (0..KEYS).rev().map(|key| insert_key(key, 100 + key)).collect();
    let (forwards, backwards) = join(one.commit(&forwards), other.commit(&backwards)).await;
    let mut new = 0;
    for (applied, other) in forwards.iter().zip(backwards.iter().rev()) {
        for (applied, job_of_other) in [(applied, other), (other, applied)] {
            match applied {
                Ok(Applied::Inserted(inserted)) if *inserted == [Inserted::New] => {
                    new += 1;
                    assert_ne!(applied, job_of_other, "each key is taken once");
                }
                Ok(Applied::Inserted(inserted)) => assert!(matches!(inserted[..], [Inserted::Existing(_)])),
                refused => panic!("unexpected result of an insert: {refused:?}"),
            }
        }
    }
    assert_eq!(new, KEYS);
    assert_eq!(u32::try_from(one.all().await.len()), Ok(KEYS + 2));
    one.counts_are_exact().await;
}

async fn two_servers_never_take_one_idempotency_key(one: Subject) {
    let Some(other) = one.other() else { return };
    for number in 0..20 {
        let numbers = [number, 100 + number];
        let changes = numbers.map(|of_job| {
            Change::Job(JobChange::Insert {
                jobs: vec![job(of_job).into()],
                idempotency: Some(Idempotency {
                    key: format!("key {number}"),
                    fingerprint: [1; 32],
                    created_at: at(0),
                }),
            })
        });
        let applied = both(&one, &other, changes).await;
        let new = Ok(Applied::Inserted(vec![Inserted::New]));
        let winner = if applied[0] == new { 0 } else { 1 };
        assert_eq!(applied[winner], new);
        assert_eq!(
            applied[1 - winner],
            Ok(Applied::Replayed(vec![job(numbers[winner]).id.as_uuid()]))
        );
    }
    assert_eq!(one.all().await.len(), 20);
    one.counts_are_exact().await;
}

async fn two_servers_never_make_the_same_update(one: Subject) {
    let Some(other) = one.other() else { return };
    for number in 0..20 {
        let before = job(number);
        one.insert(std::slice::from_ref(&before)).await;
        let afters = ["one", "other"].map(|name| in_queue(name, sample::renamed(&before, name)));
        let changes = [update(&before, &afters[0]), update(&before, &afters[1])];
        let applied = both(&one, &other, changes).await;
        let winner = if applied[0] == Ok(Applied::Updated) { 0 } else { 1 };
        assert_eq!(applied[winner], Ok(Applied::Updated));
        assert_eq!(applied[1 - winner], Err(ChangeError::Conflict));
        one.holds(&[afters[winner].clone()]).await;
    }
    one.counts_are_exact().await;
}

/// The same counters and the same new queues, named in another order.
async fn two_servers_count_together(one: Subject) {
    let Some(other) = one.other() else { return };
    for round in 0..10 {
        let named = |first: u32, step: u32| {
            let jobs = (0..8).map(move |number| {
                let queue = format!("q{round}-{}", (first + number * step) % 8);
                in_queue(&queue, job(round * 1_000 + first * 100 + number))
            });
            jobs.map(|job| insert([job])).collect::<Vec<Change>>()
        };
        let (ups, downs) = (named(0, 1), named(7, 7));
        let (ups, downs) = join(one.commit(&ups), other.commit(&downs)).await;
        for applied in ups.into_iter().chain(downs) {
            assert_eq!(applied, Ok(Applied::Inserted(vec![Inserted::New])));
        }
    }
    assert_eq!(one.queues().await.len(), 80);
    assert_eq!(other.all().await.len(), 160);
    one.counts_are_exact().await;
    other.counts_are_exact().await;
}

async fn two_servers_clear_together(one: Subject) {
    let Some(other) = one.other() else { return };
    one.insert(&jobs(300)).await;
    let clear = || {
        Change::Queue(QueueChange::Clear {
            queue: queue("default"),
            status: crate::domain::job::status::JobStatus::Pending,
            up_to: job(299).id,
            limit: 40,
        })
    };
    let mut removed = 0;
    for _ in 0..8 {
        for applied in both(&one, &other, [clear(), clear()]).await {
            let Ok(Applied::Removed(count)) = applied else {
                panic!("unexpected result of clearing: {applied:?}");
            };
            removed += count;
        }
    }
    assert_eq!(removed, 300, "each job is removed once");
    one.counts_are_exact().await;
}

/// A signal is a hint that may be lost; a received one was sent by another node.
async fn a_server_receives_signals_of_others_and_not_its_own(one: Subject) {
    let Some(other) = one.other() else { return };
    let signals = one
        .repository
        .signals(node(1))
        .await
        .expect("storage can be listened to");
    let Some(mut signals) = signals else { return };
    let own = [Signal::QueueCleared { queue: queue("own") }];
    let others = [
        Signal::JobsDue { queue: queue("a:b") },
        Signal::QueueSwitched {
            queue: queue("mail"),
            is_paused: true,
        },
    ];
    let send = async {
        loop {
            one.repository
                .signal(node(1), &own)
                .await
                .expect("storage takes signals");
            other
                .repository
                .signal(node(2), &others)
                .await
                .expect("storage takes signals");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let receive = async {
        loop {
            match signals
                .next()
                .await
                .expect("the stream continues")
                .expect("storage is available")
            {
                ClusterMessage::Signals { from, signals } => return (from, signals),
                ClusterMessage::Gap => {}
            }
        }
    };
    let received = async {
        tokio::select! {
            received = receive => received,
            () = send => unreachable!("the sender never stops"),
        }
    };
    let received = tokio::time::timeout(Duration::from_secs(30), received).await;
    assert_eq!(received.expect("a signal is received"), (node(2), others.to_vec()));
    assert_eq!(
        join_all([one.all(), other.all()]).await,
        [[], []],
        "a signal changes nothing"
    );
}
