//! Facts about the server that responds: its version, features, paths and limits.

use std::sync::Arc;

use crate::domain::values::id::NodeId;

/// Facts about a server, constant from its start on.
#[derive(Clone, Debug)]
pub(crate) struct ServerInfo {
    /// Id of the node.
    pub(crate) node: NodeId,
    /// Name of the node.
    pub(crate) name: Arc<str>,
    /// Kind of the database.
    pub(crate) database: &'static str,
    /// Enabled features, sorted by name.
    pub(crate) features: Vec<&'static str>,
    /// Paths of the facades.
    pub(crate) paths: ServerPaths,
    /// Limits of requests.
    pub(crate) limits: ServerLimits,
}

/// Paths of the facades; `None` for disabled ones.
#[derive(Clone, Debug)]
pub(crate) struct ServerPaths {
    /// The REST API.
    pub(crate) rest: Option<String>,
    /// GraphQL.
    pub(crate) graphql: Option<String>,
    /// WebSocket.
    pub(crate) websocket: Option<String>,
    /// The SignalR hub.
    pub(crate) hub: Option<String>,
}

/// Limits of requests.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ServerLimits {
    /// Maximum number of jobs in a batch.
    pub(crate) batch_jobs: u64,
    /// Maximum number of jobs of a bulk change.
    pub(crate) bulk_jobs: u64,
    /// Maximum size of parameters, in bytes.
    pub(crate) parameters_bytes: u64,
    /// Maximum size of a body, in bytes.
    pub(crate) body_bytes: u64,
    /// Maximum size of the body of a batch, in bytes.
    pub(crate) batch_body_bytes: u64,
    /// Maximum size of a response, in bytes.
    pub(crate) response_bytes: u64,
    /// Maximum complexity of a GraphQL request.
    pub(crate) graphql_complexity: u64,
    /// Maximum depth of a GraphQL request.
    pub(crate) graphql_depth: u64,
}

impl ServerInfo {
    /// Version of the server.
    pub(crate) const VERSION: &'static str = env!("CARGO_PKG_VERSION");
}
