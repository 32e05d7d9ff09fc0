//! The pending jobs of a queue: their types, and their number before and after a place in the order of starts.

use crate::domain::job::Job;
use crate::domain::job::priority::Priority;
use crate::domain::values::name::QueueName;
use crate::storage::change::{Applied, Change, QueueChange};
use crate::storage::conformance::case::{Case, cases_of};
use crate::storage::conformance::sample::{at, claim_ahead, in_queue, job, job_type, queue, with_priority};
use crate::storage::conformance::subject::Subject;

pub(super) fn cases() -> Vec<Case> {
    cases_of![
        pending_jobs_of_a_queue_are_counted_by_type,
        stored_queues_have_a_state,
        jobs_that_start_before_a_job_are_counted,
        jobs_that_are_due_later_are_counted,
        pending_jobs_are_counted_by_due_time,
    ]
}

fn of_type(name: &str, job: Job) -> Job {
    Job {
        job_type: job_type(name),
        ..job
    }
}

async fn pending_jobs_of_a_queue_are_counted_by_type(storage: Subject) {
    storage
        .insert(&[
            of_type("B", job(1)),
            of_type("A", job(2)),
            of_type("A", job(3)),
            in_queue("other", job(4)),
        ])
        .await;
    let types = storage.repository.pending_types(&QueueName::default()).await;
    assert_eq!(types.expect("the counts"), [(job_type("A"), 2), (job_type("B"), 1)]);
    let none = storage.repository.pending_types(&queue("none")).await;
    assert!(none.expect("the counts").is_empty());
}

async fn stored_queues_have_a_state(storage: Subject) {
    storage
        .insert(&[in_queue("mail", job(1)), in_queue("jobs", job(2))])
        .await;
    let pause = Change::Queue(QueueChange::Set {
        queue: queue("mail"),
        is_paused: Some(true),
    });
    assert_eq!(storage.apply(pause).await, Ok(Applied::QueueSet { changed: true }));
    let names = ["mail", "jobs", "none"].map(queue);
    let mut states = storage.repository.queue_states(&names).await.expect("the states");
    states.sort();
    assert_eq!(states, [(queue("jobs"), false), (queue("mail"), true)]);
}

async fn jobs_that_start_before_a_job_are_counted(storage: Subject) {
    let before = |job: Job, limit| {
        let repository = storage.repository.clone();
        async move { repository.count_before(&job, at(100), limit).await.expect("the count") }
    };
    let jobs = [
        job(1),
        job(2),
        job(3),
        with_priority(Priority::High, job(4)),
        with_priority(Priority::Low, job(5)),
        // Due later, or elsewhere.
        with_priority(Priority::High, job(200)),
        in_queue("other", job(6)),
    ];
    storage.insert(&jobs).await;
    if before(job(1), 9).await.is_none() {
        return;
    }
    assert_eq!(before(jobs[0].clone(), 9).await, Some(1), "the one of higher priority");
    assert_eq!(before(jobs[2].clone(), 9).await, Some(3));
    assert_eq!(before(jobs[3].clone(), 9).await, Some(0));
    assert_eq!(before(jobs[4].clone(), 9).await, Some(4));
    assert_eq!(before(jobs[4].clone(), 2).await, Some(2), "up to the limit");
    if !storage.repository.claims_ahead() {
        return;
    }
    let node = storage.live_node(1).await;
    let claimed = storage.apply(claim_ahead(1, node, at(100))).await;
    assert!(matches!(claimed, Ok(Applied::Claimed(jobs)) if jobs.len() == 1));
    assert_eq!(before(jobs[2].clone(), 9).await, Some(2), "the first one is claimed");
}

async fn jobs_that_are_due_later_are_counted(storage: Subject) {
    storage
        .insert(&[
            job(1),
            of_type("A", job(200)),
            of_type("A", job(201)),
            of_type("B", with_priority(Priority::High, job(202))),
            in_queue("other", job(203)),
        ])
        .await;
    let later = |names: &'static [&'static str], limit| {
        let repository = storage.repository.clone();
        async move {
            let job_types: Vec<_> = names.iter().map(|name| job_type(name)).collect();
            let queue = QueueName::default();
            let count = repository.count_due_later(&queue, &job_types, at(100), limit).await;
            count.expect("the count")
        }
    };
    if later(&[], 9).await.is_none() {
        return;
    }
    assert_eq!(later(&[], 9).await, Some(3));
    assert_eq!(later(&["A"], 9).await, Some(2));
    assert_eq!(later(&["A", "B", "C"], 9).await, Some(3));
    assert_eq!(later(&["A", "B"], 1).await, Some(2), "up to the limit for each type");
}

async fn pending_jobs_are_counted_by_due_time(storage: Subject) {
    let mut retrying = with_priority(Priority::High, job(202));
    retrying.retry_count = 2;
    let mut due_again = job(3);
    due_again.retry_count = 1;
    storage
        .insert(&[
            job(1),
            due_again,
            job(200),
            job(201),
            retrying,
            in_queue("other", job(203)),
            in_queue("mail", job(4)),
        ])
        .await;
    let counts = |queue: Option<QueueName>, limit| {
        let repository = storage.repository.clone();
        async move {
            let counts = repository.due_counts(queue.as_ref(), at(100), limit).await;
            let mut counts = counts.expect("the counts").unwrap_or_default();
            counts.sort_by(|one, other| one.queue.cmp(&other.queue));
            let counts = counts.into_iter();
            counts
                .map(|counts| (counts.queue.to_string(), counts.due, counts.later, counts.retrying))
                .collect::<Vec<_>>()
        }
    };
    let all = counts(None, 9).await;
    if all.is_empty() {
        return;
    }
    let of = |queue: &str, due, later, retrying| (queue.to_owned(), Some(due), Some(later), Some(retrying));
    assert_eq!(all, [of("default", 2, 3, 1), of("mail", 1, 0, 0), of("other", 0, 1, 0)]);
    assert_eq!(counts(Some(QueueName::default()), 9).await, [of("default", 2, 3, 1)]);
    let unknown = QueueName::parse("nowhere").expect("a name");
    assert_eq!(counts(Some(unknown), 9).await, [of("nowhere", 0, 0, 0)]);
    let limited = counts(Some(QueueName::default()), 2).await;
    assert_eq!(
        limited,
        [("default".to_owned(), None, None, None)],
        "the limit is reached"
    );
}
