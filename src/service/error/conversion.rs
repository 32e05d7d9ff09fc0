//! Errors of storage and of the Writer as errors of use cases.

use super::ServiceError;
use crate::runtime::writer::error::WriteError;
use crate::runtime::writer::limits::RETRY_AFTER;
use crate::storage::change::ChangeError;
use crate::storage::repository::RepositoryError;

impl From<RepositoryError> for ServiceError {
    fn from(error: RepositoryError) -> Self {
        match error {
            RepositoryError::Unavailable { reason } => Self::Unavailable { reason },
            RepositoryError::Fault { fault, reason } => Self::StorageFault { fault, reason },
            RepositoryError::Corrupt { reason } => Self::Internal { reason },
            RepositoryError::Busy => Self::StorageBusy {
                retry_after: RETRY_AFTER,
            },
            RepositoryError::TimedOut { time } => Self::ReadTimedOut {
                time,
                advice: "narrow it, or retry when the server has less load",
            },
        }
    }
}

impl From<WriteError> for ServiceError {
    fn from(error: WriteError) -> Self {
        match error {
            WriteError::Busy => Self::Busy {
                retry_after: RETRY_AFTER,
            },
            WriteError::Unavailable { reason } => Self::Unavailable { reason },
            WriteError::Fault { fault, reason } => Self::StorageFault { fault, reason },
        }
    }
}

impl From<ChangeError> for ServiceError {
    fn from(error: ChangeError) -> Self {
        match error {
            ChangeError::Conflict => Self::Contended,
            ChangeError::NoLease => Self::Unavailable {
                reason: error.to_string(),
            },
            ChangeError::UniqueKeyTaken { key } => Self::UniqueKeyTaken { key },
            ChangeError::RecurringKeyTaken { key } => Self::RecurringKeyTaken { key },
            ChangeError::IdempotencyMismatch => Self::IdempotencyMismatch,
            ChangeError::Unsupported { what } => Self::Unsupported { what },
            ChangeError::Rejected { reason } => Self::Internal { reason },
        }
    }
}
