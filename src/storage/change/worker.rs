//! Changes of remote workers.

use std::sync::Arc;

use chrono::{DateTime, Utc};

use crate::domain::cluster::remote_worker::WorkerDeclaration;
use crate::domain::cluster::worker_access::WorkerAccess;
use crate::domain::values::id::NodeId;
use crate::domain::values::time_span::TimeSpan;
use crate::storage::applied::{Applied, ChangeError};

/// A change of a remote worker.
#[derive(Clone, Debug)]
pub enum WorkerChange {
    /// Registers a remote worker, with a lease from now by the storage's own clock. It claims jobs under its id as a node
    /// does; it is not among the nodes, and the heartbeat of a server ends no worker's lease. → [`Applied::Registered`].
    Register {
        /// This run of the worker.
        worker: NodeId,
        /// Its declaration.
        declaration: Arc<WorkerDeclaration>,
        /// Access to it.
        access: Arc<WorkerAccess>,
        /// The time of its registration.
        registered_at: DateTime<Utc>,
        /// Duration of its lease without a renewal.
        lease: TimeSpan,
    },
    /// Renews a remote worker's lease, also one that has expired. → [`Applied::Renewed`].
    Renew {
        /// The worker.
        worker: NodeId,
        /// Duration from now.
        lease: TimeSpan,
    },
}

impl WorkerChange {
    /// The result for a storage without remote workers.
    pub(super) fn unsupported(&self) -> Result<Applied, ChangeError> {
        match self {
            Self::Register { .. } => Err(ChangeError::Unsupported { what: "remote workers" }),
            Self::Renew { .. } => Ok(Applied::Renewed(None)),
        }
    }
}
