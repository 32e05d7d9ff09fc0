//! Nodes, their leases, and what runs where.

use std::time::Duration;

use crate::domain::job::Job;
use crate::domain::job::outcome::Outcome;
use crate::domain::values::id::{JobId, NodeId};
use crate::domain::values::time_span::TimeSpan;
use crate::storage::change::{Applied, Change, ChangeError, ClusterChange, Finished, JobChange};
use crate::storage::conformance::case::{Case, cases_of};
use crate::storage::conformance::sample;
use crate::storage::conformance::sample::{
    at, claim, finish, insert, job, jobs, node, start, update, with_requested_cancellation,
};
use crate::storage::conformance::subject::Subject;
use crate::storage::query::{RunningJob, StoredWorker};

pub(super) fn cases() -> Vec<Case> {
    cases_of![
        the_running_jobs_of_a_node_are_returned,
        jobs_of_a_node_with_a_lease_are_no_orphans,
        jobs_of_a_node_that_left_are_orphans,
        a_lease_runs_out_where_storage_is_shared,
        a_heartbeat_renews_a_lease,
        jobs_of_a_renewed_lease_are_no_orphans,
        a_server_whose_heartbeat_is_late_finds_no_orphans,
        workers_whose_server_was_away_get_the_time_of_a_heartbeat,
        a_worker_that_is_gone_gets_the_time_of_a_heartbeat_once,
        a_second_server_ends_the_first_ones_lease_unless_storage_is_shared,
        orphans_are_found_in_steps,
        a_running_job_without_a_node_is_an_orphan,
    ]
}

/// Maximum time that a case waits for the expiry of a lease of a millisecond.
const TIMEOUT: Duration = Duration::from_secs(30);

async fn orphans(storage: &Subject, observer: NodeId, limit: u32) -> Vec<JobId> {
    let found = storage
        .repository
        .orphans(observer, limit)
        .await
        .expect("storage reads");
    let mut ids = Vec::new();
    for orphan in found {
        storage.holds(&[Job::clone(&*storage.whole(&orphan).await)]).await;
        ids.push(orphan.id);
    }
    ids.sort();
    ids
}

async fn wait_for_orphans(storage: &Subject, observer: NodeId) {
    let wait = async {
        while orphans(storage, observer, 1).await.is_empty() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(TIMEOUT, wait).await.expect("the lease runs out");
}

fn ids(jobs: &[Job]) -> Vec<JobId> {
    jobs.iter().map(|job| job.id).collect()
}

async fn the_running_jobs_of_a_node_are_returned(storage: Subject) {
    let live = storage.live_node(1).await;
    let first = storage.insert_running(sample::in_queue("mail", job(1)), live).await;
    let second = storage.insert_running(job(2), live).await;
    let ended = storage.insert_running(job(3), live).await;
    storage.finish(&ended, Outcome::Completed(None)).await;
    storage.insert(&[job(4)]).await;
    storage
        .commit(&[update(&second, &with_requested_cancellation(&second))])
        .await;
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

async fn jobs_of_a_node_with_a_lease_are_no_orphans(storage: Subject) {
    let live = storage.live_node(1).await;
    storage.insert_running(job(1), live).await;
    storage.insert(&[job(2)]).await;
    assert_eq!(orphans(&storage, live, 10).await, []);
    if storage.other().is_some() {
        let observer = storage.live_node(2).await;
        assert_eq!(orphans(&storage, observer, 10).await, []);
    }
}

async fn jobs_of_a_node_that_left_are_orphans(storage: Subject) {
    let gone = storage.live_node(1).await;
    let running = storage.insert_running(job(1), gone).await;
    storage.insert(&[job(2)]).await;
    assert_eq!(
        storage
            .apply(Change::Cluster(ClusterChange::Leave { node: gone }))
            .await,
        Ok(Applied::Left { changed: true })
    );
    let observer = storage.live_node(2).await;
    assert_eq!(orphans(&storage, observer, 10).await, [running.id]);
    let waiting = storage.finish(&running, Outcome::Lost).await;
    assert_eq!(orphans(&storage, observer, 10).await, []);
    storage.start(&waiting, observer).await;
    assert_eq!(orphans(&storage, observer, 10).await, []);
    let unknown = Change::Cluster(ClusterChange::Leave { node: node(77) });
    assert_eq!(
        storage.apply(unknown).await,
        Ok(Applied::Left { changed: false }),
        "an unknown node has no lease"
    );
}

async fn a_lease_runs_out_where_storage_is_shared(storage: Subject) {
    let silent = storage.live_node(1).await;
    let running = storage.insert_running(job(1), silent).await;
    storage.insert(&[job(2)]).await;
    storage.heartbeat(silent, TimeSpan::from_millis(1)).await;
    if storage.other().is_some() {
        let observer = storage.live_node(2).await;
        wait_for_orphans(&storage, observer).await;
        assert_eq!(orphans(&storage, observer, 10).await, [running.id]);
        let refused = Err(ChangeError::NoLease);
        assert_eq!(storage.apply(start([&job(2)], silent, at(10))).await, refused);
        assert_eq!(
            storage
                .apply(Change::Job(JobChange::Claim(claim(1, silent, at(10)))))
                .await,
            refused
        );
        storage.holds(&[job(2)]).await;
    } else {
        // No other node can exist: it is alive, however late its heartbeat.
        tokio::time::sleep(Duration::from_millis(20)).await;
        assert_eq!(orphans(&storage, silent, 10).await, []);
        let nodes = storage.repository.nodes().await.expect("storage reads");
        assert!(nodes.iter().all(|node| node.is_live), "{nodes:?}");
        storage.start(&job(2), silent).await;
    }
}

async fn a_heartbeat_renews_a_lease(storage: Subject) {
    let node = node(1);
    storage.heartbeat(node, TimeSpan::from_secs(3_600)).await;
    let running = storage.insert_running(job(1), node).await;
    if storage.other().is_some() {
        let observer = storage.live_node(2).await;
        storage.heartbeat(node, TimeSpan::from_millis(1)).await;
        wait_for_orphans(&storage, observer).await;
        storage.heartbeat(node, TimeSpan::from_secs(3_600)).await;
        assert_eq!(
            orphans(&storage, observer, 10).await,
            [],
            "the node is back before its job was recovered"
        );
    }
    storage.insert_running(job(2), node).await;
    storage.finish(&running, Outcome::Completed(None)).await;
}

async fn jobs_of_a_renewed_lease_are_no_orphans(storage: Subject) {
    let observer = storage.live_node(1).await;
    let worker = super::workers::register(&storage, 2, TimeSpan::from_millis(1)).await;
    super::workers::lease_for(&storage, worker, TimeSpan::from_secs(3_600)).await;
    let running = storage.insert_running(job(1), worker).await;
    super::workers::lease_for(&storage, worker, TimeSpan::from_millis(1)).await;
    wait_for_orphans(&storage, observer).await;
    let recover = |running: &Job| {
        let lost = finish(running, Outcome::Lost, at(20));
        let Change::Job(JobChange::Finish { job, attempt, .. }) = lost else {
            panic!("an end")
        };
        Change::Job(JobChange::Finish {
            started: None,
            job,
            attempt,
            if_orphaned: true,
        })
    };
    super::workers::lease_for(&storage, worker, TimeSpan::from_secs(3_600)).await;
    let others = [recover(&running), insert([job(2)])];
    let refused = Ok(Applied::Finished(Finished::LeaseLost));
    assert_eq!(storage.commit(&others).await[0], refused);
    storage.holds(&[running.clone(), job(2)]).await;
    storage.counts_are_exact().await;
    let gone = Change::Cluster(ClusterChange::Leave { node: worker });
    assert_eq!(storage.apply(gone).await, Ok(Applied::Left { changed: true }));
    let stored = Ok(Applied::Finished(Finished::Stored));
    assert_eq!(storage.apply(recover(&running)).await, stored);
    let late = Ok(Applied::Finished(Finished::LeaseLost));
    assert_eq!(storage.apply(recover(&running)).await, late, "it is taken once");
    storage.counts_are_exact().await;
}

async fn a_server_whose_heartbeat_is_late_finds_no_orphans(storage: Subject) {
    let gone = storage.live_node(1).await;
    let running = storage.insert_running(job(1), gone).await;
    storage
        .apply(Change::Cluster(ClusterChange::Leave { node: gone }))
        .await
        .expect("a node can leave");
    storage.heartbeat(node(2), TimeSpan::from_millis(1)).await;
    tokio::time::sleep(Duration::from_millis(20)).await;
    assert_eq!(orphans(&storage, node(2), 10).await, []);
    assert_eq!(orphans(&storage, node(3), 10).await, [], "an unknown node");
    storage.live_node(2).await;
    assert_eq!(orphans(&storage, node(2), 10).await, [running.id]);
}

async fn workers_whose_server_was_away_get_the_time_of_a_heartbeat(storage: Subject) {
    storage.live_node(1).await;
    let worker = super::workers::register(&storage, 2, TimeSpan::from_secs(3_600)).await;
    storage.insert_running(job(1), worker).await;
    let idle = super::workers::register(&storage, 3, TimeSpan::from_millis(1)).await;
    super::workers::lease_for(&storage, worker, TimeSpan::from_millis(1)).await;
    storage.heartbeat(node(1), TimeSpan::from_millis(1)).await;
    tokio::time::sleep(Duration::from_millis(20)).await;
    let observer = storage.live_node(1).await;
    assert_eq!(orphans(&storage, observer, 10).await, []);
    let is_live = |workers: Vec<StoredWorker>, id| workers.iter().any(|worker| worker.id == id && worker.is_live);
    let workers = storage.repository.workers().await.expect("storage reads");
    assert!(is_live(workers.clone(), worker), "{workers:?}");
    assert!(!is_live(workers, idle), "it runs nothing");
    // From now on the server is live: a worker without heartbeats loses its lease.
    super::workers::lease_for(&storage, worker, TimeSpan::from_millis(1)).await;
    wait_for_orphans(&storage, observer).await;
    storage.live_node(1).await;
    assert_eq!(orphans(&storage, observer, 10).await, [job(1).id]);
}

async fn a_worker_that_is_gone_gets_the_time_of_a_heartbeat_once(storage: Subject) {
    let lease = TimeSpan::from_millis(400);
    storage.live_node(1).await;
    let worker = super::workers::register(&storage, 2, TimeSpan::from_secs(3_600)).await;
    let running = storage.insert_running(job(1), worker).await;
    storage.heartbeat(node(1), lease).await;
    super::workers::lease_for(&storage, worker, lease).await;
    // Each heartbeat is late, as those of a server over slow storage.
    for _ in 0..8 {
        tokio::time::sleep(Duration::from_millis(250)).await;
        storage.heartbeat(node(1), lease).await;
        if orphans(&storage, node(1), 10).await == [running.id] {
            return;
        }
    }
    panic!("the worker's lease never ends");
}

async fn a_second_server_ends_the_first_ones_lease_unless_storage_is_shared(storage: Subject) {
    let first = storage.live_node(1).await;
    let running = storage.insert_running(job(1), first).await;
    let second = storage.live_node(2).await;
    storage.insert(&[job(2), job(3)]).await;
    storage.start(&job(2), second).await;
    let applied = storage.apply(start([&job(3)], first, at(10))).await;
    if storage.other().is_some() {
        assert_eq!(orphans(&storage, second, 10).await, []);
        assert_eq!(applied, Ok(Applied::Started(vec![true])));
    } else {
        assert_eq!(orphans(&storage, second, 10).await, [running.id]);
        assert_eq!(applied, Err(ChangeError::NoLease));
    }
}

async fn orphans_are_found_in_steps(storage: Subject) {
    let gone = storage.live_node(1).await;
    let many = jobs(25);
    storage.insert(&many).await;
    storage
        .commit(&[
            start(&many, gone, at(100)),
            Change::Cluster(ClusterChange::Leave { node: gone }),
        ])
        .await;
    let observer = storage.live_node(2).await;
    assert_eq!(orphans(&storage, observer, 10).await.len(), 10);
    assert_eq!(orphans(&storage, observer, 0).await, []);
    assert_eq!(orphans(&storage, observer, u32::MAX).await, ids(&many));
}

/// No version of the server stores such a job; another program may have.
async fn a_running_job_without_a_node_is_an_orphan(storage: Subject) {
    let observer = storage.live_node(1).await;
    let nobodys = Job {
        node: None,
        ..job(1).start(NodeId::from_uuid(uuid::Uuid::nil()), at(10))
    };
    storage.insert(std::slice::from_ref(&nobodys)).await;
    assert_eq!(orphans(&storage, observer, 10).await, [nobodys.id]);
    let waiting = storage.finish(&nobodys, Outcome::Lost).await;
    assert_eq!(waiting.node, None);
}
