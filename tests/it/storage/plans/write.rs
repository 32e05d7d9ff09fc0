//! All writes of storage, once or twice each, in realistic sizes.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta};
use tickerq::domain::access::audit::{AuditAction, AuditOutcome, AuditRecord};
use tickerq::domain::access::caller::Caller;
use tickerq::domain::cluster::remote_worker::{AttemptReport, LogLevel, LogLine, Progress, WorkerDeclaration};
use tickerq::domain::cluster::worker_access::{KEY_BYTES, LeaseKey, WorkerAccess, WorkerOwner};
use tickerq::domain::job::Job;
use tickerq::domain::job::outcome::{Failure, Outcome};
use tickerq::domain::job::retry::Jitter;
use tickerq::domain::job::status::JobStatus;
use tickerq::domain::values::id::{AuditId, JobId, NodeId};
use tickerq::domain::values::json::Json;
use tickerq::domain::values::name::UniqueKey;
use tickerq::domain::values::time_span::TimeSpan;
use tickerq::storage::change::{
    Applied, ByteLimit, Change, Claim, ClusterChange, Idempotency, JobChange, MaintenanceChange, QueueChange, Released,
    WorkerChange,
};
use tickerq::storage::commit::{AuditEntry, Commit};
use tickerq::storage::repository::{ClusterStore, JobStore};

use super::samples::{NODE, created, new_job, now, queue, some_jobs, statuses, types};
use super::verdict::Access;
use super::{Probe, claim_ahead, recurring, webhooks};

fn insert(jobs: Vec<Job>, key: Option<&str>) -> Change {
    Change::Job(JobChange::Insert {
        jobs: jobs.into_iter().map(Arc::new).collect(),
        idempotency: key.map(|key| Idempotency {
            key: key.to_owned(),
            fingerprint: [7; 32],
            created_at: now(),
        }),
    })
}

fn finish(job: &Job, outcome: Outcome) -> Change {
    let (job, attempt) = job.finish(outcome, now(), Jitter::new(0.5));
    Change::Job(JobChange::Finish {
        started: None,
        job: Arc::new(job),
        attempt: Box::new(attempt),
        if_orphaned: false,
    })
}

/// Executes all writes, in commits of one change and of many.
pub async fn write(probe: &Probe) {
    let heartbeat = Change::Cluster(ClusterChange::Heartbeat {
        node: NODE,
        name: Arc::from("node"),
        started_at: now(),
        lease: TimeSpan::from_secs(3_600),
        job_types: Arc::default(),
        remote_types: Arc::default(),
    });
    probe.commit("heartbeat", Access::Lookup, vec![heartbeat]).await;
    recurring::write(probe).await;
    probe
        .commit("insert one", Access::Lookup, vec![insert(vec![new_job(0)], None)])
        .await;
    probe
        .commit(
            "insert 500",
            Access::Lookup,
            vec![insert((1..=500).map(new_job).collect(), None)],
        )
        .await;
    let key = |number: u32| Job {
        unique_key: Some(UniqueKey::parse(&format!("key {number}")).expect("a key")),
        ..new_job(number)
    };
    for what in ["insert with keys", "insert with the keys of others"] {
        let jobs = [1_000, 2_000].map(|number| insert(vec![key(number)], Some(&format!("request {number}"))));
        probe.commit(what, Access::Lookup, jobs.to_vec()).await;
    }
    probe
        .commit(
            "insert with a key that is taken",
            Access::Index("jobs_unique_key", 1),
            vec![insert(vec![Job { ..key(1_000) }], None)],
        )
        .await;
    let with_past = |number: u32| Job {
        status: JobStatus::Failed,
        finished_at: Some(now()),
        ..new_job(number)
    };
    probe
        .commit(
            "insert jobs with a past",
            Access::Lookup,
            vec![insert((600..650).map(with_past).collect(), None)],
        )
        .await;

    let pending = some_jobs(probe, &statuses(&[JobStatus::Pending]), 450).await;
    let start = |jobs: &[Job]| {
        Change::Job(JobChange::Start {
            jobs: jobs.iter().map(|job| Arc::new(job.start(NODE, now()))).collect(),
        })
    };
    probe
        .commit("start one", Access::Lookup, vec![start(&pending[..1])])
        .await;
    work_elsewhere(probe, &pending[0].start(NODE, now())).await;
    probe
        .commit(
            "start 300",
            Access::Lookup,
            pending[1..301].chunks(1).map(start).collect(),
        )
        .await;
    let running: Vec<Job> = pending[..301].iter().map(|job| job.start(NODE, now())).collect();
    let outcomes = [
        Outcome::Completed(Some(Json::from_valid("1"))),
        Outcome::Failed(Failure::new("busy")),
        Outcome::Cancelled,
    ];
    probe
        .commit(
            "finish one",
            Access::Lookup,
            vec![finish(&running[0], outcomes[0].clone())],
        )
        .await;
    let ends = running[1..201].iter().zip(outcomes.iter().cycle());
    probe
        .commit(
            "finish 200",
            Access::Lookup,
            ends.map(|(job, outcome)| finish(job, outcome.clone())).collect(),
        )
        .await;
    probe
        .commit(
            "finish what has ended",
            Access::Lookup,
            vec![finish(&running[1], Outcome::Lost)],
        )
        .await;
    let claim = |limit: u32| {
        Change::Job(JobChange::Claim(Claim {
            queue: queue("default"),
            limit,
            job_types: types(&["MailJob", "ReportJob", "RareJob"]).into(),
            node: NODE,
            now: now(),
            bytes: None,
            is_ahead: false,
        }))
    };
    let claim_types = |what: &'static str, names: &'static [&'static str]| {
        let Change::Job(JobChange::Claim(claim)) = claim(20) else {
            unreachable!("it is a claim")
        };
        (
            what,
            Change::Job(JobChange::Claim(Claim {
                job_types: types(names).into(),
                ..claim
            })),
        )
    };
    // More than a thousand jobs of another type are pending besides.
    for (what, change) in [
        claim_types("claim one type among others", &["ReportJob"]),
        claim_types("claim types among others", &["ReportJob", "UnknownJob"]),
    ] {
        probe
            .commit(what, Access::Index("jobs_to_claim_by_type", 20), vec![change])
            .await;
    }
    probe
        .commit("claim one", Access::Index("jobs_to_claim", 200), vec![claim(1)])
        .await;
    probe
        .commit("claim 200", Access::Index("jobs_to_claim", 200), vec![claim(200)])
        .await;
    let Change::Job(JobChange::Claim(of_any_size)) = claim(20) else {
        unreachable!("it is a claim")
    };
    let of_size = Change::Job(JobChange::Claim(Claim {
        bytes: Some(ByteLimit {
            max: 1_000_000,
            first_always: true,
        }),
        ..of_any_size
    }));
    probe
        .commit("claim by size", Access::Index("jobs_to_claim", 200), vec![of_size])
        .await;
    let together = vec![
        insert(vec![new_job(3_000)], None),
        start(&pending[302..303]),
        finish(&running[201], outcomes[0].clone()),
        claim(5),
    ];
    probe.commit("some of each", Access::Lookup, together).await;

    let job = Arc::new(pending[310].clone());
    let cancelled = Arc::new(Job {
        status: JobStatus::Cancelled,
        finished_at: Some(now()),
        revision: job.revision + 1,
        ..(*job).clone()
    });
    let audit = |action| {
        let id = AuditId::new(now(), 5);
        AuditRecord::new(id, &Caller::local(), action, AuditOutcome::Cancelled)
    };
    let update = Change::Job(JobChange::Update {
        before: job,
        after: Arc::clone(&cancelled),
    });
    let audited = Commit {
        audit: vec![AuditEntry {
            change: 0,
            record: audit(AuditAction::JobCancel),
        }],
        ..Commit::from([update])
    };
    probe.commit_all("update", Access::Lookup, audited).await;
    probe
        .commit(
            "delete",
            Access::Lookup,
            vec![Change::Job(JobChange::Delete { job: cancelled })],
        )
        .await;
    let clear = |name: &str, status| {
        Change::Queue(QueueChange::Clear {
            queue: queue(name),
            status,
            up_to: JobId::last_at(now()),
            limit: 500,
        })
    };
    probe
        .commit(
            "clear pending",
            Access::Index("jobs_to_claim", 200),
            vec![clear("mail", JobStatus::Pending)],
        )
        .await;
    probe
        .commit(
            "clear failed",
            Access::Index("jobs_ended_by_queue", 500),
            vec![clear("rare", JobStatus::Failed)],
        )
        .await;
    probe
        .commit(
            "clear completed",
            Access::Index("jobs_by_queue", 500),
            vec![clear("rare", JobStatus::Completed)],
        )
        .await;
    for status in [JobStatus::Completed, JobStatus::Failed, JobStatus::Cancelled] {
        let prune = Change::Maintenance(MaintenanceChange::PruneJobs {
            status,
            finished_before: created(1_000),
            limit: 500,
        });
        probe
            .commit(
                &format!("prune {status}"),
                Access::Index("jobs_by_status", 500),
                vec![prune],
            )
            .await;
    }
    let bookkeeping = Change::Maintenance(MaintenanceChange::PruneBookkeeping {
        keys_before: created(200),
        throughput_before: created(0),
        limit: 500,
    });
    probe
        .commit("prune bookkeeping", Access::Lookup, vec![bookkeeping])
        .await;
    let tomorrow = now() + TimeDelta::days(1);
    for (what, rollups_before) in [("add up sums", None), ("remove sums", Some(tomorrow))] {
        let sums = Change::Maintenance(MaintenanceChange::CompactRollups {
            ended_before: tomorrow,
            by_days_before: tomorrow,
            rollups_before,
        });
        probe.commit(what, Access::Lookup, vec![sums]).await;
    }
    let activity = Change::Maintenance(MaintenanceChange::FoldActivity {
        slices_before: tomorrow,
        minutes_before: created(0),
    });
    probe.commit("fold activity", Access::Lookup, vec![activity]).await;
    let records = Change::Maintenance(MaintenanceChange::PruneAudit {
        before: DateTime::from_timestamp_millis(1_600_000_000_500).expect("a time"),
        limit: 500,
    });
    probe.commit("prune records", Access::Lookup, vec![records]).await;
    webhooks::write(probe).await;
    let delete = Change::Queue(QueueChange::Delete {
        queue: queue("deleted"),
    });
    probe.commit("delete a queue", Access::Lookup, vec![delete]).await;
    // Recurring jobs are few and are read once a minute.
    probe
        .commit(
            "prune queues",
            Access::Scan,
            vec![Change::Maintenance(MaintenanceChange::PruneQueues)],
        )
        .await;
    let pause = Change::Queue(QueueChange::Set {
        queue: queue("mail"),
        is_paused: Some(true),
    });
    probe.commit("pause", Access::Lookup, vec![pause]).await;
    if let Change::Job(JobChange::Claim(claim)) = claim(1) {
        claim_ahead::write(probe, claim).await;
    }
    probe
        .commit(
            "claim everything",
            Access::Index("jobs_to_claim", 1_300),
            vec![claim(5_000)],
        )
        .await;
    probe
        .commit(
            "leave",
            Access::Lookup,
            vec![Change::Cluster(ClusterChange::Leave { node: NODE })],
        )
        .await;
}

/// Writes of a remote worker and one of its attempts.
async fn work_elsewhere(probe: &Probe, running: &Job) {
    let worker = NodeId::from_uuid(uuid::Uuid::from_u128(77));
    let lease = TimeSpan::from_secs(3_600);
    let register = Change::Worker(WorkerChange::Register {
        worker,
        declaration: Arc::new(WorkerDeclaration {
            name: Arc::from("mailer"),
            job_types: types(&["MailJob"]).into(),
            queues: Arc::from([]),
            concurrency: std::num::NonZeroU32::MIN,
        }),
        access: Arc::new(WorkerAccess {
            owner: WorkerOwner::of(&Caller::local()),
            key: LeaseKey::new([7; KEY_BYTES]),
        }),
        registered_at: now(),
        lease,
    });
    probe.commit("register", Access::Lookup, vec![register]).await;
    let renew = Change::Worker(WorkerChange::Renew { worker, lease });
    probe.commit("renew", Access::Lookup, vec![renew]).await;
    let line = LogLine {
        attempt: running.attempt,
        at: now(),
        level: LogLevel::Info,
        message: Arc::from("a line"),
    };
    let report = AttemptReport {
        job_id: running.id,
        attempt: running.attempt,
        at: now(),
        progress: Progress::from_percent(50.0, None),
        log: vec![line; 100],
    };
    let report = Change::Job(JobChange::Report {
        job: Arc::new(running.clone()),
        report: Arc::new(report),
    });
    probe.commit("report", Access::Lookup, vec![report.clone()]).await;
    probe.commit("report again", Access::Lookup, vec![report]).await;
    probe
        .of("reports", Access::Lookup, probe.repository.reports(running.id))
        .await;
    probe.of("workers", Access::Lookup, probe.repository.workers()).await;
    probe
        .of("worker", Access::Lookup, probe.repository.worker(worker))
        .await;
    let leave = Change::Cluster(ClusterChange::Leave { node: worker });
    probe.commit("leave", Access::Lookup, vec![leave]).await;
    let prune = Change::Maintenance(MaintenanceChange::PruneWorkers { kept: 0, limit: 500 });
    probe.commit("prune workers", Access::Lookup, vec![prune]).await;
}

/// A rejection is a failure: the intended statement did not run.
pub fn check(what: &str, applied: &Applied) {
    let is_empty = match applied {
        Applied::Claimed(jobs) => jobs.is_empty(),
        Applied::Removed(count) => *count == 0,
        Applied::QueuesRemoved(queues) => queues.is_empty(),
        Applied::Reported(is_noted) => !is_noted,
        Applied::Started(started) => started.contains(&false),
        Applied::Released(released) => released.contains(&Released::Lost),
        Applied::Enqueued(endpoints) | Applied::Held(endpoints) => endpoints.is_empty(),
        Applied::HeldReader(cursor) => cursor.is_none(),
        Applied::Inserted(_)
        | Applied::Replayed(_)
        | Applied::RecurringStored
        | Applied::Fired(_)
        | Applied::Finished(_)
        | Applied::Updated
        | Applied::Deleted
        | Applied::QueueSet { .. }
        | Applied::DrainSet { .. }
        | Applied::Left { .. }
        | Applied::LogLevelSet
        | Applied::OperationStored
        | Applied::Stepped(_)
        | Applied::Alive
        | Applied::EndpointStored
        | Applied::Attempted { .. }
        | Applied::Registered
        | Applied::Renewed(_)
        | Applied::Reviewed(_)
        | Applied::Led(_) => false,
    };
    assert!(!is_empty, "{what} has done nothing: {applied:?}");
}
