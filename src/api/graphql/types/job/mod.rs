//! A job.

pub(crate) mod attempt;
pub(crate) mod bulk;
pub(crate) mod connection;
pub(crate) mod facet;
pub(crate) mod filter;
pub(crate) mod input;
pub(crate) mod nodes;
pub(crate) mod report;
pub(crate) mod settings;

use std::sync::{Arc, OnceLock};

use async_graphql::{Context, ID, Object, Result};

use self::attempt::Attempt;
use self::report::{JobLogLine, JobProgress};
use super::enums::{JobStatus, Priority};
use super::explanation::Explanation;
use crate::api::contract::view::job::JobView;
use crate::api::graphql::context::{caller, services};
use crate::api::graphql::loader;
use crate::api::graphql::scalars::{DateTime, Json, TimeSpan, Uuid};
use crate::domain::cluster::remote_worker::JobReports;
use crate::domain::job::Job as DomainJob;
use crate::domain::values::name::Tag;
use crate::domain::values::trace_context::{JobTrace, SamplingRatio};
use crate::storage::query::{JobSummary, JobText};
use crate::views::explanation::ExplanationView;
use crate::views::job::JobItem;

/// A job, as a summary or with more fields. Fields that a summary lacks are loaded when they are selected, for all jobs
/// of a request together; large texts are loaded separately, so that none is read that the response does not contain.
#[derive(Clone, Debug)]
pub(in super::super) struct Job {
    summary: JobSummary,
    /// The job without its large texts, if it was loaded.
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

/// A complete job, or one in brief.
impl From<Arc<DomainJob>> for Job {
    fn from(job: Arc<DomainJob>) -> Self {
        if job.is_brief {
            return Self::of_brief(job);
        }
        Self {
            parameters: OnceLock::from(Some(Arc::clone(job.parameters.as_arc()))),
            result: OnceLock::from(job.result.as_ref().map(|result| Arc::clone(result.as_arc()))),
            error_detail: OnceLock::from(job.error_detail.clone()),
            ..Self::of_brief(job)
        }
    }
}

impl Job {
    /// A job without its large texts.
    pub(in super::super) fn of_brief(job: Arc<DomainJob>) -> Self {
        Self {
            brief: OnceLock::from(Arc::clone(&job)),
            ..Self::from(JobSummary::from(&*job))
        }
    }

    /// The job's summary.
    pub(super) const fn summary(&self) -> &JobSummary {
        &self.summary
    }

    /// The view of the summary.
    fn item(&self) -> JobItem<'_> {
        JobItem::from(&self.summary)
    }

    /// Reports of its attempts: none before the first attempt.
    async fn reports(&self, ctx: &Context<'_>) -> Result<JobReports> {
        if self.summary.attempt == 0 {
            return Ok(JobReports::default());
        }
        Ok(services(ctx)?.jobs.reports(caller(ctx)?, self.summary.id).await?)
    }

    /// The job without its large texts; `None` if it was deleted after its summary was read.
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

    /// Reads a field of the job's view; `None` if the job was deleted after its summary was read.
    async fn read<T>(&self, ctx: &Context<'_>, field: impl FnOnce(JobView<'_>) -> T) -> Result<Option<T>> {
        let job = self.brief(ctx).await?;
        Ok(job.map(|job| field(JobView::new(&job, &[]))))
    }

    /// One of its large texts, if it exists.
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

/// A unit of work: a type, parameters, a queue, a priority, a due time, and its state.
// Fields are resolved sequentially: nearly all values are present, and polling a future for each costs more than it
// saves. Values that are loaded are loaded for all jobs of a list together nevertheless.
#[Object(serial)]
impl Job {
    /// Id, a UUID of version 7: the same as in REST.
    pub(super) async fn id(&self) -> ID {
        self.item().id.into()
    }

    /// Tags, sorted.
    async fn tags(&self) -> Vec<&str> {
        self.summary.tags().iter().map(Tag::as_str).collect()
    }

    /// Display name.
    async fn name(&self) -> &str {
        self.item().name
    }

    /// Type, which selects the handler.
    #[graphql(name = "type")]
    async fn job_type(&self) -> &str {
        self.item().job_type
    }

    /// Name of its queue.
    async fn queue(&self) -> &str {
        self.item().queue
    }

    /// Status.
    async fn status(&self) -> JobStatus {
        self.item().status.0.into()
    }

    /// Priority.
    async fn priority(&self) -> Priority {
        self.item().priority.0.into()
    }

    /// Time of its creation.
    async fn created_at(&self) -> DateTime {
        self.item().created_at.into()
    }

    /// Time when it is due.
    async fn run_at(&self) -> DateTime {
        self.item().run_at.into()
    }

    /// Start time of its last attempt.
    async fn executed_at(&self) -> Option<DateTime> {
        self.item().executed_at.map(DateTime::from)
    }

    /// Time when it completed, failed or was cancelled.
    async fn completed_at(&self) -> Option<DateTime> {
        self.item().completed_at.map(DateTime::from)
    }

    /// Duration of its last attempt; null before the attempt's end.
    async fn duration(&self) -> Option<TimeSpan> {
        self.item().duration.map(TimeSpan::from)
    }

    /// Number of attempts that were started.
    async fn attempt(&self) -> u32 {
        self.item().attempt
    }

    /// Number of retries since the count was last reset.
    async fn retry_count(&self) -> u32 {
        self.item().retry_count
    }

    /// Maximum number of retries.
    async fn max_retries(&self) -> u32 {
        self.item().max_retries
    }

    /// Error message of the last attempt, in one line.
    async fn error(&self) -> Option<&str> {
        self.item().error
    }

    /// Id of the recurring job, if the job is an occurrence.
    async fn recurring_job_id(&self) -> Option<Uuid> {
        self.item().recurring_job_id.map(Uuid::from)
    }

    /// The last 200 attempts, first to last, including the running one.
    #[graphql(complexity = "5 + child_complexity")]
    async fn attempts(&self, ctx: &Context<'_>) -> Result<Vec<Attempt>> {
        let ended = if self.summary.attempt == 0 {
            Vec::new()
        } else {
            loader::ended_attempts(ctx, self.summary.id, self.summary.attempt).await?
        };
        Ok(self.summary.history(ended).into_iter().map(Attempt::from).collect())
    }

    /// The reasons why it does not run now, or its state. For a list of jobs the place in line is counted for the first ten
    /// that wait in one. Null if the job was deleted during the request.
    #[graphql(complexity = "10 + child_complexity")]
    async fn explanation(&self, ctx: &Context<'_>) -> Result<Option<Explanation>> {
        let explanation = loader::explanation(ctx, self.summary.id).await?;
        Ok(explanation.map(|explanation| Explanation(ExplanationView::from(&*explanation))))
    }

    /// Progress reported last; null if no attempt has reported any.
    #[graphql(complexity = "20 + child_complexity")]
    async fn progress(&self, ctx: &Context<'_>) -> Result<Option<JobProgress>> {
        let JobReports { progress, log: _ } = self.reports(ctx).await?;
        Ok(progress.map(|(attempt, progress)| JobProgress(attempt, progress)))
    }

    /// Last log lines of its attempts, oldest first, at most 200.
    #[graphql(complexity = "20 + 10 * child_complexity")]
    async fn log(&self, ctx: &Context<'_>) -> Result<Vec<JobLogLine>> {
        let JobReports { progress: _, log } = self.reports(ctx).await?;
        Ok(log.into_iter().map(JobLogLine).collect())
    }

    /// Input of the handler.
    #[graphql(complexity = 3)]
    async fn parameters(&self, ctx: &Context<'_>) -> Result<Option<Json>> {
        Ok(self.text(ctx, JobText::Parameters).await?.map(Json::of_shared))
    }

    /// Result of the handler; null until the job has completed.
    #[graphql(complexity = 3)]
    async fn result(&self, ctx: &Context<'_>) -> Result<Option<Json>> {
        Ok(self.text(ctx, JobText::Result).await?.map(Json::of_shared))
    }

    /// Details of the last error.
    #[graphql(complexity = 3)]
    async fn error_detail(&self, ctx: &Context<'_>) -> Result<Option<String>> {
        let detail = self.text(ctx, JobText::ErrorDetail).await?;
        Ok(detail.map(|detail| detail.to_string()))
    }

    /// Timeout of an attempt; null if the job was deleted during the request.
    #[graphql(complexity = 3)]
    async fn timeout(&self, ctx: &Context<'_>) -> Result<Option<TimeSpan>> {
        self.read(ctx, |job| job.timeout.into()).await
    }

    /// Backoff before the first retry; it doubles with each further one. Null if the job was deleted during the
    /// request.
    #[graphql(complexity = 3)]
    async fn retry_delay(&self, ctx: &Context<'_>) -> Result<Option<TimeSpan>> {
        self.read(ctx, |job| job.retry_delay.into()).await
    }

    /// Backoffs before the first, second, … retry, which replace `retryDelay`; empty if there is no such list. Null if
    /// the job was deleted during the request.
    #[graphql(complexity = 3)]
    async fn retry_intervals(&self, ctx: &Context<'_>) -> Result<Option<Vec<TimeSpan>>> {
        self.read(ctx, |job| job.retry_intervals.iter().map(TimeSpan::from).collect())
            .await
    }

    /// Unique key: at most one unfinished job has it.
    #[graphql(complexity = 3)]
    async fn unique_key(&self, ctx: &Context<'_>) -> Result<Option<String>> {
        let key = self.read(ctx, |job| job.unique_key.map(str::to_owned)).await?;
        Ok(key.flatten())
    }

    /// Due time of the recurring job for which it was created.
    #[graphql(complexity = 3)]
    async fn occurrence_at(&self, ctx: &Context<'_>) -> Result<Option<DateTime>> {
        let time = self.read(ctx, |job| job.occurrence_at.map(DateTime::from)).await?;
        Ok(time.flatten())
    }

    /// Id of its trace, 32 hexadecimal digits: that of the request that created it, or one of its own. Null if the job was
    /// deleted during the request.
    #[graphql(complexity = 3)]
    async fn trace_id(&self, ctx: &Context<'_>) -> Result<Option<String>> {
        let job = self.brief(ctx).await?;
        Ok(job.map(|job| JobTrace::of(&job, SamplingRatio::all()).trace_id.to_string()))
    }

    /// True if it runs and its cancellation was requested; null if the job was deleted during the request.
    #[graphql(complexity = 3)]
    async fn cancel_requested(&self, ctx: &Context<'_>) -> Result<Option<bool>> {
        self.read(ctx, |job| job.cancel_requested).await
    }

    /// Revision, which grows with every change; the value of `expectedRevision` in mutations. Null if the job was
    /// deleted during the request.
    #[graphql(complexity = 3)]
    async fn revision(&self, ctx: &Context<'_>) -> Result<Option<u32>> {
        self.read(ctx, |job| job.revision).await
    }
}
