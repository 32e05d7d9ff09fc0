//! Input of new jobs and of changes of jobs.

use async_graphql::{ID, InputObject, Result, SimpleObject};

use super::Job;
use super::settings::JobSettingsInput;
use crate::api::contract::request::job::JobRequest;
use crate::api::contract::request::job_update::PatchRequest;
use crate::api::graphql::errors;
use crate::api::graphql::scalars::{DateTime, TimeSpan};
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
    #[graphql(flatten)]
    settings: JobSettingsInput,
    /// Time until it is due. Mutually exclusive with `runAt`.
    delay: Option<TimeSpan>,
    /// Time when it is due; a time in the past means now. Mutually exclusive with `delay`.
    run_at: Option<DateTime>,
    /// Unique key: at most one unfinished job has it. A request for another one returns the existing job.
    unique_key: Option<String>,
}

impl ScheduleJobInput {
    /// The new job of the input.
    pub(crate) fn into_new_job(self, place: &Place) -> Result<NewJob> {
        let Self {
            job_type,
            settings,
            delay,
            run_at,
            unique_key,
        } = self;
        let parameters = place.json("parameters", settings.parameters.as_ref())?;
        let request = JobRequest {
            job_type: place.text("type", Some(job_type))?,
            delay: place.span("delay", delay)?,
            run_at: place.time("runAt", run_at)?,
            unique_key: place.text("uniqueKey", unique_key)?,
            ..settings.into_settings(place, parameters.as_deref())?.into()
        };
        request
            .into_new_job()
            .map_err(|error| errors::of_field(&error, place.as_str()))
    }
}

/// Changes of a pending job. Omitted or null fields are not changed; at least one field is required.
#[derive(Debug, InputObject)]
pub(crate) struct UpdateJobInput {
    #[graphql(flatten)]
    settings: JobSettingsInput,
    /// Time from now until it is due. Mutually exclusive with `runAt`.
    delay: Option<TimeSpan>,
    /// Time when it is due. Mutually exclusive with `delay`.
    run_at: Option<DateTime>,
}

impl UpdateJobInput {
    /// The update of the input.
    pub(crate) fn into_update(self, place: &Place) -> Result<JobUpdate> {
        let Self {
            settings,
            delay,
            run_at,
        } = self;
        let parameters = place.json("parameters", settings.parameters.as_ref())?;
        let request = PatchRequest {
            delay: place.span("delay", delay)?,
            run_at: place.time("runAt", run_at)?,
            ..settings.into_settings(place, parameters.as_deref())?.into()
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
