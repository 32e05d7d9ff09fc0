//! Messages of the queue registry, the queue dispatchers and the workers.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use actix::{Message, MessageResponse};
use chrono::{DateTime, Utc};

use super::concurrency_limits::ConcurrencyPermit;
use crate::domain::job::Job;
use crate::domain::job::attempt::AttemptKey;
use crate::domain::queue::rate_limit::RateLimit;
use crate::domain::values::id::{JobId, NodeId};
use crate::domain::values::name::{JobType, QueueName};

// To the registry.

/// Stored jobs that are pending and due.
#[derive(Message)]
#[rtype(result = "()")]
pub struct JobsDue {
    /// The jobs, by queue.
    pub by_queue: HashMap<QueueName, Vec<Arc<Job>>>,
}

/// Scheduled jobs of these queues have become due.
#[derive(Message)]
#[rtype(result = "()")]
pub struct QueuesDue {
    /// The queues.
    pub queues: Vec<QueueName>,
}

/// A queue has due jobs in storage that no node has claimed.
#[derive(Message)]
#[rtype(result = "()")]
pub struct JobsAvailable {
    /// The queue.
    pub queue: QueueName,
}

/// Messages may have been missed: reload the queues and their paused state, and poll for due jobs.
#[derive(Message)]
#[rtype(result = "()")]
pub struct ResyncQueues;

/// Concurrency of a limited job type has become available.
#[derive(Message)]
#[rtype(result = "()")]
pub struct LimitFreed {
    /// The queue that released it, which needs no notification.
    pub by: QueueName,
}

/// A running job was cancelled.
#[derive(Message)]
#[rtype(result = "()")]
pub struct CancelJob {
    /// Queue of the job.
    pub queue: QueueName,
    /// The job.
    pub job_id: JobId,
    /// The running attempt.
    pub attempt: u32,
    /// Node that runs it, if known.
    pub node: Option<NodeId>,
}

/// A queue was paused or resumed.
#[derive(Message)]
#[rtype(result = "()")]
pub struct QueuePauseChanged {
    /// The queue.
    pub queue: QueueName,
    /// The new state.
    pub is_paused: bool,
}

/// A node starts or stops draining. Ignored unless it is this node.
#[derive(Message)]
#[rtype(result = "()")]
pub struct NodeDrainChanged {
    /// The node.
    pub node: NodeId,
    /// The new state.
    pub is_draining: bool,
}

/// Requests the attempts that run on this node or whose result is not stored yet.
#[derive(Message)]
#[rtype(result = "HashSet<AttemptKey>")]
pub struct ReportAttempts;

/// Requests the activity of all queues.
#[derive(Message)]
#[rtype(result = "HashMap<QueueName, QueueActivity>")]
pub struct ReportAllActivity;

/// Requests the capacity of a queue on this node; `None` for a queue that has not been started here.
#[derive(Message)]
#[rtype(result = "Option<QueueCapacity>")]
pub struct ReportCapacity {
    /// The queue.
    pub queue: QueueName,
}

/// Requests whether nothing is running, starting or waiting to be stored.
#[derive(Message)]
#[rtype(result = "bool")]
pub struct IsIdle;

// To the registry, which forwards them to every dispatcher.

/// The node's lease has expired: interrupt all running attempts.
#[derive(Message)]
#[rtype(result = "()")]
pub struct InterruptAll;

/// Other nodes have recovered these attempts: interrupt those that run here.
#[derive(Message)]
#[rtype(result = "()")]
pub struct InterruptAttempts {
    /// The attempts.
    pub attempts: Arc<HashSet<AttemptKey>>,
}

/// The server is shutting down: start no more jobs.
#[derive(Message)]
#[rtype(result = "()")]
pub struct StopDispatching;

/// The shutdown grace period has elapsed: interrupt all running attempts and start no more jobs.
#[derive(Message)]
#[rtype(result = "()")]
pub struct ForceStop;

// To a dispatcher.

/// Jobs of the queue that have just been stored, pending and due.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct JobsReady {
    /// The jobs.
    pub jobs: Vec<Arc<Job>>,
}

/// Storage has due jobs, or other state has changed: fetch from storage.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Poll;

/// Storage may have due jobs that no other node has a worker for: fetch them once a worker is idle.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct PollWhenIdle;

/// Concurrency of a limited job type may be available again.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct RetryLimitedTypes;

/// A worker has become idle.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct WorkerIdle {
    /// Index of the worker.
    pub worker: usize,
    /// The attempt that it has just finished.
    pub finished: Option<AttemptKey>,
}

/// The queue was paused or resumed.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct SetPaused {
    /// The new state.
    pub is_paused: bool,
}

/// The node starts or stops draining.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct SetNodeDraining {
    /// The new state.
    pub is_draining: bool,
}

/// Requests what the queue runs and is about to start.
#[derive(Message)]
#[rtype(result = "QueueActivity")]
pub(crate) struct ReportActivity;

/// Activity of a queue on this node.
#[derive(Clone, Debug, Default)]
pub struct QueueActivity {
    /// The attempts that its workers run.
    pub running: Vec<AttemptKey>,
    /// The next attempts of the jobs that it has claimed ahead and that have not begun.
    pub claimed: Vec<AttemptKey>,
    /// Number of starts and claims that are being stored.
    pub starting: usize,
    /// Number of its workers.
    pub workers: usize,
}

/// Requests the capacity of the queue.
#[derive(Message)]
#[rtype(result = "QueueCapacity")]
pub(crate) struct ReportOwnCapacity;

/// Capacity of a queue on this node.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct QueueCapacity {
    /// Number of its workers.
    pub workers: usize,
    /// Number of those that run or start a job.
    pub busy: usize,
    /// Its rate limit.
    pub rate_limit: Option<RateLimit>,
    /// The time at which the rate limit permits the next start; `None` if it permits one now.
    pub next_start: Option<DateTime<Utc>>,
}

// To a dispatcher, which forwards it to the worker.

/// Cancel this attempt, if it runs here.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct CancelAttempt {
    /// The job.
    pub job_id: JobId,
    /// The attempt.
    pub attempt: u32,
}

// To a worker.

/// Run this job, which is stored as running, or as claimed by this node.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct RunJob {
    /// The job.
    pub job: Arc<Job>,
    /// Held while the job runs.
    pub permit: ConcurrencyPermit,
    /// `true` if the job was cancelled before it reached the worker.
    pub is_cancelled: bool,
}

/// Interrupt this attempt, if it is running: another node has recovered the job.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct InterruptAttempt {
    /// The attempt.
    pub attempt: AttemptKey,
}

/// Interrupt the running attempt.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Interrupt;

/// Requests the state of the worker.
#[derive(Message)]
#[rtype(result = "WorkerState")]
pub(crate) struct ReportState;

/// State of a worker.
#[derive(Clone, Debug, MessageResponse)]
pub(crate) struct WorkerState {
    /// The running attempt and its job type.
    pub running: Option<(AttemptKey, JobType)>,
    /// Attempts whose result is not stored yet.
    pub unstored: Vec<AttemptKey>,
    /// `true` if the handler of a finished attempt still blocks its thread.
    pub is_blocked: bool,
}

// To a dispatcher or a worker without work.

/// The queue has been removed: stop.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Stop;
