//! Remote workers: external programs that lease jobs, run them and report their outcomes.
//!
//! To storage a remote worker is a node: it has an id for each run and a lease that it renews, and its running jobs are
//! recovered when the lease expires. Its attempts are attempts like any other.

use std::num::NonZeroU32;
use std::sync::Arc;

use chrono::{DateTime, Utc};

use crate::values::id::JobId;
use crate::values::name::{JobType, QueueName};

/// Number of the most recent log lines that are kept for a job.
pub const LOG_LINES_KEPT: usize = 200;

/// The declaration that a worker registers with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkerDeclaration {
    /// Display name.
    pub name: Arc<str>,
    /// Job types that it runs, at least one.
    pub job_types: Arc<[JobType]>,
    /// Queues that it leases jobs from; empty for all queues.
    pub queues: Arc<[QueueName]>,
    /// Maximum number of jobs that it runs concurrently.
    pub concurrency: NonZeroU32,
}

/// State of a remote worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WorkerStatus {
    /// Its lease is valid.
    Live,
    /// Its lease expired, and its jobs were recovered.
    Lost,
    /// It deregistered.
    Left,
}

impl WorkerStatus {
    /// The state of a worker by its lease. A deregistered worker has the lease `UNIX_EPOCH`.
    pub fn of(is_live: bool, lease_until: DateTime<Utc>) -> Self {
        match (is_live, lease_until.timestamp() > 0) {
            (true, _) => Self::Live,
            (false, true) => Self::Lost,
            (false, false) => Self::Left,
        }
    }

    /// The name of the state.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Lost => "lost",
            Self::Left => "left",
        }
    }
}

/// Progress of an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    /// In hundredths of a percent, 0 to 10,000.
    pub basis_points: u16,
    /// Description of the current step, in one line.
    pub message: Option<Arc<str>>,
}

impl Progress {
    /// In percent, 0 to 100.
    pub fn percent(&self) -> f64 {
        f64::from(self.basis_points) / 100.0
    }

    /// Progress from a percentage, rounded to hundredths; `None` unless it is a number from 0 to 100.
    pub fn from_percent(percent: f64, message: Option<Arc<str>>) -> Option<Self> {
        (0.0..=100.0).contains(&percent).then(|| Self {
            // From 0 to 10,000.
            basis_points: (percent * 100.0).round() as u16,
            message,
        })
    }
}

/// Severity of a log line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum LogLevel {
    /// For debugging.
    Debug = 0,
    /// Normal operation.
    Info = 1,
    /// A condition that may need attention.
    Warning = 2,
    /// An error.
    Error = 3,
}

impl LogLevel {
    /// All levels.
    pub const ALL: [Self; 4] = [Self::Debug, Self::Info, Self::Warning, Self::Error];

    /// The name of the level.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }

    /// Parses a name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|level| level.as_str() == text)
    }

    /// The code in storage.
    pub const fn code(self) -> i16 {
        self as i16
    }

    /// The level with this code.
    pub fn from_code(code: i16) -> Option<Self> {
        Self::ALL.into_iter().find(|level| level.code() == code)
    }
}

/// One log line of an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    /// Number of the attempt.
    pub attempt: u32,
    /// Time of the line, by the worker's clock if the worker sent it.
    pub at: DateTime<Utc>,
    /// Severity.
    pub level: LogLevel,
    /// Text of the line.
    pub message: Arc<str>,
}

/// A worker's report about a running attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttemptReport {
    /// Id of the job.
    pub job_id: JobId,
    /// Number of the attempt.
    pub attempt: u32,
    /// Time of the report.
    pub at: DateTime<Utc>,
    /// New progress; `None` if unchanged.
    pub progress: Option<Progress>,
    /// Lines logged since the last report.
    pub log: Vec<LogLine>,
}

/// The reports about the attempts of a job.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JobReports {
    /// Number and progress of the attempt that reported last.
    pub progress: Option<(u32, Progress)>,
    /// The most recent log lines, oldest first.
    pub log: Vec<LogLine>,
}
