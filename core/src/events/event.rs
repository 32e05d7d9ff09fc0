//! Events of jobs, queues and the server.

use std::sync::Arc;

use chrono::{DateTime, Utc};

use crate::cluster::remote_worker::AttemptReport;
use crate::job::Job;
use crate::job::status::JobStatus;
use crate::metrics::health::HealthChange;
use crate::metrics::{QueueMetrics, SystemMetrics};
use crate::operation::Operation;
use crate::operation::status::OperationStatus;
use crate::values::name::QueueName;

/// Category of events. Subscribers filter by it first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Topic {
    /// Changes of jobs.
    Jobs,
    /// Changes of queues: paused, resumed, cleared.
    Queues,
    /// Job counts of a queue, whenever they change.
    QueueMetrics,
    /// Metrics of the server, at intervals.
    SystemMetrics,
    /// Changes of the server's health.
    SystemHealth,
    /// Bulk operations: their progress and status.
    Operations,
}

impl Topic {
    /// All topics.
    pub const ALL: [Self; 6] = [
        Self::Jobs,
        Self::Queues,
        Self::QueueMetrics,
        Self::SystemMetrics,
        Self::SystemHealth,
        Self::Operations,
    ];

    /// True if the events describe the current state: a subscriber needs only the newest one, and gets it when it
    /// subscribes.
    pub const fn is_state(self) -> bool {
        matches!(self, Self::QueueMetrics | Self::SystemMetrics | Self::SystemHealth)
    }
}

/// Type of a job event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum JobEventKind {
    /// The job was created.
    Created = 1,
    /// A worker started it.
    Started = 2,
    /// It completed.
    Completed = 3,
    /// It failed permanently.
    Failed = 4,
    /// It is pending again: an attempt failed, was interrupted or lost, or a caller requested another one.
    Retrying = 5,
    /// It was cancelled.
    Cancelled = 6,
    /// A pending job was updated.
    Changed = 7,
    /// It was deleted.
    Deleted = 8,
}

impl JobEventKind {
    /// All types.
    pub const ALL: [Self; 8] = [
        Self::Created,
        Self::Started,
        Self::Completed,
        Self::Failed,
        Self::Retrying,
        Self::Cancelled,
        Self::Changed,
        Self::Deleted,
    ];

    /// The code in messages between nodes.
    pub const fn code(self) -> i16 {
        self as i16
    }

    /// The type with this code.
    pub fn from_code(code: i16) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.code() == code)
    }

    /// The status of the job right after the event; `None` if it may be any.
    pub const fn status(self) -> Option<JobStatus> {
        match self {
            Self::Created | Self::Retrying | Self::Changed => Some(JobStatus::Pending),
            Self::Started => Some(JobStatus::Running),
            Self::Completed => Some(JobStatus::Completed),
            Self::Failed => Some(JobStatus::Failed),
            Self::Cancelled => Some(JobStatus::Cancelled),
            Self::Deleted => None,
        }
    }

    /// The event's name: `job.completed`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Created => "job.created",
            Self::Started => "job.started",
            Self::Completed => "job.completed",
            Self::Failed => "job.failed",
            Self::Retrying => "job.retrying",
            Self::Cancelled => "job.cancelled",
            Self::Changed => "job.changed",
            Self::Deleted => "job.deleted",
        }
    }
}

/// Type of a queue event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum QueueEventKind {
    /// The queue was paused.
    Paused,
    /// The queue was resumed.
    Resumed,
    /// Its pending or failed jobs were deleted.
    Cleared,
}

impl QueueEventKind {
    /// The event's name: `queue.paused`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Paused => "queue.paused",
            Self::Resumed => "queue.resumed",
            Self::Cleared => "queue.cleared",
        }
    }
}

/// Type of an event of a bulk operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OperationEventKind {
    /// It was started, and waits for its turn.
    Started = 1,
    /// It has changed jobs.
    Progress = 2,
    /// It was paused.
    Paused = 3,
    /// It was resumed.
    Resumed = 4,
    /// It completed.
    Completed = 5,
    /// It failed.
    Failed = 6,
    /// It was cancelled.
    Cancelled = 7,
    /// Another operation restores its changes.
    Undone = 8,
}

impl OperationEventKind {
    /// All types.
    pub const ALL: [Self; 8] = [
        Self::Started,
        Self::Progress,
        Self::Paused,
        Self::Resumed,
        Self::Completed,
        Self::Failed,
        Self::Cancelled,
        Self::Undone,
    ];

    /// The code in messages between nodes.
    pub const fn code(self) -> i16 {
        self as i16
    }

    /// The type with this code.
    pub fn from_code(code: i16) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.code() == code)
    }

    /// The type of the event of this change; `None` if it has none.
    pub fn of(before: &Operation, after: &Operation) -> Option<Self> {
        match (before.status, after.status) {
            (_, OperationStatus::Preview) => None,
            (OperationStatus::Preview, _) => Some(Self::Started),
            (OperationStatus::Paused, OperationStatus::Pending) => Some(Self::Resumed),
            (before, after) if before == after => before.is_finished().then_some(Self::Undone),
            (_, OperationStatus::Paused) => Some(Self::Paused),
            (_, OperationStatus::Completed) => Some(Self::Completed),
            (_, OperationStatus::Failed) => Some(Self::Failed),
            (_, OperationStatus::Cancelled) => Some(Self::Cancelled),
            (_, OperationStatus::Pending | OperationStatus::Running) => None,
        }
    }

    /// The event's name: `operation.progress`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Started => "operation.started",
            Self::Progress => "operation.progress",
            Self::Paused => "operation.paused",
            Self::Resumed => "operation.resumed",
            Self::Completed => "operation.completed",
            Self::Failed => "operation.failed",
            Self::Cancelled => "operation.cancelled",
            Self::Undone => "operation.undone",
        }
    }
}

/// A committed change, or a new state.
#[derive(Clone, Debug)]
pub enum Event {
    /// A change of a job, with the job right after it.
    Job {
        /// Type of the event.
        kind: JobEventKind,
        /// Time of the event.
        at: DateTime<Utc>,
        /// The job.
        job: Arc<Job>,
    },
    /// Progress or log lines of a running attempt.
    JobReport {
        /// Time of the report.
        at: DateTime<Utc>,
        /// The job.
        job: Arc<Job>,
        /// The report.
        report: Arc<AttemptReport>,
    },
    /// A change of a queue.
    Queue {
        /// Type of the event.
        kind: QueueEventKind,
        /// Time of the event.
        at: DateTime<Utc>,
        /// The queue.
        queue: QueueName,
    },
    /// New metrics of a queue.
    QueueMetrics {
        /// Time of the measurement.
        at: DateTime<Utc>,
        /// The metrics.
        metrics: Arc<QueueMetrics>,
    },
    /// Metrics of the server.
    SystemMetrics(Arc<SystemMetrics>),
    /// A change of the server's health.
    SystemAlert {
        /// Time of the change.
        at: DateTime<Utc>,
        /// The previous and the new state, with reasons.
        change: Arc<HealthChange>,
    },
    /// A change of a bulk operation.
    Operation {
        /// Type of the event.
        kind: OperationEventKind,
        /// Time of the event.
        at: DateTime<Utc>,
        /// The operation right after it.
        operation: Arc<Operation>,
    },
}

impl Event {
    /// The event's name: `job.completed`, `queue.paused`.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Job { kind, .. } => kind.as_str(),
            Self::JobReport { .. } => "job.progress",
            Self::Queue { kind, .. } => kind.as_str(),
            Self::QueueMetrics { .. } => "queue.metrics",
            Self::SystemMetrics(_) => "system.metrics",
            Self::SystemAlert { .. } => "system.alert",
            Self::Operation { kind, .. } => kind.as_str(),
        }
    }

    /// Time of the event.
    pub fn at(&self) -> DateTime<Utc> {
        match self {
            Self::Job { at, .. }
            | Self::JobReport { at, .. }
            | Self::Queue { at, .. }
            | Self::QueueMetrics { at, .. }
            | Self::SystemAlert { at, .. }
            | Self::Operation { at, .. } => *at,
            Self::SystemMetrics(metrics) => metrics.at,
        }
    }

    /// Topic of the event.
    pub const fn topic(&self) -> Topic {
        match self {
            Self::Job { .. } | Self::JobReport { .. } => Topic::Jobs,
            Self::Queue { .. } => Topic::Queues,
            Self::QueueMetrics { .. } => Topic::QueueMetrics,
            Self::SystemMetrics(_) => Topic::SystemMetrics,
            Self::SystemAlert { .. } => Topic::SystemHealth,
            Self::Operation { .. } => Topic::Operations,
        }
    }
}
