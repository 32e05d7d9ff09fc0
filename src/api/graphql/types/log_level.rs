//! Log level of a server.

use async_graphql::SimpleObject;

use crate::api::graphql::scalars::Uuid;
use crate::domain::values::id::NodeId;
use crate::log_level::LogLevel as Level;
use crate::views::values::Id;

/// Log level of a server.
#[derive(Debug, SimpleObject)]
pub(in super::super) struct LogLevel {
    /// A level (`off`, `error`, `warn`, `info`, `debug` or `trace`), or directives such as `info,tickerq=debug`.
    level: String,
    /// Id of the node.
    node_id: Uuid,
}

impl LogLevel {
    /// The log level of a node.
    pub(in super::super) fn new(level: &Level, node: NodeId) -> Self {
        Self {
            level: level.to_string(),
            node_id: Id::from(node).into(),
        }
    }
}
