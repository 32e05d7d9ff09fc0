//! View of nodes.

use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::values::id::NodeId;
use crate::storage::query::StoredNode;
use crate::views::values::{Id, Time};
use crate::views::words::{NodeStatusWord, Word, Worded};

/// A node.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Node)]
pub(crate) struct NodeDocument {
    /// Id of the node: one run of a server process. A restarted server is another node.
    #[schema(value_type = String, format = Uuid, example = "01963b5e-7d3a-7c1e-9f43-0d2f6b1a9c55")]
    pub(crate) id: Id,
    /// Display name: `cluster.node_name` of its configuration, the machine's name by default.
    #[schema(example = "worker-1")]
    pub(crate) name: String,
    /// `live`; `draining`: it starts no new jobs, because a drain was requested or it shuts down; or `lost`: its lease
    /// has expired, and its jobs are recovered by other nodes.
    #[schema(value_type = NodeStatusWord)]
    pub(crate) status: Word<NodeStatus>,
    /// Roles beside running jobs: `scheduler`, the leader, which creates the occurrences of recurring jobs.
    #[schema(value_type = Vec<String>, example = json!(["scheduler"]))]
    pub(crate) roles: Vec<Word<NodeRole>>,
    /// Time of its start, by its own clock.
    #[schema(value_type = String, format = DateTime)]
    pub(crate) started_at: Time,
    /// Time of its last heartbeat, by the database's clock.
    #[schema(value_type = String, format = DateTime)]
    pub(crate) last_heartbeat_at: Time,
    /// Expiry of its lease, by the database's clock.
    #[schema(value_type = String, format = DateTime)]
    pub(crate) lease_until: Time,
    /// Number of its running jobs.
    #[schema(example = 3)]
    pub(crate) running_jobs: u64,
    /// True if it is the server that responds.
    #[schema(example = true)]
    pub(crate) is_self: bool,
}

/// Status of a node.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NodeStatus {
    /// True if its lease is valid.
    pub(crate) is_live: bool,
    /// True if it starts no new jobs.
    pub(crate) is_draining: bool,
}

impl Worded for NodeStatus {
    fn word(self) -> &'static str {
        match (self.is_live, self.is_draining) {
            (true, false) => "live",
            (true, true) => "draining",
            (false, _) => "lost",
        }
    }
}

/// Role of a node beside running jobs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NodeRole {
    /// It creates the occurrences of recurring jobs.
    Scheduler,
}

impl Worded for NodeRole {
    fn word(self) -> &'static str {
        match self {
            Self::Scheduler => "scheduler",
        }
    }
}

impl NodeDocument {
    /// The view of a node; `own` is the server that responds.
    pub(crate) fn new(node: StoredNode, own: NodeId) -> Self {
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
            id: Id::from(id),
            name,
            status: Word(NodeStatus { is_live, is_draining }),
            roles: is_leader.then_some(Word(NodeRole::Scheduler)).into_iter().collect(),
            started_at: Time(started_at),
            last_heartbeat_at: Time(heartbeat_at),
            lease_until: Time(lease_until),
            running_jobs,
            is_self: id == own,
        }
    }
}
