//! Remote workers: nodes that take jobs and are none, and what attempts report.

use std::num::NonZeroU32;
use std::sync::Arc;

use crate::domain::access::caller::CallerKind;
use crate::domain::cluster::remote_worker::{
    AttemptReport, JobReports, LOG_LINES_KEPT, LogLevel, LogLine, Progress, WorkerDeclaration,
};
use crate::domain::cluster::worker_access::{KEY_BYTES, LeaseKey, WorkerAccess, WorkerOwner};
use crate::domain::job::Job;
use crate::domain::job::outcome::Outcome;
use crate::domain::values::id::NodeId;
use crate::domain::values::time_span::TimeSpan;
use crate::storage::change::{Applied, Change, ChangeError, ClusterChange, JobChange, MaintenanceChange, WorkerChange};
use crate::storage::conformance::case::{Case, cases_of};
use crate::storage::conformance::sample::{at, claim, completed, job, job_type, node, queue};
use crate::storage::conformance::subject::Subject;
use crate::storage::query::{WorkerPage, WorkerTypes};

pub(super) fn cases() -> Vec<Case> {
    cases_of![
        a_worker_is_listed_as_registered_and_is_no_node,
        a_worker_claims_jobs_only_under_its_lease,
        a_servers_heartbeat_ends_no_workers_lease,
        a_worker_that_has_left_is_renewed_no_more,
        many_workers_are_renewed_in_one_commit,
        workers_are_read_page_by_page_and_counted_by_owner,
        the_oldest_removed_workers_are_pruned,
        reports_of_the_running_attempt_are_kept,
        the_last_log_lines_are_kept,
        reports_go_with_their_job,
    ]
}

fn declaration() -> WorkerDeclaration {
    WorkerDeclaration {
        name: Arc::from("mailer ✓ \"3\""),
        job_types: Arc::from([job_type("Mail"), job_type("Fax")]),
        queues: Arc::from([queue("b"), queue("a")]),
        concurrency: NonZeroU32::new(7).expect("not zero"),
    }
}

fn access() -> WorkerAccess {
    WorkerAccess {
        owner: WorkerOwner {
            kind: CallerKind::Token,
            name: Arc::from("Köln \"1\""),
        },
        key: LeaseKey::new([0xa7; KEY_BYTES]),
    }
}

pub(in crate::storage::conformance) async fn register(storage: &Subject, number: u64, lease: TimeSpan) -> NodeId {
    let worker = node(number);
    let change = Change::Worker(WorkerChange::Register {
        worker,
        declaration: Arc::new(declaration()),
        access: Arc::new(access()),
        registered_at: at(5),
        lease,
    });
    assert_eq!(storage.apply(change).await, Ok(Applied::Registered));
    worker
}

/// Renews a worker's lease for this long.
pub(super) async fn lease_for(storage: &Subject, worker: NodeId, lease: TimeSpan) {
    let renewed = storage
        .apply(Change::Worker(WorkerChange::Renew { worker, lease }))
        .await;
    assert!(matches!(renewed, Ok(Applied::Renewed(Some(_)))), "{renewed:?}");
}

async fn renew(storage: &Subject, worker: NodeId) -> bool {
    let lease = TimeSpan::from_secs(3_600);
    match storage
        .apply(Change::Worker(WorkerChange::Renew { worker, lease }))
        .await
    {
        Ok(Applied::Renewed(until)) => {
            if let Some(until) = until {
                let stored = storage.repository.worker(worker).await.expect("storage reads");
                assert_eq!(stored.map(|worker| worker.lease_until), Some(until));
            }
            until.is_some()
        }
        other => panic!("{other:?}"),
    }
}

async fn a_worker_is_listed_as_registered_and_is_no_node(storage: Subject) {
    storage.live_node(1).await;
    let worker = register(&storage, 2, TimeSpan::from_secs(3_600)).await;
    storage.insert_running(job(1), worker).await;
    let workers = storage.repository.workers().await.expect("storage reads");
    let [stored] = workers.as_slice() else {
        panic!("{workers:?}")
    };
    assert_eq!(
        (
            stored.id,
            &stored.declaration,
            &stored.access,
            stored.registered_at,
            stored.is_live,
            stored.running_jobs
        ),
        (worker, &declaration(), &Some(access()), at(5), true, 1)
    );
    let found = storage.repository.worker(worker).await.expect("storage reads");
    assert_eq!(found.as_ref(), Some(stored));
    let nodes = storage.repository.nodes().await.expect("storage reads");
    assert_eq!(nodes.len(), 1);
    for other in [node(1), node(3)] {
        assert_eq!(storage.repository.worker(other).await.expect("storage reads"), None);
        assert!(!renew(&storage, other).await, "no worker");
    }
}

async fn a_worker_claims_jobs_only_under_its_lease(storage: Subject) {
    let server = storage.live_node(1).await;
    storage.insert(&[job(1), job(2)]).await;
    let worker = register(&storage, 2, TimeSpan::from_secs(3_600)).await;
    let claimed = storage
        .apply(Change::Job(JobChange::Claim(claim(1, worker, at(10)))))
        .await;
    assert_eq!(
        claimed,
        Ok(Applied::Claimed(vec![Arc::new(job(1).start(worker, at(10)))]))
    );
    let orphans = storage.orphans(server).await;
    assert_eq!(orphans, []);
    let silent = register(&storage, 3, TimeSpan::from_millis(0)).await;
    tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    let refused = storage
        .apply(Change::Job(JobChange::Claim(claim(1, silent, at(10)))))
        .await;
    assert_eq!(refused, Err(ChangeError::NoLease));
    assert!(renew(&storage, silent).await, "a silent worker may return");
    let claimed = storage
        .apply(Change::Job(JobChange::Claim(claim(1, silent, at(10)))))
        .await;
    assert_eq!(
        claimed,
        Ok(Applied::Claimed(vec![Arc::new(job(2).start(silent, at(10)))]))
    );
}

async fn a_servers_heartbeat_ends_no_workers_lease(storage: Subject) {
    let first = storage.live_node(1).await;
    let worker = register(&storage, 2, TimeSpan::from_secs(3_600)).await;
    storage.insert_running(job(1), worker).await;
    let server = storage.live_node(3).await;
    storage
        .apply(Change::Cluster(ClusterChange::Leave { node: first }))
        .await
        .expect("a node can leave");
    let orphans = storage.orphans(server).await;
    assert_eq!(orphans, []);
}

async fn workers_are_read_page_by_page_and_counted_by_owner(storage: Subject) {
    storage.live_node(1).await;
    let mut workers = Vec::new();
    for number in 2..7 {
        workers.push(register(&storage, number, TimeSpan::from_secs(3_600)).await);
    }
    let gone = register(&storage, 7, TimeSpan::from_secs(3_600)).await;
    assert_eq!(
        storage
            .apply(Change::Cluster(ClusterChange::Leave { node: gone }))
            .await,
        Ok(Applied::Left { changed: true })
    );
    let mut read = Vec::new();
    let mut after = None;
    loop {
        let page = WorkerPage { after, limit: 2 };
        let found = storage.repository.worker_page(page).await.expect("storage reads");
        let Some(last) = found.last() else { break };
        assert!(found.len() <= 2, "{found:?}");
        after = Some(last.id);
        read.extend(found.iter().map(|worker| worker.id));
    }
    assert_eq!(read, workers);
    let types = storage.repository.worker_types().await.expect("storage reads");
    let declared = WorkerTypes {
        job_types: declaration().job_types,
        queues: declaration().queues,
    };
    assert!(
        !types.is_empty() && types.iter().all(|types| *types == declared),
        "{types:?}"
    );
    let owner = access().owner;
    let other = WorkerOwner {
        name: Arc::from("another"),
        ..owner.clone()
    };
    for (owner, count) in [(owner, 5), (other, 0)] {
        let counted = storage.repository.count_workers(&owner).await;
        assert_eq!(counted.expect("storage reads"), count, "{owner:?}");
    }
}

async fn many_workers_are_renewed_in_one_commit(storage: Subject) {
    let server = storage.live_node(1).await;
    let mut workers = Vec::new();
    for number in 2..42 {
        workers.push(register(&storage, number, TimeSpan::from_secs(60)).await);
    }
    let leave = Change::Cluster(ClusterChange::Leave { node: workers[7] });
    storage.apply(leave).await.expect("a worker that leaves");
    workers.push(server);
    let renew = |(worker, place): (&NodeId, i64)| {
        Change::Worker(WorkerChange::Renew {
            worker: *worker,
            lease: TimeSpan::from_secs(3_600 + place),
        })
    };
    let changes: Vec<Change> = workers.iter().zip(0..).map(renew).collect();
    let committed = storage.repository.commit(&changes.into()).await.expect("a commit");
    for (place, (worker, result)) in workers.iter().zip(committed.results).enumerate() {
        let Ok(Applied::Renewed(until)) = result else {
            panic!("{result:?}")
        };
        assert_eq!(until.is_some(), place != 7 && *worker != server, "{place}");
        if until.is_some() {
            let stored = storage.repository.worker(*worker).await.expect("storage reads");
            assert_eq!(stored.map(|worker| worker.lease_until), until, "{place}");
        }
    }
}

async fn a_worker_that_has_left_is_renewed_no_more(storage: Subject) {
    let worker = register(&storage, 2, TimeSpan::from_secs(3_600)).await;
    let running = storage.insert_running(job(1), worker).await;
    assert_eq!(
        storage
            .apply(Change::Cluster(ClusterChange::Leave { node: worker }))
            .await,
        Ok(Applied::Left { changed: true })
    );
    assert_eq!(
        storage
            .apply(Change::Cluster(ClusterChange::Leave { node: worker }))
            .await,
        Ok(Applied::Left { changed: false }),
        "a second leave has no effect"
    );
    assert!(!renew(&storage, worker).await);
    let server = storage.live_node(1).await;
    let orphans = storage.orphans(server).await;
    assert_eq!(orphans, [Arc::new(running)]);
    assert_eq!(storage.repository.workers().await.expect("storage reads"), []);
    let known = storage.repository.worker(worker).await.expect("storage reads");
    assert_eq!(
        known.map(|worker| worker.declaration.name),
        Some(declaration().name),
        "its name stays"
    );
}

async fn the_oldest_removed_workers_are_pruned(storage: Subject) {
    for number in 2..=6 {
        let worker = register(&storage, number, TimeSpan::from_secs(3_600)).await;
        // Heartbeats of their own, in milliseconds on SQLite.
        tokio::time::sleep(std::time::Duration::from_millis(2)).await;
        if number > 2 {
            let leave = Change::Cluster(ClusterChange::Leave { node: worker });
            assert_eq!(storage.apply(leave).await, Ok(Applied::Left { changed: true }));
        }
    }
    let prune = |kept, limit| Change::Maintenance(MaintenanceChange::PruneWorkers { kept, limit });
    assert_eq!(storage.apply(prune(4, 10)).await, Ok(Applied::Removed(0)));
    assert_eq!(storage.apply(prune(1, 2)).await, Ok(Applied::Removed(2)));
    assert_eq!(storage.apply(prune(1, 2)).await, Ok(Applied::Removed(1)));
    assert_eq!(storage.apply(prune(1, 2)).await, Ok(Applied::Removed(0)));
    for (number, is_known) in [(2, true), (3, false), (4, false), (5, false), (6, true)] {
        let known = storage.repository.worker(node(number)).await.expect("storage reads");
        assert_eq!(known.is_some(), is_known, "{number}");
    }
}

fn line(number: usize) -> LogLine {
    LogLine {
        attempt: 1,
        at: at(10),
        level: LogLevel::Warning,
        message: Arc::from(format!("line {number} ✓")),
    }
}

fn progress(basis_points: u16, message: Option<&str>) -> Progress {
    Progress {
        basis_points,
        message: message.map(Arc::from),
    }
}

async fn report(storage: &Subject, job: &Job, progress: Option<Progress>, log: Vec<LogLine>) -> bool {
    let report = AttemptReport {
        job_id: job.id,
        attempt: job.attempt,
        at: at(11),
        progress,
        log,
    };
    let change = Change::Job(JobChange::Report {
        job: Arc::new(job.clone()),
        report: Arc::new(report),
    });
    match storage.apply(change).await {
        Ok(Applied::Reported(is_noted)) => is_noted,
        other => panic!("{other:?}"),
    }
}

async fn reports(storage: &Subject, job: &Job) -> JobReports {
    storage.repository.reports(job.id).await.expect("storage reads")
}

async fn reports_of_the_running_attempt_are_kept(storage: Subject) {
    let worker = register(&storage, 2, TimeSpan::from_secs(3_600)).await;
    let running = storage.insert_running(job(1), worker).await;
    assert_eq!(reports(&storage, &running).await, JobReports::default());
    assert!(report(&storage, &running, Some(progress(1, None)), vec![line(1)]).await);
    assert!(
        report(
            &storage,
            &running,
            Some(progress(6_250, Some("page 5"))),
            vec![line(2), line(3)]
        )
        .await
    );
    assert!(report(&storage, &running, None, Vec::new()).await);
    let known = JobReports {
        progress: Some((1, progress(6_250, Some("page 5")))),
        log: vec![line(1), line(2), line(3)],
    };
    assert_eq!(reports(&storage, &running).await, known);
    storage.holds(std::slice::from_ref(&running)).await;
    let waiting = storage.finish(&running, Outcome::Interrupted).await;
    assert!(
        !report(&storage, &running, Some(progress(9, None)), vec![line(4)]).await,
        "it no longer runs"
    );
    let again = storage.start(&waiting, worker).await;
    assert!(
        !report(&storage, &running, Some(progress(9, None)), vec![line(4)]).await,
        "another attempt does"
    );
    assert_eq!(reports(&storage, &running).await, known);
    assert!(report(&storage, &again, Some(progress(2, None)), Vec::new()).await);
    assert_eq!(reports(&storage, &running).await.progress, Some((2, progress(2, None))));
}

async fn the_last_log_lines_are_kept(storage: Subject) {
    let worker = register(&storage, 2, TimeSpan::from_secs(3_600)).await;
    let running = storage.insert_running(job(1), worker).await;
    let all: Vec<LogLine> = (0..LOG_LINES_KEPT + 7).map(line).collect();
    for lines in all.chunks(50) {
        assert!(report(&storage, &running, None, lines.to_vec()).await);
    }
    assert_eq!(reports(&storage, &running).await.log, all[7..]);
    let more: Vec<LogLine> = (0..3 * LOG_LINES_KEPT).map(line).collect();
    assert!(report(&storage, &running, None, more.clone()).await);
    assert_eq!(reports(&storage, &running).await.log, more[2 * LOG_LINES_KEPT..]);
}

async fn reports_go_with_their_job(storage: Subject) {
    let worker = register(&storage, 2, TimeSpan::from_secs(3_600)).await;
    let running = storage.insert_running(job(1), worker).await;
    assert!(report(&storage, &running, Some(progress(1, None)), vec![line(1)]).await);
    let ended = storage.finish(&running, completed()).await;
    let deleted = Change::Job(JobChange::Delete { job: Arc::new(ended) });
    assert_eq!(storage.apply(deleted).await, Ok(Applied::Deleted));
    assert_eq!(reports(&storage, &running).await, JobReports::default());
}
