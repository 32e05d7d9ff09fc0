//! Reads of nodes and remote workers.

use std::sync::Arc;

use chrono::{DateTime, Utc};

use crate::domain::cluster::remote_worker::{WorkerDeclaration, WorkerStatus};
use crate::domain::cluster::worker_access::WorkerAccess;
use crate::domain::values::id::NodeId;
use crate::domain::values::name::{JobType, QueueName};

/// A stored node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredNode {
    /// This run of the server.
    pub id: NodeId,
    /// Its name.
    pub name: String,
    /// Its start, by its own clock.
    pub started_at: DateTime<Utc>,
    /// Its last heartbeat, by storage's clock.
    pub heartbeat_at: DateTime<Utc>,
    /// The end of its lease, by storage's clock.
    pub lease_until: DateTime<Utc>,
    /// True while its lease lasts.
    pub is_live: bool,
    /// True if it is the leader.
    pub is_leader: bool,
    /// True if it drains: it starts no jobs.
    pub is_draining: bool,
    /// Number of its running jobs.
    pub running_jobs: u64,
    /// The job types that it has handlers for; `None` for a version that does not store them.
    pub job_types: Option<Vec<JobType>>,
    /// Those of them that remote workers may lease too; `None` where its version has no such rule.
    pub remote_types: Option<Vec<JobType>>,
}

/// A page of the remote workers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WorkerPage {
    /// The worker that the page follows; `None` for the first page.
    pub after: Option<NodeId>,
    /// The number.
    pub limit: u32,
}

/// The job types of a remote worker, and the queues that it leases jobs from; empty for all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkerTypes {
    /// The types.
    pub job_types: Arc<[JobType]>,
    /// The queues.
    pub queues: Arc<[QueueName]>,
}

/// A stored remote worker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredWorker {
    /// This run of the worker.
    pub id: NodeId,
    /// Its declaration.
    pub declaration: WorkerDeclaration,
    /// Access to it; `None` for one that a version without owners registered.
    pub access: Option<WorkerAccess>,
    /// The time of its registration.
    pub registered_at: DateTime<Utc>,
    /// Its last heartbeat, by storage's clock.
    pub heartbeat_at: DateTime<Utc>,
    /// The end of its lease, by storage's clock.
    pub lease_until: DateTime<Utc>,
    /// True while its lease lasts.
    pub is_live: bool,
    /// Number of its running jobs.
    pub running_jobs: u64,
}

impl StoredWorker {
    /// Its status.
    pub fn status(&self) -> WorkerStatus {
        WorkerStatus::of(self.is_live, self.lease_until)
    }
}
