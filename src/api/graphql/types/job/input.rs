//! What is given of a job: of a new one, and of what is to be changed.

use async_graphql::{ID, InputObject, Result, SimpleObject};

use super::Job;
use crate::api::graphql::errors;
use crate::api::graphql::scalars::{DateTime, Json, TimeSpan};
use crate::api::graphql::types::enums::Priority;
use crate::api::graphql::types::scalar_parsing;
use crate::api::graphql::types::scalar_parsing::Place;
use crate::api::rest::jobs::request::{JobRequest, PatchRequest};
use crate::domain::job::new_job::NewJob;
use crate::domain::job::state_machine::JobPatch;
use crate::service::jobs::Scheduled;

/// A job to be run. Every field but `type` may be left out or be null; the configuration of the job's type then decides.
#[derive(Debug, InputObject)]
pub(crate) struct ScheduleJobInput {
    /// Which handler runs it: 1 to 200 characters.
    #[graphql(name = "type")]
    job_type: String,
    /// What people call it, in 1 to 200 characters; its type by default.
    name: Option<String>,
    /// The queue that it waits in: 1 to 100 letters, digits and `_ . : -`.
    queue: Option<String>,
    /// What the handler is given.
    parameters: Option<Json>,
    /// How urgent it is; normal by default.
    priority: Option<Priority>,
    /// How long it waits before it may start. Not together with `runAt`.
    delay: Option<TimeSpan>,
    /// When it may start; at once if that has passed. Not together with `delay`.
    run_at: Option<DateTime>,
    /// How many retries it may have: 0 to 1000.
    max_retries: Option<i32>,
    /// How long one attempt may take.
    timeout: Option<TimeSpan>,
    /// The wait before the first retry; each further one is twice as long.
    retry_delay: Option<TimeSpan>,
    /// The waits before the first, second, … retry, at most 100; the last one repeats. In place of `retryDelay`.
    retry_intervals: Option<Vec<TimeSpan>>,
    /// At most one unfinished job has this key: whoever asks for a second one gets the first.
    unique_key: Option<String>,
}

impl ScheduleJobInput {
    /// The new job that is asked for.
    pub(crate) fn into_new_job(self, place: &Place) -> Result<NewJob> {
        let Self {
            job_type,
            name,
            queue,
            parameters,
            priority,
            delay,
            run_at,
            max_retries,
            timeout,
            retry_delay,
            retry_intervals,
            unique_key,
        } = self;
        let parameters = place.json("parameters", parameters.as_ref())?;
        let request = JobRequest {
            job_type: place.text("type", Some(job_type))?,
            name: place.text("name", name)?,
            queue: place.text("queue", queue)?,
            parameters: parameters.as_deref(),
            priority: scalar_parsing::priority(priority),
            delay: place.span("delay", delay)?,
            run_at: place.time("runAt", run_at)?,
            max_retries: place.retries("maxRetries", max_retries)?,
            timeout: place.span("timeout", timeout)?,
            retry_delay: place.span("retryDelay", retry_delay)?,
            retry_intervals: place.spans("retryIntervals", retry_intervals)?,
            unique_key: place.text("uniqueKey", unique_key)?,
            // A recurring job has an input of its own.
            ..JobRequest::default()
        };
        request
            .into_new_job("")
            .map_err(|part| errors::of_part(&part, place.as_str()))
    }
}

/// What of a pending job is to be changed. What is left out, or is null, stays as it is; at least one field is needed.
#[derive(Debug, InputObject)]
pub(crate) struct UpdateJobInput {
    /// What people call it, in 1 to 200 characters.
    name: Option<String>,
    /// The queue that it waits in.
    queue: Option<String>,
    /// What the handler is given, in place of what it had.
    parameters: Option<Json>,
    /// How urgent it is.
    priority: Option<Priority>,
    /// How long it waits from now on before it may start. Not together with `runAt`.
    delay: Option<TimeSpan>,
    /// When it may start. Not together with `delay`.
    run_at: Option<DateTime>,
    /// How many retries it may have: 0 to 1000.
    max_retries: Option<i32>,
    /// How long one attempt may take.
    timeout: Option<TimeSpan>,
    /// The wait before the first retry.
    retry_delay: Option<TimeSpan>,
    /// The waits before each retry, at most 100.
    retry_intervals: Option<Vec<TimeSpan>>,
}

impl UpdateJobInput {
    /// The change that is asked for.
    pub(crate) fn into_patch(self, place: &Place) -> Result<JobPatch> {
        let Self {
            name,
            queue,
            parameters,
            priority,
            delay,
            run_at,
            max_retries,
            timeout,
            retry_delay,
            retry_intervals,
        } = self;
        let parameters = place.json("parameters", parameters.as_ref())?;
        let request = PatchRequest {
            name: place.text("name", name)?,
            queue: place.text("queue", queue)?,
            parameters: parameters.as_deref(),
            priority: scalar_parsing::priority(priority),
            delay: place.span("delay", delay)?,
            run_at: place.time("runAt", run_at)?,
            max_retries: place.retries("maxRetries", max_retries)?,
            timeout: place.span("timeout", timeout)?,
            retry_delay: place.span("retryDelay", retry_delay)?,
            retry_intervals: place.spans("retryIntervals", retry_intervals)?,
        };
        request
            .into_patch()
            .map_err(|part| errors::of_part(&part, place.as_str()))
    }
}

/// What became of a job that was to be scheduled.
#[derive(Debug, SimpleObject)]
pub(crate) struct ScheduledJob {
    /// The job, or the one that was there before.
    job: Job,
    /// Whether it is new; otherwise an unfinished job has its unique key, or the request was made before under its
    /// idempotency key.
    is_new: bool,
    /// What its caller should know, such as that nothing runs its type.
    warnings: Vec<String>,
}

impl From<Scheduled> for ScheduledJob {
    fn from(scheduled: Scheduled) -> Self {
        let Scheduled { job, is_new, warnings } = scheduled;
        Self {
            job: job.into(),
            is_new,
            warnings,
        }
    }
}

/// What became of jobs that were to be scheduled.
#[derive(Debug, SimpleObject)]
pub(crate) struct ScheduledJobs {
    /// What became of each, in their order.
    pub jobs: Vec<ScheduledJob>,
    /// How many of them are new.
    pub created: i32,
    /// Jobs that the first request with this idempotency key made and that have been removed since.
    pub missing: Vec<ID>,
}
