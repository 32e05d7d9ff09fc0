//! Everything that storage is ever asked and told, once or twice each, in the sizes that really come.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use tickerq::domain::audit::{AuditAction, AuditOutcome, AuditRecord};
use tickerq::domain::caller::Caller;
use tickerq::domain::id::{AuditId, JobId, NodeId};
use tickerq::domain::job::Job;
use tickerq::domain::json::Json;
use tickerq::domain::name::{JobType, QueueName, UniqueKey};
use tickerq::domain::new_job::{JobDefaults, NewJob};
use tickerq::domain::outcome::{Failure, Outcome};
use tickerq::domain::priority::Priority;
use tickerq::domain::retry::Jitter;
use tickerq::domain::status::JobStatus;
use tickerq::domain::time_span::TimeSpan;
use tickerq::storage::change::{Applied, Change, Claim, Idempotency};
use tickerq::storage::query::{AuditFilter, AuditPage, JobFilter, JobSummary, Page};
use tickerq::storage::repository::JobRepository;

use super::Probe;
use super::rows::{FIRST_MILLIS, JOBS, MILLIS_APART};
use super::verdict::Look;

const NODE: NodeId = NodeId::from_uuid(uuid::Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0001));

/// The creation of a job.
fn created(number: u32) -> DateTime<Utc> {
    let millis = FIRST_MILLIS + MILLIS_APART * u64::from(number);
    DateTime::from_timestamp_millis(i64::try_from(millis).expect("a time")).expect("a time")
}

/// A while after the last job was created.
fn now() -> DateTime<Utc> {
    created(JOBS) + TimeDelta::minutes(1)
}

fn queue(name: &str) -> QueueName {
    QueueName::parse(name).expect("a queue")
}

fn types(names: &[&str]) -> Vec<JobType> {
    names.iter().map(|name| JobType::parse(name).expect("a type")).collect()
}

fn new_job(number: u32) -> Job {
    NewJob::of_type(types(&["MailJob"]).remove(0)).into_job(&JobDefaults::default(), now(), u128::from(number))
}

fn insert(jobs: Vec<Job>, key: Option<&str>) -> Change {
    Change::Insert {
        jobs: jobs.into_iter().map(Arc::new).collect(),
        idempotency: key.map(|key| Idempotency {
            key: key.to_owned(),
            fingerprint: [7; 32],
            created_at: now(),
        }),
    }
}

fn finish(job: &Job, outcome: Outcome) -> Change {
    let (job, attempt) = job.finish(outcome, now(), Jitter::new(0.5));
    Change::Finish {
        job: Arc::new(job),
        attempt: Box::new(attempt),
    }
}

fn statuses(statuses: &[JobStatus]) -> JobFilter {
    JobFilter {
        statuses: statuses.to_vec(),
        ..JobFilter::default()
    }
}

/// The filters that people combine: what they are called, and the index that finds the fewest jobs for them; `None` for the
/// primary key.
fn filters() -> Vec<(&'static str, Option<&'static str>, JobFilter)> {
    use JobStatus::{Cancelled, Completed, Failed, Pending, Running};
    const STATUS: Option<&str> = Some("jobs_by_status");
    const JOB_TYPE: Option<&str> = Some("jobs_by_type");
    const QUEUE: Option<&str> = Some("jobs_by_queue");
    const PRIORITY: Option<&str> = Some("jobs_by_priority");
    let all = JobFilter::default;
    let of_types = |names: &[&str], filter| JobFilter {
        job_types: types(names),
        ..filter
    };
    let of_queue = |name: &str, filter| JobFilter {
        queue: Some(queue(name)),
        ..filter
    };
    let of_priority = |priority, filter| JobFilter {
        priority: Some(priority),
        ..filter
    };
    let of_some_days = |filter| JobFilter {
        created_from: Some(created(20_000)),
        created_to: Some(created(30_000)),
        ..filter
    };
    vec![
        ("nothing", None, all()),
        ("completed", STATUS, statuses(&[Completed])),
        ("failed", STATUS, statuses(&[Failed])),
        ("running", STATUS, statuses(&[Running])),
        ("failed and cancelled", STATUS, statuses(&[Failed, Cancelled])),
        (
            "all statuses",
            None,
            statuses(&[Pending, Running, Completed, Failed, Cancelled]),
        ),
        ("a type", JOB_TYPE, of_types(&["MailJob"], all())),
        ("a rare type", JOB_TYPE, of_types(&["RareJob"], all())),
        ("an unknown type", JOB_TYPE, of_types(&["Unheard"], all())),
        ("two types", JOB_TYPE, of_types(&["MailJob", "RareJob"], all())),
        ("a queue", QUEUE, of_queue("mail", all())),
        ("a rare queue", QUEUE, of_queue("rare", all())),
        ("an unknown queue", QUEUE, of_queue("nowhere", all())),
        ("normal priority", None, of_priority(Priority::Normal, all())),
        ("critical priority", PRIORITY, of_priority(Priority::Critical, all())),
        ("status and queue", STATUS, of_queue("mail", statuses(&[Failed]))),
        ("status and rare queue", QUEUE, of_queue("rare", statuses(&[Completed]))),
        (
            "status and type",
            JOB_TYPE,
            of_types(&["ReportJob"], statuses(&[Completed])),
        ),
        (
            "status, queue and type",
            QUEUE,
            of_queue("reports", of_types(&["ReportJob"], statuses(&[Completed]))),
        ),
        (
            "statuses, queue and types",
            STATUS,
            of_queue(
                "default",
                of_types(&["MailJob", "ReportJob"], statuses(&[Failed, Cancelled])),
            ),
        ),
        (
            "status, queue, type and priority",
            PRIORITY,
            of_priority(
                Priority::High,
                of_queue("default", of_types(&["MailJob"], statuses(&[Completed]))),
            ),
        ),
        ("some days", None, of_some_days(all())),
        ("failed on some days", STATUS, of_some_days(statuses(&[Failed]))),
        ("a queue on some days", QUEUE, of_some_days(of_queue("mail", all()))),
    ]
}

/// What people search for, and whether a page of it is soon found.
fn searches() -> Vec<(&'static str, Look, JobFilter)> {
    let search = |text: &str, filter| JobFilter {
        search: Some(text.to_owned()),
        ..filter
    };
    let all = JobFilter::default;
    vec![
        ("a search", Look::Walk(None, 100), search("job 9", all())),
        // Nothing but a look at every name can tell.
        (
            "a search that finds nothing",
            Look::Through,
            search("nothing at all", all()),
        ),
        (
            "a search among failed jobs",
            Look::Walk(Some("jobs_by_status"), 100),
            search("job 9", statuses(&[JobStatus::Failed])),
        ),
    ]
}

const FIRST: Page = Page {
    limit: 100,
    offset: 0,
    after: None,
};

fn behind(number: u32) -> Page {
    Page {
        after: Some(JobId::last_at(created(number))),
        ..FIRST
    }
}

fn passing(offset: u64) -> Page {
    Page { offset, ..FIRST }
}

/// Asks for all that can be read.
pub async fn read(probe: &Probe) {
    let storage = &probe.repository;
    let some = some_jobs(probe, &statuses(&[JobStatus::Completed]), 60).await;
    let ids: Vec<JobId> = some.iter().map(|job| job.id).collect();
    probe.of("one job", Look::Up, storage.job(ids[0])).await;
    probe.of("jobs by id", Look::Up, storage.jobs_by_id(&ids)).await;
    probe.of("attempts", Look::Up, storage.attempts(ids[0])).await;
    for (name, index, filter) in filters() {
        for (part, page) in [
            ("first page of", FIRST),
            ("page behind a job of", behind(50_000)),
            ("deep page of", passing(20_000)),
        ] {
            let look = Look::Walk(index, page.offset + u64::from(page.limit));
            probe
                .of(&format!("{part} {name}"), look, storage.jobs(&filter, page))
                .await;
        }
        // What is of a time is counted one by one.
        let look = if filter.created_from.is_some() {
            Look::All
        } else {
            Look::Up
        };
        probe
            .of(&format!("count of {name}"), look, storage.count(&filter))
            .await;
    }
    for (name, look, filter) in searches() {
        probe
            .of(&format!("first page of {name}"), look, storage.jobs(&filter, FIRST))
            .await;
        // Counted one by one, and looked at to be counted.
        probe
            .of(&format!("count of {name}"), Look::Through, storage.count(&filter))
            .await;
    }
    probe.of("queues", Look::Up, storage.queues(now())).await;
    probe.of("next due", Look::Up, storage.next_due(now())).await;
    probe.of("orphans", Look::Up, storage.orphans(100)).await;
    probe.of("running on", Look::Up, storage.running_on(NODE)).await;
    let recurring = JobFilter {
        recurring_id: some_jobs(probe, &JobFilter::default(), 1_000)
            .await
            .iter()
            .find_map(|job| job.occurrence.map(|occurrence| occurrence.recurring_id)),
        ..JobFilter::default()
    };
    assert!(recurring.recurring_id.is_some());
    probe
        .of(
            "occurrences",
            Look::Walk(Some("jobs_by_recurring"), 100),
            storage.jobs(&recurring, FIRST),
        )
        .await;
    probe
        .of("count of occurrences", Look::All, storage.count(&recurring))
        .await;
    let recurring_ids: Vec<_> = recurring.recurring_id.into_iter().collect();
    probe
        .of(
            "unfinished occurrences",
            Look::Up,
            storage.unfinished_occurrences(&recurring_ids),
        )
        .await;
    probe
        .of("due recurring jobs", Look::Up, storage.due_recurring(now(), 100))
        .await;
    probe.of("next recurring job", Look::Up, storage.next_recurring()).await;
    probe.of("nodes", Look::Up, storage.nodes()).await;
    let records = AuditPage {
        limit: 100,
        after: None,
    };
    let of_somebody = AuditFilter {
        actor: Some(Arc::from("somebody")),
        ..AuditFilter::default()
    };
    let of_a_job = AuditFilter {
        job_id: Some(ids[0]),
        ..AuditFilter::default()
    };
    let of_an_action = AuditFilter {
        action: Some(AuditAction::JobCancel),
        ..AuditFilter::default()
    };
    for (name, index, filter) in [
        ("nothing", None, AuditFilter::default()),
        ("an actor", Some("audit_records_by_actor"), of_somebody),
        ("a job", Some("audit_records_by_job"), of_a_job),
        ("an action", Some("audit_records_by_action"), of_an_action),
    ] {
        probe
            .of(
                &format!("records of {name}"),
                Look::Walk(index, 100),
                storage.audit(&filter, records),
            )
            .await;
    }
}

/// Full jobs that a filter means.
async fn some_jobs(probe: &Probe, filter: &JobFilter, limit: u32) -> Vec<Job> {
    let page = Page { limit, ..FIRST };
    let summaries: Vec<JobSummary> = probe.repository.jobs(filter, page).await.expect("storage reads");
    let ids: Vec<JobId> = summaries.iter().map(|job| job.id).collect();
    let jobs = probe.repository.jobs_by_id(&ids).await.expect("storage reads");
    assert!(!jobs.is_empty());
    jobs.into_iter().map(Arc::unwrap_or_clone).collect()
}

/// Writes all that can be written, in commits of one and of many.
pub async fn write(probe: &Probe) {
    let heartbeat = Change::Heartbeat {
        node: NODE,
        name: Arc::from("node"),
        started_at: now(),
        lease: TimeSpan::from_secs(3_600),
    };
    probe.commit("heartbeat", Look::Up, vec![heartbeat]).await;
    probe
        .commit(
            "lead",
            Look::Up,
            vec![Change::Lead {
                node: NODE,
                lease: TimeSpan::from_secs(3_600),
            }],
        )
        .await;
    probe
        .commit("insert one", Look::Up, vec![insert(vec![new_job(0)], None)])
        .await;
    probe
        .commit(
            "insert 500",
            Look::Up,
            vec![insert((1..=500).map(new_job).collect(), None)],
        )
        .await;
    let key = |number: u32| Job {
        unique_key: Some(UniqueKey::parse(&format!("key {number}")).expect("a key")),
        ..new_job(number)
    };
    for what in ["insert with keys", "insert with the keys of others"] {
        let jobs = [1_000, 2_000].map(|number| insert(vec![key(number)], Some(&format!("request {number}"))));
        probe.commit(what, Look::Up, jobs.to_vec()).await;
    }
    probe
        .commit(
            "insert with a key that is taken",
            Look::By("jobs_unique_key", 1),
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
            Look::Up,
            vec![insert((600..650).map(with_past).collect(), None)],
        )
        .await;

    let pending = some_jobs(probe, &statuses(&[JobStatus::Pending]), 450).await;
    let start = |jobs: &[Job]| Change::Start {
        jobs: jobs.iter().map(|job| Arc::new(job.start(NODE, now()))).collect(),
    };
    probe.commit("start one", Look::Up, vec![start(&pending[..1])]).await;
    probe
        .commit("start 300", Look::Up, pending[1..301].chunks(1).map(start).collect())
        .await;
    let running: Vec<Job> = pending[..301].iter().map(|job| job.start(NODE, now())).collect();
    let outcomes = [
        Outcome::Completed(Some(Json::from_valid("1"))),
        Outcome::Failed(Failure::new("busy")),
        Outcome::Cancelled,
    ];
    probe
        .commit("finish one", Look::Up, vec![finish(&running[0], outcomes[0].clone())])
        .await;
    let ends = running[1..201].iter().zip(outcomes.iter().cycle());
    probe
        .commit(
            "finish 200",
            Look::Up,
            ends.map(|(job, outcome)| finish(job, outcome.clone())).collect(),
        )
        .await;
    probe
        .commit(
            "finish what has ended",
            Look::Up,
            vec![finish(&running[1], Outcome::Lost)],
        )
        .await;
    let claim = |limit: u32| {
        Change::Claim(Claim {
            queue: queue("default"),
            limit,
            job_types: types(&["MailJob", "ReportJob", "RareJob"]).into(),
            node: NODE,
            now: now(),
        })
    };
    probe
        .commit("claim one", Look::By("jobs_to_start", 200), vec![claim(1)])
        .await;
    probe
        .commit("claim 200", Look::By("jobs_to_start", 200), vec![claim(200)])
        .await;
    let together = vec![
        insert(vec![new_job(3_000)], None),
        start(&pending[302..303]),
        finish(&running[201], outcomes[0].clone()),
        claim(5),
    ];
    probe.commit("some of each", Look::Up, together).await;

    let job = Arc::new(pending[310].clone());
    let cancelled = Arc::new(Job {
        status: JobStatus::Cancelled,
        finished_at: Some(now()),
        revision: job.revision + 1,
        ..(*job).clone()
    });
    let audit = |action| {
        let id = AuditId::new(now(), 5);
        Change::Audit(Box::new(AuditRecord::new(
            id,
            &Caller::local(),
            action,
            AuditOutcome::Cancelled,
        )))
    };
    let update = Change::Update {
        before: job,
        after: Arc::clone(&cancelled),
    };
    probe
        .commit("update", Look::Up, vec![update, audit(AuditAction::JobCancel)])
        .await;
    probe
        .commit("delete", Look::Up, vec![Change::Delete { job: cancelled }])
        .await;
    let clear = |name: &str, status| Change::Clear {
        queue: queue(name),
        status,
        up_to: JobId::last_at(now()),
        limit: 500,
    };
    probe
        .commit(
            "clear pending",
            Look::By("jobs_to_start", 200),
            vec![clear("mail", JobStatus::Pending)],
        )
        .await;
    probe
        .commit(
            "clear failed",
            // Failed jobs of all queues are looked at: there is an index of these, and of all jobs of a queue.
            Look::By("jobs_by_status", 1_500),
            vec![clear("rare", JobStatus::Failed)],
        )
        .await;
    for status in [JobStatus::Completed, JobStatus::Failed, JobStatus::Cancelled] {
        let prune = Change::Prune {
            status,
            finished_before: created(1_000),
            limit: 500,
        };
        probe
            .commit(&format!("prune {status}"), Look::By("jobs_by_status", 500), vec![prune])
            .await;
    }
    let bookkeeping = Change::PruneBookkeeping {
        keys_before: created(200),
        throughput_before: created(0),
    };
    probe.commit("prune bookkeeping", Look::Up, vec![bookkeeping]).await;
    let records = Change::PruneAudit {
        before: DateTime::from_timestamp_millis(1_600_000_000_500).expect("a time"),
        limit: 500,
    };
    probe.commit("prune records", Look::Up, vec![records]).await;
    let pause = Change::SetQueue {
        queue: queue("mail"),
        is_paused: Some(true),
    };
    probe.commit("pause", Look::Up, vec![pause]).await;
    probe
        .commit("claim everything", Look::By("jobs_to_start", 1_300), vec![claim(5_000)])
        .await;
    probe
        .commit("leave", Look::Up, vec![Change::Leave { node: NODE }])
        .await;
}

/// What a commit answered must not be a refusal, or the statement that was meant has not run as it does.
pub fn check(what: &str, applied: &Applied) {
    let is_empty = match applied {
        Applied::Claimed(jobs) => jobs.is_empty(),
        Applied::Removed(count) => *count == 0,
        Applied::Started(started) => started.contains(&false),
        Applied::Inserted(_)
        | Applied::Replayed(_)
        | Applied::RecurringStored
        | Applied::Fired(_)
        | Applied::Finished(_)
        | Applied::Updated
        | Applied::Deleted
        | Applied::QueueSet { .. }
        | Applied::Audited { .. }
        | Applied::Alive
        | Applied::Led(_) => false,
    };
    assert!(!is_empty, "{what} has done nothing: {applied:?}");
}
