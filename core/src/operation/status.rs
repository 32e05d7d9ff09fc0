//! Status of operations.

use std::fmt;

/// Status of an operation. [`super::lifecycle`] defines the transitions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum OperationStatus {
    /// Not requested yet: a token refers to it.
    Preview = 0,
    /// Waiting for the end of its grace period or of an earlier operation.
    Pending = 1,
    /// Changing jobs.
    Running = 2,
    /// Stopped by a caller until it is resumed.
    Paused = 3,
    /// Finished: every job was visited.
    Completed = 4,
    /// Ended by an error.
    Failed = 5,
    /// Ended by a caller. Changed jobs stay as they are.
    Cancelled = 6,
}

impl OperationStatus {
    /// All statuses.
    pub const ALL: [Self; 7] = [
        Self::Preview,
        Self::Pending,
        Self::Running,
        Self::Paused,
        Self::Completed,
        Self::Failed,
        Self::Cancelled,
    ];

    /// The name in the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Preview => "preview",
            Self::Pending => "pending",
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
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

    /// `true` if the operation changes no more jobs.
    pub const fn is_finished(self) -> bool {
        matches!(self, Self::Completed | Self::Failed | Self::Cancelled)
    }

    /// `true` if the operation was started and is not finished.
    pub const fn is_open(self) -> bool {
        matches!(self, Self::Pending | Self::Running | Self::Paused)
    }
}

impl fmt::Display for OperationStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
