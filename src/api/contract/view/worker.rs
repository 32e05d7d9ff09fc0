//! Views of remote workers and their leased jobs.

use serde::{Serialize, Serializer};
use utoipa::ToSchema;

use crate::domain::cluster::remote_worker::{WorkerDeclaration, WorkerStatus};
use crate::domain::cluster::worker_access::LeaseToken;
use crate::domain::job::Job;
use crate::domain::job::priority::Priority;
use crate::domain::values::name::JobType;
use crate::domain::values::trace_context::TraceParent;
use crate::service::workers::{Finished, HeartbeatResponse, HeartbeatResult, WorkerDetail, Workers};
use crate::storage::query::StoredWorker;
use crate::views::values::{Id, Raw, Span, Text, Time};
use crate::views::words::{PriorityWord, Word, WorkerStatusWord};

/// A remote worker.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Worker)]
pub(crate) struct WorkerView {
    /// Id of the registration: a worker that registers again has another one.
    #[schema(value_type = String, format = Uuid)]
    pub(crate) id: Id,
    /// Display name.
    #[schema(example = "mailer-3")]
    pub(crate) name: String,
    /// `live`; `lost`, if its lease has expired and its jobs were recovered; or `left`.
    #[schema(value_type = WorkerStatusWord)]
    pub(crate) status: Word<WorkerStatus>,
    /// Job types that it runs.
    #[schema(example = json!(["EmailNotificationJob"]))]
    pub(crate) types: Vec<String>,
    /// Queues from which it leases jobs; empty for all.
    #[schema(example = json!(["default"]))]
    pub(crate) queues: Vec<String>,
    /// Number of jobs that it runs at the same time.
    #[schema(example = 10)]
    pub(crate) concurrency: u32,
    /// Number of its running jobs.
    #[schema(example = 3)]
    pub(crate) running_jobs: u64,
    /// Time of its registration.
    #[schema(value_type = String, format = DateTime)]
    pub(crate) registered_at: Time,
    /// Time of its last heartbeat, by the database's clock.
    #[schema(value_type = String, format = DateTime)]
    pub(crate) last_heartbeat_at: Time,
    /// Expiry of its lease, by the database's clock.
    #[schema(value_type = String, format = DateTime)]
    pub(crate) lease_until: Time,
    /// Time by which a heartbeat extends its lease.
    #[schema(value_type = String, example = "00:00:30")]
    pub(crate) lease: Span,
    /// Recommended interval of its heartbeats.
    #[schema(value_type = String, example = "00:00:05")]
    pub(crate) heartbeat_interval: Span,
    /// Its job types that it may not lease, because a server has a handler for them.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = json!(["EmailNotificationJob"]))]
    pub(crate) refused_types: Option<Vec<String>>,
}

impl WorkerView {
    /// A worker with this server's settings.
    pub(crate) fn new(worker: WorkerDetail, workers: &Workers) -> Self {
        let WorkerDetail { worker, refused } = worker;
        let status = Word(worker.status());
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
            id: Id::from(id),
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
pub(crate) fn type_names(types: &[JobType]) -> Option<Vec<String>> {
    (!types.is_empty()).then(|| types.iter().map(ToString::to_string).collect())
}

/// A page of the remote workers.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct WorkerList {
    /// The workers, sorted by the time of their registration.
    pub(crate) workers: Vec<WorkerView>,
    /// True if more workers follow: pass the id of the last one as `after`.
    pub(crate) has_more: bool,
}

/// Leased jobs.
#[derive(Serialize, ToSchema)]
#[schema(as = LeasedJobs)]
pub(crate) struct LeasedList<'a> {
    /// The jobs, highest priority first; empty if there were none in time.
    pub(crate) jobs: Vec<LeasedView<'a>>,
    /// Job types of the worker that it may not lease, because a server has a handler for them.
    #[serde(rename = "refusedTypes", skip_serializing_if = "Option::is_none")]
    #[schema(example = json!(["EmailNotificationJob"]))]
    pub(crate) refused_types: Option<Vec<String>>,
}

/// A lease token in a response.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LeaseTokenText(LeaseToken);

impl LeaseTokenText {
    /// The text of the token. It is a secret, which `Display` would expose in logs.
    pub(crate) fn expose(self) -> String {
        self.0.to_text()
    }
}

impl Serialize for LeaseTokenText {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.expose())
    }
}

/// A leased job: it is running, and belongs to the worker until the worker reports its result or loses its lease.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = LeasedJob)]
pub(crate) struct LeasedView<'a> {
    /// Id of the job.
    #[schema(value_type = String, format = Uuid)]
    pub(crate) job_id: Id,
    /// Lease token, which reports of this attempt have to contain.
    #[schema(value_type = String, example = "1.0196a1b20c7d7e3f8a4b5c6d7e8f9a0b")]
    pub(crate) lease_token: LeaseTokenText,
    /// Display name.
    pub(crate) name: &'a str,
    /// Type of the job, which selects its handler.
    #[serde(rename = "type")]
    #[schema(example = "EmailNotificationJob")]
    pub(crate) job_type: &'a str,
    /// Name of its queue.
    #[schema(example = "default")]
    pub(crate) queue: &'a str,
    /// `low`, `normal`, `high` or `critical`.
    #[schema(value_type = PriorityWord)]
    pub(crate) priority: Word<Priority>,
    /// Number of this attempt, counted from 1.
    #[schema(example = 1)]
    pub(crate) attempt: u32,
    /// Number of retries among the attempts before it.
    #[schema(example = 0)]
    pub(crate) retry_count: u32,
    /// Maximum number of retries.
    #[schema(example = 3)]
    pub(crate) max_retries: u32,
    /// Input of the handler.
    #[schema(value_type = serde_json::Value, example = json!({"recipientEmail": "user@example.com"}))]
    pub(crate) parameters: Raw<'a>,
    /// Time of the job's creation.
    #[schema(value_type = String, format = DateTime)]
    pub(crate) created_at: Time,
    /// Timeout of the attempt.
    #[schema(value_type = String, example = "00:30:00")]
    pub(crate) timeout: Span,
    /// Id of the recurring job, if the job is an occurrence.
    #[schema(value_type = Option<String>, format = Uuid)]
    pub(crate) recurring_job_id: Option<Id>,
    /// Header `traceparent` of the handler's requests: the span of this attempt.
    #[schema(value_type = String, example = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")]
    pub(crate) trace_parent: Text<TraceParent>,
    /// Header `tracestate` of the handler's requests, from the request that created the job.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "rojo=00f067aa0ba902b7")]
    pub(crate) trace_state: Option<&'a str>,
    /// Header `baggage` of the handler's requests, from the request that created the job.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "userId=alice")]
    pub(crate) baggage: Option<&'a str>,
}

impl<'a> LeasedView<'a> {
    /// A job for this worker, and its span context.
    pub(crate) fn new(job: &'a Job, token: LeaseToken, place: TraceParent) -> Self {
        let propagated = job.propagated.as_deref();
        Self {
            job_id: Id::from(job.id),
            lease_token: LeaseTokenText(token),
            name: job.name.as_str(),
            job_type: job.job_type.as_str(),
            queue: job.queue.as_str(),
            priority: Word(job.priority),
            attempt: job.attempt,
            retry_count: job.retry_count,
            max_retries: job.max_retries,
            parameters: Raw(&job.parameters),
            created_at: Time(job.created_at),
            timeout: Span(job.timeout),
            recurring_job_id: job.occurrence.map(|occurrence| Id::from(occurrence.recurring_id)),
            trace_parent: Text(place),
            trace_state: propagated.and_then(|propagated| propagated.trace_state.as_deref()),
            baggage: propagated.and_then(|propagated| propagated.baggage.as_deref()),
        }
    }
}

/// Response to a worker's heartbeat.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Heartbeat)]
pub(crate) struct BeatView {
    /// Expiry of its lease, by the database's clock.
    #[schema(value_type = String, format = DateTime)]
    pub(crate) lease_until: Time,
    /// Jobs whose cancellation was requested: the worker should stop them soon.
    #[schema(value_type = Vec<String>)]
    pub(crate) cancelled: Vec<Id>,
    /// Jobs that the worker has lost: they timed out, or its lease had expired. It should stop them; further reports of
    /// them are rejected.
    #[schema(value_type = Vec<String>)]
    pub(crate) lost: Vec<Id>,
    /// Job types of the worker that it may not lease, because a server has a handler for them.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = json!(["EmailNotificationJob"]))]
    pub(crate) refused_types: Option<Vec<String>>,
}

impl From<HeartbeatResult> for BeatView {
    fn from(HeartbeatResult { beat, refused }: HeartbeatResult) -> Self {
        let HeartbeatResponse {
            lease_until,
            cancelled,
            lost,
        } = beat;
        Self {
            lease_until: Time(lease_until),
            cancelled: cancelled.into_iter().map(Id::from).collect(),
            lost: lost.into_iter().map(Id::from).collect(),
            refused_types: type_names(&refused),
        }
    }
}

/// Result of reporting finished jobs.
#[derive(Serialize, ToSchema)]
#[schema(as = EndedJobs)]
pub(crate) struct EndedView {
    /// Number of stored results.
    #[schema(example = 100)]
    pub(crate) stored: usize,
    /// Jobs that the worker had lost: they were not changed.
    #[schema(value_type = Vec<String>)]
    pub(crate) lost: Vec<Id>,
}

impl From<Finished> for EndedView {
    fn from(Finished { stored, lost }: Finished) -> Self {
        Self {
            stored,
            lost: lost.into_iter().map(Id::from).collect(),
        }
    }
}
