//! Remote workers, their leased jobs and responses to them.

pub(crate) mod input;

use std::sync::Arc;

use async_graphql::{ID, Object};

use super::connection::connection;
use super::enums::{Priority, WorkerStatus};
use super::int::int;
use crate::api::contract::view::worker::{BeatView, EndedView, LeasedView, WorkerView, type_names};
use crate::api::graphql::scalars::{DateTime, Json, TimeSpan, Uuid};
use crate::domain::cluster::worker_access::LeaseToken;
use crate::domain::job::Job;
use crate::domain::values::name::JobType;
use crate::domain::values::trace_context::TraceParent;
use crate::service::workers::{Finished, HeartbeatResult, WorkerDetail, Workers};

/// A remote worker.
pub(in super::super) struct Worker(WorkerView);

impl Worker {
    /// A worker with this server's settings.
    pub(in super::super) fn new(worker: WorkerDetail, workers: &Workers) -> Self {
        Self(WorkerView::new(worker, workers))
    }

    /// Its cursor in a list.
    pub(in super::super) fn cursor(&self) -> String {
        self.0.id.to_string()
    }
}

/// A program outside the server that leases jobs, runs them and reports their results.
#[Object]
impl Worker {
    /// Id of the registration, a UUID: a worker that registers again has another one.
    pub(super) async fn id(&self) -> ID {
        self.0.id.into()
    }

    /// Display name.
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// Status.
    async fn status(&self) -> WorkerStatus {
        self.0.status.0.into()
    }

    /// Job types that it runs.
    async fn types(&self) -> &[String] {
        &self.0.types
    }

    /// Queues from which it leases jobs; empty for all.
    async fn queues(&self) -> &[String] {
        &self.0.queues
    }

    /// Number of jobs that it runs at the same time.
    async fn concurrency(&self) -> u32 {
        self.0.concurrency
    }

    /// Number of its running jobs.
    async fn running_jobs(&self) -> i32 {
        int(self.0.running_jobs)
    }

    /// Time of its registration.
    async fn registered_at(&self) -> DateTime {
        self.0.registered_at.into()
    }

    /// Time of its last heartbeat, by the database's clock.
    async fn last_heartbeat_at(&self) -> DateTime {
        self.0.last_heartbeat_at.into()
    }

    /// Expiry of its lease, by the database's clock.
    async fn lease_until(&self) -> DateTime {
        self.0.lease_until.into()
    }

    /// Time by which a heartbeat extends its lease.
    async fn lease(&self) -> TimeSpan {
        self.0.lease.into()
    }

    /// Recommended interval of its heartbeats.
    async fn heartbeat_interval(&self) -> TimeSpan {
        self.0.heartbeat_interval.into()
    }

    /// Its job types that it may not lease, because a server has a handler for them.
    async fn refused_types(&self) -> &[String] {
        self.0.refused_types.as_deref().unwrap_or_default()
    }
}

connection! {
    /// A page of remote workers.
    WorkerConnection, WorkerEdge, Worker, {}
}

/// A leased job.
pub(in super::super) struct LeasedJob {
    job: Arc<Job>,
    token: LeaseToken,
    place: TraceParent,
    refused: Option<Vec<String>>,
}

impl LeasedJob {
    /// A job for this worker, and its span context.
    pub(in super::super) fn new(job: &Arc<Job>, token: LeaseToken, place: TraceParent, refused: &[JobType]) -> Self {
        Self {
            job: Arc::clone(job),
            token,
            place,
            refused: type_names(refused),
        }
    }

    fn view(&self) -> LeasedView<'_> {
        LeasedView::new(&self.job, self.token, self.place)
    }
}

/// A leased job: it is running, and belongs to the worker until the worker reports its result or loses its lease.
#[Object]
impl LeasedJob {
    /// Id of the job.
    async fn job_id(&self) -> ID {
        self.view().job_id.into()
    }

    /// Lease token, which reports of this attempt have to contain.
    async fn lease_token(&self) -> String {
        self.view().lease_token.expose()
    }

    /// Display name.
    async fn name(&self) -> &str {
        self.view().name
    }

    /// Type of the job, which selects its handler.
    #[graphql(name = "type")]
    async fn job_type(&self) -> &str {
        self.view().job_type
    }

    /// Name of its queue.
    async fn queue(&self) -> &str {
        self.view().queue
    }

    /// Priority.
    async fn priority(&self) -> Priority {
        self.view().priority.0.into()
    }

    /// Number of this attempt, counted from 1.
    async fn attempt(&self) -> u32 {
        self.view().attempt
    }

    /// Number of retries among the attempts before it.
    async fn retry_count(&self) -> u32 {
        self.view().retry_count
    }

    /// Maximum number of retries.
    async fn max_retries(&self) -> u32 {
        self.view().max_retries
    }

    /// Input of the handler.
    async fn parameters(&self) -> Json {
        self.view().parameters.into()
    }

    /// Time of the job's creation.
    async fn created_at(&self) -> DateTime {
        self.view().created_at.into()
    }

    /// Timeout of the attempt.
    async fn timeout(&self) -> TimeSpan {
        self.view().timeout.into()
    }

    /// Id of the recurring job, if the job is an occurrence.
    async fn recurring_job_id(&self) -> Option<Uuid> {
        self.view().recurring_job_id.map(Uuid::from)
    }

    /// Header `traceparent` of the handler's requests: the span of this attempt.
    async fn trace_parent(&self) -> Option<String> {
        Some(self.view().trace_parent.to_string())
    }

    /// Header `tracestate` of the handler's requests, from the request that created the job.
    async fn trace_state(&self) -> Option<&str> {
        self.view().trace_state
    }

    /// Header `baggage` of the handler's requests, from the request that created the job.
    async fn baggage(&self) -> Option<&str> {
        self.view().baggage
    }

    /// Job types of the worker that it may not lease, because a server has a handler for them.
    async fn refused_types(&self) -> &[String] {
        self.refused.as_deref().unwrap_or_default()
    }
}

/// Response to a heartbeat.
pub(in super::super) struct WorkerHeartbeat(BeatView);

impl From<HeartbeatResult> for WorkerHeartbeat {
    fn from(result: HeartbeatResult) -> Self {
        Self(result.into())
    }
}

/// Response to a worker's heartbeat.
#[Object]
impl WorkerHeartbeat {
    /// Expiry of its lease, by the database's clock.
    async fn lease_until(&self) -> DateTime {
        self.0.lease_until.into()
    }

    /// Jobs whose cancellation was requested: the worker should stop them soon.
    async fn cancelled(&self) -> Vec<ID> {
        self.0.cancelled.iter().map(ID::from).collect()
    }

    /// Jobs that the worker has lost: they timed out, or its lease had expired. It should stop them; further reports of
    /// them are rejected.
    async fn lost(&self) -> Vec<ID> {
        self.0.lost.iter().map(ID::from).collect()
    }

    /// Its job types that it may not lease, because a server has a handler for them.
    async fn refused_types(&self) -> &[String] {
        self.0.refused_types.as_deref().unwrap_or_default()
    }
}

/// Result of reporting finished jobs.
pub(in super::super) struct EndedJobs(EndedView);

impl From<Finished> for EndedJobs {
    fn from(finished: Finished) -> Self {
        Self(finished.into())
    }
}

/// Result of reporting finished jobs.
#[Object]
impl EndedJobs {
    /// Number of stored results.
    async fn stored(&self) -> i32 {
        int(self.0.stored)
    }

    /// Jobs that the worker had lost: they were not changed.
    async fn lost(&self) -> Vec<ID> {
        self.0.lost.iter().map(ID::from).collect()
    }
}
