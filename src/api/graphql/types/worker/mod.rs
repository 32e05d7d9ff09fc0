//! Remote workers, their leased jobs and responses to them.

pub(crate) mod input;

use std::sync::Arc;

use async_graphql::{ID, SimpleObject};

use super::connection::connection;
use super::enums::{Priority, WorkerStatus};
use super::int::int;
use crate::api::graphql::scalars::{DateTime, Json, TimeSpan, Uuid};
use crate::domain::cluster::remote_worker::WorkerDeclaration;
use crate::domain::cluster::worker_access::LeaseToken;
use crate::domain::job::Job;
use crate::domain::values::name::JobType;
use crate::domain::values::trace_context::TraceParent;
use crate::service::workers::{Finished, HeartbeatResponse, HeartbeatResult, WorkerDetail, Workers};
use crate::storage::query::StoredWorker;

/// A program outside the server that leases jobs, runs them and reports their results.
#[derive(Debug, SimpleObject)]
pub(in super::super) struct Worker {
    /// Id of the registration, a UUID: a worker that registers again has another one.
    #[graphql(owned)]
    pub(in super::super) id: ID,
    /// Display name.
    name: String,
    /// Status.
    status: WorkerStatus,
    /// Job types that it runs.
    types: Vec<String>,
    /// Queues from which it leases jobs; empty for all.
    queues: Vec<String>,
    /// Number of jobs that it runs at the same time.
    concurrency: u32,
    /// Number of its running jobs.
    running_jobs: i32,
    /// Time of its registration.
    registered_at: DateTime,
    /// Time of its last heartbeat, by the database's clock.
    last_heartbeat_at: DateTime,
    /// Expiry of its lease, by the database's clock.
    lease_until: DateTime,
    /// Time by which a heartbeat extends its lease.
    lease: TimeSpan,
    /// Recommended interval of its heartbeats.
    heartbeat_interval: TimeSpan,
    /// Its job types that it may not lease, because a server has a handler for them.
    refused_types: Vec<String>,
}

impl Worker {
    /// A worker with this server's settings.
    pub(in super::super) fn new(worker: WorkerDetail, workers: &Workers) -> Self {
        let WorkerDetail { worker, refused } = worker;
        let status = worker.status().into();
        let StoredWorker {
            id,
            declaration:
                WorkerDeclaration {
                    name,
                    job_types,
                    queues,
                    concurrency,
                },
            access: _,
            registered_at,
            heartbeat_at,
            lease_until,
            is_live: _,
            running_jobs,
        } = worker;
        Self {
            id: ID(id.to_string()),
            name: name.to_string(),
            status,
            types: job_types.iter().map(ToString::to_string).collect(),
            queues: queues.iter().map(ToString::to_string).collect(),
            concurrency: concurrency.get(),
            running_jobs: int(running_jobs),
            registered_at: registered_at.into(),
            last_heartbeat_at: heartbeat_at.into(),
            lease_until: lease_until.into(),
            lease: workers.lease_time().into(),
            heartbeat_interval: workers.heartbeat_interval().into(),
            refused_types: refused.iter().map(ToString::to_string).collect(),
        }
    }
}

connection! {
    /// A page of remote workers.
    WorkerConnection, WorkerEdge, Worker, {}
}

/// A leased job: it is running, and belongs to the worker until the worker reports its result or loses its lease.
#[derive(Debug, SimpleObject)]
pub(in super::super) struct LeasedJob {
    /// Id of the job.
    job_id: ID,
    /// Lease token, which reports of this attempt have to contain.
    lease_token: String,
    /// Display name.
    name: String,
    /// Type of the job, which selects its handler.
    #[graphql(name = "type")]
    job_type: String,
    /// Name of its queue.
    queue: String,
    /// Priority.
    priority: Priority,
    /// Number of this attempt, counted from 1.
    attempt: u32,
    /// Number of retries among the attempts before it.
    retry_count: u32,
    /// Maximum number of retries.
    max_retries: u32,
    /// Input of the handler.
    parameters: Json,
    /// Time of the job's creation.
    created_at: DateTime,
    /// Timeout of the attempt.
    timeout: TimeSpan,
    /// Id of the recurring job, if the job is an occurrence.
    recurring_job_id: Option<Uuid>,
    /// Header `traceparent` of the handler's requests: the span of this attempt.
    trace_parent: Option<String>,
    /// Header `tracestate` of the handler's requests, from the request that created the job.
    trace_state: Option<String>,
    /// Header `baggage` of the handler's requests, from the request that created the job.
    baggage: Option<String>,
    /// Job types of the worker that it may not lease, because a server has a handler for them.
    refused_types: Vec<String>,
}

impl LeasedJob {
    /// A job for this worker, and its span context.
    pub(in super::super) fn new(job: &Arc<Job>, token: LeaseToken, place: TraceParent, refused: &[JobType]) -> Self {
        let propagated = job.propagated.as_deref();
        Self {
            job_id: ID(job.id.to_string()),
            lease_token: token.to_text(),
            name: job.name.as_str().to_owned(),
            job_type: job.job_type.as_str().to_owned(),
            queue: job.queue.as_str().to_owned(),
            priority: job.priority.into(),
            attempt: job.attempt,
            retry_count: job.retry_count,
            max_retries: job.max_retries,
            parameters: Json::from(&job.parameters),
            created_at: job.created_at.into(),
            timeout: job.timeout.into(),
            recurring_job_id: job
                .occurrence
                .map(|occurrence| occurrence.recurring_id.as_uuid().into()),
            trace_parent: Some(place.to_string()),
            trace_state: propagated.and_then(|propagated| propagated.trace_state.as_deref().map(str::to_owned)),
            baggage: propagated.and_then(|propagated| propagated.baggage.as_deref().map(str::to_owned)),
            refused_types: refused.iter().map(ToString::to_string).collect(),
        }
    }
}

/// Response to a worker's heartbeat.
#[derive(Debug, SimpleObject)]
pub(in super::super) struct WorkerHeartbeat {
    /// Expiry of its lease, by the database's clock.
    lease_until: DateTime,
    /// Jobs whose cancellation was requested: the worker should stop them soon.
    cancelled: Vec<ID>,
    /// Jobs that the worker has lost: they timed out, or its lease had expired. It should stop them; further reports of
    /// them are rejected.
    lost: Vec<ID>,
    /// Its job types that it may not lease, because a server has a handler for them.
    refused_types: Vec<String>,
}

impl From<HeartbeatResult> for WorkerHeartbeat {
    fn from(HeartbeatResult { beat, refused }: HeartbeatResult) -> Self {
        let HeartbeatResponse {
            lease_until,
            cancelled,
            lost,
        } = beat;
        Self {
            lease_until: lease_until.into(),
            cancelled: cancelled.iter().map(|id| ID(id.to_string())).collect(),
            lost: lost.iter().map(|id| ID(id.to_string())).collect(),
            refused_types: refused.iter().map(ToString::to_string).collect(),
        }
    }
}

/// Result of reporting finished jobs.
#[derive(Debug, SimpleObject)]
pub(in super::super) struct EndedJobs {
    /// Number of stored results.
    stored: i32,
    /// Jobs that the worker had lost: they were not changed.
    lost: Vec<ID>,
}

impl From<Finished> for EndedJobs {
    fn from(Finished { stored, lost }: Finished) -> Self {
        Self {
            stored: int(u64::try_from(stored).unwrap_or(u64::MAX)),
            lost: lost.iter().map(|id| ID(id.to_string())).collect(),
        }
    }
}
