//! A server that shares the storage.

use async_graphql::SimpleObject;

use super::int::int;
use crate::api::graphql::scalars::{DateTime, Uuid};
use crate::domain::values::id::NodeId;
use crate::storage::query::StoredNode;

/// A server process. A restarted server is another node.
#[derive(Debug, SimpleObject)]
pub(in super::super) struct ServerNode {
    /// Which run of a server.
    id: Uuid,
    /// What people call it: `nodes.name` of its configuration, the machine's name by default.
    name: String,
    /// Whether its lease lasts; otherwise what it ran runs again elsewhere.
    is_live: bool,
    /// Whether it starts no new jobs, because it was told so or is shutting down.
    is_draining: bool,
    /// Whether it is the one that creates the occurrences of recurring jobs.
    is_scheduler: bool,
    /// When it started, by its own clock.
    started_at: DateTime,
    /// When it was last heard of, by the database's clock.
    last_heartbeat_at: DateTime,
    /// Until when its jobs are its own without another heartbeat, by the database's clock.
    lease_until: DateTime,
    /// How many jobs it runs.
    running_jobs: i32,
    /// Whether it is the one that answers.
    is_self: bool,
}

impl ServerNode {
    /// A node as the node `own` sees it.
    pub(in super::super) fn new(node: StoredNode, own: NodeId) -> Self {
        let StoredNode {
            id,
            name,
            started_at,
            heartbeat_at,
            lease_until,
            is_live,
            is_leader,
            is_draining,
            running_jobs,
            job_types: _,
            remote_types: _,
        } = node;
        Self {
            id: id.as_uuid().into(),
            name,
            is_live,
            is_draining,
            is_scheduler: is_leader,
            started_at: started_at.into(),
            last_heartbeat_at: heartbeat_at.into(),
            lease_until: lease_until.into(),
            running_jobs: int(running_jobs),
            is_self: id == own,
        }
    }
}
