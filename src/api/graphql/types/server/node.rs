//! A node of the cluster.

use async_graphql::Object;

use crate::api::contract::view::node::{NodeDocument, NodeRole};
use crate::api::graphql::scalars::{DateTime, Uuid};
use crate::api::graphql::types::int::int;
use crate::domain::values::id::NodeId;
use crate::storage::query::StoredNode;
use crate::views::words::Word;

/// A node of the cluster.
pub(crate) struct ServerNode(NodeDocument);

impl ServerNode {
    /// A node; `own` is the server that responds.
    pub(crate) fn new(node: StoredNode, own: NodeId) -> Self {
        Self(NodeDocument::new(node, own))
    }
}

/// A node: one run of a server process. A restarted server is another node.
#[Object]
impl ServerNode {
    /// Id of the node.
    async fn id(&self) -> Uuid {
        self.0.id.into()
    }

    /// Display name: `cluster.node_name` of its configuration, the machine's name by default.
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// True if its lease is valid; otherwise its jobs are recovered by other nodes.
    async fn is_live(&self) -> bool {
        self.0.status.0.is_live
    }

    /// True if it starts no new jobs, because a drain was requested or it shuts down.
    async fn is_draining(&self) -> bool {
        self.0.status.0.is_draining
    }

    /// True if it is the leader, which creates the occurrences of recurring jobs.
    async fn is_scheduler(&self) -> bool {
        self.0.roles.contains(&Word(NodeRole::Scheduler))
    }

    /// Time of its start, by its own clock.
    async fn started_at(&self) -> DateTime {
        self.0.started_at.into()
    }

    /// Time of its last heartbeat, by the database's clock.
    async fn last_heartbeat_at(&self) -> DateTime {
        self.0.last_heartbeat_at.into()
    }

    /// Expiry of its lease, by the database's clock.
    async fn lease_until(&self) -> DateTime {
        self.0.lease_until.into()
    }

    /// Number of its running jobs.
    async fn running_jobs(&self) -> i32 {
        int(self.0.running_jobs)
    }

    /// True if it is the server that responds.
    async fn is_self(&self) -> bool {
        self.0.is_self
    }
}
