//! A recurring job.

pub(crate) mod input;

use std::sync::Arc;

use async_graphql::{ID, Object, SimpleObject};

use super::enums::{MisfirePolicy, OverlapPolicy, Priority};
use super::int::int;
use crate::api::graphql::scalars::{DateTime, Json, TimeSpan};
use crate::domain::recurring::RecurringJob as DomainRecurringJob;
use crate::service::recurring::RecurringList;

/// How many of the next due times are shown.
const NEXT_SHOWN: usize = 5;

/// A recurring job.
#[derive(Clone, Debug)]
pub(in super::super) struct RecurringJob(Arc<DomainRecurringJob>);

impl From<Arc<DomainRecurringJob>> for RecurringJob {
    fn from(recurring: Arc<DomainRecurringJob>) -> Self {
        Self(recurring)
    }
}

/// A cron expression, a time zone and a template: each due time becomes one occurrence, a job. What the configuration of
/// the job's type decides is null.
#[Object]
impl RecurringJob {
    /// Its identity, a UUID of version 7: the same as in REST.
    pub(super) async fn id(&self) -> ID {
        ID(self.0.id.to_string())
    }

    /// The key under which it is declared.
    async fn key(&self) -> Option<&str> {
        self.0.key.as_ref().map(|key| key.as_str())
    }

    /// What people call it, and its occurrences.
    async fn name(&self) -> &str {
        self.0.template.name.as_str()
    }

    /// Which handler runs its occurrences.
    #[graphql(name = "type")]
    async fn job_type(&self) -> &str {
        self.0.template.job_type.as_str()
    }

    /// When its occurrences are due.
    async fn cron_expression(&self) -> &str {
        self.0.schedule.cron.as_str()
    }

    /// The same in words.
    async fn description(&self) -> String {
        self.0.schedule.cron.describe()
    }

    /// The time zone whose clocks are meant, by its IANA name.
    async fn time_zone(&self) -> &str {
        self.0.schedule.time_zone.as_str()
    }

    /// Whether it creates occurrences.
    async fn enabled(&self) -> bool {
        self.0.is_enabled
    }

    /// What becomes of due times that no server was there for.
    async fn misfire_policy(&self) -> MisfirePolicy {
        self.0.misfire_policy.into()
    }

    /// How many missed due times `CATCH_UP` makes up for; null with another policy.
    async fn catch_up_max(&self) -> Option<i32> {
        self.0.misfire_policy.max().map(|max| i32::from(max.get()))
    }

    /// What becomes of an occurrence that is due while an earlier one has not ended.
    async fn overlap_policy(&self) -> OverlapPolicy {
        self.0.overlap_policy.into()
    }

    /// It has no occurrence before this time.
    async fn starts_at(&self) -> Option<DateTime> {
        self.0.schedule.starts_at.map(DateTime::from)
    }

    /// It has no occurrence after this time.
    async fn ends_at(&self) -> Option<DateTime> {
        self.0.schedule.ends_at.map(DateTime::from)
    }

    /// The next due time; null while it is disabled or when its end has come.
    async fn next_run_at(&self) -> Option<DateTime> {
        self.0.next_run_at.map(DateTime::from)
    }

    /// The next due times, at most five.
    #[graphql(complexity = 10)]
    async fn next_runs(&self) -> Vec<DateTime> {
        let schedule = &self.0.schedule;
        let runs = std::iter::successors(self.0.next_run_at, |last| schedule.next_after(*last));
        runs.take(NEXT_SHOWN).map(DateTime::from).collect()
    }

    /// The last due time that became an occurrence.
    async fn last_run_at(&self) -> Option<DateTime> {
        self.0.last_run_at.map(DateTime::from)
    }

    /// How many due times wait for an earlier occurrence to end.
    async fn waiting(&self) -> i32 {
        i32::try_from(self.0.waiting.len()).unwrap_or(i32::MAX)
    }

    /// What the handler is given.
    async fn parameters(&self) -> Json {
        Json::from(&self.0.template.parameters)
    }

    /// The name of the queue that its occurrences wait in.
    async fn queue(&self) -> Option<&str> {
        self.0.template.queue.as_ref().map(|queue| queue.as_str())
    }

    /// How urgent its occurrences are.
    async fn priority(&self) -> Priority {
        self.0.template.priority.into()
    }

    /// How many retries an occurrence may have.
    async fn max_retries(&self) -> Option<u32> {
        self.0.template.max_retries
    }

    /// How long one attempt may take.
    async fn timeout(&self) -> Option<TimeSpan> {
        self.0.template.timeout.map(TimeSpan::from)
    }

    /// The wait before the first retry.
    async fn retry_delay(&self) -> Option<TimeSpan> {
        self.0.template.retry_delay.map(TimeSpan::from)
    }

    /// The waits before each retry.
    async fn retry_intervals(&self) -> Option<Vec<TimeSpan>> {
        let intervals = self.0.template.retry_intervals.as_ref()?;
        Some(intervals.iter().copied().map(TimeSpan::from).collect())
    }

    /// When it was created.
    async fn created_at(&self) -> DateTime {
        self.0.created_at.into()
    }

    /// When somebody changed it last.
    async fn updated_at(&self) -> DateTime {
        self.0.updated_at.into()
    }

    /// Grows with every change; what `expectedRevision` of the mutations means.
    async fn revision(&self) -> u32 {
        self.0.revision
    }
}

/// A page of the list of recurring jobs, the newest first.
#[derive(Debug, SimpleObject)]
pub(in super::super) struct RecurringJobPage {
    /// The recurring jobs.
    nodes: Vec<RecurringJob>,
    /// How many there are, on all pages.
    total_count: i32,
    /// Whether more follow.
    has_more: bool,
}

impl From<RecurringList> for RecurringJobPage {
    fn from(list: RecurringList) -> Self {
        let RecurringList {
            recurring_jobs,
            total_count,
            has_more,
        } = list;
        Self {
            nodes: recurring_jobs.into_iter().map(RecurringJob::from).collect(),
            total_count: int(total_count),
            has_more,
        }
    }
}
