//! Errors of use cases, with the information that callers can act on.

mod conversion;

use std::time::Duration;

use uuid::Uuid;

use crate::domain::access::allowance::RateExceeded;
use crate::domain::access::caller::Forbidden;
use crate::domain::job::state_machine::InvalidTransition;
use crate::domain::metrics::fingerprint::Fingerprint;
use crate::domain::metrics::storage_fault::StorageFault;
use crate::domain::operation::lifecycle::InvalidOperationChange;
use crate::domain::queue::rate_limit::RateLimit;
use crate::domain::recurring::RecurringId;
use crate::domain::values::id::{EndpointId, JobId, NodeId, OperationId};
use crate::domain::values::name::{JobType, QueueName, RecurringKey};
use crate::domain::webhooks::delivery::DeliveryId;
use crate::storage::change::Applied;

/// Error of a use case.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ServiceError {
    /// The caller lacks a scope.
    #[error(transparent)]
    Forbidden(#[from] Forbidden),
    /// The job does not exist.
    #[error("job {id} not found")]
    NoSuchJob {
        /// Requested id.
        id: JobId,
    },
    /// The recurring job does not exist.
    #[error("recurring job {id} not found")]
    NoSuchRecurringJob {
        /// Requested id.
        id: RecurringId,
    },
    /// The remote worker does not exist or has deregistered.
    #[error("worker {id} not found; register again")]
    NoSuchWorker {
        /// Requested id.
        id: NodeId,
    },
    /// The caller has as many remote workers as it may have.
    #[error(
        "this caller has {max} workers, as many as it may have ([jobs] max_workers_per_caller); remove one, or try again in \
         {} s",
        retry_after.as_secs()
    )]
    TooManyWorkers {
        /// The maximum number.
        max: u32,
        /// The time after which the lease of a lost worker has expired.
        retry_after: Duration,
    },
    /// The worker's lease has expired, and it has lost its jobs.
    #[error("the lease of worker {id} has run out; send a heartbeat, or register again")]
    WorkerLeaseOver {
        /// Id of the worker.
        id: NodeId,
    },
    /// The worker has lost all attempts that it reports; nothing has changed.
    #[error("the worker has lost these jobs; nothing was changed")]
    AttemptsLost {
        /// Jobs of the report, in order.
        jobs: Vec<JobId>,
    },
    /// The worker belongs to another caller.
    #[error("worker {id} was registered by another caller; register a worker of your own")]
    ForeignWorker {
        /// Requested id.
        id: NodeId,
    },
    /// All types of the worker have handlers on servers.
    #[error("{}", reserved_types(types))]
    ReservedTypes {
        /// Types of the worker.
        types: Vec<JobType>,
    },
    /// Response memory is exhausted by other leases.
    #[error(
        "responses in progress, of all callers or of this one, use the memory that server.max_response_memory allows; \
         try again in a moment"
    )]
    NoLeaseMemory,
    /// The server does not exist.
    #[error("node {id} not found")]
    NoSuchNode {
        /// Requested id.
        id: NodeId,
    },
    /// No attempt has failed with this fingerprint, or all that did are pruned.
    #[error("failures with the fingerprint {fingerprint} not found")]
    NoSuchFailure {
        /// Requested fingerprint.
        fingerprint: Fingerprint,
    },
    /// The bulk operation does not exist.
    #[error("operation {id} not found")]
    NoSuchOperation {
        /// Requested id.
        id: OperationId,
    },
    /// The token of a preview is unknown, has expired or belongs to another caller.
    #[error("this token is unknown or has expired; preview the operation again")]
    StaleToken,
    /// The number of jobs has changed since the preview.
    #[error("the operation would change {now} jobs, its preview has found {before}; preview it again")]
    PopulationChanged {
        /// Number in the preview.
        before: u64,
        /// Number now.
        now: u64,
    },
    /// The operation's status does not allow it.
    #[error("{0}")]
    InvalidOperationChange(#[from] InvalidOperationChange),
    /// The limit of unfinished operations is reached.
    #[error("limit of {max} unfinished operations reached; cancel one, or wait until one has finished")]
    TooManyOperations {
        /// Maximum number.
        max: usize,
    },
    /// The server is shutting down and accepts no new jobs.
    #[error("the server is shutting down and accepts no new jobs; retry, or use another server")]
    Stopping,
    /// The queue does not exist.
    #[error("queue '{name}' not found")]
    NoSuchQueue {
        /// Requested name.
        name: String,
    },
    /// The webhook endpoint does not exist.
    #[error("webhook endpoint {id} not found")]
    NoSuchEndpoint {
        /// Requested id.
        id: EndpointId,
    },
    /// The delivery does not exist.
    #[error("delivery {id} not found")]
    NoSuchDelivery {
        /// Requested id.
        id: DeliveryId,
    },
    /// The webhook endpoint is defined in the configuration.
    #[error("webhook endpoint {id} is defined in the configuration; change it there")]
    ConfiguredEndpoint {
        /// Id of the endpoint.
        id: EndpointId,
    },
    /// The webhook endpoint is disabled.
    #[error("webhook endpoint {id} is disabled; enable it first")]
    EndpointDisabled {
        /// Id of the endpoint.
        id: EndpointId,
    },
    /// The limit of webhook endpoints is reached.
    #[error("webhook endpoint limit ({max}) reached; delete one first")]
    TooManyEndpoints {
        /// Maximum number.
        max: usize,
    },
    /// The storage lacks the feature.
    #[error("the storage of this server does not support {what}")]
    Unsupported {
        /// The feature.
        what: &'static str,
    },
    /// Webhooks are disabled.
    #[error("webhooks are disabled; set [webhooks] enable = true to enable them")]
    WebhooksOff,
    /// The log is managed by the host application.
    #[error("log level is managed by the host application")]
    LogNotOwned,
    /// Changes are not kept.
    #[error("the change feed is off; set [change_feed] enable = true")]
    FeedOff,
    /// Changes after the cursor are no longer available.
    #[error("cursor expired; resync: read all jobs, then the feed from a cursor returned for after=latest")]
    FeedGap,
    /// The job's status does not allow it.
    #[error("{0}")]
    InvalidTransition(#[from] InvalidTransition),
    /// The request creates only, and a recurring job has the key.
    #[error("a recurring job with this key exists (revision {revision})")]
    RecurringKeyExists {
        /// Its revision.
        revision: u32,
    },
    /// The resource does not match the request's condition.
    #[error("{}", precondition(*.actual))]
    PreconditionFailed {
        /// Actual revision; `None` if the resource does not exist.
        actual: Option<u32>,
    },
    /// Concurrent changes of the job prevented this one repeatedly.
    #[error("concurrent changes of the job; try again")]
    Contended,
    /// The job would be unfinished again, and another unfinished job has its unique key.
    #[error("another unfinished job has the unique key '{key}'")]
    UniqueKeyTaken {
        /// The unique key.
        key: String,
    },
    /// Another recurring job has the key.
    #[error("another recurring job has the key '{key}'; change it with PUT /jobs/recurring/by-key/{{key}}")]
    RecurringKeyTaken {
        /// The key.
        key: RecurringKey,
    },
    /// No recurring job has the key.
    #[error("recurring job with the key '{key}' not found")]
    NoSuchRecurringKey {
        /// The key.
        key: RecurringKey,
    },
    /// The idempotency key was used for another request.
    #[error("this Idempotency-Key was used for another request; use a new key for a new request")]
    IdempotencyMismatch,
    /// The request was made before, and all its jobs have been deleted since.
    #[error("this request was made before; {} was deleted since", made(ids, *is_recurring))]
    ReplayGone {
        /// Ids of the created jobs or of the recurring job.
        ids: Vec<Uuid>,
        /// True if it created a recurring job.
        is_recurring: bool,
    },
    /// The queue is defined in the configuration.
    #[error("{}", configured_queue(name))]
    ConfiguredQueue {
        /// Name of the queue.
        name: String,
    },
    /// The queue has unfinished jobs.
    #[error("queue '{name}' has {unfinished} unfinished jobs; wait for them, cancel them or clear the queue first")]
    QueueInUse {
        /// Name of the queue.
        name: String,
        /// Number of pending and running jobs.
        unfinished: u64,
    },
    /// A field has an invalid value.
    #[error("{detail}")]
    Invalid {
        /// Name of the field, such as `parameters`.
        field: &'static str,
        /// Index of the job in a batch.
        index: Option<usize>,
        /// The problem, and the allowed values.
        detail: String,
    },
    /// The queue has reached its limit of pending jobs.
    #[error("queue '{queue}' has reached its limit of {max} pending jobs; try again later")]
    QueueFull {
        /// Name of the queue.
        queue: String,
        /// Maximum number.
        max: u64,
    },
    /// The caller has reached its limit of a shared resource.
    #[error(
        "limit of {} {what} per {} reached ([jobs] {setting}): {available} are left, this request needs {requested}; retry in {} s",
        limit.jobs, period(*limit), retry_after.as_secs().max(1)
    )]
    CallerLimit {
        /// The limited resource.
        what: &'static str,
        /// Setting of the limit.
        setting: &'static str,
        /// The limit.
        limit: RateLimit,
        /// Number that the request needs.
        requested: usize,
        /// Number currently available.
        available: u32,
        /// Time until the requested number is available.
        retry_after: Duration,
    },
    /// The request needs more of a shared resource than a caller may ever use at once.
    #[error(
        "this request needs {requested} {what}, and a caller may create at most {max} at once ([jobs] {setting}); split the \
         request"
    )]
    OverCallerLimit {
        /// The limited resource.
        what: &'static str,
        /// Setting of the limit.
        setting: &'static str,
        /// Maximum number at once.
        max: u32,
        /// Number that the request needs.
        requested: usize,
    },
    /// The write queue is full.
    #[error("write queue is full; retry in {} s", retry_after.as_secs())]
    Busy {
        /// Suggested delay.
        retry_after: Duration,
    },
    /// All connections for reads are in use.
    #[error("all connections to storage are busy; retry in {} s", retry_after.as_secs())]
    StorageBusy {
        /// Suggested delay.
        retry_after: Duration,
    },
    /// Too many changes of jobs with large texts are in progress.
    #[error("too many changes of large jobs are in progress; retry in {} s", retry_after.as_secs())]
    ChangesBusy {
        /// Suggested delay.
        retry_after: Duration,
    },
    /// The cost of the request exceeds the caller's rate limit.
    #[error(transparent)]
    RateLimited(#[from] RateExceeded),
    /// Too many expensive reads are running or waiting.
    #[error(
        "too many expensive reads{} are running or waiting; retry in {} s, or narrow the read",
        if *is_own { " of this caller" } else { "" },
        retry_after.as_secs()
    )]
    ReadsBusy {
        /// True if the caller itself has reached its share.
        is_own: bool,
        /// Suggested delay.
        retry_after: Duration,
    },
    /// An expensive read timed out.
    #[error("the read timed out after {} s; {advice}", time.as_secs_f64())]
    ReadTimedOut {
        /// Timeout.
        time: Duration,
        /// Advice on narrowing the read.
        advice: &'static str,
    },
    /// Storage is unavailable.
    #[error("storage is unavailable; try again later")]
    Unavailable {
        /// Cause, for the log.
        reason: String,
    },
    /// Storage has a fault that an operator has to fix.
    #[error("{}", fault.message())]
    StorageFault {
        /// The fault.
        fault: StorageFault,
        /// Cause, for the log.
        reason: String,
    },
    /// Storage contains invalid data, or returned an unexpected error.
    #[error("internal error; see the server's log")]
    Internal {
        /// Cause, for the log.
        reason: String,
    },
}

impl ServiceError {
    /// Error of an invalid field.
    pub(crate) fn invalid(field: &'static str, detail: impl Into<String>) -> Self {
        Self::Invalid {
            field,
            index: None,
            detail: detail.into(),
        }
    }

    /// True if the same request may succeed later.
    pub(super) fn is_transient(&self) -> bool {
        matches!(
            self,
            Self::Busy { .. }
                | Self::StorageBusy { .. }
                | Self::ChangesBusy { .. }
                | Self::ReadsBusy { .. }
                | Self::ReadTimedOut { .. }
                | Self::RateLimited(_)
                | Self::Contended
                | Self::Unavailable { .. }
                | Self::StorageFault { .. }
        )
    }

    /// Error of a result that storage must not return for a change.
    pub(super) fn unexpected(applied: &Applied) -> Self {
        Self::Internal {
            reason: format!("storage returned {applied:?}"),
        }
    }
}

/// The reason why remote workers may not lease these types.
pub(super) fn reserved_types(types: &[JobType]) -> String {
    const SHOWN: usize = 10;
    let mut names: Vec<String> = types
        .iter()
        .take(SHOWN)
        .map(|job_type| format!("'{job_type}'"))
        .collect();
    if types.len() > SHOWN {
        names.push(format!("{} more", types.len() - SHOWN));
    }
    format!(
        "a server has a handler for {}; remote workers may lease such jobs only with remote_workers = true in [job_types.NAME]",
        names.join(", ")
    )
}

/// Description of the resources that a request created.
fn made(ids: &[Uuid], is_recurring: bool) -> String {
    match ids {
        [id] if is_recurring => format!("recurring job {id}"),
        [id] => format!("job {id}"),
        several => format!("each of its {} jobs", several.len()),
    }
}

fn configured_queue(name: &str) -> String {
    if name == QueueName::DEFAULT {
        "the default queue can't be deleted".to_owned()
    } else {
        format!("queue '{name}' is configured; remove it from the configuration instead")
    }
}

/// The period of a limit in words.
fn period(limit: RateLimit) -> &'static str {
    match limit.per_seconds.get() {
        60 => "minute",
        3600 => "hour",
        _ => "second",
    }
}

fn precondition(actual: Option<u32>) -> String {
    match actual {
        Some(revision) => format!("revision is {revision}"),
        None => "it does not exist".to_owned(),
    }
}
