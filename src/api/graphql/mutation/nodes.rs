//! Draining servers and resuming them.

use async_graphql::{Context, ID, Object, Result};

use crate::api::graphql::context::{caller, services};
use crate::api::graphql::types::scalar_parsing;
use crate::api::graphql::types::server_node::ServerNode;

#[derive(Default)]
pub(super) struct NodeMutations;

#[Object]
impl NodeMutations {
    /// Has a server start no new jobs, also none of remote workers that call it. What it runs goes on, and other servers
    /// start what is due. It drains until it is resumed or restarted. Needs the scope for administering.
    async fn drain_node(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The server's id.")] id: ID,
    ) -> Result<Option<ServerNode>> {
        let nodes = &services(ctx)?.nodes;
        let node = nodes.drain(caller(ctx)?, scalar_parsing::node_id("id", &id)?).await?;
        Ok(Some(ServerNode::new(node, nodes.own())))
    }

    /// Has a server that drains start jobs again. Needs the scope for administering.
    async fn resume_node(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The server's id.")] id: ID,
    ) -> Result<Option<ServerNode>> {
        let nodes = &services(ctx)?.nodes;
        let node = nodes.resume(caller(ctx)?, scalar_parsing::node_id("id", &id)?).await?;
        Ok(Some(ServerNode::new(node, nodes.own())))
    }
}
