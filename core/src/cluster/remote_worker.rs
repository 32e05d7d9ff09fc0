//! Remote workers: programs elsewhere that ask for jobs, run them, and say what came of them.
//!
//! To storage a remote worker is a node: it has an identity of its own in each run and a lease that it renews, and what it
//! runs is brought back when the lease has run out. An attempt that it runs is an attempt like any other.

use std::num::NonZeroU32;
use std::sync::Arc;

use chrono::{DateTime, Utc};

use crate::values::id::JobId;
use crate::values::name::{JobType, QueueName};

/// How many log lines of a job are kept: the last ones.
pub const LOG_LINES_KEPT: usize = 200;

/// What a worker says of itself when it comes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkerDeclaration {
    /// What people call it.
    pub name: Arc<str>,
    /// The types that it runs, at least one.
    pub job_types: Arc<[JobType]>,
    /// The queues that it takes jobs from; none for all.
    pub queues: Arc<[QueueName]>,
    /// How many jobs it runs at the same time.
    pub concurrency: NonZeroU32,
}

/// How a worker stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WorkerStatus {
    /// Its lease lasts.
    Live,
    /// Its lease has run out, and what it ran has been taken from it.
    Lost,
    /// It has said goodbye.
    Left,
}

impl WorkerStatus {
    /// How a worker stands whose lease lasts or not. One that has left has had a lease at no time.
    pub fn of(is_live: bool, lease_until: DateTime<Utc>) -> Self {
        match (is_live, lease_until.timestamp() > 0) {
            (true, _) => Self::Live,
            (false, true) => Self::Lost,
            (false, false) => Self::Left,
        }
    }

    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Lost => "lost",
            Self::Left => "left",
        }
    }
}

/// How far an attempt has got.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    /// In hundredths of a percent, 0 to 10,000.
    pub basis_points: u16,
    /// What it is doing, in a line.
    pub message: Option<Arc<str>>,
}

impl Progress {
    /// In percent, 0 to 100.
    pub fn percent(&self) -> f64 {
        f64::from(self.basis_points) / 100.0
    }

    /// From a percentage, to a hundredth; `None` unless it is a number from 0 to 100.
    pub fn from_percent(percent: f64, message: Option<Arc<str>>) -> Option<Self> {
        (0.0..=100.0).contains(&percent).then(|| Self {
            // From 0 to 10,000.
            basis_points: (percent * 100.0).round() as u16,
            message,
        })
    }
}

/// How serious a log line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum LogLevel {
    /// For those who look for a mistake.
    Debug = 0,
    /// What is usual.
    Info = 1,
    /// What may need somebody.
    Warning = 2,
    /// What went wrong.
    Error = 3,
}

impl LogLevel {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Debug, Self::Info, Self::Warning, Self::Error];

    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }

    /// Reads the word.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|level| level.as_str() == text)
    }

    /// The number in storage.
    pub const fn code(self) -> i16 {
        self as i16
    }

    /// The level with this number.
    pub fn from_code(code: i16) -> Option<Self> {
        Self::ALL.into_iter().find(|level| level.code() == code)
    }
}

/// One line that an attempt has logged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    /// Which attempt.
    pub attempt: u32,
    /// When, by the worker's clock if it said so.
    pub at: DateTime<Utc>,
    /// How serious it is.
    pub level: LogLevel,
    /// The text.
    pub message: Arc<str>,
}

/// What a worker reports of an attempt that runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttemptReport {
    /// Which job.
    pub job_id: JobId,
    /// Which attempt.
    pub attempt: u32,
    /// When it was reported.
    pub at: DateTime<Utc>,
    /// How far it has got; `None` when nothing new is known.
    pub progress: Option<Progress>,
    /// What it has logged since the last report.
    pub log: Vec<LogLine>,
}

/// What is known of the attempts of a job beside their ends.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JobReports {
    /// How far the attempt had got that reported last, and which one it is.
    pub progress: Option<(u32, Progress)>,
    /// The last lines that were logged, the oldest first.
    pub log: Vec<LogLine>,
}
