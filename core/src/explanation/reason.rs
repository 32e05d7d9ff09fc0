//! The reasons, with their evidence.

use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::facts::{Holder, Runner};
use crate::job::status::JobStatus;
use crate::metrics::health::HealthReason;
use crate::queue::rate_limit::RateLimit;
use crate::values::name::{JobType, QueueName};
use crate::values::time_span::TimeSpan;

/// A reason why a job does not run now, or its state if nothing keeps it from running.
#[derive(Clone, Debug, PartialEq)]
pub enum Reason {
    /// Storage has problems that keep jobs from starting.
    StorageTrouble {
        /// The problems.
        problems: Vec<HealthReason>,
    },
    /// No server has a valid lease.
    NoServer,
    /// No server and no remote worker runs its type in its queue.
    UnhandledType {
        /// The type, or the types of a queue's jobs.
        job_types: Vec<JobType>,
        /// The queue.
        queue: QueueName,
        /// The known type with the most similar name.
        nearest: Option<JobType>,
    },
    /// All servers and remote workers that run its type drain or shut down.
    Draining {
        /// The runners.
        runners: Vec<Runner>,
    },
    /// Its queue is paused.
    QueuePaused {
        /// The queue.
        queue: QueueName,
        /// The time of the request, if known.
        since: Option<DateTime<Utc>>,
        /// The caller, if known.
        by: Option<Arc<str>>,
    },
    /// The concurrency limit of its type is reached.
    TypeLimit {
        /// The type.
        job_type: JobType,
        /// The server.
        server: Arc<str>,
        /// Maximum number of running jobs.
        limit: u32,
        /// Number of running jobs.
        running: u32,
    },
    /// All workers that run its type in its queue are busy.
    WorkersBusy {
        /// The queue.
        queue: QueueName,
        /// The runners.
        runners: Vec<Runner>,
    },
    /// It was stored by a clock that is ahead.
    ClockBehind {
        /// The time at which it was stored, by that clock.
        stored_at: DateTime<Utc>,
        /// The time by which that clock is ahead.
        ahead: TimeSpan,
        /// Its due time.
        due_at: DateTime<Utc>,
    },
    /// It is due later, as its caller or its schedule has set.
    Scheduled {
        /// The time at which the due time was set.
        since: DateTime<Utc>,
        /// Its due time.
        due_at: DateTime<Utc>,
        /// Time until it is due.
        wait: TimeSpan,
    },
    /// Its last attempt failed, and the delay before the retry has not elapsed.
    RetryWait {
        /// The end of that attempt.
        since: Option<DateTime<Utc>>,
        /// Its due time.
        due_at: DateTime<Utc>,
        /// Time until it is due.
        wait: TimeSpan,
        /// Number of that attempt.
        attempt: u32,
        /// Number of retries so far.
        retries: u32,
        /// Maximum number of retries.
        max_retries: u32,
        /// Error of that attempt.
        error: Option<Arc<str>>,
    },
    /// The nodes of its last attempts were lost, and the delay before the next one has not elapsed.
    LossWait {
        /// The end of the last attempt.
        since: Option<DateTime<Utc>>,
        /// Its due time.
        due_at: DateTime<Utc>,
        /// Time until it is due.
        wait: TimeSpan,
        /// Number of the last attempt.
        attempt: u32,
        /// Number of losses in a row.
        losses: u32,
    },
    /// The rate limit of its queue is used up.
    QueueRate {
        /// The queue.
        queue: QueueName,
        /// The limit.
        limit: RateLimit,
        /// The time at which the next job may start.
        next_start: DateTime<Utc>,
    },
    /// Other due jobs of its queue start before it.
    BehindInQueue {
        /// The queue.
        queue: QueueName,
        /// Number of jobs, counted up to [`AHEAD_MAX`](super::facts::AHEAD_MAX) and one.
        ahead: u64,
    },
    /// A node has claimed it, and starts it as soon as one of its workers is free.
    Claimed {
        /// The node.
        holder: Holder,
    },
    /// It runs.
    Running {
        /// Number of the attempt.
        attempt: u32,
        /// Start of the attempt.
        since: Option<DateTime<Utc>>,
        /// Timeout of the attempt.
        until: Option<DateTime<Utc>>,
        /// The node that runs it.
        holder: Option<Holder>,
        /// True if its cancellation was requested.
        is_cancelling: bool,
    },
    /// The lease of its node has ended; another node recovers it.
    NodeLost {
        /// Number of the attempt.
        attempt: u32,
        /// The node that ran it.
        holder: Holder,
    },
    /// It has ended.
    Ended {
        /// The final status.
        status: JobStatus,
        /// The end.
        at: Option<DateTime<Utc>>,
        /// Number of attempts.
        attempts: u32,
        /// Error of the last attempt of a failed job.
        error: Option<Arc<str>>,
    },
    /// Nothing keeps it from running.
    Next {
        /// Its due time.
        due_at: DateTime<Utc>,
        /// Time since then.
        waited: TimeSpan,
        /// The remote workers that may lease it, if no server has a handler for its type.
        lessees: Vec<Runner>,
    },
}

impl Reason {
    /// A stable code for programs.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::StorageTrouble { .. } => "storage-trouble",
            Self::NoServer => "no-node",
            Self::UnhandledType { .. } => "nobody-runs-type",
            Self::Draining { .. } => "node-draining",
            Self::QueuePaused { .. } => "queue-paused",
            Self::TypeLimit { .. } => "type-limit",
            Self::WorkersBusy { .. } => "workers-busy",
            Self::ClockBehind { .. } => "clock-behind",
            Self::Scheduled { .. } => "scheduled",
            Self::RetryWait { .. } => "retry-wait",
            Self::LossWait { .. } => "loss-wait",
            Self::QueueRate { .. } => "queue-rate",
            Self::BehindInQueue { .. } => "behind-in-queue",
            Self::Claimed { .. } => "claimed",
            Self::Running { .. } => "running",
            Self::NodeLost { .. } => "node-lost",
            Self::Ended { .. } => "ended",
            Self::Next { .. } => "next",
        }
    }

    /// The time since which it holds, if known.
    pub const fn since(&self) -> Option<DateTime<Utc>> {
        match self {
            Self::QueuePaused { since, .. }
            | Self::RetryWait { since, .. }
            | Self::LossWait { since, .. }
            | Self::Running { since, .. } => *since,
            Self::Scheduled { since, .. } => Some(*since),
            Self::NodeLost { holder, .. } => holder.lease_until,
            Self::Ended { at, .. } => *at,
            Self::Next { due_at, .. } => Some(*due_at),
            Self::StorageTrouble { .. }
            | Self::NoServer
            | Self::UnhandledType { .. }
            | Self::Draining { .. }
            | Self::TypeLimit { .. }
            | Self::WorkersBusy { .. }
            | Self::ClockBehind { .. }
            | Self::QueueRate { .. }
            | Self::BehindInQueue { .. }
            | Self::Claimed { .. } => None,
        }
    }

    /// The time at which it ends by itself, if known.
    pub const fn until(&self) -> Option<DateTime<Utc>> {
        match self {
            Self::ClockBehind { stored_at, .. } => Some(*stored_at),
            Self::Scheduled { due_at, .. } | Self::RetryWait { due_at, .. } | Self::LossWait { due_at, .. } => {
                Some(*due_at)
            }
            Self::QueueRate { next_start, .. } => Some(*next_start),
            Self::Running { until, .. } => *until,
            Self::StorageTrouble { .. }
            | Self::NoServer
            | Self::UnhandledType { .. }
            | Self::Draining { .. }
            | Self::QueuePaused { .. }
            | Self::TypeLimit { .. }
            | Self::WorkersBusy { .. }
            | Self::BehindInQueue { .. }
            | Self::Claimed { .. }
            | Self::NodeLost { .. }
            | Self::Ended { .. }
            | Self::Next { .. } => None,
        }
    }
}
