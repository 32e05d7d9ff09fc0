//! The servers that share the storage, and the log of this one.

use async_graphql::{Context, Object, Result};

use crate::api::graphql::context::{caller, services};
use crate::api::graphql::types::log_level::LogLevel;
use crate::api::graphql::types::server_node::ServerNode;

#[derive(Default)]
pub(super) struct SystemQueries;

#[Object]
impl SystemQueries {
    /// The servers that share the storage: those that live, and those that died in the last hour; the one that started
    /// first comes first. Needs the scope for administering.
    #[graphql(complexity = "10 + 5 * child_complexity")]
    async fn nodes(&self, ctx: &Context<'_>) -> Result<Option<Vec<ServerNode>>> {
        let nodes = &services(ctx)?.nodes;
        let own = nodes.own();
        let stored = nodes.list(caller(ctx)?).await?;
        Ok(Some(
            stored.into_iter().map(|node| ServerNode::new(node, own)).collect(),
        ))
    }

    /// How much the server that answers says in its log. Needs the scope for administering.
    async fn log_level(&self, ctx: &Context<'_>) -> Result<Option<LogLevel>> {
        let log = &services(ctx)?.log;
        let level = log.level(caller(ctx)?)?;
        Ok(Some(LogLevel::new(&level, log.node())))
    }
}
