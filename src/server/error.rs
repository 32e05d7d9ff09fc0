//! Errors of the start of a server.

use std::net::SocketAddr;

use crate::api::auth::JwtKeyError;
use crate::config::sections::server::{ANY_ORIGIN, open_address};
use crate::domain::values::name::RecurringKey;
use crate::runtime::StartError;
use crate::service::error::ServiceError;
use crate::telemetry::metrics::ExportError;

/// Error of the start of a server.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// Every client would have full access.
    #[error("{}", open_address(address, false))]
    Open {
        /// The address that is reachable from other machines.
        address: SocketAddr,
    },
    /// Pages of every origin would have full access.
    #[error("server.cors_origins: {ANY_ORIGIN}")]
    AnyOrigin,
    /// The keys that verify tokens can't be used.
    #[error(transparent)]
    Keys(#[from] JwtKeyError),
    /// Its actors did not start.
    #[error(transparent)]
    Runtime(#[from] StartError),
    /// A recurring job of the configuration can't be stored.
    #[error("recurring job '{key}' of the configuration: {cause}")]
    Recurring {
        /// The key of the recurring job.
        key: RecurringKey,
        /// The cause.
        cause: ServiceError,
    },
    /// Telemetry can't be started.
    #[error(transparent)]
    Export(#[from] ExportError),
    /// The address is not available.
    #[error("can't listen on {address} (--listen, server.listen): {cause}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// The error of the system.
        cause: std::io::Error,
    },
}
