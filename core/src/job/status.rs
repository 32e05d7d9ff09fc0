//! Status of jobs.

use std::fmt;

/// Status of a job. [`super::state_machine`] defines the transitions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum JobStatus {
    /// Waiting for a worker, its due time or a retry.
    Pending = 0,
    /// Being executed by a worker.
    Running = 1,
    /// Finished successfully.
    Completed = 2,
    /// Failed with no retries left.
    Failed = 3,
    /// Cancelled.
    Cancelled = 4,
}

/// The text is not a status.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{given}' is not a status; allowed are pending, running, completed, failed and cancelled")]
pub struct InvalidStatus {
    /// The invalid text.
    pub given: String,
}

impl JobStatus {
    /// All statuses.
    pub const ALL: [Self; 5] = [
        Self::Pending,
        Self::Running,
        Self::Completed,
        Self::Failed,
        Self::Cancelled,
    ];

    /// The name in the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Running => "running",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    /// Parses a name, case-insensitively.
    pub fn parse(text: &str) -> Result<Self, InvalidStatus> {
        Self::ALL
            .into_iter()
            .find(|status| status.as_str().eq_ignore_ascii_case(text))
            .ok_or_else(|| InvalidStatus {
                given: text.chars().take(64).collect(),
            })
    }

    /// The code in storage.
    pub const fn code(self) -> i16 {
        self as i16
    }

    /// The status with this code.
    pub fn from_code(code: i16) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.code() == code)
    }

    /// True if the job's status no longer changes without a request.
    pub const fn is_finished(self) -> bool {
        matches!(self, Self::Completed | Self::Failed | Self::Cancelled)
    }
}

impl fmt::Display for JobStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
