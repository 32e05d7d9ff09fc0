//! What remote workers ask for and say.

use std::sync::Arc;
use std::time::Instant;

use async_graphql::{Context, ID, Object, Result};
use chrono::TimeDelta;
use serde_json::value::RawValue;

use crate::api::graphql::context::{Deadline, caller, services};
use crate::api::graphql::errors;
use crate::api::graphql::execution::budget::Budget;
use crate::api::graphql::scalars::TimeSpan;
use crate::api::graphql::types::int::int;
use crate::api::graphql::types::scalar_parsing;
use crate::api::graphql::types::scalar_parsing::Place;
use crate::api::graphql::types::worker::input::{CompletedJobInput, FailedJobInput, HeldJobInput, RegisterWorkerInput};
use crate::api::graphql::types::worker::{EndedJobs, LeasedJob, Worker, WorkerHeartbeat};
use crate::api::rest::request::json_fields::Parsed;
use crate::api::rest::workers::ends;
use crate::api::rest::workers::request::{CompleteRequest, FailRequest, HeartbeatRequest};
use crate::domain::values::id::NodeId;
use crate::domain::values::time_span::TimeSpan as Span;
use crate::service::workers::{JOBS_MAX, Leased, ReportedEnd, WAIT_MAX};

#[derive(Default)]
pub(super) struct WorkerMutations;

#[Object]
impl WorkerMutations {
    /// Makes a remote worker known. Its lease begins.
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

    /// Gives a worker due jobs of its types, the most urgent first. They run from now on and are its own as long as it renews
    /// its lease. When there are none, the answer waits until there are, for as long as `wait` says.
    #[graphql(
        complexity = "max.and_then(|max| usize::try_from(max).ok()).unwrap_or(10).saturating_mul(child_complexity)"
    )]
    async fn lease_jobs(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The worker's id.")] worker_id: ID,
        #[graphql(
            desc = "How many jobs at the most, 1 to 1000; as many as the worker runs at the same time by default."
        )]
        max: Option<i32>,
        #[graphql(
            desc = "How long to wait for the first, not at all by default; 30 seconds at the most; the answer waits \
                    no longer than for half of the time that the request has left (`[graphql] timeout`, 30 seconds)."
        )]
        wait: Option<TimeSpan>,
    ) -> Result<Option<Vec<LeasedJob>>> {
        let id = scalar_parsing::worker_id("workerId", &worker_id)?;
        let max = max.map(|max| scalar_parsing::count("max", Some(max), JOBS_MAX, JOBS_MAX));
        let wait = Place::arguments().span("wait", wait)?;
        let wait = wait.map_or(Span::ZERO, |Parsed(wait)| wait);
        // What is given to a request that has taken too long never reaches the worker. Other fields may have waited before,
        // and others may follow: half of the time that is left is theirs.
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
        let leased = workers.lease(caller(ctx)?, id, max.transpose()?, wait, memory);
        let Leased {
            jobs,
            refused,
            held: _held,
        } = leased.await?;
        let leased = jobs.iter();
        let leased = leased.map(|(job, token)| LeasedJob::new(job, *token, workers.place_in_trace(job), &refused));
        Ok(Some(leased.collect()))
    }

    /// Renews a worker's lease, takes what it reports of the jobs that it runs, and tells it which of them should stop. It
    /// names all of them: one that is left out for as long as a lease is taken from it.
    async fn renew_worker(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The worker's id.")] worker_id: ID,
        #[graphql(desc = "The jobs that it runs; none by default.")] jobs: Option<Vec<HeldJobInput>>,
    ) -> Result<Option<WorkerHeartbeat>> {
        let id = scalar_parsing::worker_id("workerId", &worker_id)?;
        let jobs = jobs.unwrap_or_default().into_iter().enumerate();
        let jobs = jobs.map(|(index, job)| job.into_request(&Place::item("jobs", index)));
        let request = HeartbeatRequest {
            jobs: Some(jobs.collect::<Result<_>>()?),
        };
        let workers = &services(ctx)?.workers;
        let held = request.into_held(workers.now());
        let held = held.map_err(|part| errors::of_part(&part, ""))?;
        let beat = workers.beat(caller(ctx)?, id, held).await?;
        Ok(Some(beat.into()))
    }

    /// Says that jobs have succeeded. It is refused when all of them came too late: they are not the worker's any more, and
    /// nothing has changed.
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

    /// Says that jobs have not succeeded. It is refused when all of them came too late: they are not the worker's any more,
    /// and nothing has changed.
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

    /// Hands back what a worker runs, and ends its lease. Gives its id.
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
    let ended = ends::finish(&services(ctx)?.workers, caller(ctx)?, worker, reported).await;
    let ended = ended.map_err(|problem| errors::of_problem(&problem))?;
    Ok(EndedJobs {
        stored: int(u64::try_from(ended.stored).unwrap_or(u64::MAX)),
        lost: ended.lost.iter().map(|id| ID(id.to_string())).collect(),
    })
}
