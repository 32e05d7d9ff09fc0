//! Deletion of many jobs: clearing by clients and pruning by retention.

use std::sync::Arc;

use chrono::TimeDelta;

use crate::domain::job::Job;
use crate::domain::job::outcome::{Failure, Outcome};
use crate::domain::job::status::JobStatus;
use crate::domain::values::id::JobId;
use crate::storage::change::{Applied, Change, Inserted, JobChange, MaintenanceChange, QueueChange};
use crate::storage::conformance::case::{Case, cases_of};
use crate::storage::conformance::sample;
use crate::storage::conformance::sample::{at, completed, failed, in_queue, insert, job, jobs, queue};
use crate::storage::conformance::subject::Subject;

pub(super) fn cases() -> Vec<Case> {
    cases_of![
        clearing_removes_the_pending_jobs_of_one_queue,
        clearing_removes_failed_jobs_with_their_attempts,
        clearing_goes_in_steps,
        clearing_spares_younger_jobs,
        pruning_deletes_jobs_that_finished_before_a_time,
        pruning_goes_in_steps,
        pruning_keeps_retried_jobs,
        removing_comes_after_the_rest_of_its_commit,
        a_bad_change_leaves_removing_the_last,
    ]
}

fn clear(queue_name: &str, status: JobStatus, up_to: JobId, limit: u32) -> Change {
    Change::Queue(QueueChange::Clear {
        queue: queue(queue_name),
        status,
        up_to,
        limit,
    })
}

fn prune(status: JobStatus, seconds: i64, limit: u32) -> Change {
    Change::Maintenance(MaintenanceChange::PruneJobs {
        status,
        finished_before: at(seconds),
        limit,
    })
}

fn removed(count: u64) -> Result<Applied, crate::storage::change::ChangeError> {
    Ok(Applied::Removed(count))
}

fn youngest() -> JobId {
    JobId::last_at(at(1_000_000))
}

/// Stores a job that was created and finished this number of seconds after the start of the day.
async fn ended(storage: &Subject, created: u32, finished: i64, outcome: Outcome) -> Job {
    let node = storage.live_node(1).await;
    let running = storage.insert_running(job(created), node).await;
    let change = sample::finish(&running, outcome, at(finished));
    storage.apply(change).await.expect("an attempt can end");
    Arc::unwrap_or_clone(storage.job(running.id).await)
}

async fn clearing_removes_the_pending_jobs_of_one_queue(storage: Subject) {
    let node = storage.live_node(1).await;
    let running = storage.insert_running(job(1), node).await;
    let elsewhere = in_queue("other", job(2));
    storage.insert(&[elsewhere.clone(), job(3), job(4)]).await;
    let done = ended(&storage, 5, 100, completed()).await;
    let applied = storage
        .apply(clear("default", JobStatus::Pending, youngest(), 100))
        .await;
    assert_eq!(applied, removed(2));
    assert_eq!(storage.all().await.len(), 3);
    storage.holds(&[running, elsewhere, done]).await;
    storage.counts_are_exact().await;
    let again = storage
        .apply(clear("default", JobStatus::Pending, youngest(), 100))
        .await;
    assert_eq!(again, removed(0));
    let nobody = storage
        .apply(clear("unused", JobStatus::Pending, youngest(), 100))
        .await;
    assert_eq!(nobody, removed(0));
    assert_eq!(storage.queue("unused").await, None, "clearing creates no queue");
}

async fn clearing_removes_failed_jobs_with_their_attempts(storage: Subject) {
    let never = || Outcome::Failed(Failure::permanent("never again"));
    let dead = ended(&storage, 1, 100, never()).await;
    let waiting = ended(&storage, 2, 100, failed()).await;
    let applied = storage
        .apply(clear("default", JobStatus::Failed, youngest(), 100))
        .await;
    assert_eq!(applied, removed(1));
    assert_eq!(storage.find(dead.id).await, None);
    assert_eq!(storage.attempts(dead.id).await, []);
    assert_eq!(storage.attempts(waiting.id).await.len(), 1);
    storage.holds(&[waiting]).await;
    storage.counts_are_exact().await;
}

async fn clearing_goes_in_steps(storage: Subject) {
    storage.insert(&jobs(1_100)).await;
    for (step, left) in [(1, 1_099), (500, 599), (599, 0), (10, 0)] {
        let before = u64::try_from(storage.all().await.len()).expect("a count");
        let applied = storage
            .apply(clear("default", JobStatus::Pending, youngest(), step))
            .await;
        assert_eq!(applied, removed(before - left));
        assert_eq!(u64::try_from(storage.all().await.len()), Ok(left));
        storage.counts_are_exact().await;
    }
}

async fn clearing_spares_younger_jobs(storage: Subject) {
    storage.insert(&jobs(6)).await;
    let applied = storage
        .apply(clear("default", JobStatus::Pending, job(2).id, 100))
        .await;
    assert_eq!(applied, removed(3), "the newest matching job is deleted");
    let left: Vec<JobId> = storage.all().await.iter().map(|job| job.id).collect();
    assert_eq!(left, [job(5).id, job(4).id, job(3).id]);
    storage.counts_are_exact().await;
}

async fn pruning_deletes_jobs_that_finished_before_a_time(storage: Subject) {
    let never = || Outcome::Failed(Failure::permanent("never again"));
    let old = ended(&storage, 1, 99, completed()).await;
    let on_time = ended(&storage, 2, 100, completed()).await;
    let young = ended(&storage, 3, 101, completed()).await;
    let old_failed = ended(&storage, 4, 99, never()).await;
    let old_cancelled = ended(&storage, 5, 99, Outcome::Cancelled).await;
    storage.insert(&[job(6)]).await;
    assert_eq!(storage.apply(prune(JobStatus::Completed, 100, 100)).await, removed(1));
    assert_eq!(storage.find(old.id).await, None);
    assert_eq!(storage.attempts(old.id).await, []);
    storage
        .holds(&[on_time, young, old_failed.clone(), old_cancelled.clone(), job(6)])
        .await;
    storage.counts_are_exact().await;
    assert_eq!(storage.apply(prune(JobStatus::Failed, 100, 100)).await, removed(1));
    assert_eq!(storage.find(old_failed.id).await, None);
    assert_eq!(storage.apply(prune(JobStatus::Cancelled, 100, 100)).await, removed(1));
    assert_eq!(storage.find(old_cancelled.id).await, None);
    assert_eq!(storage.apply(prune(JobStatus::Completed, 1_000, 100)).await, removed(2));
    storage.holds(&[job(6)]).await;
    storage.counts_are_exact().await;
}

async fn pruning_goes_in_steps(storage: Subject) {
    let node = sample::node(1);
    let ended = jobs(700).into_iter().map(|job| {
        let running = job.start(node, at(10));
        running
            .finish(completed(), at(20), crate::domain::job::retry::Jitter::new(0.0))
            .0
    });
    let applied = storage.apply(insert(ended)).await;
    assert_eq!(applied, Ok(Applied::Inserted(vec![Inserted::New; 700])));
    // A job is as old as its id, and finishes after its creation: the last 600 are kept.
    for (step, expected) in [(40, 40), (100, 60), (100, 0)] {
        assert_eq!(
            storage.apply(prune(JobStatus::Completed, 100, step)).await,
            removed(expected)
        );
        storage.counts_are_exact().await;
    }
    assert_eq!(storage.all().await.len(), 600);
}

async fn pruning_keeps_retried_jobs(storage: Subject) {
    let done = ended(&storage, 1, 50, completed()).await;
    let again = done.execute(None, crate::domain::job::new_job::Due::Now, at(60));
    let again = again.expect("a completed job can be executed");
    storage.commit(&[sample::update(&done, &again)]).await;
    let node = storage.live_node(1).await;
    let running = storage.start(&again, node).await;
    assert_eq!(storage.apply(prune(JobStatus::Completed, 55, 100)).await, removed(0));
    let done = storage.finish(&running, completed()).await;
    let finished_at = done.finished_at.expect("an end");
    let at_its_end = Change::Maintenance(MaintenanceChange::PruneJobs {
        status: JobStatus::Completed,
        finished_before: finished_at,
        limit: 100,
    });
    assert_eq!(storage.apply(at_its_end).await, removed(0));
    let after_it = Change::Maintenance(MaintenanceChange::PruneJobs {
        status: JobStatus::Completed,
        finished_before: finished_at + TimeDelta::microseconds(1),
        limit: 100,
    });
    assert_eq!(storage.apply(after_it).await, removed(1));
    storage.counts_are_exact().await;
}

async fn removing_comes_after_the_rest_of_its_commit(storage: Subject) {
    storage.insert(&[job(1)]).await;
    let changes = [clear("default", JobStatus::Pending, youngest(), 100), insert([job(2)])];
    let applied = storage.commit(&changes).await;
    assert_eq!(applied, [removed(2), Ok(Applied::Inserted(vec![Inserted::New]))]);
    assert_eq!(storage.all().await, []);
    storage.counts_are_exact().await;
}

/// A claim and a clearing are first in the list, and see everything that the rest of their commit has stored.
async fn a_bad_change_leaves_removing_the_last(storage: Subject) {
    let node = storage.live_node(1).await;
    storage.insert(&[job(0)]).await;
    let applied = storage
        .commit(&[
            Change::Job(JobChange::Claim(sample::claim(2, node, at(100)))),
            clear("default", JobStatus::Pending, youngest(), 100),
            insert([job(0)]),
            insert([job(1)]),
            insert([job(2), job(3)]),
        ])
        .await;
    let claimed = [job(0), job(1)].map(|job| Arc::new(job.start(node, at(100))));
    assert_eq!(applied[0], Ok(Applied::Claimed(claimed.to_vec())));
    assert_eq!(applied[1], removed(2), "unclaimed jobs are deleted");
    assert!(
        matches!(applied[2], Err(crate::storage::change::ChangeError::Rejected { .. })),
        "{:?}",
        applied[2]
    );
    assert_eq!(applied[3], Ok(Applied::Inserted(vec![Inserted::New])));
    assert_eq!(applied[4], Ok(Applied::Inserted(vec![Inserted::New; 2])));
    assert_eq!(storage.all().await.len(), 2);
    storage.counts_are_exact().await;
}
