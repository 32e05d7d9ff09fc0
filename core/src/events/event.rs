//! What has happened, as every facade is told it.

use std::sync::Arc;

use chrono::{DateTime, Utc};

use crate::cluster::remote_worker::AttemptReport;
use crate::job::Job;
use crate::job::status::JobStatus;
use crate::metrics::health::HealthChange;
use crate::metrics::{QueueMetrics, SystemMetrics};
use crate::values::name::QueueName;

/// What events are about. Whoever listens chooses among these first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Topic {
    /// What happens to jobs.
    Jobs,
    /// What is done to queues: paused, resumed, cleared.
    Queues,
    /// How many jobs a queue has, whenever that has changed.
    QueueMetrics,
    /// The whole server in numbers, again and again.
    SystemMetrics,
    /// Changes of the server's health.
    SystemHealth,
}

impl Topic {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Jobs,
        Self::Queues,
        Self::QueueMetrics,
        Self::SystemMetrics,
        Self::SystemHealth,
    ];

    /// Whether its events tell how something is now: then the newest one is all that a listener needs, and one who
    /// comes later is told it as well.
    pub const fn is_state(self) -> bool {
        matches!(self, Self::QueueMetrics | Self::SystemMetrics | Self::SystemHealth)
    }
}

/// What has happened to a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum JobEventKind {
    /// It was accepted and stored.
    Created = 1,
    /// A worker has taken it.
    Started = 2,
    /// It succeeded.
    Completed = 3,
    /// It failed for good.
    Failed = 4,
    /// It is pending again: an attempt failed, was interrupted or lost, or somebody asked for another.
    Retrying = 5,
    /// It was cancelled.
    Cancelled = 6,
    /// A pending job was changed.
    Changed = 7,
    /// It was deleted.
    Deleted = 8,
}

impl JobEventKind {
    /// All of them.
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

    /// The number by which nodes tell each other.
    pub const fn code(self) -> i16 {
        self as i16
    }

    /// The kind with this number.
    pub fn from_code(code: i16) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.code() == code)
    }

    /// The status that the job has right after; `None` when it may be any.
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

/// What has happened to a queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum QueueEventKind {
    /// It starts no more jobs.
    Paused,
    /// It starts jobs again.
    Resumed,
    /// Its pending or failed jobs were removed.
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

/// Something that has happened and is stored.
#[derive(Clone, Debug)]
pub enum Event {
    /// To a job; the job is as it was right after.
    Job {
        /// What.
        kind: JobEventKind,
        /// When.
        at: DateTime<Utc>,
        /// To which.
        job: Arc<Job>,
    },
    /// An attempt has told how far it is, or has logged something.
    JobReport {
        /// When.
        at: DateTime<Utc>,
        /// Which job.
        job: Arc<Job>,
        /// What.
        report: Arc<AttemptReport>,
    },
    /// To a queue.
    Queue {
        /// What.
        kind: QueueEventKind,
        /// When.
        at: DateTime<Utc>,
        /// To which.
        queue: QueueName,
    },
    /// A queue has other numbers than before.
    QueueMetrics {
        /// When they were read.
        at: DateTime<Utc>,
        /// The numbers.
        metrics: Arc<QueueMetrics>,
    },
    /// The server in numbers.
    SystemMetrics(Arc<SystemMetrics>),
    /// The server's health has changed.
    SystemAlert {
        /// When.
        at: DateTime<Utc>,
        /// From what to what, and why.
        change: Arc<HealthChange>,
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
        }
    }

    /// When it happened.
    pub fn at(&self) -> DateTime<Utc> {
        match self {
            Self::Job { at, .. }
            | Self::JobReport { at, .. }
            | Self::Queue { at, .. }
            | Self::QueueMetrics { at, .. }
            | Self::SystemAlert { at, .. } => *at,
            Self::SystemMetrics(metrics) => metrics.at,
        }
    }

    /// What it is about.
    pub const fn topic(&self) -> Topic {
        match self {
            Self::Job { .. } | Self::JobReport { .. } => Topic::Jobs,
            Self::Queue { .. } => Topic::Queues,
            Self::QueueMetrics { .. } => Topic::QueueMetrics,
            Self::SystemMetrics(_) => Topic::SystemMetrics,
            Self::SystemAlert { .. } => Topic::SystemHealth,
        }
    }
}
