//! Errors of the write path.

use super::limits::RETRY_AFTER;
use crate::domain::metrics::storage_fault::StorageFault;
use crate::runtime::actor::failure_log::MaybeOutage;
use crate::storage::repository::RepositoryError;

/// Reasons why a write is not known to be committed.
#[derive(Clone, Debug, thiserror::Error)]
pub enum WriteError {
    /// Too many rows wait for a commit.
    #[error("write queue is full; retry in {} s", RETRY_AFTER.as_secs())]
    Busy,
    /// Storage is unreachable, or the writer was restarted. The changes may have been committed.
    #[error("storage is unavailable: {reason}")]
    Unavailable {
        /// The cause, as far as it is known.
        reason: String,
    },
    /// Storage has a fault that an operator must repair. The changes may have been committed.
    #[error("{}: {reason}", fault.message())]
    Fault {
        /// The fault.
        fault: StorageFault,
        /// The storage's own message.
        reason: String,
    },
}

impl WriteError {
    pub(crate) fn restarted() -> Self {
        Self::Unavailable {
            reason: "the writer was restarted".to_owned(),
        }
    }
}

impl From<RepositoryError> for WriteError {
    fn from(failure: RepositoryError) -> Self {
        match failure {
            RepositoryError::Fault { fault, reason } => Self::Fault { fault, reason },
            RepositoryError::Unavailable { .. }
            | RepositoryError::TimedOut { .. }
            | RepositoryError::Busy
            | RepositoryError::Corrupt { .. } => Self::Unavailable {
                reason: failure.to_string(),
            },
        }
    }
}

impl MaybeOutage for WriteError {
    fn is_outage(&self) -> bool {
        match self {
            Self::Unavailable { .. } | Self::Fault { .. } => true,
            Self::Busy => false,
        }
    }
}
