//! Mutations of remote workers.

use std::sync::Arc;
use std::time::Instant;

use async_graphql::{Context, ID, Object, Result};
use chrono::TimeDelta;
use serde_json::value::RawValue;

use crate::api::contract::request::worker::{CompleteRequest, FailRequest, HeartbeatRequest, LeaseRequest};
use crate::api::graphql::context::{Deadline, caller, services};
use crate::api::graphql::errors;
use crate::api::graphql::execution::budget::Budget;
use crate::api::graphql::scalars::TimeSpan;
use crate::api::graphql::types::scalar_parsing;
use crate::api::graphql::types::scalar_parsing::Place;
use crate::api::graphql::types::worker::input::{CompletedJobInput, FailedJobInput, HeldJobInput, RegisterWorkerInput};
use crate::api::graphql::types::worker::{EndedJobs, LeasedJob, Worker, WorkerHeartbeat};
use crate::domain::values::id::NodeId;
use crate::domain::values::time_span::TimeSpan as Span;
use crate::service::workers::{JOBS_MAX, Leased, ReportedEnd, WAIT_MAX};

#[derive(Default)]
pub(super) struct WorkerMutations;

#[Object]
impl WorkerMutations {
    /// Registers a remote worker and starts its lease.
    async fn register_worker(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The worker.")] input: RegisterWorkerInput,
    ) -> Result<Option<Worker>> {
        let place = Place::argument("input");
        let declaration = input.into_declaration(&place)?;
        let workers = &services(ctx)?.workers;
        let registered = workers.register(caller(ctx)?, declaration).await;
        let worker = registered.map_err(|error| errors::of_service(error, |field, _| place.field(field)))?;
        Ok(Some(Worker::new(worker, workers)))
    }

    /// Leases due jobs of the worker's types, highest priority first. They run from now on and belong to the worker
    /// while it renews its lease. If there are none, the response waits for up to `wait` for the first.
    #[graphql(
        complexity = "max.and_then(|max| usize::try_from(max).ok()).unwrap_or(10).saturating_mul(child_complexity)"
    )]
    async fn lease_jobs(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The worker's id.")] worker_id: ID,
        #[graphql(desc = "Maximum number of jobs, 1 to 1000; the worker's concurrency by default.")] max: Option<i32>,
        #[graphql(
            desc = "Maximum wait for the first job; zero by default, at most 30 seconds, and at most half of the \
                    request's remaining time (`[graphql] timeout`, 30 seconds)."
        )]
        wait: Option<TimeSpan>,
    ) -> Result<Option<Vec<LeasedJob>>> {
        let id = scalar_parsing::worker_id("workerId", &worker_id)?;
        let count = |max| scalar_parsing::count("max", Some(max), JOBS_MAX, JOBS_MAX);
        let request = LeaseRequest {
            wait: Place::arguments().span("wait", wait)?,
            max: max.map(count).transpose()?,
        };
        let (max, wait) = request.into_parts();
        // Jobs leased to a request that has timed out never reach the worker. Other fields of the request may precede
        // and follow: they have half of the remaining time.
        let Deadline(deadline) = *ctx.data::<Deadline>()?;
        let left = deadline.saturating_duration_since(Instant::now()) / 2;
        let wait = if wait.to_std() > left && wait.to_std() <= WAIT_MAX {
            Span::from_delta(TimeDelta::from_std(left).unwrap_or_default())
        } else {
            wait
        };
        let workers = &services(ctx)?.workers;
        let field = ctx.field();
        let times = field.selection_set().filter(|field| field.name() == "parameters");
        let times = times.count();
        let memory = Arc::new(ctx.data::<Arc<Budget>>()?.for_lease(times));
        let leased = workers.lease(caller(ctx)?, id, max, wait, memory);
        let Leased {
            jobs,
            refused,
            held: _held,
        } = leased.await?;
        let leased = jobs.iter();
        let leased = leased.map(|(job, token)| LeasedJob::new(job, *token, workers.place_in_trace(job), &refused));
        Ok(Some(leased.collect()))
    }

    /// Renews a worker's lease, stores reports of its running jobs, and returns the jobs that it should stop. The
    /// worker lists all its jobs: one that is missing for the duration of a lease is recovered.
    async fn renew_worker(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The worker's id.")] worker_id: ID,
        #[graphql(desc = "Running jobs of the worker; none by default.")] jobs: Option<Vec<HeldJobInput>>,
    ) -> Result<Option<WorkerHeartbeat>> {
        let id = scalar_parsing::worker_id("workerId", &worker_id)?;
        let requests = |jobs: Vec<HeldJobInput>| {
            let jobs = jobs.into_iter().enumerate();
            let jobs = jobs.map(|(index, job)| job.into_request(&Place::item("jobs", index)));
            jobs.collect::<Result<_>>()
        };
        let request = HeartbeatRequest {
            jobs: jobs.map(requests).transpose()?,
        };
        let workers = &services(ctx)?.workers;
        let held = request.into_held(workers.now())?;
        let beat = workers.heartbeat(caller(ctx)?, id, held).await?;
        Ok(Some(beat.into()))
    }

    /// Reports completed jobs. Rejected if the worker has lost all of them; nothing is changed then.
    async fn complete_jobs(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The worker's id.")] worker_id: ID,
        #[graphql(desc = "The jobs, 1 to 1000.")] jobs: Vec<CompletedJobInput>,
    ) -> Result<Option<EndedJobs>> {
        let id = scalar_parsing::worker_id("workerId", &worker_id)?;
        let places: Vec<Place> = (0..jobs.len()).map(|index| Place::item("jobs", index)).collect();
        let results = jobs.iter().zip(&places).map(|(job, place)| job.result(place));
        let results: Vec<Option<Box<RawValue>>> = results.collect::<Result<_>>()?;
        let jobs = jobs.iter().zip(&places).zip(&results);
        let jobs = jobs.map(|((job, place), result)| job.to_request(place, result.as_deref()));
        let request = CompleteRequest {
            jobs: jobs.collect::<Result<_>>()?,
        };
        end(ctx, id, request.into_ends()).await.map(Some)
    }

    /// Reports jobs that did not complete. Rejected if the worker has lost all of them; nothing is changed then.
    async fn fail_jobs(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The worker's id.")] worker_id: ID,
        #[graphql(desc = "The jobs, 1 to 1000.")] jobs: Vec<FailedJobInput>,
    ) -> Result<Option<EndedJobs>> {
        let id = scalar_parsing::worker_id("workerId", &worker_id)?;
        let jobs = jobs.into_iter().enumerate();
        let jobs = jobs.map(|(index, job)| job.into_request(&Place::item("jobs", index)));
        let request = FailRequest {
            jobs: jobs.collect::<Result<_>>()?,
        };
        end(ctx, id, request.into_ends()).await.map(Some)
    }

    /// Releases a worker's running jobs and ends its lease. Returns its id.
    async fn unregister_worker(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The worker's id.")] id: ID,
    ) -> Result<Option<ID>> {
        let worker = scalar_parsing::worker_id("id", &id)?;
        services(ctx)?.workers.leave(caller(ctx)?, worker).await?;
        Ok(Some(ID(worker.to_string())))
    }
}

async fn end(ctx: &Context<'_>, worker: NodeId, reported: Vec<ReportedEnd>) -> Result<EndedJobs> {
    let finished = services(ctx)?.workers.finish(caller(ctx)?, worker, reported).await;
    let finished = finished.map_err(|error| {
        errors::of_service(error, |field, index| match index {
            Some(index) => Place::item("jobs", index).field(field),
            None => field.to_owned(),
        })
    })?;
    Ok(finished.into())
}
