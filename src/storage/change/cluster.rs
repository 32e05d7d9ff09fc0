//! Changes of nodes.

use std::sync::Arc;

use chrono::{DateTime, Utc};

use crate::domain::values::id::NodeId;
use crate::domain::values::name::JobType;
use crate::domain::values::time_span::TimeSpan;
use crate::storage::applied::{Applied, ChangeError};

/// Part of its lease after which a server without a heartbeat counts as unreachable: numerator and denominator. Servers renew
/// their lease after a third, and the commit takes its time; workers do so, too, and lose theirs when a server is away for
/// two thirds.
pub const DEAF_AFTER: (i32, i32) = (1, 2);

/// A change of a node's lease or state.
#[derive(Clone, Debug)]
pub enum ClusterChange {
    /// Renews a server's lease, until `lease` from now by the storage's own clock. If storage serves one server at a
    /// time, that ends the leases of all other servers including the leader's: they are earlier runs of it, and this
    /// one's lease does not expire until it leaves. If no server has sent a heartbeat for longer than half of its
    /// lease ([`DEAF_AFTER`]), no worker could renew its own: the leases of workers that run jobs last at least
    /// `lease` from now; those of other servers too, if this server is registered already. Each is extended once,
    /// until its owner renews it. A lease that was renewed in the future (storage's clock was set back) lasts from
    /// now for its duration. → [`Applied::Alive`].
    Heartbeat {
        /// The node.
        node: NodeId,
        /// Its name.
        name: Arc<str>,
        /// Its start.
        started_at: DateTime<Utc>,
        /// Duration of its lease without another heartbeat.
        lease: TimeSpan,
        /// The job types that it has handlers for. They are those of its first heartbeat.
        job_types: Arc<[JobType]>,
        /// Those of them that remote workers may lease too.
        remote_types: Arc<[JobType]>,
    },
    /// Makes a node the leader, or renews its leadership, by the rules of [`crate::domain::cluster::leadership`] and the
    /// storage's own clock. → [`Applied::Led`].
    Lead {
        /// The node.
        node: NodeId,
        /// Duration of the leadership without a renewal.
        lease: TimeSpan,
    },
    /// Ends the lease of a node or of a remote worker. → [`Applied::Left`].
    Leave {
        /// The node or worker.
        node: NodeId,
    },
    /// Makes a server drain, or stop draining. It keeps its lease and its running jobs. → [`Applied::DrainSet`] or
    /// [`ChangeError::Conflict`] if there is no such server.
    SetDraining {
        /// The server.
        node: NodeId,
        /// `true` if it is draining.
        is_draining: bool,
    },
    /// The log level of a server was set. Storage keeps only its audit record. → [`Applied::LogLevelSet`].
    SetLogLevel {
        /// The server.
        node: NodeId,
    },
}

impl ClusterChange {
    /// The result for a storage of one server: its lease does not expire, and there is nothing to lead.
    pub(super) fn unsupported(&self) -> Result<Applied, ChangeError> {
        match self {
            Self::Heartbeat { .. } => Ok(Applied::Alive),
            Self::Leave { .. } => Ok(Applied::Left { changed: true }),
            Self::SetLogLevel { .. } => Ok(Applied::LogLevelSet),
            Self::Lead { .. } => Ok(Applied::Led(None)),
            Self::SetDraining { .. } => Err(ChangeError::Unsupported { what: "draining" }),
        }
    }
}
