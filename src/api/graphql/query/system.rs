//! The caller, the nodes of the cluster, and this one with its log level.

use std::sync::Arc;

use async_graphql::{Context, Object, Result};

use crate::api::graphql::context::{caller, services};
use crate::api::graphql::types::log_level::LogLevel;
use crate::api::graphql::types::server::node::ServerNode;
use crate::api::graphql::types::server::{Me, Server};

#[derive(Default)]
pub(super) struct SystemQueries;

#[Object]
impl SystemQueries {
    /// Returns the nodes that share the storage, sorted by start time: live nodes, and nodes that were lost in the last
    /// hour. Requires the admin scope.
    #[graphql(complexity = "10 + 5 * child_complexity")]
    async fn nodes(&self, ctx: &Context<'_>) -> Result<Option<Vec<ServerNode>>> {
        let nodes = &services(ctx)?.nodes;
        let own = nodes.own();
        let stored = nodes.list(caller(ctx)?).await?;
        Ok(Some(
            stored.into_iter().map(|node| ServerNode::new(node, own)).collect(),
        ))
    }

    /// Returns the caller of the request: its name, its scopes, its rate limit and the expiry of its token. Requires no scope.
    async fn me(&self, ctx: &Context<'_>) -> Result<Option<Me>> {
        Ok(Some(caller(ctx)?.into()))
    }

    /// Returns the server that responds: its version, database, features, paths and limits. Requires no scope.
    async fn server(&self, ctx: &Context<'_>) -> Result<Option<Server>> {
        let info = &services(ctx)?.info;
        Ok(Some(Arc::clone(info).into()))
    }

    /// Returns the log level of the server that responds. Requires the admin scope.
    async fn log_level(&self, ctx: &Context<'_>) -> Result<Option<LogLevel>> {
        let log = &services(ctx)?.log;
        let level = log.level(caller(ctx)?)?;
        Ok(Some(LogLevel::new(&level, log.node())))
    }
}
