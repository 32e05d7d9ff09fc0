//! One execution of a job, as it is remembered.

use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::status::JobStatus;
use crate::values::id::{JobId, NodeId};
use crate::values::time_span::TimeSpan;

/// Which attempt of which job.
pub type AttemptKey = (JobId, u32);

/// How many attempts the history of a job holds: the last ones.
pub const ATTEMPTS_KEPT: u32 = 200;

/// How an attempt stands in the history.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AttemptStatus {
    /// It runs. Only the job's row says so; an attempt is written to the history when it ends.
    Running = 1,
    /// The handler succeeded.
    Completed = 2,
    /// The handler failed, timed out or panicked.
    Failed = 3,
    /// It was cancelled.
    Cancelled = 4,
    /// The node shut down and handed the job back.
    Interrupted = 5,
    /// The node died, or its lease ran out.
    Lost = 6,
}

impl AttemptStatus {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Running,
        Self::Completed,
        Self::Failed,
        Self::Cancelled,
        Self::Interrupted,
        Self::Lost,
    ];

    /// The word for it on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Interrupted => "interrupted",
            Self::Lost => "lost",
        }
    }

    /// The number in storage.
    pub const fn code(self) -> i16 {
        self as i16
    }

    /// The status with this number.
    pub fn from_code(code: i16) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.code() == code)
    }
}

/// One execution of a job (an entry of the reference's `executionHistory`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// Which job.
    pub job_id: JobId,
    /// Which execution of it, counted from 1 and never started anew.
    pub number: u32,
    /// How it stands.
    pub status: AttemptStatus,
    /// When the worker took it.
    pub started_at: DateTime<Utc>,
    /// When it ended; `None` while it runs.
    pub ended_at: Option<DateTime<Utc>>,
    /// Why it failed, in a line.
    pub error: Option<Arc<str>>,
    /// More of the failure.
    pub error_detail: Option<Arc<str>>,
    /// The node, or the remote worker, that ran it.
    pub node: NodeId,
}

impl Attempt {
    /// The attempt that a job's own row tells of: the one that runs now. `None` for a job that does not run.
    pub fn running(
        job_id: JobId,
        status: JobStatus,
        number: u32,
        started_at: Option<DateTime<Utc>>,
        node: Option<NodeId>,
    ) -> Option<Self> {
        let (JobStatus::Running, Some(started_at), Some(node)) = (status, started_at, node) else {
            return None;
        };
        Some(Self {
            job_id,
            number,
            status: AttemptStatus::Running,
            started_at,
            ended_at: None,
            error: None,
            error_detail: None,
            node,
        })
    }

    /// How long it ran; `None` while it runs.
    pub fn duration(&self) -> Option<TimeSpan> {
        self.ended_at
            .map(|ended_at| TimeSpan::between(self.started_at, ended_at))
    }
}

/// The last attempts of a job that has started `started` of them, of which `current` runs now, given those that have ended.
/// What the job does not know yet came after it, and is left out.
pub fn as_of(started: u32, current: Option<Attempt>, mut ended: Vec<Attempt>) -> Vec<Attempt> {
    ended.retain(|attempt| attempt.number <= started && (current.is_none() || attempt.number < started));
    ended.extend(current);
    ended.retain(|attempt| attempt.number > started.saturating_sub(ATTEMPTS_KEPT));
    ended
}
