//! Creation and changes of single jobs.

use async_graphql::{Context, ID, Object, Result};

use super::idempotency::key_of;
use crate::api::contract::request::job_action::{ExecuteRequest, RetryRequest};
use crate::api::graphql::context::{caller, services};
use crate::api::graphql::errors;
use crate::api::graphql::scalars::{DateTime, TimeSpan};
use crate::api::graphql::types::enums::Priority;
use crate::api::graphql::types::int::int;
use crate::api::graphql::types::job::Job;
use crate::api::graphql::types::job::input::{ScheduleJobInput, ScheduledJob, ScheduledJobs, UpdateJobInput};
use crate::api::graphql::types::scalar_parsing;
use crate::api::graphql::types::scalar_parsing::Place;
use crate::service::error::ServiceError;
use crate::service::jobs::{CancelOutcome, ScheduledBatch};

#[derive(Default)]
pub(super) struct JobMutations;

#[Object]
impl JobMutations {
    /// Schedules a job to run now, after a delay, or at a time. The job is stored when the response is sent.
    async fn schedule_job(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The job.")] input: ScheduleJobInput,
        #[graphql(
            desc = "Idempotency key: repeated requests with it take effect once. 1 to 255 visible ASCII \
                          characters. A repeated request returns the job of the first one."
        )]
        idempotency_key: Option<String>,
    ) -> Result<Option<ScheduledJob>> {
        let place = Place::argument("input");
        let key = key_of(ctx, idempotency_key)?;
        let new = input.into_new_job(&place)?;
        let scheduled = services(ctx)?.jobs.schedule(caller(ctx)?, new, key).await;
        let batch = scheduled.map_err(|error| errors::of_service(error, |field, _| place.field(field)))?;
        let lost = || ServiceError::Internal {
            reason: "no job was created for a request of one".to_owned(),
        };
        let scheduled = batch.jobs.into_iter().next().ok_or_else(lost)?;
        Ok(Some(scheduled.into()))
    }

    /// Schedules several jobs in one transaction: all of them or none.
    #[graphql(complexity = "10 + child_complexity")]
    async fn schedule_jobs(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The jobs, 1 to 10000 by default (setting jobs.max_batch_size).")] inputs: Vec<
            ScheduleJobInput,
        >,
        #[graphql(
            desc = "Idempotency key: repeated requests with it take effect once. 1 to 255 visible ASCII \
                          characters. A repeated request returns the jobs of the first one."
        )]
        idempotency_key: Option<String>,
    ) -> Result<Option<ScheduledJobs>> {
        let key = key_of(ctx, idempotency_key)?;
        let new = inputs.into_iter().enumerate();
        let new = new.map(|(index, input)| input.into_new_job(&Place::item("inputs", index)));
        let new = new.collect::<Result<Vec<_>>>()?;
        let scheduled = services(ctx)?.jobs.schedule_batch(caller(ctx)?, new, key).await;
        let place = |field: &str, index: Option<usize>| match index {
            Some(index) => Place::item("inputs", index).field(field),
            None => "inputs".to_owned(),
        };
        let batch = scheduled.map_err(|refused| errors::of_batch(refused, place))?;
        let created = batch.created();
        let ScheduledBatch {
            jobs,
            is_replay: _,
            missing,
        } = batch;
        Ok(Some(ScheduledJobs {
            created: int(created),
            jobs: jobs.into_iter().map(ScheduledJob::from).collect(),
            missing: missing.into_iter().map(|id| ID(id.to_string())).collect(),
        }))
    }

    /// Changes a pending job.
    async fn update_job(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The job's id.")] id: ID,
        #[graphql(desc = "The changes.")] input: UpdateJobInput,
        #[graphql(desc = "Revision that the job must have.")] expected_revision: Option<i32>,
    ) -> Result<Option<Job>> {
        let id = scalar_parsing::job_id("id", &id)?;
        let place = Place::argument("input");
        let patch = input.into_update(&place)?;
        let revision = scalar_parsing::revision(expected_revision)?;
        let patched = services(ctx)?.jobs.patch(caller(ctx)?, id, patch, revision).await;
        let job = patched.map_err(|error| errors::of_service(error, |field, _| place.field(field)))?;
        Ok(Some(job.into()))
    }

    /// Deletes a finished job and its history. Returns its id.
    async fn delete_job(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The job's id.")] id: ID,
        #[graphql(desc = "Revision that the job must have.")] expected_revision: Option<i32>,
    ) -> Result<Option<ID>> {
        let job_id = scalar_parsing::job_id("id", &id)?;
        let revision = scalar_parsing::revision(expected_revision)?;
        services(ctx)?.jobs.delete(caller(ctx)?, job_id, revision).await?;
        Ok(Some(ID(job_id.to_string())))
    }

    /// Makes a pending job due now, after a delay, or at a time; requeues a finished job and keeps its history; creates
    /// an occurrence of a recurring job. Running jobs are rejected.
    async fn execute_job(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The id of the job, or of the recurring job.")] id: ID,
        #[graphql(desc = "New priority; unchanged by default.")] priority: Option<Priority>,
        #[graphql(desc = "Time until it is due. Mutually exclusive with runAt.")] delay: Option<TimeSpan>,
        #[graphql(desc = "Time when it is due. Mutually exclusive with delay.")] run_at: Option<DateTime>,
        #[graphql(desc = "Revision that it must have.")] expected_revision: Option<i32>,
    ) -> Result<Option<Job>> {
        let id = scalar_parsing::job_id("id", &id)?;
        let place = Place::arguments();
        let request = ExecuteRequest {
            priority: scalar_parsing::priority(priority),
            delay: place.span("delay", delay)?,
            run_at: place.time("runAt", run_at)?,
        };
        let (priority, due) = request.into_parts()?;
        let revision = scalar_parsing::revision(expected_revision)?;
        let jobs = &services(ctx)?.jobs;
        let job = jobs.execute(caller(ctx)?, id, priority, due, revision).await?;
        Ok(Some(job.into()))
    }

    /// Cancels a pending job; requests cancellation of a running one, which then has `cancelRequested`. Finished jobs
    /// are rejected.
    async fn cancel_job(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The job's id.")] id: ID,
        #[graphql(desc = "Revision that the job must have.")] expected_revision: Option<i32>,
    ) -> Result<Option<Job>> {
        let id = scalar_parsing::job_id("id", &id)?;
        let revision = scalar_parsing::revision(expected_revision)?;
        let cancelled = services(ctx)?.jobs.cancel(caller(ctx)?, id, revision).await?;
        let (CancelOutcome::Cancelled(job) | CancelOutcome::Requested(job)) = cancelled;
        Ok(Some(job.into()))
    }

    /// Makes a failed or cancelled job pending again. Jobs with other statuses are rejected.
    async fn retry_job(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The job's id.")] id: ID,
        #[graphql(desc = "True to reset its retry count; false by default.")] reset_retry_count: Option<bool>,
        #[graphql(desc = "Revision that the job must have.")] expected_revision: Option<i32>,
    ) -> Result<Option<Job>> {
        let id = scalar_parsing::job_id("id", &id)?;
        let revision = scalar_parsing::revision(expected_revision)?;
        let jobs = &services(ctx)?.jobs;
        let resets = RetryRequest { reset_retry_count }.resets_retry_count();
        let job = jobs.retry(caller(ctx)?, id, resets, revision).await?;
        Ok(Some(job.into()))
    }
}
