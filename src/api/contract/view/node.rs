//! View of nodes.

use serde::Serialize;
use utoipa::ToSchema;

use crate::api::contract::enumerations::NodeStatusWord;
use crate::api::contract::json_values::Time;
use crate::domain::values::id::NodeId;
use crate::storage::query::StoredNode;

/// A node.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Node)]
pub(crate) struct NodeDocument {
    /// Id of the node: one run of a server process. A restarted server is another node.
    #[schema(format = Uuid, example = "01963b5e-7d3a-7c1e-9f43-0d2f6b1a9c55")]
    id: String,
    /// Display name: `cluster.node_name` of its configuration, the machine's name by default.
    #[schema(example = "worker-1")]
    name: String,
    /// `live`; `draining`: it starts no new jobs, because a drain was requested or it shuts down; or `lost`: its lease
    /// has expired, and its jobs are recovered by other nodes.
    #[schema(value_type = NodeStatusWord)]
    status: &'static str,
    /// Roles beside running jobs: `scheduler`, the leader, which creates the occurrences of recurring jobs.
    #[schema(example = json!(["scheduler"]))]
    roles: Vec<&'static str>,
    /// Time of its start, by its own clock.
    #[schema(value_type = String, format = DateTime)]
    started_at: Time,
    /// Time of its last heartbeat, by the database's clock.
    #[schema(value_type = String, format = DateTime)]
    last_heartbeat_at: Time,
    /// Expiry of its lease, by the database's clock.
    #[schema(value_type = String, format = DateTime)]
    lease_until: Time,
    /// Number of its running jobs.
    #[schema(example = 3)]
    running_jobs: u64,
    /// True if it is the server that responds.
    #[schema(example = true)]
    is_self: bool,
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
            id: id.to_string(),
            name,
            status: match (is_live, is_draining) {
                (true, false) => "live",
                (true, true) => "draining",
                (false, _) => "lost",
            },
            roles: if is_leader { vec!["scheduler"] } else { Vec::new() },
            started_at: Time(started_at),
            last_heartbeat_at: Time(heartbeat_at),
            lease_until: Time(lease_until),
            running_jobs,
            is_self: id == own,
        }
    }
}
