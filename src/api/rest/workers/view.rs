//! Remote workers, and what they are given, as they are told.

use serde::Serialize;
use utoipa::ToSchema;

use crate::api::rest::request::enumerations::{PriorityWord, WorkerStatusWord};
use crate::api::rest::request::json_fields::{Id, Raw, Span, Time};
use crate::domain::cluster::remote_worker::WorkerDeclaration;
use crate::domain::cluster::worker_access::LeaseToken;
use crate::domain::job::Job;
use crate::domain::values::name::JobType;
use crate::domain::values::trace_context::TraceParent;
use crate::service::workers::{BeatAnswer, HeartbeatResponse, ShownWorker, Workers};
use crate::storage::query::StoredWorker;

/// A remote worker.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Worker)]
pub(in super::super) struct WorkerView {
    /// This run of it: a worker that registers again is another one.
    #[schema(format = Uuid)]
    id: String,
    /// What people call it.
    #[schema(example = "mailer-3")]
    name: String,
    /// `live`; `lost`, when its lease has run out and what it ran has been taken from it; or `left`.
    #[schema(value_type = WorkerStatusWord)]
    status: &'static str,
    /// The types that it runs.
    #[schema(example = json!(["EmailNotificationJob"]))]
    types: Vec<String>,
    /// The queues that it takes jobs from; all when there are none.
    #[schema(example = json!(["default"]))]
    queues: Vec<String>,
    /// How many jobs it runs at the same time.
    #[schema(example = 10)]
    concurrency: u32,
    /// How many it runs now.
    #[schema(example = 3)]
    running_jobs: u64,
    /// When it came.
    #[schema(value_type = String, format = DateTime)]
    registered_at: Time,
    /// When it was last heard of, by the database's clock.
    #[schema(value_type = String, format = DateTime)]
    last_heartbeat_at: Time,
    /// Until when its jobs are its own without another heartbeat, by the database's clock.
    #[schema(value_type = String, format = DateTime)]
    lease_until: Time,
    /// How long a heartbeat renews its lease for.
    #[schema(value_type = String, example = "00:00:30")]
    lease: Span,
    /// How often it should say that it lives.
    #[schema(value_type = String, example = "00:00:05")]
    heartbeat_interval: Span,
    /// Those of its types whose jobs it may not lease, because a server has a handler for them.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = json!(["EmailNotificationJob"]))]
    refused_types: Option<Vec<String>>,
}

impl WorkerView {
    /// A worker of this server's.
    pub(super) fn new(worker: ShownWorker, workers: &Workers) -> Self {
        let ShownWorker { worker, refused } = worker;
        let status = worker.status().as_str();
        let StoredWorker {
            id,
            declaration,
            access: _,
            registered_at,
            heartbeat_at,
            lease_until,
            is_live: _,
            running_jobs,
        } = worker;
        let WorkerDeclaration {
            name,
            job_types,
            queues,
            concurrency,
        } = declaration;
        Self {
            id: id.to_string(),
            name: name.to_string(),
            status,
            types: job_types.iter().map(ToString::to_string).collect(),
            queues: queues.iter().map(ToString::to_string).collect(),
            concurrency: concurrency.get(),
            running_jobs,
            registered_at: Time(registered_at),
            last_heartbeat_at: Time(heartbeat_at),
            lease_until: Time(lease_until),
            lease: Span(workers.lease_time()),
            heartbeat_interval: Span(workers.heartbeat_interval()),
            refused_types: type_names(&refused),
        }
    }
}

/// The names of types, if there are any.
pub(super) fn type_names(types: &[JobType]) -> Option<Vec<String>> {
    (!types.is_empty()).then(|| types.iter().map(ToString::to_string).collect())
}

/// A page of the remote workers.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in super::super) struct WorkerList {
    /// The workers, the one that came first comes first.
    pub(super) workers: Vec<WorkerView>,
    /// Whether more follow: `after` with the id of the last one.
    pub(super) has_more: bool,
}

/// Jobs that a worker has been given.
#[derive(Serialize, ToSchema)]
#[schema(as = LeasedJobs)]
pub(in super::super) struct LeasedList<'a> {
    /// The jobs, the most urgent first; none when there were none in time.
    pub(super) jobs: Vec<LeasedView<'a>>,
    /// Types of the worker whose jobs it may not lease, because a server has a handler for them.
    #[serde(rename = "refusedTypes", skip_serializing_if = "Option::is_none")]
    #[schema(example = json!(["EmailNotificationJob"]))]
    pub(super) refused_types: Option<Vec<String>>,
}

/// A job that a worker has been given: it runs, and is the worker's own until it says what came of it.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = LeasedJob)]
pub(in super::super) struct LeasedView<'a> {
    /// Which job.
    #[schema(value_type = String, format = Uuid)]
    job_id: Id,
    /// To be given back with what came of the job: it is good for this attempt alone.
    #[schema(example = "1.0196a1b20c7d7e3f8a4b5c6d7e8f9a0b")]
    lease_token: String,
    /// What people call it.
    name: &'a str,
    /// Which handler runs it.
    #[serde(rename = "type")]
    #[schema(example = "EmailNotificationJob")]
    job_type: &'a str,
    /// The queue that it has waited in.
    #[schema(example = "default")]
    queue: &'a str,
    /// `low`, `normal`, `high` or `critical`.
    #[schema(value_type = PriorityWord)]
    priority: &'static str,
    /// The number of this attempt, counted from 1.
    #[schema(example = 1)]
    attempt: u32,
    /// How many attempts before it were retries.
    #[schema(example = 0)]
    retry_count: u32,
    /// How many retries the job may have.
    #[schema(example = 3)]
    max_retries: u32,
    /// What the handler is given, as it came.
    #[schema(value_type = serde_json::Value, example = json!({"recipientEmail": "user@example.com"}))]
    parameters: Raw<'a>,
    /// When the job was created.
    #[schema(value_type = String, format = DateTime)]
    created_at: Time,
    /// How long the attempt may take.
    #[schema(value_type = String, example = "00:30:00")]
    timeout: Span,
    /// The recurring job of which it is an occurrence.
    #[schema(value_type = Option<String>, format = Uuid)]
    recurring_job_id: Option<String>,
    /// The span of this attempt, for the header `traceparent` of requests that the handler sends.
    #[schema(example = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")]
    trace_parent: String,
    /// The header `tracestate` of the request that created the job, for requests that the handler sends.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "rojo=00f067aa0ba902b7")]
    trace_state: Option<&'a str>,
    /// The header `baggage` of the request that created the job, for requests that the handler sends.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "userId=alice")]
    baggage: Option<&'a str>,
}

impl<'a> LeasedView<'a> {
    /// A job for this worker, and its place in a trace.
    pub(super) fn new(job: &'a Job, token: LeaseToken, place: TraceParent) -> Self {
        let propagated = job.propagated.as_deref();
        Self {
            job_id: Id(job.id),
            lease_token: token.to_text(),
            name: job.name.as_str(),
            job_type: job.job_type.as_str(),
            queue: job.queue.as_str(),
            priority: job.priority.as_str(),
            attempt: job.attempt,
            retry_count: job.retry_count,
            max_retries: job.max_retries,
            parameters: Raw(&job.parameters),
            created_at: Time(job.created_at),
            timeout: Span(job.timeout),
            recurring_job_id: job.occurrence.map(|occurrence| occurrence.recurring_id.to_string()),
            trace_parent: place.to_string(),
            trace_state: propagated.and_then(|propagated| propagated.trace_state.as_deref()),
            baggage: propagated.and_then(|propagated| propagated.baggage.as_deref()),
        }
    }
}

/// What a worker is told that has said that it lives.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Heartbeat)]
pub(in super::super) struct BeatView {
    /// Until when its jobs are its own without another heartbeat, by the database's clock.
    #[schema(value_type = String, format = DateTime)]
    lease_until: Time,
    /// Jobs that somebody has cancelled: they should stop soon.
    #[schema(value_type = Vec<String>)]
    cancelled: Vec<Id>,
    /// Jobs that are not the worker's any more: their time was up, or its lease had run out. It should stop them; whatever
    /// it says of them is refused.
    #[schema(value_type = Vec<String>)]
    lost: Vec<Id>,
    /// Types of the worker whose jobs it may not lease, because a server has a handler for them.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = json!(["EmailNotificationJob"]))]
    refused_types: Option<Vec<String>>,
}

impl From<BeatAnswer> for BeatView {
    fn from(BeatAnswer { beat, refused }: BeatAnswer) -> Self {
        let HeartbeatResponse {
            lease_until,
            cancelled,
            lost,
        } = beat;
        Self {
            lease_until: Time(lease_until),
            cancelled: cancelled.into_iter().map(Id).collect(),
            lost: lost.into_iter().map(Id).collect(),
            refused_types: type_names(&refused),
        }
    }
}

/// What became of the ends of jobs.
#[derive(Serialize, ToSchema)]
#[schema(as = EndedJobs)]
pub(in super::super) struct EndedView {
    /// How many ends are stored.
    #[schema(example = 100)]
    pub(super) stored: usize,
    /// Jobs that were not the worker's any more: nothing of them has changed.
    #[schema(value_type = Vec<String>)]
    pub(super) lost: Vec<Id>,
}
