//! A job.

pub(crate) mod attempt;
pub(crate) mod bulk;
pub(crate) mod connection;
pub(crate) mod filter;
pub(crate) mod input;
pub(crate) mod nodes;
pub(crate) mod report;

use std::sync::{Arc, OnceLock};

use async_graphql::{Context, ID, Object, Result};

use self::attempt::Attempt;
use self::report::{JobLogLine, JobProgress};
use super::enums::{JobStatus, Priority};
use crate::api::graphql::context::{caller, services};
use crate::api::graphql::loader;
use crate::api::graphql::scalars::{DateTime, Json, TimeSpan, Uuid};
use crate::domain::cluster::remote_worker::JobReports;
use crate::domain::job::Job as DomainJob;
use crate::storage::query::{JobSummary, JobText};

/// A job: in short, as lists have it, or with more. What is missing in short is loaded when it is asked for, for all jobs of a
/// request together; large texts each by itself, so that nothing is read for an answer that does not hold it.
#[derive(Clone, Debug)]
pub(in super::super) struct Job {
    summary: JobSummary,
    /// The job without its large texts, once it was needed. They may be there.
    brief: OnceLock<Arc<DomainJob>>,
    parameters: OnceLock<Option<Arc<str>>>,
    result: OnceLock<Option<Arc<str>>>,
    error_detail: OnceLock<Option<Arc<str>>>,
}

impl From<JobSummary> for Job {
    fn from(summary: JobSummary) -> Self {
        Self {
            summary,
            brief: OnceLock::new(),
            parameters: OnceLock::new(),
            result: OnceLock::new(),
            error_detail: OnceLock::new(),
        }
    }
}

/// A job that is there as a whole.
impl From<Arc<DomainJob>> for Job {
    fn from(job: Arc<DomainJob>) -> Self {
        Self {
            parameters: OnceLock::from(Some(Arc::clone(job.parameters.as_arc()))),
            result: OnceLock::from(job.result.as_ref().map(|result| Arc::clone(result.as_arc()))),
            error_detail: OnceLock::from(job.error_detail.clone()),
            ..Self::of_brief(job)
        }
    }
}

impl Job {
    /// A job that was read without its large texts.
    pub(in super::super) fn of_brief(job: Arc<DomainJob>) -> Self {
        Self {
            brief: OnceLock::from(Arc::clone(&job)),
            ..Self::from(JobSummary::from(&*job))
        }
    }

    /// The job as lists have it.
    pub(super) const fn summary(&self) -> &JobSummary {
        &self.summary
    }

    /// What its attempts have reported: nothing before the first.
    async fn reports(&self, ctx: &Context<'_>) -> Result<JobReports> {
        if self.summary.attempt == 0 {
            return Ok(JobReports::default());
        }
        Ok(services(ctx)?.jobs.reports(caller(ctx)?, self.summary.id).await?)
    }

    /// The job without its large texts; `None` when it was deleted since the list was read.
    async fn brief(&self, ctx: &Context<'_>) -> Result<Option<Arc<DomainJob>>> {
        if let Some(job) = self.brief.get() {
            return Ok(Some(Arc::clone(job)));
        }
        let loaded = loader::job(ctx, self.summary.id).await?;
        if let Some(job) = &loaded {
            // A concurrent read may have set it, to the same value.
            drop(self.brief.set(Arc::clone(job)));
        }
        Ok(loaded)
    }

    /// One of its large texts, if it has it.
    async fn text(&self, ctx: &Context<'_>, which: JobText) -> Result<Option<Arc<str>>> {
        let known = match which {
            JobText::Parameters => &self.parameters,
            JobText::Result => &self.result,
            JobText::ErrorDetail => &self.error_detail,
        };
        if let Some(text) = known.get() {
            return Ok(text.clone());
        }
        let loaded = loader::job_text(ctx, self.summary.id, which).await?;
        // A concurrent read may have set it, to the same value.
        drop(known.set(loaded.clone()));
        Ok(loaded)
    }
}

/// One unit of work: a type, parameters, a queue, a priority, a time to run at, and what has become of it.
// Its fields are worked out one after the other: nearly all are there already, and to watch a future for each of them costs
// more than it gives. What is loaded is loaded for all jobs of a list together all the same.
#[Object(serial)]
impl Job {
    /// Its identity, a UUID of version 7: the same as in REST.
    pub(super) async fn id(&self) -> ID {
        ID(self.summary.id.to_string())
    }

    /// What people call it.
    async fn name(&self) -> &str {
        self.summary.name.as_str()
    }

    /// Which handler runs it.
    #[graphql(name = "type")]
    async fn job_type(&self) -> &str {
        self.summary.job_type.as_str()
    }

    /// The name of the queue that it waits in.
    async fn queue(&self) -> &str {
        self.summary.queue.as_str()
    }

    /// Where it stands.
    async fn status(&self) -> JobStatus {
        self.summary.status.into()
    }

    /// How urgent it is.
    async fn priority(&self) -> Priority {
        self.summary.priority.into()
    }

    /// When it was created.
    async fn created_at(&self) -> DateTime {
        self.summary.created_at.into()
    }

    /// The time from which on it may start.
    async fn run_at(&self) -> DateTime {
        self.summary.due_at.into()
    }

    /// When its last attempt started.
    async fn executed_at(&self) -> Option<DateTime> {
        self.summary.started_at.map(DateTime::from)
    }

    /// When it completed, failed for good or was cancelled.
    async fn completed_at(&self) -> Option<DateTime> {
        self.summary.finished_at.map(DateTime::from)
    }

    /// How long its last attempt took; null before it has ended.
    async fn duration(&self) -> Option<TimeSpan> {
        self.summary.duration().map(TimeSpan::from)
    }

    /// How many attempts have been started.
    async fn attempt(&self) -> u32 {
        self.summary.attempt
    }

    /// How many of them were retries, since the count was last started anew.
    async fn retry_count(&self) -> u32 {
        self.summary.retry_count
    }

    /// How many retries it may have.
    async fn max_retries(&self) -> u32 {
        self.summary.max_retries
    }

    /// Why the last attempt failed, in a line.
    async fn error(&self) -> Option<&str> {
        self.summary.error.as_deref()
    }

    /// The recurring job of which it is an occurrence.
    async fn recurring_job_id(&self) -> Option<Uuid> {
        self.summary.recurring_id.map(|id| id.as_uuid().into())
    }

    /// Its attempts, the first one first; one that runs now is the last.
    #[graphql(complexity = "5 + child_complexity")]
    async fn attempts(&self, ctx: &Context<'_>) -> Result<Vec<Attempt>> {
        let ended = if self.summary.attempt == 0 {
            Vec::new()
        } else {
            loader::ended_attempts(ctx, self.summary.id, self.summary.attempt).await?
        };
        Ok(self.summary.history(ended).into_iter().map(Attempt::from).collect())
    }

    /// How far the attempt has got that has reported last; null when none has.
    #[graphql(complexity = "20 + child_complexity")]
    async fn progress(&self, ctx: &Context<'_>) -> Result<Option<JobProgress>> {
        let JobReports { progress, log: _ } = self.reports(ctx).await?;
        Ok(progress.map(|(attempt, progress)| JobProgress::new(attempt, &progress)))
    }

    /// The last lines that its attempts have logged, the oldest first, 200 at the most.
    #[graphql(complexity = "20 + 10 * child_complexity")]
    async fn log(&self, ctx: &Context<'_>) -> Result<Vec<JobLogLine>> {
        let JobReports { progress: _, log } = self.reports(ctx).await?;
        Ok(log.iter().map(JobLogLine::from).collect())
    }

    /// What the handler is given.
    #[graphql(complexity = 3)]
    async fn parameters(&self, ctx: &Context<'_>) -> Result<Option<Json>> {
        Ok(self.text(ctx, JobText::Parameters).await?.map(Json::of_shared))
    }

    /// What the handler answered; null before that.
    #[graphql(complexity = 3)]
    async fn result(&self, ctx: &Context<'_>) -> Result<Option<Json>> {
        Ok(self.text(ctx, JobText::Result).await?.map(Json::of_shared))
    }

    /// More of the last failure.
    #[graphql(complexity = 3)]
    async fn error_detail(&self, ctx: &Context<'_>) -> Result<Option<String>> {
        let detail = self.text(ctx, JobText::ErrorDetail).await?;
        Ok(detail.map(|detail| detail.to_string()))
    }

    /// How long one attempt may take; null when the job was deleted while this answer was made.
    #[graphql(complexity = 3)]
    async fn timeout(&self, ctx: &Context<'_>) -> Result<Option<TimeSpan>> {
        Ok(self.brief(ctx).await?.map(|job| job.timeout.into()))
    }

    /// The wait before the first retry; each further one is twice as long. Null when the job was deleted while this answer
    /// was made.
    #[graphql(complexity = 3)]
    async fn retry_delay(&self, ctx: &Context<'_>) -> Result<Option<TimeSpan>> {
        Ok(self.brief(ctx).await?.map(|job| job.retry_policy.delay.into()))
    }

    /// The waits before the first, second, … retry, in place of `retryDelay`; empty when there is no such list. Null when
    /// the job was deleted while this answer was made.
    #[graphql(complexity = 3)]
    async fn retry_intervals(&self, ctx: &Context<'_>) -> Result<Option<Vec<TimeSpan>>> {
        let job = self.brief(ctx).await?;
        Ok(job.map(|job| job.retry_policy.intervals.iter().copied().map(TimeSpan::from).collect()))
    }

    /// At most one unfinished job has it.
    #[graphql(complexity = 3)]
    async fn unique_key(&self, ctx: &Context<'_>) -> Result<Option<String>> {
        let job = self.brief(ctx).await?;
        Ok(job.and_then(|job| job.unique_key.as_ref().map(|key| key.as_str().to_owned())))
    }

    /// Which due time of the recurring job it is.
    #[graphql(complexity = 3)]
    async fn occurrence_at(&self, ctx: &Context<'_>) -> Result<Option<DateTime>> {
        let job = self.brief(ctx).await?;
        Ok(job.and_then(|job| job.occurrence.map(|occurrence| occurrence.due_at.into())))
    }

    /// Whether it runs and was told to stop; null when the job was deleted while this answer was made.
    #[graphql(complexity = 3)]
    async fn cancel_requested(&self, ctx: &Context<'_>) -> Result<Option<bool>> {
        Ok(self.brief(ctx).await?.map(|job| job.cancel_requested))
    }

    /// Grows with every change; what `expectedRevision` of the mutations means. Null when the job was deleted while this
    /// answer was made.
    #[graphql(complexity = 3)]
    async fn revision(&self, ctx: &Context<'_>) -> Result<Option<u32>> {
        Ok(self.brief(ctx).await?.map(|job| job.revision))
    }
}
