//! One execution of a job, as recorded in its history.

use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::status::JobStatus;
use crate::values::id::{JobId, NodeId};
use crate::values::time_span::TimeSpan;

/// A job's id and the number of one of its attempts.
pub type AttemptKey = (JobId, u32);

/// Maximum number of attempts in the history of a job: the last ones.
pub const ATTEMPTS_KEPT: u32 = 200;

/// Status of an attempt in the history.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AttemptStatus {
    /// It is running. Only the job's row represents it; an attempt is written to the history when it finishes.
    Running = 1,
    /// The handler succeeded.
    Completed = 2,
    /// The handler failed, timed out or panicked.
    Failed = 3,
    /// It was cancelled.
    Cancelled = 4,
    /// The node shut down and requeued the job.
    Interrupted = 5,
    /// The node died, or its lease expired.
    Lost = 6,
}

impl AttemptStatus {
    /// All statuses.
    pub const ALL: [Self; 6] = [
        Self::Running,
        Self::Completed,
        Self::Failed,
        Self::Cancelled,
        Self::Interrupted,
        Self::Lost,
    ];

    /// The name in the API.
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

    /// The code in storage.
    pub const fn code(self) -> i16 {
        self as i16
    }

    /// The status with this code.
    pub fn from_code(code: i16) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.code() == code)
    }
}

/// One execution of a job (an entry of the reference's `executionHistory`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// Id of the job.
    pub job_id: JobId,
    /// Number of the attempt, counted from 1; it is never reset.
    pub number: u32,
    /// Status.
    pub status: AttemptStatus,
    /// Start time.
    pub started_at: DateTime<Utc>,
    /// Finish time; `None` while it is running.
    pub ended_at: Option<DateTime<Utc>>,
    /// Reason of the failure, in one line.
    pub error: Option<Arc<str>>,
    /// Detail of the failure.
    pub error_detail: Option<Arc<str>>,
    /// The node or remote worker that ran it.
    pub node: NodeId,
}

impl Attempt {
    /// The running attempt of a job, from the job's own row. `None` if the job is not running.
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

    /// Duration of the attempt; `None` while it is running.
    pub fn duration(&self) -> Option<TimeSpan> {
        self.ended_at
            .map(|ended_at| TimeSpan::between(self.started_at, ended_at))
    }
}

/// The last attempts of a job with `started` attempts, of which `current` is running, given the finished ones.
/// Attempts after this version of the job are left out.
pub fn as_of(started: u32, current: Option<Attempt>, mut ended: Vec<Attempt>) -> Vec<Attempt> {
    ended.retain(|attempt| attempt.number <= started && (current.is_none() || attempt.number < started));
    ended.extend(current);
    ended.retain(|attempt| attempt.number > started.saturating_sub(ATTEMPTS_KEPT));
    ended
}
