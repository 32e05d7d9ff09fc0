//! Input of new jobs and of changes of jobs.

use async_graphql::{ID, InputObject, Result, SimpleObject};

use super::Job;
use crate::api::contract::request::job::JobRequest;
use crate::api::contract::request::job_update::PatchRequest;
use crate::api::graphql::errors;
use crate::api::graphql::scalars::{DateTime, Json, TimeSpan};
use crate::api::graphql::types::enums::Priority;
use crate::api::graphql::types::scalar_parsing;
use crate::api::graphql::types::scalar_parsing::Place;
use crate::domain::job::new_job::NewJob;
use crate::domain::job::state_machine::JobUpdate;
use crate::service::jobs::Scheduled;

/// A job to schedule. All fields but `type` may be omitted or null; defaults come from the configuration of the job's
/// type.
#[derive(Debug, InputObject)]
pub(crate) struct ScheduleJobInput {
    /// Type of the job, which selects its handler: 1 to 200 characters.
    #[graphql(name = "type")]
    job_type: String,
    /// Display name, 1 to 200 characters; the type by default.
    name: Option<String>,
    /// Name of the queue: 1 to 100 letters, digits and `_ . : -`.
    queue: Option<String>,
    /// Input of the handler.
    parameters: Option<Json>,
    /// Priority; normal by default.
    priority: Option<Priority>,
    /// Time until it is due. Mutually exclusive with `runAt`.
    delay: Option<TimeSpan>,
    /// Time when it is due; a time in the past means now. Mutually exclusive with `delay`.
    run_at: Option<DateTime>,
    /// Maximum number of retries: 0 to 1000.
    max_retries: Option<i32>,
    /// Timeout of an attempt.
    timeout: Option<TimeSpan>,
    /// Backoff before the first retry; it doubles with each further one.
    retry_delay: Option<TimeSpan>,
    /// Backoffs before the first, second, … retry, at most 100; the last one repeats. Replaces `retryDelay`.
    retry_intervals: Option<Vec<TimeSpan>>,
    /// Unique key: at most one unfinished job has it. A request for another one returns the existing job.
    unique_key: Option<String>,
}

impl ScheduleJobInput {
    /// The new job of the input.
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
            max_retries: place.number("maxRetries", max_retries)?,
            timeout: place.span("timeout", timeout)?,
            retry_delay: place.span("retryDelay", retry_delay)?,
            retry_intervals: place.spans("retryIntervals", retry_intervals)?,
            unique_key: place.text("uniqueKey", unique_key)?,
            // Recurring jobs have an input of their own.
            ..JobRequest::default()
        };
        request
            .into_new_job()
            .map_err(|error| errors::of_field(&error, place.as_str()))
    }
}

/// Changes of a pending job. Omitted or null fields are not changed; at least one field is required.
#[derive(Debug, InputObject)]
pub(crate) struct UpdateJobInput {
    /// Display name, 1 to 200 characters.
    name: Option<String>,
    /// Name of the queue.
    queue: Option<String>,
    /// Input of the handler, which replaces the previous one.
    parameters: Option<Json>,
    /// Priority.
    priority: Option<Priority>,
    /// Time from now until it is due. Mutually exclusive with `runAt`.
    delay: Option<TimeSpan>,
    /// Time when it is due. Mutually exclusive with `delay`.
    run_at: Option<DateTime>,
    /// Maximum number of retries: 0 to 1000.
    max_retries: Option<i32>,
    /// Timeout of an attempt.
    timeout: Option<TimeSpan>,
    /// Backoff before the first retry.
    retry_delay: Option<TimeSpan>,
    /// Backoffs before each retry, at most 100.
    retry_intervals: Option<Vec<TimeSpan>>,
}

impl UpdateJobInput {
    /// The update of the input.
    pub(crate) fn into_update(self, place: &Place) -> Result<JobUpdate> {
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
            max_retries: place.number("maxRetries", max_retries)?,
            timeout: place.span("timeout", timeout)?,
            retry_delay: place.span("retryDelay", retry_delay)?,
            retry_intervals: place.spans("retryIntervals", retry_intervals)?,
        };
        request
            .into_update()
            .map_err(|error| errors::of_field(&error, place.as_str()))
    }
}

/// Result of scheduling a job.
#[derive(Debug, SimpleObject)]
pub(crate) struct ScheduledJob {
    /// The new job, or the existing one.
    job: Job,
    /// True if the job is new; false if an unfinished job has the unique key, or an earlier request had the idempotency
    /// key.
    is_new: bool,
    /// Warnings, such as that no handler runs the job's type.
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

/// Result of scheduling several jobs.
#[derive(Debug, SimpleObject)]
pub(crate) struct ScheduledJobs {
    /// Result for each job, in the order of the request.
    pub jobs: Vec<ScheduledJob>,
    /// Number of new jobs.
    pub created: i32,
    /// Jobs of the first request with this idempotency key that have been deleted since.
    pub missing: Vec<ID>,
}
