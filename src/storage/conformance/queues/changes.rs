//! Queues: their counts, their throughput, and their due times.

use std::sync::Arc;

use chrono::{DateTime, Utc};

use crate::domain::job::Job;
use crate::domain::job::outcome::{Failure, Outcome};
use crate::domain::job::priority::Priority;
use crate::domain::queue::{StatusCounts, Throughput};
use crate::domain::values::name::{JobType, QueueName};
use crate::storage::change::{Applied, Change, Claim, JobChange, MaintenanceChange};
use crate::storage::conformance::case::{Case, cases_of};
use crate::storage::conformance::sample;
use crate::storage::conformance::sample::{at, completed, failed, in_queue, job, job_type, queue, with_priority};
use crate::storage::conformance::subject::Subject;
use crate::storage::query::PendingJobs;

pub(super) fn cases() -> Vec<Case> {
    cases_of![
        queues_are_listed_by_name,
        jobs_are_counted_by_status,
        pending_jobs_are_counted_by_type_and_queue,
        recent_completions_are_counted,
        only_completed_jobs_are_throughput,
        deleted_jobs_stay_in_the_throughput,
        old_throughput_is_forgotten,
        the_next_due_time_of_each_queue_is_returned,
        only_pending_jobs_are_due,
        the_types_of_due_jobs_are_returned,
    ]
}

async fn queues_are_listed_by_name(storage: Subject) {
    let sorted = ["-", "1", "10", "2", "A", "Z", "_", "a", "a-b", "a.b", "a:b", "ab", "b"];
    for (name, number) in sorted.iter().rev().zip(1..) {
        storage.insert(&[in_queue(name, job(number))]).await;
    }
    let names: Vec<QueueName> = storage.queues().await.into_iter().map(|queue| queue.name).collect();
    assert_eq!(names, sorted.map(queue), "in the order of their characters' codes");
}

async fn pending_jobs_are_counted_by_type_and_queue(storage: Subject) {
    let of = |type_name: &str, queue_name: &str, number| Job {
        job_type: job_type(type_name),
        ..in_queue(queue_name, job(number))
    };
    let node = storage.live_node(1).await;
    storage
        .insert(&[
            of("B", "mail", 1),
            of("A", "mail", 2),
            of("A", "mail", 3),
            of("A", "jobs", 4),
        ])
        .await;
    let gone = storage.insert_running(of("C", "mail", 5), node).await;
    let expected = |counts: &[(&str, &str, u64)]| -> Vec<PendingJobs> {
        let counts = counts.iter().map(|(type_name, queue_name, count)| PendingJobs {
            job_type: job_type(type_name),
            queue: queue(queue_name),
            count: *count,
        });
        counts.collect()
    };
    let pending = storage.repository.pending_by_type().await.expect("the counts");
    assert_eq!(
        pending,
        expected(&[("A", "jobs", 1), ("A", "mail", 2), ("B", "mail", 1)])
    );
    let types = storage.repository.all_pending_types().await.expect("the types");
    assert_eq!(types, [job_type("A"), job_type("B")]);
    storage.finish(&gone, failed()).await;
    let pending = storage.repository.pending_by_type().await.expect("the counts");
    assert_eq!(
        pending.iter().map(|pending| pending.count).sum::<u64>(),
        5,
        "it is due for a retry"
    );
}

async fn jobs_are_counted_by_status(storage: Subject) {
    let node = storage.live_node(1).await;
    let ends = [
        completed(),
        completed(),
        Outcome::Failed(Failure::permanent("never again")),
        Outcome::Cancelled,
        failed(),
    ];
    for (outcome, number) in ends.into_iter().zip(1..) {
        let running = storage.insert_running(in_queue("mail", job(number)), node).await;
        storage.finish(&running, outcome).await;
    }
    storage.insert(&[in_queue("mail", job(10)), job(11)]).await;
    storage.insert_running(in_queue("mail", job(12)), node).await;
    let mail = storage.queue("mail").await.expect("the queue");
    let expected = StatusCounts {
        pending: 2,
        running: 1,
        completed: 2,
        failed: 1,
        cancelled: 1,
    };
    assert_eq!(mail.counts, expected);
    storage.counts_are_exact().await;
}

/// Runs a job that completes this number of seconds after the start of the day.
async fn complete_at(storage: &Subject, number: u32, queue: &str, seconds: i64, outcome: Outcome) -> Job {
    let node = storage.live_node(1).await;
    let running = storage.insert_running(in_queue(queue, job(number)), node).await;
    let change = sample::finish(&running, outcome, at(seconds));
    storage.apply(change).await.expect("an attempt can end");
    Arc::unwrap_or_clone(storage.job(running.id).await)
}

async fn throughput(storage: &Subject, name: &str, now: DateTime<Utc>) -> (u64, u64) {
    let queues = storage.repository.queues(now).await.expect("storage reads");
    let found = queues
        .into_iter()
        .find(|stored| stored.name == queue(name))
        .expect("the queue");
    let Throughput { last_minute, last_hour } = found.throughput;
    (last_minute, last_hour)
}

/// The windows may be off by a few seconds: storage may count in small steps.
async fn recent_completions_are_counted(storage: Subject) {
    for (seconds, number) in [10_000, 10_001, 10_030, 10_030, 12_000, 13_590].into_iter().zip(1..) {
        complete_at(&storage, number, "mail", seconds, completed()).await;
    }
    complete_at(&storage, 20, "other", 10_030, completed()).await;
    assert_eq!(
        throughput(&storage, "mail", at(10_045)).await.0,
        4 + 2,
        "later jobs are recent as well"
    );
    assert_eq!(throughput(&storage, "mail", at(13_591)).await, (1, 6));
    assert_eq!(throughput(&storage, "mail", at(13_615)).await, (1, 4));
    assert_eq!(throughput(&storage, "mail", at(13_660)).await, (0, 2));
    assert_eq!(throughput(&storage, "mail", at(15_610)).await, (0, 1));
    assert_eq!(throughput(&storage, "mail", at(20_000)).await, (0, 0));
    assert_eq!(throughput(&storage, "other", at(10_045)).await, (1, 1));
}

async fn only_completed_jobs_are_throughput(storage: Subject) {
    let others = [
        failed(),
        Outcome::Failed(Failure::permanent("never again")),
        Outcome::Cancelled,
        Outcome::Interrupted,
        Outcome::Lost,
    ];
    for (outcome, number) in others.into_iter().zip(1..) {
        complete_at(&storage, number, "mail", 10_000, outcome).await;
    }
    assert_eq!(throughput(&storage, "mail", at(10_001)).await, (0, 0));
}

async fn deleted_jobs_stay_in_the_throughput(storage: Subject) {
    let done = complete_at(&storage, 1, "mail", 10_000, completed()).await;
    let delete = Change::Job(JobChange::Delete { job: done.into() });
    assert_eq!(storage.apply(delete).await, Ok(Applied::Deleted));
    assert_eq!(throughput(&storage, "mail", at(10_001)).await, (1, 1));
}

async fn old_throughput_is_forgotten(storage: Subject) {
    complete_at(&storage, 1, "mail", 10_000, completed()).await;
    complete_at(&storage, 2, "mail", 10_100, completed()).await;
    let forget = Change::Maintenance(MaintenanceChange::PruneBookkeeping {
        keys_before: at(0),
        throughput_before: at(10_050),
        limit: 10,
    });
    let forgotten = storage.apply(forget).await;
    assert!(matches!(forgotten, Ok(Applied::Removed(1..))), "{forgotten:?}");
    assert_eq!(throughput(&storage, "mail", at(10_110)).await, (1, 1));
    storage.counts_are_exact().await;
}

async fn due(storage: &Subject, after: i64) -> Vec<(QueueName, DateTime<Utc>)> {
    let mut due = storage.repository.next_due(at(after)).await.expect("storage reads");
    due.sort();
    due
}

async fn the_next_due_time_of_each_queue_is_returned(storage: Subject) {
    let due_at = |seconds, job| Job {
        due_at: at(seconds),
        ..job
    };
    storage
        .insert(&[
            due_at(300, with_priority(Priority::Critical, in_queue("mail", job(1)))),
            due_at(200, with_priority(Priority::Low, in_queue("mail", job(2)))),
            due_at(100, in_queue("mail", job(3))),
            due_at(250, in_queue("reports", job(4))),
        ])
        .await;
    let of = |name, seconds| (queue(name), at(seconds));
    assert_eq!(due(&storage, 0).await, [of("mail", 100), of("reports", 250)]);
    assert_eq!(
        due(&storage, 100).await,
        [of("mail", 200), of("reports", 250)],
        "after, not at"
    );
    assert_eq!(due(&storage, 250).await, [of("mail", 300)]);
    assert_eq!(due(&storage, 300).await, []);
}

async fn due_types(storage: &Subject, now: i64) -> Vec<(QueueName, JobType)> {
    let mut due = storage.repository.due_types(at(now)).await.expect("storage reads");
    due.sort();
    due
}

async fn the_types_of_due_jobs_are_returned(storage: Subject) {
    let of_type = |name, job| Job {
        job_type: job_type(name),
        ..job
    };
    let due_at = |seconds, job| Job {
        due_at: at(seconds),
        ..job
    };
    let node = storage.live_node(1).await;
    storage
        .insert(&[
            of_type("A", due_at(100, in_queue("mail", job(1)))),
            of_type("B", due_at(100, with_priority(Priority::Low, in_queue("mail", job(2))))),
            of_type("A", due_at(200, in_queue("reports", job(3)))),
            of_type("A", due_at(100, in_queue("empty", job(4)))),
        ])
        .await;
    storage
        .apply(Change::Job(JobChange::Claim(Claim {
            queue: queue("empty"),
            limit: 1,
            job_types: Arc::from([job_type("A")]),
            node,
            now: at(100),
            bytes: None,
            is_ahead: false,
        })))
        .await
        .expect("a claim");
    let of = |queue_name, type_name| (queue(queue_name), job_type(type_name));
    assert_eq!(due_types(&storage, 99).await, []);
    assert_eq!(
        due_types(&storage, 100).await,
        [of("mail", "A"), of("mail", "B")],
        "at, not after"
    );
    assert_eq!(
        due_types(&storage, 200).await,
        [of("mail", "A"), of("mail", "B"), of("reports", "A")],
        "running jobs are not due"
    );
}

async fn only_pending_jobs_are_due(storage: Subject) {
    let node = storage.live_node(1).await;
    storage.insert_running(job(1), node).await;
    let running = storage.insert_running(job(2), node).await;
    storage.finish(&running, completed()).await;
    assert_eq!(due(&storage, -1_000).await, []);
    let running = storage.insert_running(job(3), node).await;
    let waiting = storage.finish(&running, failed()).await;
    assert_eq!(
        due(&storage, -1_000).await,
        [(queue("default"), waiting.due_at)],
        "a retry is"
    );
}
