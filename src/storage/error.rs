//! Errors of storage.

use std::time::Duration;

use crate::domain::metrics::storage_fault::StorageFault;

/// A failure of storage, in the categories that a caller distinguishes.
#[derive(Clone, Debug, thiserror::Error)]
pub enum RepositoryError {
    /// Storage is unreachable or not ready; the same call may succeed later. A commit may have taken effect.
    #[error("storage is unavailable: {reason}")]
    Unavailable {
        /// The storage's own message.
        reason: String,
    },
    /// Storage has a fault that an operator must repair. A commit may have taken effect.
    #[error("{}: {reason}", fault.message())]
    Fault {
        /// The fault.
        fault: StorageFault,
        /// The storage's own message.
        reason: String,
    },
    /// A read was stopped by its timeout.
    #[error("a read was stopped after {} s", time.as_secs_f64())]
    TimedOut {
        /// The timeout.
        time: Duration,
    },
    /// No connection was free in time, or a read took too long although storage works.
    #[error("all connections to storage are busy")]
    Busy,
    /// A stored value is invalid.
    #[error("storage is corrupt: {reason}")]
    Corrupt {
        /// The value and its place.
        reason: String,
    },
}
