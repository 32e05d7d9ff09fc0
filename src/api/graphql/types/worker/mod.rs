//! A remote worker, and what it is told.

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
use crate::service::workers::{BeatAnswer, HeartbeatResponse, ShownWorker, Workers};
use crate::storage::query::StoredWorker;

/// A program elsewhere that asks for jobs, runs them, and says what came of them.
#[derive(Debug, SimpleObject)]
pub(in super::super) struct Worker {
    /// This run of it, a UUID: a worker that registers again is another one.
    #[graphql(owned)]
    pub(in super::super) id: ID,
    /// What people call it.
    name: String,
    /// How it stands.
    status: WorkerStatus,
    /// The types that it runs.
    types: Vec<String>,
    /// The queues that it takes jobs from; all when there are none.
    queues: Vec<String>,
    /// How many jobs it runs at the same time.
    concurrency: u32,
    /// How many it runs now.
    running_jobs: i32,
    /// When it came.
    registered_at: DateTime,
    /// When it was last heard of, by the database's clock.
    last_heartbeat_at: DateTime,
    /// Until when its jobs are its own without another heartbeat, by the database's clock.
    lease_until: DateTime,
    /// How long a heartbeat renews its lease for.
    lease: TimeSpan,
    /// How often it should say that it lives.
    heartbeat_interval: TimeSpan,
    /// Those of its types whose jobs it may not lease, because a server has a handler for them.
    refused_types: Vec<String>,
}

impl Worker {
    /// A worker of this server's.
    pub(in super::super) fn new(worker: ShownWorker, workers: &Workers) -> Self {
        let ShownWorker { worker, refused } = worker;
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
    /// A page of the list of remote workers.
    WorkerConnection, WorkerEdge, Worker, {}
}

/// A job that a worker has been given: it runs, and is the worker's own until it says what came of it.
#[derive(Debug, SimpleObject)]
pub(in super::super) struct LeasedJob {
    /// Which job.
    job_id: ID,
    /// To be given back with what came of the job: it is good for this attempt alone.
    lease_token: String,
    /// What people call it.
    name: String,
    /// Which handler runs it.
    #[graphql(name = "type")]
    job_type: String,
    /// The queue that it has waited in.
    queue: String,
    /// How urgent it is.
    priority: Priority,
    /// The number of this attempt, counted from 1.
    attempt: u32,
    /// How many attempts before it were retries.
    retry_count: u32,
    /// How many retries the job may have.
    max_retries: u32,
    /// What the handler is given.
    parameters: Json,
    /// When the job was created.
    created_at: DateTime,
    /// How long the attempt may take.
    timeout: TimeSpan,
    /// The recurring job of which it is an occurrence.
    recurring_job_id: Option<Uuid>,
    /// The span of this attempt, for the header `traceparent` of requests that the handler sends.
    trace_parent: Option<String>,
    /// The header `tracestate` of the request that created the job, for requests that the handler sends.
    trace_state: Option<String>,
    /// The header `baggage` of the request that created the job, for requests that the handler sends.
    baggage: Option<String>,
    /// Those of the worker's types whose jobs it may not lease, because a server has a handler for them.
    refused_types: Vec<String>,
}

impl LeasedJob {
    /// A job for this worker, and its place in a trace.
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

/// What a worker is told that has said that it lives.
#[derive(Debug, SimpleObject)]
pub(in super::super) struct WorkerHeartbeat {
    /// Until when its jobs are its own without another heartbeat, by the database's clock.
    lease_until: DateTime,
    /// Jobs that somebody has cancelled: they should stop soon.
    cancelled: Vec<ID>,
    /// Jobs that are not the worker's any more: their time was up, or its lease had run out. It should stop them; whatever it
    /// says of them is refused.
    lost: Vec<ID>,
    /// Those of its types whose jobs it may not lease, because a server has a handler for them.
    refused_types: Vec<String>,
}

impl From<BeatAnswer> for WorkerHeartbeat {
    fn from(BeatAnswer { beat, refused }: BeatAnswer) -> Self {
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

/// What became of the ends of jobs.
#[derive(Debug, SimpleObject)]
pub(in super::super) struct EndedJobs {
    /// How many ends are stored.
    pub(in super::super) stored: i32,
    /// Jobs that were not the worker's any more: nothing of them has changed.
    pub(in super::super) lost: Vec<ID>,
}
