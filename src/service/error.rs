//! Why a use case was not carried out, as its caller can act on it.

use std::time::Duration;

use uuid::Uuid;

use crate::domain::access::allowance::RateExceeded;
use crate::domain::access::caller::Forbidden;
use crate::domain::job::state_machine::Refused;
use crate::domain::metrics::storage_fault::StorageFault;
use crate::domain::queue::rate_limit::RateLimit;
use crate::domain::recurring::RecurringId;
use crate::domain::values::id::{JobId, NodeId};
use crate::domain::values::name::{JobType, RecurringKey};
use crate::domain::webhooks::delivery::DeliveryId;
use crate::domain::webhooks::endpoint::EndpointId;
use crate::runtime::writer::error::WriteError;
use crate::runtime::writer::limits::RETRY_AFTER;
use crate::storage::change::ChangeError;
use crate::storage::repository::RepositoryError;

/// Why a use case was not carried out.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ServiceError {
    /// The caller may not do this.
    #[error(transparent)]
    Forbidden(#[from] Forbidden),
    /// There is no such job.
    #[error("there is no job {id}")]
    NoSuchJob {
        /// The id that was given.
        id: JobId,
    },
    /// There is no such recurring job.
    #[error("there is no recurring job {id}")]
    NoSuchRecurringJob {
        /// The id that was given.
        id: RecurringId,
    },
    /// There is no such remote worker, or it has left.
    #[error("there is no worker {id}; register again")]
    NoSuchWorker {
        /// The id that was given.
        id: NodeId,
    },
    /// The caller has as many remote workers as it may have.
    #[error(
        "this caller has {max} workers, as many as it may have ([jobs] max_workers_per_caller); remove one, or try again in \
         {} s",
        retry_after.as_secs()
    )]
    TooManyWorkers {
        /// How many it may have.
        max: u32,
        /// The time after which the lease of a lost worker has expired.
        retry_after: Duration,
    },
    /// The worker's lease has run out, and its jobs are not its own any more.
    #[error("the lease of worker {id} has run out; send a heartbeat, or register again")]
    WorkerLeaseOver {
        /// Which worker.
        id: NodeId,
    },
    /// The worker belongs to another caller.
    #[error("worker {id} was registered by another caller; register a worker of your own")]
    ForeignWorker {
        /// The id that was given.
        id: NodeId,
    },
    /// The servers run all types of the worker themselves.
    #[error("{}", reserved_types(types))]
    ReservedTypes {
        /// The worker's types.
        types: Vec<JobType>,
    },
    /// The jobs that are being leased use all the memory that there is for answers.
    #[error(
        "answers in progress, of all callers or of this one, use the memory that server.max_response_memory allows; \
         try again in a moment"
    )]
    NoLeaseMemory,
    /// There is no such server.
    #[error("there is no node {id}")]
    NoSuchNode {
        /// The id that was given.
        id: NodeId,
    },
    /// The server is shutting down and accepts no new jobs.
    #[error("the server is shutting down and accepts no new jobs; try again, or another server")]
    Stopping,
    /// There is no such queue.
    #[error("there is no queue '{name}'")]
    NoSuchQueue {
        /// The name that was given.
        name: String,
    },
    /// There is no such webhook endpoint.
    #[error("there is no webhook endpoint {id}")]
    NoSuchEndpoint {
        /// The id that was given.
        id: EndpointId,
    },
    /// There is no such delivery.
    #[error("there is no delivery {id}")]
    NoSuchDelivery {
        /// The id that was given.
        id: DeliveryId,
    },
    /// The webhook endpoint comes from the configuration.
    #[error("the webhook endpoint {id} comes from the configuration; change it there")]
    ConfiguredEndpoint {
        /// Which.
        id: EndpointId,
    },
    /// The webhook endpoint is disabled.
    #[error("the webhook endpoint {id} is disabled; enable it first")]
    EndpointDisabled {
        /// Which.
        id: EndpointId,
    },
    /// There are as many webhook endpoints as there may be.
    #[error("there are {max} webhook endpoints, as many as there may be; delete one first")]
    TooManyEndpoints {
        /// How many there may be.
        max: usize,
    },
    /// Nobody is told anything.
    #[error("webhooks are switched off; [webhooks] enable = true switches them on")]
    WebhooksOff,
    /// The server can't change its log: the program that embeds it has made that.
    #[error("this server's log belongs to the program that embeds it; change its level there")]
    LogNotOwned,
    /// Changes are not kept.
    #[error("this server keeps no feed of changed jobs; [change_feed] enable = true has it keep one")]
    FeedOff,
    /// Changes after the cursor are gone.
    #[error("changes after this cursor are kept no more; read the jobs anew, from a cursor that after=latest gives")]
    FeedGap,
    /// The job's status does not allow it.
    #[error("{0}")]
    Refused(#[from] Refused),
    /// The resource does not fulfil the request's condition.
    #[error("{}", precondition(*.actual))]
    PreconditionFailed {
        /// The revision that it has; `None` if it does not exist.
        actual: Option<u32>,
    },
    /// The job was changed by others again and again while this change was tried.
    #[error("the job is being changed by others at the same time; try again")]
    Contended,
    /// The job would be unfinished again, and another unfinished job has its unique key.
    #[error("another unfinished job has the unique key '{key}'")]
    UniqueKeyTaken {
        /// The key.
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
    #[error("this Idempotency-Key was used before, for another request; take a new key for a new request")]
    IdempotencyMismatch,
    /// The request was made before, and all that it made has been removed since.
    #[error("this request was made before; {} has been removed since", made(ids, *is_recurring))]
    ReplayGone {
        /// What it made: jobs, or a recurring job.
        ids: Vec<Uuid>,
        /// Whether it made a recurring job.
        is_recurring: bool,
    },
    /// The queue is named by the configuration.
    #[error("queue '{name}' is configured; remove it from the configuration instead")]
    ConfiguredQueue {
        /// Which.
        name: String,
    },
    /// The queue has jobs that are not finished.
    #[error("queue '{name}' has {unfinished} unfinished jobs; wait for them, cancel them or clear the queue first")]
    QueueInUse {
        /// Which.
        name: String,
        /// How many jobs are pending or running.
        unfinished: u64,
    },
    /// A field has a value that this server does not accept.
    #[error("{detail}")]
    Invalid {
        /// Where it is: a name of the request's fields, such as `parameters`.
        field: &'static str,
        /// Which of a batch's jobs it belongs to.
        index: Option<usize>,
        /// What is wrong and what is allowed.
        detail: String,
    },
    /// The queue has as many pending jobs as it may have.
    #[error("queue '{queue}' has {max} pending jobs, as many as it may have; try again later")]
    QueueFull {
        /// Which queue.
        queue: String,
        /// How many it may have.
        max: u64,
    },
    /// The caller has used up its share of what all callers share.
    #[error(
        "this caller may create {limit} {what} ([jobs] {setting}); {available} are left now and this request needs {wanted}; \
         try again later"
    )]
    CallerLimit {
        /// What is limited.
        what: &'static str,
        /// The setting of the limit.
        setting: &'static str,
        /// The limit.
        limit: RateLimit,
        /// How many the request needs.
        wanted: usize,
        /// How many are left.
        available: u32,
        /// The time until as many are left as the request needs.
        retry_after: Duration,
    },
    /// The request needs more of what all callers share than one caller may ever have at once.
    #[error(
        "this request needs {wanted} {what}, and a caller may create at most {max} at once ([jobs] {setting}); split the \
         request"
    )]
    OverCallerLimit {
        /// What is limited.
        what: &'static str,
        /// The setting of the limit.
        setting: &'static str,
        /// How many there may be at once.
        max: u32,
        /// How many the request needs.
        wanted: usize,
    },
    /// Too much waits to be written.
    #[error("the server has too much to do; try again in {} s", retry_after.as_secs())]
    Busy {
        /// When to come back.
        retry_after: Duration,
    },
    /// The caller's rate limit does not allow what the request costs.
    #[error(transparent)]
    RateLimited(#[from] RateExceeded),
    /// Too many expensive reads run or wait.
    #[error(
        "too many expensive reads{} are running or waiting; try again in {} s, or narrow the read",
        if *is_own { " of this caller" } else { "" },
        retry_after.as_secs()
    )]
    ReadsBusy {
        /// Whether the caller itself has as many as it may have.
        is_own: bool,
        /// When to come back.
        retry_after: Duration,
    },
    /// An expensive read has run out of its time.
    #[error("the read was stopped after {} s; {advice}", time.as_secs_f64())]
    ReadTimedOut {
        /// How long it may take.
        time: Duration,
        /// What to narrow.
        advice: &'static str,
    },
    /// Storage can't be reached now.
    #[error("storage is unavailable; try again later")]
    Unavailable {
        /// What is known of the cause, for the log.
        reason: String,
    },
    /// Storage has a fault that an operator has to remove.
    #[error("{}", fault.message())]
    StorageFault {
        /// Which.
        fault: StorageFault,
        /// What is known of the cause, for the log.
        reason: String,
    },
    /// Storage holds what it should not, or refused what it should not.
    #[error("the server could not do this; its log says why")]
    Internal {
        /// What is known of the cause, for the log.
        reason: String,
    },
}

/// Why remote workers may not lease these types.
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

/// The jobs that a request made, for its caller.
fn made(ids: &[Uuid], is_recurring: bool) -> String {
    match ids {
        [id] if is_recurring => format!("recurring job {id}"),
        [id] => format!("job {id}"),
        several => format!("each of its {} jobs", several.len()),
    }
}

impl From<RepositoryError> for ServiceError {
    fn from(error: RepositoryError) -> Self {
        match error {
            RepositoryError::Unavailable { reason } => Self::Unavailable { reason },
            RepositoryError::Fault { fault, reason } => Self::StorageFault { fault, reason },
            RepositoryError::Corrupt { reason } => Self::Internal { reason },
            RepositoryError::Busy => Self::Busy {
                retry_after: RETRY_AFTER,
            },
            RepositoryError::TimedOut { time } => Self::ReadTimedOut {
                time,
                advice: "narrow it, or try again when the server has less to do",
            },
        }
    }
}

fn precondition(actual: Option<u32>) -> String {
    match actual {
        Some(revision) => format!("it has changed: its revision is {revision}"),
        None => "it does not exist".to_owned(),
    }
}

impl From<WriteError> for ServiceError {
    fn from(error: WriteError) -> Self {
        match error {
            WriteError::Busy => Self::Busy {
                retry_after: RETRY_AFTER,
            },
            WriteError::Unavailable { reason } => Self::Unavailable { reason },
            WriteError::Fault { fault, reason } => Self::StorageFault { fault, reason },
        }
    }
}

impl From<ChangeError> for ServiceError {
    fn from(error: ChangeError) -> Self {
        match error {
            ChangeError::Conflict => Self::Contended,
            ChangeError::NoLease => Self::Unavailable {
                reason: error.to_string(),
            },
            ChangeError::UniqueKeyTaken { key } => Self::UniqueKeyTaken { key },
            ChangeError::RecurringKeyTaken { key } => Self::RecurringKeyTaken { key },
            ChangeError::IdempotencyMismatch => Self::IdempotencyMismatch,
            ChangeError::Rejected { reason } => Self::Internal { reason },
        }
    }
}
