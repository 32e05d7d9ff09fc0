//! Log level of storage failures.
//!
//! An outage of storage is logged once, where it occurs (`storage/outage.rs`); its consequences for each actor are logged
//! at `debug`. Every error type states beside its definition whether it is part of an outage.

use crate::storage::repository::RepositoryError;

/// A failure that may be part of an outage of storage.
pub(crate) trait MaybeOutage {
    /// `true` if it is part of an outage.
    fn is_outage(&self) -> bool;
}

impl MaybeOutage for RepositoryError {
    fn is_outage(&self) -> bool {
        match self {
            Self::Unavailable { .. } | Self::Fault { .. } => true,
            Self::Corrupt { .. } | Self::TimedOut { .. } | Self::Busy => false,
        }
    }
}

/// Logs a failure as an error, or at `debug` if it is part of an outage.
macro_rules! log_failure {
    ($failure:expr, $($text:tt)+) => {
        if $crate::runtime::actor::failure_log::MaybeOutage::is_outage(&$failure) {
            tracing::debug!($($text)+);
        } else {
            tracing::error!($($text)+);
        }
    };
}

pub(crate) use log_failure;
