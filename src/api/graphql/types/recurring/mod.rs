//! A recurring job.

pub(crate) mod input;
pub(in super::super) mod schedule;

use std::sync::Arc;

use async_graphql::{Context, ID, Object, Result, SimpleObject};

use super::enums::{MisfirePolicy, OverlapPolicy, Priority};
use super::int::int;
use super::job::Job;
use super::scalar_parsing;
use crate::api::contract::view::recurring::RecurringView;
use crate::api::graphql::loader;
use crate::api::graphql::scalars::{DateTime, Json, TimeSpan};
use crate::domain::recurring::RecurringJob as DomainRecurringJob;
use crate::service::recurring::{OCCURRENCES_MAX, RecurringList};
use crate::storage::query::{RecurringCursor, RecurringOrder};

/// A recurring job.
#[derive(Clone, Debug)]
pub(in super::super) struct RecurringJob(Arc<DomainRecurringJob>);

impl From<Arc<DomainRecurringJob>> for RecurringJob {
    fn from(recurring: Arc<DomainRecurringJob>) -> Self {
        Self(recurring)
    }
}

impl RecurringJob {
    fn view(&self) -> RecurringView<'_> {
        RecurringView::from(&*self.0)
    }
}

/// A cron expression, a time zone and a template: each due time becomes an occurrence, which is a job. Fields that are
/// defined by the configuration of the job's type are null.
#[Object]
impl RecurringJob {
    /// Id, a UUID of version 7: the same as in REST.
    pub(super) async fn id(&self) -> ID {
        self.view().id.into()
    }

    /// Key under which it was declared.
    async fn key(&self) -> Option<&str> {
        self.view().key
    }

    /// Display name of it and of its occurrences.
    async fn name(&self) -> &str {
        self.view().name
    }

    /// Type of its occurrences, which selects their handler.
    #[graphql(name = "type")]
    async fn job_type(&self) -> &str {
        self.view().job_type
    }

    /// Cron expression.
    async fn cron_expression(&self) -> &str {
        self.view().cron_expression
    }

    /// Description of the cron expression in English.
    async fn description(&self) -> String {
        self.view().description.to_string()
    }

    /// IANA time zone of the cron expression.
    async fn time_zone(&self) -> &str {
        self.view().time_zone
    }

    /// True if it creates occurrences.
    async fn enabled(&self) -> bool {
        self.view().enabled
    }

    /// Policy for due times that passed while no server was running.
    async fn misfire_policy(&self) -> MisfirePolicy {
        self.view().misfire_policy.0.into()
    }

    /// Maximum number of missed due times for which `CATCH_UP` creates occurrences; null for other policies.
    async fn catch_up_max(&self) -> Option<i32> {
        self.view().catch_up_max.map(int)
    }

    /// Policy for an occurrence that is due while an earlier one is unfinished.
    async fn overlap_policy(&self) -> OverlapPolicy {
        self.view().overlap_policy.0.into()
    }

    /// Time before which it has no occurrences.
    async fn starts_at(&self) -> Option<DateTime> {
        self.view().starts_at.map(DateTime::from)
    }

    /// Time after which it has no occurrences.
    async fn ends_at(&self) -> Option<DateTime> {
        self.view().ends_at.map(DateTime::from)
    }

    /// Next due time; null if it is disabled or has ended.
    async fn next_run_at(&self) -> Option<DateTime> {
        self.view().next_run_at.map(DateTime::from)
    }

    /// Next due times, at most five.
    #[graphql(complexity = 10)]
    async fn next_runs(&self) -> Vec<DateTime> {
        self.view().next_runs.iter().map(DateTime::from).collect()
    }

    /// Last due time for which an occurrence was created.
    async fn last_run_at(&self) -> Option<DateTime> {
        self.view().last_run_at.map(DateTime::from)
    }

    /// Its last occurrences, the newest first.
    #[graphql(
        complexity = "20 + usize::try_from(limit.unwrap_or(20)).unwrap_or_default().saturating_mul(child_complexity)"
    )]
    async fn last_outcomes(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Maximum number of occurrences, 1 to 20; 20 by default.")] limit: Option<i32>,
    ) -> Result<Vec<Job>> {
        let limit = scalar_parsing::count("limit", limit, OCCURRENCES_MAX, OCCURRENCES_MAX)?;
        let jobs = loader::last_occurrences(ctx, self.0.id, limit).await?;
        Ok(jobs.into_iter().map(Job::from).collect())
    }

    /// Number of due times that wait for an earlier occurrence to finish.
    async fn waiting(&self) -> i32 {
        int(self.view().waiting)
    }

    /// Input of the handler.
    async fn parameters(&self) -> Json {
        self.view().parameters.into()
    }

    /// Name of the queue of its occurrences.
    async fn queue(&self) -> Option<&str> {
        self.view().queue
    }

    /// Priority of its occurrences.
    async fn priority(&self) -> Priority {
        self.view().priority.0.into()
    }

    /// Maximum number of retries of an occurrence.
    async fn max_retries(&self) -> Option<u32> {
        self.view().max_retries
    }

    /// Timeout of an attempt.
    async fn timeout(&self) -> Option<TimeSpan> {
        self.view().timeout.map(TimeSpan::from)
    }

    /// Backoff before the first retry.
    async fn retry_delay(&self) -> Option<TimeSpan> {
        self.view().retry_delay.map(TimeSpan::from)
    }

    /// Backoffs before each retry.
    async fn retry_intervals(&self) -> Option<Vec<TimeSpan>> {
        let intervals = self.view().retry_intervals?;
        Some(intervals.iter().map(TimeSpan::from).collect())
    }

    /// Tags of its occurrences.
    async fn tags(&self) -> Vec<&str> {
        self.view().tags.iter().collect()
    }

    /// Time of its creation.
    async fn created_at(&self) -> DateTime {
        self.view().created_at.into()
    }

    /// Time of the last change by a caller.
    async fn updated_at(&self) -> DateTime {
        self.view().updated_at.into()
    }

    /// Revision, which grows with every change; the value of `expectedRevision` in mutations.
    async fn revision(&self) -> u32 {
        self.view().revision
    }
}

/// A page of recurring jobs.
#[derive(SimpleObject)]
pub(in super::super) struct RecurringJobPage {
    /// The recurring jobs.
    nodes: Vec<RecurringJob>,
    /// Number of recurring jobs on all pages.
    total_count: i32,
    /// True if more recurring jobs follow.
    has_more: bool,
    /// Cursor of the last recurring job, for `after` of the next page; null if there is none.
    end_cursor: Option<String>,
}

impl RecurringJobPage {
    /// The page of a list in this order.
    pub(in super::super) fn new(list: RecurringList, order: RecurringOrder) -> Self {
        let RecurringList {
            recurring_jobs,
            total_count,
            has_more,
        } = list;
        Self {
            end_cursor: recurring_jobs
                .last()
                .map(|last| RecurringCursor::of(order, last).to_string()),
            nodes: recurring_jobs.into_iter().map(RecurringJob::from).collect(),
            total_count: int(total_count),
            has_more,
        }
    }
}
