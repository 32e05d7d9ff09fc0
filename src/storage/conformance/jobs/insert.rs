//! New jobs.

use std::collections::BTreeSet;
use std::sync::Arc;

use chrono::TimeDelta;

use crate::domain::job::Job;
use crate::domain::job::outcome::Outcome;
use crate::domain::job::state_machine::Cancelled;
use crate::domain::values::id::JobId;
use crate::storage::change::{Applied, Inserted, JobChange, QueueChange};
use crate::storage::conformance::case::{Case, cases_of};
use crate::storage::conformance::sample;
use crate::storage::conformance::sample::{at, completed, failed, in_queue, insert, job, jobs, unknown_id};
use crate::storage::conformance::subject::Subject;
use crate::storage::query::{JobSummary, JobText, StoredTexts};

pub(super) fn cases() -> Vec<Case> {
    cases_of![
        a_job_is_read_as_it_was_stored,
        a_job_with_a_past_is_read_as_it_was_stored,
        many_jobs_are_stored_at_once,
        jobs_are_found_by_their_ids,
        a_queue_comes_into_being_with_its_first_job,
        a_paused_queue_stays_paused_when_jobs_come,
    ]
}

async fn a_job_is_read_as_it_was_stored(storage: Subject) {
    let later = Job {
        due_at: at(3600) + TimeDelta::microseconds(123_456),
        ..in_queue("mail:eu", job(2))
    };
    storage.insert(&[job(1), later.clone()]).await;
    storage.holds(&[job(1), later]).await;
    storage.counts_are_exact().await;
}

/// A job need not be pending when it is stored: jobs that are copied from another storage have a history.
async fn a_job_with_a_past_is_read_as_it_was_stored(storage: Subject) {
    let node = sample::node(3);
    let run = |number: u32, outcome: Outcome| {
        let jitter = crate::domain::job::retry::Jitter::new(0.0);
        job(number).start(node, at(10)).finish(outcome, at(20), jitter).0
    };
    let Ok(Cancelled::Done(cancelled)) = job(5).cancel(at(30)) else {
        panic!("a pending job can be cancelled");
    };
    let past = [
        job(1).start(node, at(10)),
        run(2, completed()),
        run(3, failed()),
        run(4, Outcome::Completed(None)),
        cancelled,
    ];
    storage.insert(&past).await;
    storage.holds(&past).await;
    storage.counts_are_exact().await;
}

async fn many_jobs_are_stored_at_once(storage: Subject) {
    let many = jobs(2_345);
    let (batch, rest) = many.split_at(2_000);
    let mut changes = vec![insert(batch.iter().cloned())];
    changes.extend(rest.iter().map(|job| insert([job.clone()])));
    for (change, applied) in changes.iter().zip(storage.commit(&changes).await) {
        let crate::storage::change::Change::Job(JobChange::Insert { jobs, .. }) = change else {
            panic!("an insert");
        };
        assert_eq!(applied, Ok(Applied::Inserted(vec![Inserted::New; jobs.len()])));
    }
    let ids: Vec<JobId> = storage.all().await.into_iter().map(|job| job.id).collect();
    let expected: Vec<JobId> = many.iter().rev().map(|job| job.id).collect();
    assert_eq!(ids, expected);
    storage
        .holds(&[many[0].clone(), many[1_999].clone(), many[2_344].clone()])
        .await;
    storage.counts_are_exact().await;
}

async fn jobs_are_found_by_their_ids(storage: Subject) {
    let many = jobs(30);
    storage.insert(&many).await;
    let mut ids = vec![unknown_id(), many[7].id, many[21].id];
    ids.extend((100_000..120_000).map(|number| job(number).id));
    ids.push(many[0].id);
    let found = storage.repository.jobs_by_id(&ids).await.expect("storage reads");
    let found: BTreeSet<JobId> = found.into_iter().map(|found: Arc<Job>| found.id).collect();
    assert_eq!(found, BTreeSet::from([many[0].id, many[7].id, many[21].id]));
    let none = storage.repository.jobs_by_id(&[]).await.expect("storage reads");
    assert_eq!(none, []);
    large_texts_are_read_apart(&storage, &many[7], &ids).await;
}

async fn large_texts_are_read_apart(storage: &Subject, job: &Job, ids: &[JobId]) {
    let repository = &storage.repository;
    let brief = repository.jobs_in_brief(ids).await.expect("storage reads");
    let read = brief.iter().find(|brief| brief.id == job.id).expect("the job");
    assert_eq!((brief.len(), JobSummary::from(&**read)), (3, JobSummary::from(job)));
    for text in JobText::ALL {
        let texts = repository.job_texts(text, ids).await.expect("storage reads");
        let found = texts
            .iter()
            .find(|(id, _)| *id == job.id)
            .map(|(_, text)| Arc::clone(text));
        assert_eq!(found, text.of(job));
        // A storage may report that it does not support them.
        let size = repository
            .size_of(StoredTexts::OfJobs(text, ids))
            .await
            .expect("storage reads");
        let exact: usize = texts.iter().map(|(_, text)| text.len()).sum();
        assert!(size == 0 || size == exact as u64, "{size} is not {exact}");
    }
}

async fn a_queue_comes_into_being_with_its_first_job(storage: Subject) {
    storage
        .insert(&[in_queue("mail", job(1)), in_queue("reports", job(2))])
        .await;
    for name in ["mail", "reports"] {
        let queue = storage.queue(name).await.expect("the queue exists");
        assert!(!queue.is_paused);
        assert_eq!(queue.counts.pending, 1);
    }
    assert_eq!(storage.queue("default").await, None);
}

async fn a_paused_queue_stays_paused_when_jobs_come(storage: Subject) {
    let pause = crate::storage::change::Change::Queue(QueueChange::Set {
        queue: sample::queue("default"),
        is_paused: Some(true),
    });
    assert_eq!(storage.apply(pause).await, Ok(Applied::QueueSet { changed: true }));
    storage.insert(&[job(1)]).await;
    assert!(storage.queue("default").await.expect("the queue").is_paused);
}
