//! Claims ahead of a start: the job stays pending, and its node alone starts, ends or releases it. For storages that support
//! them.

use crate::domain::cluster::remote_worker::{AttemptReport, Progress};
use crate::domain::job::Job;
use crate::domain::job::attempt::AttemptStatus;
use crate::domain::job::outcome::Outcome;
use crate::domain::job::retry::Jitter;
use crate::domain::job::state_machine::Cancelled;
use crate::domain::job::status::JobStatus;
use crate::domain::values::id::NodeId;
use crate::domain::values::time_span::TimeSpan;
use crate::storage::change::{Applied, Change, ChangeError, ClusterChange, Finished, JobChange, QueueChange, Released};
use crate::storage::conformance::case::{Case, cases_of};
use crate::storage::conformance::cluster::workers::register;
use crate::storage::conformance::sample;
use crate::storage::conformance::sample::{
    at, claim, claim_ahead, completed, failed, finish, job, jobs, release, renamed, start, update,
};
use crate::storage::conformance::subject::Subject;

pub(super) fn cases() -> Vec<Case> {
    cases_of![
        a_claimed_job_is_pending_and_is_claimed_once,
        a_node_without_a_lease_claims_nothing_ahead,
        a_claimed_job_is_started_by_its_node_alone,
        a_start_is_stored_with_its_end,
        starts_with_ends_and_ends_share_a_commit,
        a_job_that_is_not_claimed_by_the_node_does_not_end,
        a_released_job_is_pending_again,
        a_claimed_job_with_a_requested_cancellation_is_released_as_cancelled,
        a_claimed_job_with_a_requested_cancellation_is_not_retried,
        a_claimed_job_is_not_changed_or_cleared_otherwise,
        claimed_jobs_of_a_node_without_a_lease_are_orphans,
        a_claimed_job_may_report,
    ]
}

/// Stores these jobs and claims them ahead.
async fn claimed(storage: &Subject, node: NodeId, jobs: &[Job]) -> Vec<Job> {
    storage.insert(jobs).await;
    let limit = u32::try_from(jobs.len()).expect("few jobs");
    let applied = storage.apply(claim_ahead(limit, node, at(10_000))).await;
    let Ok(Applied::Claimed(claimed)) = applied else {
        panic!("{applied:?}")
    };
    let claimed: Vec<Job> = claimed.iter().map(|job| Job::clone(job)).collect();
    let expected: Vec<Job> = jobs.iter().map(|job| job.claim(node)).collect();
    assert_eq!(claimed, expected);
    claimed
}

async fn a_claimed_job_is_pending_and_is_claimed_once(storage: Subject) {
    if !storage.repository.claims_ahead() {
        return;
    }
    let node = storage.live_node(1).await;
    let ahead = claimed(&storage, node, &jobs(2)).await;
    storage.holds(&ahead).await;
    storage.counts_are_exact().await;
    storage.insert(&[job(7)]).await;
    let started = storage
        .apply(Change::Job(JobChange::Claim(claim(9, node, at(100)))))
        .await;
    let Ok(Applied::Claimed(started)) = started else {
        panic!("{started:?}")
    };
    assert_eq!(started.len(), 1, "the others are claimed");
    assert_eq!(
        storage.apply(claim_ahead(9, node, at(100))).await,
        Ok(Applied::Claimed(Vec::new()))
    );
    let mut held = storage.repository.running_on(node).await.expect("storage reads");
    held.sort_by_key(|job| job.id);
    let held: Vec<_> = held.iter().map(|job| (job.id, job.attempt)).collect();
    assert_eq!(held, [(ahead[0].id, 1), (ahead[1].id, 1), (started[0].id, 1)]);
    storage.counts_are_exact().await;
}

async fn a_node_without_a_lease_claims_nothing_ahead(storage: Subject) {
    if !storage.repository.claims_ahead() {
        return;
    }
    storage.insert(&jobs(1)).await;
    let applied = storage.apply(claim_ahead(1, sample::node(5), at(100))).await;
    assert_eq!(applied, Err(ChangeError::NoLease));
    storage.holds(&jobs(1)).await;
}

async fn a_claimed_job_is_started_by_its_node_alone(storage: Subject) {
    if !storage.repository.claims_ahead() {
        return;
    }
    let node = storage.live_node(1).await;
    let other = register(&storage, 2, TimeSpan::from_secs(3_600)).await;
    let ahead = claimed(&storage, node, &jobs(2)).await;
    let as_known_before = start(&jobs(2), node, at(50));
    assert_eq!(
        storage.apply(as_known_before).await,
        Ok(Applied::Started(vec![false, false]))
    );
    let by_other: Vec<Job> = jobs(2).iter().map(|job| job.claim(other)).collect();
    let applied = storage.apply(start(&by_other, other, at(50))).await;
    assert_eq!(applied, Ok(Applied::Started(vec![false, false])));
    let applied = storage.apply(start(&ahead[..1], node, at(50))).await;
    assert_eq!(applied, Ok(Applied::Started(vec![true])));
    let running = Job {
        claimed_by: None,
        ..ahead[0].start(node, at(50))
    };
    storage.holds(&[running.clone(), ahead[1].clone()]).await;
    let applied = storage.apply(start(&ahead[..1], node, at(60))).await;
    assert_eq!(applied, Ok(Applied::Started(vec![false])), "it runs");
    storage.finish(&running, completed()).await;
    storage.counts_are_exact().await;
}

async fn a_start_is_stored_with_its_end(storage: Subject) {
    if !storage.repository.claims_ahead() {
        return;
    }
    let node = storage.live_node(1).await;
    let outcomes = [
        completed(),
        failed(),
        Outcome::Cancelled,
        Outcome::Interrupted,
        Outcome::Lost,
    ];
    let ahead = claimed(&storage, node, &jobs(5)).await;
    for (job, outcome) in ahead.iter().zip(outcomes) {
        let running = job.start(node, at(200));
        let (after, attempt) = running.finish(outcome.clone(), at(201), Jitter::new(0.0));
        let applied = storage.apply(finish(&running, outcome, at(201))).await;
        assert_eq!(applied, Ok(Applied::Finished(Finished::Stored)));
        storage.holds(std::slice::from_ref(&after)).await;
        assert_eq!(storage.attempts(job.id).await, [attempt]);
    }
    storage.counts_are_exact().await;
    let pending = storage.job(ahead[3].id).await;
    let again = storage.start(&pending, node).await;
    assert_eq!(again.attempt, 2);
}

async fn starts_with_ends_and_ends_share_a_commit(storage: Subject) {
    if !storage.repository.claims_ahead() {
        return;
    }
    let node = storage.live_node(1).await;
    let all = jobs(60);
    let ahead = claimed(&storage, node, &all[..40]).await;
    storage.insert(&all[40..]).await;
    let mut running: Vec<Job> = ahead.iter().map(|job| job.start(node, at(10_000))).collect();
    for job in &all[40..] {
        running.push(storage.start(job, node).await);
    }
    let mut changes: Vec<Change> = running
        .iter()
        .map(|running| finish(running, completed(), at(10_001)))
        .collect();
    // One of them is late: the others are stored.
    let late = Job {
        attempt: 7,
        ..running[3].clone()
    };
    changes[3] = finish(&late, completed(), at(10_001));
    changes.push(claim_ahead(5, node, at(10_002)));
    let results = storage.commit(&changes).await;
    for (index, result) in results.iter().take(60).enumerate() {
        let expected = if index == 3 {
            Finished::LeaseLost
        } else {
            Finished::Stored
        };
        assert_eq!(*result, Ok(Applied::Finished(expected)), "{index}");
    }
    storage.counts_are_exact().await;
    storage.holds(&ahead[3..4]).await;
    let (after, _) = running[0].finish(completed(), at(10_001), Jitter::new(0.0));
    storage.holds(&[after]).await;
}

async fn a_job_that_is_not_claimed_by_the_node_does_not_end(storage: Subject) {
    if !storage.repository.claims_ahead() {
        return;
    }
    let (node, other) = (storage.live_node(1).await, sample::node(2));
    let ahead = claimed(&storage, node, &jobs(2)).await;
    let lost = Ok(Applied::Finished(Finished::LeaseLost));
    let by_other = job(0).claim(other).start(other, at(20));
    assert_eq!(storage.apply(finish(&by_other, completed(), at(21))).await, lost);
    let running = Job {
        claimed_by: None,
        ..ahead[0].start(node, at(20))
    };
    assert_eq!(
        storage.apply(finish(&running, completed(), at(21))).await,
        lost,
        "its start is not stored"
    );
    storage.apply(release([&ahead[1]], at(30))).await.expect("a release");
    let running = ahead[1].start(node, at(20));
    assert_eq!(storage.apply(finish(&running, completed(), at(31))).await, lost);
    storage.holds(&[ahead[0].clone(), job(1)]).await;
    storage.counts_are_exact().await;
}

async fn a_released_job_is_pending_again(storage: Subject) {
    if !storage.repository.claims_ahead() {
        return;
    }
    let (node, other) = (storage.live_node(1).await, sample::node(2));
    let ahead = claimed(&storage, node, &jobs(3)).await;
    let running = ahead[2].start(node, at(20));
    storage
        .apply(finish(&running, Outcome::Interrupted, at(21)))
        .await
        .expect("an end");
    let by_other = job(0).claim(other);
    let applied = storage.apply(release([&by_other, &ahead[1], &ahead[2]], at(30))).await;
    let expected = vec![Released::Lost, Released::Pending, Released::Lost];
    assert_eq!(applied, Ok(Applied::Released(expected)));
    storage.holds(&[ahead[0].clone(), job(1)]).await;
    storage.start(&job(1), node).await;
    storage.counts_are_exact().await;
}

fn requested(job: &Job) -> Job {
    match job.cancel(at(50)) {
        Ok(Cancelled::Requested(after)) => after,
        other => panic!("{other:?}"),
    }
}

async fn a_claimed_job_with_a_requested_cancellation_is_released_as_cancelled(storage: Subject) {
    if !storage.repository.claims_ahead() {
        return;
    }
    let node = storage.live_node(1).await;
    let ahead = claimed(&storage, node, &jobs(2)).await;
    let requested_job = requested(&ahead[0]);
    assert_eq!(
        storage.apply(update(&ahead[0], &requested_job)).await,
        Ok(Applied::Updated)
    );
    storage.holds(std::slice::from_ref(&requested_job)).await;
    let applied = storage.apply(release(&ahead, at(60))).await;
    let cancelled = requested_job.release(at(60));
    assert_eq!(cancelled.status, JobStatus::Cancelled);
    let expected = vec![Released::Cancelled(cancelled.clone().into()), Released::Pending];
    assert_eq!(applied, Ok(Applied::Released(expected)));
    storage.holds(&[cancelled, job(1)]).await;
    assert_eq!(storage.attempts(ahead[0].id).await, []);
    storage.counts_are_exact().await;
}

async fn a_claimed_job_with_a_requested_cancellation_is_not_retried(storage: Subject) {
    if !storage.repository.claims_ahead() {
        return;
    }
    let node = storage.live_node(1).await;
    let ahead = claimed(&storage, node, &jobs(2)).await;
    for job in &ahead {
        let applied = storage.apply(update(job, &requested(job))).await;
        assert_eq!(applied, Ok(Applied::Updated));
    }
    let running = ahead[0].start(node, at(70));
    let applied = storage.apply(finish(&running, failed(), at(71))).await;
    assert_eq!(applied, Ok(Applied::Finished(Finished::CancelRequested)));
    let aware = Job {
        cancel_requested: true,
        ..running
    };
    let applied = storage.apply(finish(&aware, failed(), at(71))).await;
    assert_eq!(applied, Ok(Applied::Finished(Finished::Stored)));
    assert_eq!(storage.job(ahead[0].id).await.status, JobStatus::Cancelled);
    // The request of a job whose start is stored later is kept.
    let applied = storage.apply(start(&ahead[1..], node, at(70))).await;
    assert_eq!(applied, Ok(Applied::Started(vec![true])));
    assert!(storage.job(ahead[1].id).await.cancel_requested);
    storage.counts_are_exact().await;
}

async fn a_claimed_job_is_not_changed_or_cleared_otherwise(storage: Subject) {
    if !storage.repository.claims_ahead() {
        return;
    }
    let node = storage.live_node(1).await;
    let ahead = claimed(&storage, node, &jobs(2)).await;
    let applied = storage.apply(update(&job(0), &renamed(&job(0), "another name"))).await;
    assert_eq!(applied, Err(ChangeError::Conflict), "it was read before the claim");
    let many = [0, 1].map(|number| update(&job(number), &renamed(&job(number), "another name")));
    for applied in storage.commit(&many).await {
        assert_eq!(applied, Err(ChangeError::Conflict), "in one statement too");
    }
    storage.insert(&[job(5)]).await;
    let clear = Change::Queue(QueueChange::Clear {
        queue: job(0).queue,
        status: JobStatus::Pending,
        up_to: job(9).id,
        limit: 10,
    });
    assert_eq!(storage.apply(clear).await, Ok(Applied::Removed(1)));
    storage.holds(&ahead).await;
    storage.apply(release(&ahead[..1], at(30))).await.expect("a release");
    let applied = storage.apply(update(&ahead[0], &requested(&ahead[0]))).await;
    assert_eq!(applied, Err(ChangeError::Conflict), "the claim has ended");
    storage.counts_are_exact().await;
}

async fn claimed_jobs_of_a_node_without_a_lease_are_orphans(storage: Subject) {
    if !storage.repository.claims_ahead() {
        return;
    }
    let observer = storage.live_node(1).await;
    let worker = register(&storage, 2, TimeSpan::from_secs(3_600)).await;
    let ahead = claimed(&storage, worker, &jobs(2)).await;
    assert_eq!(storage.orphans(observer).await, []);
    let lost = |job: &Job| {
        let (started, after, attempt) = job.lose_claimed(0, at(40)).expect("a claimed job");
        Change::Job(JobChange::Finish {
            started: Some(started.into()),
            job: after.into(),
            attempt: Box::new(attempt),
            if_orphaned: true,
        })
    };
    let refused = Ok(Applied::Finished(Finished::LeaseLost));
    assert_eq!(storage.apply(lost(&ahead[0])).await, refused, "the node has its lease");
    let gone = Change::Cluster(ClusterChange::Leave { node: worker });
    storage.apply(gone).await.expect("the node leaves");
    let mut orphans = storage.orphans(observer).await;
    orphans.sort_by_key(|job| job.id);
    assert_eq!(orphans.iter().map(|job| Job::clone(job)).collect::<Vec<_>>(), ahead);
    for job in &orphans {
        assert_eq!(storage.apply(lost(job)).await, Ok(Applied::Finished(Finished::Stored)));
        let attempts = storage.attempts(job.id).await;
        assert_eq!(attempts.len(), 1);
        assert_eq!((attempts[0].number, attempts[0].status), (1, AttemptStatus::Lost));
        let stored = storage.job(job.id).await;
        assert_eq!(
            (stored.status, stored.attempt, stored.claimed_by),
            (JobStatus::Pending, 1, None)
        );
    }
    assert_eq!(storage.orphans(observer).await, []);
    storage.counts_are_exact().await;
}

async fn a_claimed_job_may_report(storage: Subject) {
    if !storage.repository.claims_ahead() {
        return;
    }
    let node = storage.live_node(1).await;
    let ahead = claimed(&storage, node, &jobs(1)).await;
    let report = |attempt| {
        Change::Job(JobChange::Report {
            job: ahead[0].clone().into(),
            report: AttemptReport {
                job_id: ahead[0].id,
                attempt,
                at: at(20),
                progress: Some(Progress {
                    basis_points: 5_000,
                    message: None,
                }),
                log: Vec::new(),
            }
            .into(),
        })
    };
    assert_eq!(storage.apply(report(1)).await, Ok(Applied::Reported(true)));
    assert_eq!(storage.apply(report(2)).await, Ok(Applied::Reported(false)));
    storage.apply(release(&ahead, at(30))).await.expect("a release");
    assert_eq!(storage.apply(report(1)).await, Ok(Applied::Reported(false)));
}
