//! Errors of the operations of remote workers.

use crate::domain::values::name::JobType;
use crate::runtime::dispatch::lease_messages::LeaseError;
use crate::runtime::writer::error::WriteError;
use crate::storage::repository::RepositoryError;

/// Reasons why an operation of a worker failed.
#[derive(Clone, Debug, thiserror::Error)]
pub enum RemoteWorkerError {
    /// Its lease has expired, or it has left.
    #[error("the worker's lease has expired")]
    NoLease,
    /// The memory for leased jobs is used up.
    #[error("the memory for leased jobs is used up")]
    NoMemory,
    /// Servers run all of its types themselves.
    #[error("all types of the worker are reserved for servers")]
    Reserved {
        /// The types.
        types: Vec<JobType>,
    },
    /// Storage could not be written.
    #[error(transparent)]
    Record(#[from] WriteError),
    /// Storage could not be read.
    #[error(transparent)]
    Storage(#[from] RepositoryError),
}

impl From<LeaseError> for RemoteWorkerError {
    fn from(error: LeaseError) -> Self {
        match error {
            LeaseError::NoLease => Self::NoLease,
            LeaseError::Record(error) => Self::Record(error),
            LeaseError::Storage(error) => Self::Storage(error),
        }
    }
}

impl RemoteWorkerError {
    pub(super) fn unexpected(reason: String) -> Self {
        Self::Record(WriteError::Unavailable { reason })
    }
}
