//! How much a server says in its log.

use async_graphql::SimpleObject;

use crate::api::graphql::scalars::Uuid;
use crate::domain::values::id::NodeId;
use crate::log_level::LogLevel as Level;

/// How much a server says in its log.
#[derive(Debug, SimpleObject)]
pub(in super::super) struct LogLevel {
    /// A level (`off`, `error`, `warn`, `info`, `debug` or `trace`), or directives such as `info,tickerq=debug`.
    level: String,
    /// The server whose log it is.
    node_id: Uuid,
}

impl LogLevel {
    /// The level of a server's log.
    pub(in super::super) fn new(level: &Level, node: NodeId) -> Self {
        Self {
            level: level.to_string(),
            node_id: node.as_uuid().into(),
        }
    }
}
