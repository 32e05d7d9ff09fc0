//! Reads of nodes and remote workers.

use std::sync::Arc;

use chrono::{DateTime, Utc};

use crate::domain::cluster::remote_worker::{WorkerDeclaration, WorkerStatus};
use crate::domain::cluster::worker_access::WorkerAccess;
use crate::domain::values::id::NodeId;
use crate::domain::values::name::{JobType, QueueName};

/// A node as storage knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredNode {
    /// Which run of a server.
    pub id: NodeId,
    /// What people call it.
    pub name: String,
    /// When it started, by its own clock.
    pub started_at: DateTime<Utc>,
    /// When it was last heard of, by storage's clock.
    pub heartbeat_at: DateTime<Utc>,
    /// Until when its jobs are its own, by storage's clock.
    pub lease_until: DateTime<Utc>,
    /// Whether its lease lasts.
    pub is_live: bool,
    /// Whether it leads.
    pub is_leader: bool,
    /// Whether it starts no new jobs.
    pub is_draining: bool,
    /// How many jobs it runs.
    pub running_jobs: u64,
    /// The job types that it has handlers for; `None` where its version does not say.
    pub job_types: Option<Vec<JobType>>,
    /// Those of them that remote workers may lease too; `None` where its version has no such rule.
    pub remote_types: Option<Vec<JobType>>,
}

/// A page of the remote workers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WorkerPage {
    /// The worker that the page follows; `None` for the first page.
    pub after: Option<NodeId>,
    /// How many.
    pub limit: u32,
}

/// The job types of a remote worker, and the queues that it takes jobs from; all when there are none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkerTypes {
    /// The types.
    pub job_types: Arc<[JobType]>,
    /// The queues.
    pub queues: Arc<[QueueName]>,
}

/// A remote worker as storage knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredWorker {
    /// Which run of it.
    pub id: NodeId,
    /// What it says of itself.
    pub declaration: WorkerDeclaration,
    /// Access to it; `None` for one that a version without owners registered.
    pub access: Option<WorkerAccess>,
    /// When it came.
    pub registered_at: DateTime<Utc>,
    /// When it was last heard of, by storage's clock.
    pub heartbeat_at: DateTime<Utc>,
    /// Until when its jobs are its own, by storage's clock.
    pub lease_until: DateTime<Utc>,
    /// Whether its lease lasts.
    pub is_live: bool,
    /// How many jobs it runs.
    pub running_jobs: u64,
}

impl StoredWorker {
    /// How it stands.
    pub fn status(&self) -> WorkerStatus {
        WorkerStatus::of(self.is_live, self.lease_until)
    }
}
