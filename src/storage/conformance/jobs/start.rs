//! Starts of jobs that a node knows: fenced by the job's revision and by the node's lease.

use crate::domain::job::Job;
use crate::domain::job::outcome::Outcome;
use crate::domain::values::time_span::TimeSpan;
use crate::storage::change::{Applied, Change, ChangeError, ClusterChange};
use crate::storage::conformance::case::{Case, cases_of};
use crate::storage::conformance::sample::{at, finish, job, jobs, node, renamed, start, unknown_id, update};
use crate::storage::conformance::subject::Subject;

pub(super) fn cases() -> Vec<Case> {
    cases_of![
        a_started_job_is_stored_as_it_was_given,
        only_unchanged_jobs_are_started,
        a_job_is_started_once,
        a_job_runs_again_with_the_next_number,
        a_node_without_a_lease_starts_nothing,
        each_start_checks_the_lease,
        many_jobs_are_started_at_once,
    ]
}

async fn a_started_job_is_stored_as_it_was_given(storage: Subject) {
    let node = storage.live_node(1).await;
    let running = storage.insert_running(job(1), node).await;
    storage.holds(&[running]).await;
    storage.counts_are_exact().await;
}

async fn only_unchanged_jobs_are_started(storage: Subject) {
    let [good, changed, cancelled, running] = jobs(4).try_into().expect("four jobs");
    let node = storage.live_node(1).await;
    storage
        .insert(&[good.clone(), changed.clone(), cancelled.clone(), running.clone()])
        .await;
    storage.start(&running, node).await;
    let Ok(crate::domain::job::state_machine::Cancelled::Done(no_more)) = cancelled.cancel(at(5)) else {
        panic!("a pending job can be cancelled");
    };
    let changed_now = renamed(&changed, "changed meanwhile");
    storage
        .commit(&[update(&changed, &changed_now), update(&cancelled, &no_more)])
        .await;
    let gone = Job {
        id: unknown_id(),
        ..job(9)
    };
    let known = [&changed, &good, &cancelled, &running, &gone];
    let applied = storage.apply(start(known, node, at(10))).await;
    assert_eq!(applied, Ok(Applied::Started(vec![false, true, false, false, false])));
    storage.holds(&[changed_now, no_more, good.start(node, at(10))]).await;
    assert_eq!(storage.find(unknown_id()).await, None);
    storage.counts_are_exact().await;
}

async fn a_job_is_started_once(storage: Subject) {
    let node = storage.live_node(1).await;
    let running = storage.insert_running(job(1), node).await;
    let applied = storage.apply(start([&job(1)], node, at(20))).await;
    assert_eq!(applied, Ok(Applied::Started(vec![false])));
    storage.holds(&[running]).await;
}

async fn a_job_runs_again_with_the_next_number(storage: Subject) {
    let node = storage.live_node(1).await;
    let running = storage.insert_running(job(1), node).await;
    let waiting = storage.finish(&running, Outcome::Interrupted).await;
    let again = storage.start(&waiting, node).await;
    assert_eq!((again.attempt, again.retry_count), (2, 0));
    storage.holds(&[again]).await;
}

async fn a_node_without_a_lease_starts_nothing(storage: Subject) {
    storage.insert(&jobs(2)).await;
    let never = node(5);
    let refused = Err(ChangeError::NoLease);
    assert_eq!(
        storage.apply(start(&jobs(2), never, at(10))).await,
        refused,
        "it never had one"
    );
    let left = storage.live_node(6).await;
    storage
        .apply(Change::Cluster(ClusterChange::Leave { node: left }))
        .await
        .expect("a node can leave");
    assert_eq!(
        storage.apply(start(&jobs(2), left, at(10))).await,
        refused,
        "it has left"
    );
    storage.heartbeat(left, TimeSpan::from_secs(3600)).await;
    let applied = storage.apply(start(&jobs(2), left, at(10))).await;
    assert_eq!(applied, Ok(Applied::Started(vec![true; 2])), "it is back");
    storage.counts_are_exact().await;
}

async fn each_start_checks_the_lease(storage: Subject) {
    let [first, second, third] = jobs(3).try_into().expect("three jobs");
    storage.insert(&[first.clone(), second.clone(), third.clone()]).await;
    let (live, dead) = (storage.live_node(1).await, node(2));
    let changes = [
        start([&first], dead, at(10)),
        start([&second], live, at(10)),
        start([&third], dead, at(10)),
    ];
    let expected = [
        Err(ChangeError::NoLease),
        Ok(Applied::Started(vec![true])),
        Err(ChangeError::NoLease),
    ];
    assert_eq!(storage.commit(&changes).await, expected);
    storage.holds(&[first, second.start(live, at(10)), third]).await;
    storage.counts_are_exact().await;
}

async fn many_jobs_are_started_at_once(storage: Subject) {
    let node = storage.live_node(1).await;
    let many = jobs(1_500);
    storage.insert(&many).await;
    let applied = storage.apply(start(&many, node, at(9_999))).await;
    assert_eq!(applied, Ok(Applied::Started(vec![true; many.len()])));
    storage.counts_are_exact().await;
    let ends: Vec<Change> = many
        .iter()
        .map(|job| finish(&job.start(node, at(9_999)), Outcome::Completed(None), at(10_000)))
        .collect();
    for applied in storage.commit(&ends).await {
        assert_eq!(applied, Ok(Applied::Finished(crate::storage::change::Finished::Stored)));
    }
    storage.counts_are_exact().await;
    let attempts = storage.attempts(many[777].id).await;
    assert_eq!(attempts.len(), 1);
    assert_eq!(storage.job(many[777].id).await.result, None);
    let queue = storage.queue(many[0].queue.as_str()).await.expect("the queue");
    assert_eq!(queue.counts.completed, 1_500);
    // The jobs that run now are none.
    let running = storage.repository.running_on(node).await.expect("storage reads");
    assert_eq!(running, []);
}
