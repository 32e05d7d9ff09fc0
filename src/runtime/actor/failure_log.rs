//! How actors log that storage has failed them.
//!
//! An outage of storage is logged once for all (`storage/outage.rs`); what it means for each actor is of interest for
//! debugging alone.

use crate::runtime::cluster::orphan_recovery::OrphanRecoveryError;
use crate::runtime::outbound::endpoint_sync::EndpointSyncError;
use crate::runtime::writer::RecordError;
use crate::storage::repository::RepositoryError;

/// A failure that may be part of an outage of storage.
pub(crate) trait MaybeOutage {
    /// Whether it is.
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

impl MaybeOutage for RecordError {
    fn is_outage(&self) -> bool {
        match self {
            Self::Unavailable { .. } | Self::Fault { .. } => true,
            Self::Busy => false,
        }
    }
}

impl MaybeOutage for EndpointSyncError {
    fn is_outage(&self) -> bool {
        match self {
            Self::Read(failure) => failure.is_outage(),
            Self::Write(failure) => failure.is_outage(),
        }
    }
}

impl MaybeOutage for OrphanRecoveryError {
    fn is_outage(&self) -> bool {
        match self {
            Self::Read(failure) => failure.is_outage(),
            Self::Write(failure) => failure.is_outage(),
        }
    }
}

/// Logs a failure as an error, and at `debug` where it is part of an outage.
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
