//! Nodes, their leases, and what runs where.

use std::time::Duration;

use super::sample::{asked_to_cancel, at, claim, job, jobs, node, start, update};
use super::{Case, Subject, cases_of};
use crate::domain::id::{JobId, NodeId};
use crate::domain::job::Job;
use crate::domain::outcome::Outcome;
use crate::domain::time_span::TimeSpan;
use crate::storage::change::{Applied, Change, ChangeError};
use crate::storage::query::RunningJob;

pub(super) fn cases() -> Vec<Case> {
    cases_of![
        what_a_node_runs_is_known,
        what_a_node_with_a_lease_runs_is_no_orphan,
        what_a_node_leaves_is_orphaned,
        a_lease_runs_out,
        a_heartbeat_renews_a_lease,
        a_second_server_ends_the_first_ones_lease_unless_storage_is_shared,
        orphans_are_found_in_steps,
        a_running_job_without_a_node_is_an_orphan,
    ]
}

/// How long a case waits for a lease of a millisecond to run out before it fails.
const PATIENCE: Duration = Duration::from_secs(30);

async fn orphans(storage: &Subject, limit: u32) -> Vec<JobId> {
    let found = storage.repository.orphans(limit).await.expect("storage reads");
    let mut ids = Vec::new();
    for orphan in found {
        storage.holds(&[Job::clone(&orphan)]).await;
        ids.push(orphan.id);
    }
    ids.sort();
    ids
}

async fn wait_for_orphans(storage: &Subject) {
    let wait = async {
        while orphans(storage, 1).await.is_empty() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(PATIENCE, wait).await.expect("the lease runs out");
}

fn ids(jobs: &[Job]) -> Vec<JobId> {
    jobs.iter().map(|job| job.id).collect()
}

async fn what_a_node_runs_is_known(storage: Subject) {
    let live = storage.live_node(1).await;
    let first = storage
        .insert_running(super::sample::in_queue("mail", job(1)), live)
        .await;
    let second = storage.insert_running(job(2), live).await;
    let ended = storage.insert_running(job(3), live).await;
    storage.finish(&ended, Outcome::Completed(None)).await;
    storage.insert(&[job(4)]).await;
    storage.commit(&[update(&second, &asked_to_cancel(&second))]).await;
    let short = |job: &Job, cancel_requested| RunningJob {
        id: job.id,
        queue: job.queue.clone(),
        attempt: 1,
        started_at: job.started_at.expect("a start"),
        timeout: job.timeout,
        cancel_requested,
    };
    let mut running = storage.repository.running_on(live).await.expect("storage reads");
    running.sort_by_key(|job| job.id);
    assert_eq!(running, [short(&first, false), short(&second, true)]);
    let nobody = storage.repository.running_on(node(2)).await.expect("storage reads");
    assert_eq!(nobody, []);
}

async fn what_a_node_with_a_lease_runs_is_no_orphan(storage: Subject) {
    let live = storage.live_node(1).await;
    storage.insert_running(job(1), live).await;
    storage.insert(&[job(2)]).await;
    assert_eq!(orphans(&storage, 10).await, []);
}

async fn what_a_node_leaves_is_orphaned(storage: Subject) {
    let gone = storage.live_node(1).await;
    let running = storage.insert_running(job(1), gone).await;
    storage.insert(&[job(2)]).await;
    assert_eq!(storage.apply(Change::Leave { node: gone }).await, Ok(Applied::Alive));
    assert_eq!(orphans(&storage, 10).await, [running.id]);
    let waiting = storage.finish(&running, Outcome::Lost).await;
    assert_eq!(orphans(&storage, 10).await, []);
    let next = storage.live_node(2).await;
    storage.start(&waiting, next).await;
    assert_eq!(orphans(&storage, 10).await, []);
    let unknown = Change::Leave { node: node(77) };
    assert_eq!(
        storage.apply(unknown).await,
        Ok(Applied::Alive),
        "nobody leaves twice in vain"
    );
}

async fn a_lease_runs_out(storage: Subject) {
    let silent = storage.live_node(1).await;
    let running = storage.insert_running(job(1), silent).await;
    storage.insert(&[job(2)]).await;
    storage.heartbeat(silent, TimeSpan::from_millis(1)).await;
    wait_for_orphans(&storage).await;
    assert_eq!(orphans(&storage, 10).await, [running.id]);
    let refused = Err(ChangeError::NoLease);
    assert_eq!(storage.apply(start([&job(2)], silent, at(10))).await, refused);
    assert_eq!(storage.apply(Change::Claim(claim(1, silent, at(10)))).await, refused);
    storage.holds(&[job(2)]).await;
}

async fn a_heartbeat_renews_a_lease(storage: Subject) {
    let node = node(1);
    storage.heartbeat(node, TimeSpan::from_secs(3_600)).await;
    let running = storage.insert_running(job(1), node).await;
    storage.heartbeat(node, TimeSpan::from_millis(1)).await;
    wait_for_orphans(&storage).await;
    storage.heartbeat(node, TimeSpan::from_secs(3_600)).await;
    assert_eq!(
        orphans(&storage, 10).await,
        [],
        "the node is back before anybody took its job"
    );
    storage.insert_running(job(2), node).await;
    storage.finish(&running, Outcome::Completed(None)).await;
}

async fn a_second_server_ends_the_first_ones_lease_unless_storage_is_shared(storage: Subject) {
    let first = storage.live_node(1).await;
    let running = storage.insert_running(job(1), first).await;
    let second = storage.live_node(2).await;
    storage.insert(&[job(2), job(3)]).await;
    storage.start(&job(2), second).await;
    let applied = storage.apply(start([&job(3)], first, at(10))).await;
    if storage.other().is_some() {
        assert_eq!(orphans(&storage, 10).await, []);
        assert_eq!(applied, Ok(Applied::Started(vec![true])));
    } else {
        assert_eq!(orphans(&storage, 10).await, [running.id]);
        assert_eq!(applied, Err(ChangeError::NoLease));
    }
}

async fn orphans_are_found_in_steps(storage: Subject) {
    let gone = storage.live_node(1).await;
    let many = jobs(25);
    storage.insert(&many).await;
    storage
        .commit(&[start(&many, gone, at(100)), Change::Leave { node: gone }])
        .await;
    assert_eq!(orphans(&storage, 10).await.len(), 10);
    assert_eq!(orphans(&storage, 0).await, []);
    assert_eq!(orphans(&storage, u32::MAX).await, ids(&many));
}

/// No version of the server stores such a job; somebody else may have.
async fn a_running_job_without_a_node_is_an_orphan(storage: Subject) {
    storage.live_node(1).await;
    let nobodys = Job {
        node: None,
        ..job(1).start(NodeId::from_uuid(uuid::Uuid::nil()), at(10))
    };
    storage.insert(std::slice::from_ref(&nobodys)).await;
    assert_eq!(orphans(&storage, 10).await, [nobodys.id]);
    let waiting = storage.finish(&nobodys, Outcome::Lost).await;
    assert_eq!(waiting.node, None);
}
