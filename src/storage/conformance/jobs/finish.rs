//! Ends of attempts: fenced by the attempt's number and by a request to cancel, never by the revision.

use std::sync::Arc;

use chrono::TimeDelta;

use crate::domain::job::Job;
use crate::domain::job::attempt::{ATTEMPTS_KEPT, Attempt};
use crate::domain::job::lost_attempt::LOST_IN_A_ROW_MAX;
use crate::domain::job::outcome::{Failure, Outcome};
use crate::domain::job::retry::Jitter;
use crate::domain::job::status::JobStatus;
use crate::domain::values::json::Json;
use crate::storage::change::{Applied, Change, ClusterChange, Finished, JobChange};
use crate::storage::conformance::case::{Case, cases_of};
use crate::storage::conformance::sample;
use crate::storage::conformance::sample::{
    at, completed, failed, finish, insert, job, jobs, renamed, update, with_requested_cancellation,
};
use crate::storage::conformance::subject::Subject;

pub(super) fn cases() -> Vec<Case> {
    cases_of![
        every_outcome_is_stored_with_its_attempt,
        attempts_are_read_in_their_order,
        an_attempt_ends_once,
        an_attempt_that_lost_its_lease_changes_nothing,
        the_end_of_an_older_attempt_changes_nothing,
        a_job_with_a_requested_cancellation_is_not_retried,
        a_job_with_a_requested_cancellation_may_still_succeed,
        a_job_that_is_not_running_can_not_finish,
        a_node_that_lost_its_lease_may_still_finish_unclaimed_jobs,
        results_of_many_attempts_are_distinguished,
        a_brief_job_is_changed_without_its_texts,
        the_history_holds_the_last_attempts,
    ]
}

async fn the_history_holds_the_last_attempts(storage: Subject) {
    let node = storage.live_node(1).await;
    let bystander = storage.insert_running(job(2), node).await;
    storage.finish(&bystander, failed()).await;
    let mut waiting = job(1);
    storage.insert(std::slice::from_ref(&waiting)).await;
    for _ in 0..ATTEMPTS_KEPT + 2 {
        let running = storage.start(&waiting, node).await;
        waiting = storage.finish(&running, Outcome::Interrupted).await;
    }
    let kept = storage.attempts(waiting.id).await;
    let kept: Vec<u32> = kept.iter().map(|attempt| attempt.number).collect();
    assert_eq!(kept, (3..=ATTEMPTS_KEPT + 2).collect::<Vec<u32>>());
    let last = storage.repository.last_attempts(&[waiting.id], 2).await;
    let last: Vec<u32> = last
        .expect("storage reads")
        .iter()
        .map(|attempt| attempt.number)
        .collect();
    assert!(last.ends_with(&[ATTEMPTS_KEPT + 1, ATTEMPTS_KEPT + 2]), "{last:?}");
    assert_eq!(storage.attempts(bystander.id).await.len(), 1);
}

/// Changes need not read the parameters, the result and the error detail of a job: these are kept unless a completion
/// sets them.
async fn a_brief_job_is_changed_without_its_texts(storage: Subject) {
    let node = storage.live_node(1).await;
    let outcomes = [
        completed(),
        failed(),
        Outcome::Failed(Failure::permanent("never again")),
        Outcome::Cancelled,
        Outcome::Interrupted,
        Outcome::Lost,
    ];
    let detailed = |number| Job {
        error: Some(Arc::from("an earlier failure")),
        error_detail: Some(Arc::from("with its detail")),
        ..job(number)
    };
    let brief = async |id| {
        let read = storage.repository.jobs_in_brief(&[id]).await.expect("storage reads");
        let read = read.into_iter().next().expect("the job");
        assert_eq!(storage.whole(&read).await, storage.job(id).await);
        // A storage in memory may give the texts.
        Job {
            parameters: Json::null(),
            result: None,
            error_detail: None,
            is_brief: true,
            ..Job::clone(&read)
        }
    };
    for (outcome, number) in outcomes.into_iter().zip(1..) {
        let running = storage.insert_running(detailed(number), node).await;
        let (expected, attempt) = running.finish(outcome.clone(), at(500), Jitter::new(0.0));
        let applied = storage.apply(finish(&brief(running.id).await, outcome, at(500))).await;
        assert_eq!(applied, Ok(Applied::Finished(Finished::Stored)));
        storage.holds(std::slice::from_ref(&expected)).await;
        assert_eq!(storage.attempts(running.id).await, [attempt]);
    }
    for (lost_before, number) in [(0, 11), (LOST_IN_A_ROW_MAX, 12)] {
        let running = storage.insert_running(detailed(number), node).await;
        let (expected, _) = running.lose(lost_before, at(500));
        let (after, attempt) = brief(running.id).await.lose(lost_before, at(500));
        let lost = Change::Job(JobChange::Finish {
            started: None,
            job: Arc::new(after),
            attempt: Box::new(attempt),
            if_orphaned: false,
        });
        assert_eq!(storage.apply(lost).await, Ok(Applied::Finished(Finished::Stored)));
        storage.holds(std::slice::from_ref(&expected)).await;
    }
    storage.insert(&[detailed(21)]).await;
    let before = brief(detailed(21).id).await;
    let after = renamed(&before, "another name");
    assert_eq!(storage.apply(update(&before, &after)).await, Ok(Applied::Updated));
    storage.holds(&[renamed(&detailed(21), "another name")]).await;
    storage.counts_are_exact().await;
}

async fn every_outcome_is_stored_with_its_attempt(storage: Subject) {
    let node = storage.live_node(1).await;
    let outcomes = [
        completed(),
        Outcome::Completed(None),
        failed(),
        Outcome::Failed(Failure::permanent("never again")),
        Outcome::Cancelled,
        Outcome::Interrupted,
        Outcome::Lost,
    ];
    for (outcome, number) in outcomes.into_iter().zip(1..) {
        let running = storage.insert_running(job(number), node).await;
        let now = at(500) + TimeDelta::microseconds(123_456);
        let (job, attempt) = running.finish(outcome.clone(), now, Jitter::new(0.0));
        let applied = storage.apply(finish(&running, outcome, now)).await;
        assert_eq!(applied, Ok(Applied::Finished(Finished::Stored)));
        storage.holds(std::slice::from_ref(&job)).await;
        assert_eq!(storage.attempts(job.id).await, [attempt]);
        storage.counts_are_exact().await;
    }
}

async fn attempts_are_read_in_their_order(storage: Subject) {
    let node = storage.live_node(1).await;
    let mut waiting = Job {
        max_retries: 30,
        ..job(1)
    };
    storage.insert(std::slice::from_ref(&waiting)).await;
    let bystander = storage.insert_running(job(2), node).await;
    storage.finish(&bystander, failed()).await;
    for _ in 0..12 {
        let running = storage.start(&waiting, node).await;
        waiting = storage.finish(&running, failed()).await;
    }
    let numbers: Vec<u32> = storage
        .attempts(waiting.id)
        .await
        .iter()
        .map(|attempt| attempt.number)
        .collect();
    assert_eq!(numbers, (1..=12).collect::<Vec<u32>>());
    assert_eq!(storage.attempts(bystander.id).await.len(), 1);
    let unknown = job(3).id;
    let requested = [bystander.id, unknown, waiting.id];
    let together = storage.repository.attempts_of(&requested).await.expect("storage reads");
    for id in requested {
        let of_job: Vec<Attempt> = together
            .iter()
            .filter(|attempt| attempt.job_id == id)
            .cloned()
            .collect();
        assert_eq!(of_job, storage.attempts(id).await);
    }
    assert_eq!(together.len(), 13);
}

async fn an_attempt_ends_once(storage: Subject) {
    let node = storage.live_node(1).await;
    let running = storage.insert_running(job(1), node).await;
    let ended = storage.finish(&running, completed()).await;
    let applied = storage.apply(finish(&running, failed(), at(800))).await;
    assert_eq!(applied, Ok(Applied::Finished(Finished::LeaseLost)));
    storage.holds(std::slice::from_ref(&ended)).await;
    assert_eq!(storage.attempts(ended.id).await.len(), 1);
    storage.counts_are_exact().await;
}

/// OrphanRecovery has ended the attempt as lost; the worker's result is late.
async fn an_attempt_that_lost_its_lease_changes_nothing(storage: Subject) {
    let node = storage.live_node(1).await;
    let running = storage.insert_running(job(1), node).await;
    let waiting = storage.finish(&running, Outcome::Lost).await;
    let late = [finish(&running, completed(), at(800)), insert([job(2)])];
    let applied = storage.commit(&late).await;
    assert_eq!(applied[0], Ok(Applied::Finished(Finished::LeaseLost)));
    storage.holds(&[waiting, job(2)]).await;
    storage.counts_are_exact().await;
}

async fn the_end_of_an_older_attempt_changes_nothing(storage: Subject) {
    let node = storage.live_node(1).await;
    let first = storage.insert_running(job(1), node).await;
    let waiting = storage.finish(&first, Outcome::Lost).await;
    let second = storage.start(&waiting, node).await;
    for outcome in [completed(), failed(), Outcome::Cancelled] {
        let applied = storage.apply(finish(&first, outcome, at(800))).await;
        assert_eq!(applied, Ok(Applied::Finished(Finished::LeaseLost)));
    }
    storage.holds(std::slice::from_ref(&second)).await;
    storage.finish(&second, completed()).await;
    assert_eq!(storage.attempts(second.id).await.len(), 2);
    storage.counts_are_exact().await;
}

/// The worker has decided on a retry before it received the request.
async fn a_job_with_a_requested_cancellation_is_not_retried(storage: Subject) {
    let node = storage.live_node(1).await;
    let running = storage.insert_running(job(1), node).await;
    let requested = with_requested_cancellation(&running);
    assert_eq!(storage.apply(update(&running, &requested)).await, Ok(Applied::Updated));
    for outcome in [failed(), Outcome::Interrupted, Outcome::Lost] {
        let applied = storage.apply(finish(&running, outcome, at(800))).await;
        assert_eq!(applied, Ok(Applied::Finished(Finished::CancelRequested)));
        storage.holds(std::slice::from_ref(&requested)).await;
    }
    assert_eq!(
        storage.attempts(requested.id).await,
        [],
        "none of them is in the history"
    );
    let cancelled = storage.finish(&requested, failed()).await;
    assert_eq!(cancelled.status, JobStatus::Cancelled);
    assert!(!cancelled.cancel_requested);
    storage.counts_are_exact().await;
}

/// The worker does not know the request, and its outcome does not run again: both increment the revision.
async fn a_job_with_a_requested_cancellation_may_still_succeed(storage: Subject) {
    let node = storage.live_node(1).await;
    let ends = [
        completed(),
        Outcome::Failed(Failure::permanent("never again")),
        Outcome::Cancelled,
    ];
    for (outcome, number) in ends.into_iter().zip(1..) {
        let running = storage.insert_running(job(number), node).await;
        let requested = with_requested_cancellation(&running);
        assert_eq!(storage.apply(update(&running, &requested)).await, Ok(Applied::Updated));
        let ended = storage.finish(&running, outcome.clone()).await;
        let now = running.started_at.expect("a start") + TimeDelta::seconds(1);
        let expected = Job {
            revision: requested.revision + 1,
            ..running.finish(outcome, now, Jitter::new(0.0)).0
        };
        assert_eq!(ended, expected);
        storage.counts_are_exact().await;
    }
}

async fn a_job_that_is_not_running_can_not_finish(storage: Subject) {
    let node = storage.live_node(1).await;
    let running = storage.insert_running(job(3), node).await;
    let next = Job {
        attempt: 2,
        ..running.clone()
    };
    let applied = storage.apply(finish(&next, completed(), at(20))).await;
    assert_eq!(
        applied,
        Ok(Applied::Finished(Finished::LeaseLost)),
        "the next attempt is not running"
    );
    storage.holds(&[running]).await;
    storage.insert(&[job(1)]).await;
    let never_started = finish(&job(1).start(node, at(10)), completed(), at(20));
    let gone = finish(&job(2).start(node, at(10)), completed(), at(20));
    let applied = storage.commit(&[never_started, gone]).await;
    assert_eq!(
        applied,
        [
            Applied::Finished(Finished::LeaseLost),
            Applied::Finished(Finished::LeaseLost)
        ]
        .map(Ok)
    );
    storage.holds(&[job(1)]).await;
    assert_eq!(storage.attempts(job(2).id).await, []);
    storage.counts_are_exact().await;
}

/// The attempt number alone decides: no other node has claimed the job, so its result is worth storing.
async fn a_node_that_lost_its_lease_may_still_finish_unclaimed_jobs(storage: Subject) {
    let node = storage.live_node(1).await;
    let running = storage.insert_running(job(1), node).await;
    storage
        .apply(Change::Cluster(ClusterChange::Leave { node }))
        .await
        .expect("a node can leave");
    let ended = storage.finish(&running, completed()).await;
    assert_eq!(ended.status, JobStatus::Completed);
}

async fn results_of_many_attempts_are_distinguished(storage: Subject) {
    let node = storage.live_node(1).await;
    let many = jobs(40);
    storage.insert(&many).await;
    let running: Vec<Job> = many.iter().map(|job| job.start(node, at(100))).collect();
    storage.commit(&[sample::start(&many, node, at(100))]).await;
    let of = |number: usize| (number % 4, &running[number]);
    let mut before = Vec::new();
    for number in 0..running.len() {
        match of(number) {
            (1, job) => before.push(finish(job, Outcome::Lost, at(110))),
            (2, job) => before.push(update(job, &with_requested_cancellation(job))),
            _ => {}
        }
    }
    storage.commit(&before).await;
    let ends: Vec<Change> = running.iter().map(|job| finish(job, failed(), at(120))).collect();
    let applied = storage.commit(&ends).await;
    for (number, applied) in applied.into_iter().enumerate() {
        let expected = match of(number).0 {
            1 => Finished::LeaseLost,
            2 => Finished::CancelRequested,
            _ => Finished::Stored,
        };
        assert_eq!(applied, Ok(Applied::Finished(expected)), "job {number}");
        let attempts = storage.attempts(running[number].id).await.len();
        assert_eq!(
            attempts,
            usize::from(expected != Finished::CancelRequested),
            "job {number}"
        );
    }
    storage.counts_are_exact().await;
    let waiting: Arc<Job> = storage.job(running[0].id).await;
    assert_eq!(waiting.status, JobStatus::Pending);
}
