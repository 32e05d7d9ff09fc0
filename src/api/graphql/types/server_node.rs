//! A node of the cluster.

use async_graphql::SimpleObject;

use super::int::int;
use crate::api::graphql::scalars::{DateTime, Uuid};
use crate::domain::values::id::NodeId;
use crate::storage::query::StoredNode;

/// A node: one run of a server process. A restarted server is another node.
#[derive(Debug, SimpleObject)]
pub(in super::super) struct ServerNode {
    /// Id of the node.
    id: Uuid,
    /// Display name: `cluster.node_name` of its configuration, the machine's name by default.
    name: String,
    /// True if its lease is valid; otherwise its jobs are recovered by other nodes.
    is_live: bool,
    /// True if it starts no new jobs, because a drain was requested or it shuts down.
    is_draining: bool,
    /// True if it is the leader, which creates the occurrences of recurring jobs.
    is_scheduler: bool,
    /// Time of its start, by its own clock.
    started_at: DateTime,
    /// Time of its last heartbeat, by the database's clock.
    last_heartbeat_at: DateTime,
    /// Expiry of its lease, by the database's clock.
    lease_until: DateTime,
    /// Number of its running jobs.
    running_jobs: i32,
    /// True if it is the server that responds.
    is_self: bool,
}

impl ServerNode {
    /// A node, and whether it is the node `own`.
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
