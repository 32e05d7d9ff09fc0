//! Jobs, nodes and times for the cases: all of them made up, none of them drawn.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use crate::domain::cron::CronExpression;
use crate::domain::job::Job;
use crate::domain::job::new_job::{JobDefaults, NewJob};
use crate::domain::job::outcome::{Failure, Outcome};
use crate::domain::job::priority::Priority;
use crate::domain::job::retry::Jitter;
use crate::domain::recurring::misfire::MisfirePolicy;
use crate::domain::recurring::overlap::OverlapPolicy;
use crate::domain::recurring::{NewRecurringJob, RecurringJob, Schedule, Template};
use crate::domain::values::id::{JobId, NodeId};
use crate::domain::values::json::Json;
use crate::domain::values::name::{JobName, JobType, QueueName, UniqueKey};
use crate::domain::values::time_zone::TimeZoneName;
use crate::storage::change::{Change, Claim, JobChange};

/// This number of seconds after the start of the day of the cases.
pub(super) fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::days(20_000) + TimeDelta::seconds(seconds)
}

/// The node with this number.
pub(super) fn node(number: u64) -> NodeId {
    NodeId::from_uuid(Uuid::from_u64_pair(number, 7))
}

/// The queue of this name.
pub(super) fn queue(name: &str) -> QueueName {
    QueueName::parse(name).expect("a queue's name")
}

/// The job type of this name.
pub(super) fn job_type(name: &str) -> JobType {
    JobType::parse(name).expect("a job type")
}

/// The unique key of this text.
pub(super) fn key(text: &str) -> UniqueKey {
    UniqueKey::parse(text).expect("a unique key")
}

/// A pending job, created this number of seconds after the start of the day and due at once. Jobs of different seconds
/// are different jobs.
pub(super) fn job(created: u32) -> Job {
    NewJob {
        parameters: Json::from_valid(r#"{"to":"someone"}"#),
        ..NewJob::of_type(job_type("MailJob"))
    }
    .into_job(&JobDefaults::default(), at(created.into()), created.into())
}

/// This number of jobs, oldest first.
pub(super) fn jobs(count: u32) -> Vec<Job> {
    (0..count).map(job).collect()
}

/// The id of a job that does not exist.
pub(super) fn unknown_id() -> JobId {
    job(9_999_999).id
}

/// The same job in another queue.
pub(super) fn in_queue(name: &str, job: Job) -> Job {
    Job {
        queue: queue(name),
        ..job
    }
}

/// The same job with another priority.
pub(super) fn with_priority(priority: Priority, job: Job) -> Job {
    Job { priority, ..job }
}

/// The same job with a unique key.
pub(super) fn with_key(text: &str, job: Job) -> Job {
    Job {
        unique_key: Some(key(text)),
        ..job
    }
}

/// An enabled recurring job, created this number of seconds after the start of the day and due every minute.
pub(super) fn recurring(created: u32) -> RecurringJob {
    let job_type = job_type("CleanUpJob");
    NewRecurringJob {
        key: None,
        schedule: Schedule {
            cron: CronExpression::parse("* * * * *").expect("an expression"),
            time_zone: TimeZoneName::UTC,
            starts_at: None,
            ends_at: None,
        },
        template: Template {
            name: JobName::from(&job_type),
            job_type,
            queue: None,
            parameters: Json::null(),
            priority: Priority::Normal,
            max_retries: None,
            timeout: None,
            retry_delay: None,
            retry_intervals: None,
            tags: Vec::new(),
        },
        is_enabled: true,
        misfire_policy: MisfirePolicy::FireOnce,
        overlap_policy: OverlapPolicy::Allow,
    }
    .into_recurring_job(at(created.into()), created.into())
}

/// The recurring job with its next due time a minute later.
pub(super) fn advanced(recurring: &RecurringJob) -> RecurringJob {
    let due_at = recurring.next_run_at.expect("a due time");
    RecurringJob {
        next_run_at: Some(due_at + TimeDelta::minutes(1)),
        last_run_at: Some(due_at),
        revision: recurring.revision + 1,
        ..recurring.clone()
    }
}

/// The occurrence of a recurring job for a due time, as a job with this number.
pub(super) fn occurrence(recurring: &RecurringJob, due_at: DateTime<Utc>, number: u32) -> Job {
    let defaults = JobDefaults::default();
    recurring.occurrence(due_at, &defaults, at(number.into()), number.into())
}

/// Stores new jobs.
pub(super) fn insert(jobs: impl IntoIterator<Item = Job>) -> Change {
    Change::Job(JobChange::Insert {
        jobs: jobs.into_iter().map(Arc::new).collect(),
        idempotency: None,
    })
}

/// Starts jobs on a node, as they are known here.
pub(super) fn start<'a>(jobs: impl IntoIterator<Item = &'a Job>, node: NodeId, now: DateTime<Utc>) -> Change {
    Change::Job(JobChange::Start {
        jobs: jobs.into_iter().map(|job| Arc::new(job.start(node, now))).collect(),
    })
}

/// Claims up to this number of due jobs of the default queue and type.
pub(super) fn claim(limit: u32, node: NodeId, now: DateTime<Utc>) -> Claim {
    Claim {
        queue: QueueName::default(),
        limit,
        job_types: Arc::from([job_type("MailJob")]),
        node,
        now,
        bytes: None,
        is_ahead: false,
    }
}

/// Claims up to so many of the same jobs ahead of their start.
pub(super) fn claim_ahead(limit: u32, node: NodeId, now: DateTime<Utc>) -> Change {
    Change::Job(JobChange::Claim(Claim {
        is_ahead: true,
        ..claim(limit, node, now)
    }))
}

/// Ends claims of jobs that have not begun.
pub(super) fn release<'a>(jobs: impl IntoIterator<Item = &'a Job>, now: DateTime<Utc>) -> Change {
    Change::Job(JobChange::Release {
        jobs: jobs.into_iter().cloned().map(Arc::new).collect(),
        now,
    })
}

/// Ends the attempt that runs, with its start if the job still has its claim.
pub(super) fn finish(running: &Job, outcome: Outcome, now: DateTime<Utc>) -> Change {
    let (job, attempt) = running.finish(outcome, now, Jitter::new(0.0));
    Change::Job(JobChange::Finish {
        started: running.claimed_by.map(|_| Arc::new(running.clone())),
        job: Arc::new(job),
        attempt: Box::new(attempt),
        if_orphaned: false,
    })
}

/// A failure that the job's policy retries.
pub(super) fn failed() -> Outcome {
    Outcome::Failed(Failure::new("it did not work").with_detail("line 1\nline 2"))
}

/// Success with a result.
pub(super) fn completed() -> Outcome {
    Outcome::Completed(Some(Json::from_valid(r#"{"sent":true}"#)))
}

/// Replaces a job.
pub(super) fn update(before: &Job, after: &Job) -> Change {
    Change::Job(JobChange::Update {
        before: Arc::new(before.clone()),
        after: Arc::new(after.clone()),
    })
}

/// The job with one more change: its name.
pub(super) fn renamed(job: &Job, name: &str) -> Job {
    Job {
        name: JobName::parse(name).expect("a name"),
        revision: job.revision + 1,
        ..job.clone()
    }
}

/// The running job with a requested cancellation.
pub(super) fn with_requested_cancellation(running: &Job) -> Job {
    Job {
        cancel_requested: true,
        revision: running.revision + 1,
        ..running.clone()
    }
}
