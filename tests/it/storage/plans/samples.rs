//! Sample jobs, times and pages.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use tickerq::domain::job::Job;
use tickerq::domain::job::new_job::{JobDefaults, NewJob};
use tickerq::domain::job::status::JobStatus;
use tickerq::domain::values::id::{JobId, NodeId};
use tickerq::domain::values::name::{JobType, QueueName};
use tickerq::storage::query::{JobFilter, JobSummary, Order, Page};
use tickerq::storage::repository::JobStore;

use super::Probe;
use super::rows::{FIRST_MILLIS, JOBS, MILLIS_APART};

pub const NODE: NodeId = NodeId::from_uuid(uuid::Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0001));

/// Creation time of a job.
pub fn created(number: u32) -> DateTime<Utc> {
    let millis = FIRST_MILLIS + MILLIS_APART * u64::from(number);
    DateTime::from_timestamp_millis(i64::try_from(millis).expect("a time")).expect("a time")
}

/// Shortly after the last job was created.
pub fn now() -> DateTime<Utc> {
    created(JOBS) + TimeDelta::minutes(1)
}

pub fn queue(name: &str) -> QueueName {
    QueueName::parse(name).expect("a queue")
}

pub fn types(names: &[&str]) -> Vec<JobType> {
    names.iter().map(|name| JobType::parse(name).expect("a type")).collect()
}

pub fn new_job(number: u32) -> Job {
    NewJob::of_type(types(&["MailJob"]).remove(0)).into_job(&JobDefaults::default(), now(), u128::from(number))
}

pub fn statuses(statuses: &[JobStatus]) -> JobFilter {
    JobFilter::default().with_statuses(statuses)
}

/// Full jobs that match a filter.
pub async fn some_jobs(probe: &Probe, filter: &JobFilter, limit: u32) -> Vec<Job> {
    let page = Page { limit, ..FIRST };
    let summaries: Vec<JobSummary> = probe.repository.jobs(filter, page).await.expect("storage reads");
    let ids: Vec<JobId> = summaries.iter().map(|job| job.id).collect();
    let jobs = probe.repository.jobs_by_id(&ids).await.expect("storage reads");
    assert!(!jobs.is_empty());
    jobs.into_iter().map(Arc::unwrap_or_clone).collect()
}

pub const FIRST: Page = Page {
    limit: 100,
    offset: 0,
    after: None,
    order: Order::NewestFirst,
};

/// The same page from the end.
pub const OLDEST: Page = Page {
    order: Order::OldestFirst,
    ..FIRST
};

pub fn behind(number: u32) -> Page {
    Page {
        after: Some(JobId::last_at(created(number))),
        ..FIRST
    }
}

pub fn passing(offset: u64) -> Page {
    Page { offset, ..FIRST }
}
