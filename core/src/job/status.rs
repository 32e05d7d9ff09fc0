//! The states of a job.

use std::fmt;

/// Where a job stands. [`super::state_machine`] has the changes that are possible.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum JobStatus {
    /// Waiting for a worker, for its time, or for a retry.
    Pending = 0,
    /// A worker runs it.
    Running = 1,
    /// It succeeded.
    Completed = 2,
    /// It failed and has no retries left.
    Failed = 3,
    /// It was cancelled.
    Cancelled = 4,
}

/// The text names no status.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{given}' is not a status; allowed are pending, running, completed, failed and cancelled")]
pub struct InvalidStatus {
    /// What was given.
    pub given: String,
}

impl JobStatus {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Pending,
        Self::Running,
        Self::Completed,
        Self::Failed,
        Self::Cancelled,
    ];

    /// The word for it on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Running => "running",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    /// Reads the word, in any case.
    pub fn parse(text: &str) -> Result<Self, InvalidStatus> {
        Self::ALL
            .into_iter()
            .find(|status| status.as_str().eq_ignore_ascii_case(text))
            .ok_or_else(|| InvalidStatus {
                given: text.chars().take(64).collect(),
            })
    }

    /// The number in storage.
    pub const fn code(self) -> i16 {
        self as i16
    }

    /// The status with this number.
    pub fn from_code(code: i16) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.code() == code)
    }

    /// Whether nothing more happens to the job unless somebody asks for it.
    pub const fn is_finished(self) -> bool {
        matches!(self, Self::Completed | Self::Failed | Self::Cancelled)
    }
}

impl fmt::Display for JobStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
