//! Draining and resuming nodes.

use async_graphql::{Context, ID, Object, Result};

use crate::api::graphql::context::{caller, services};
use crate::api::graphql::types::scalar_parsing;
use crate::api::graphql::types::server::node::ServerNode;

#[derive(Default)]
pub(super) struct NodeMutations;

#[Object]
impl NodeMutations {
    /// Drains a node: it starts no new jobs, including jobs of remote workers that call it. Its running jobs continue,
    /// and other nodes start due jobs. It drains until it is resumed or restarted. Requires the admin scope.
    async fn drain_node(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The node's id.")] id: ID,
    ) -> Result<Option<ServerNode>> {
        let nodes = &services(ctx)?.nodes;
        let node = nodes.drain(caller(ctx)?, scalar_parsing::node_id("id", &id)?).await?;
        Ok(Some(ServerNode::new(node, nodes.own())))
    }

    /// Ends the drain of a node, which starts jobs again. Requires the admin scope.
    async fn resume_node(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The node's id.")] id: ID,
    ) -> Result<Option<ServerNode>> {
        let nodes = &services(ctx)?.nodes;
        let node = nodes.resume(caller(ctx)?, scalar_parsing::node_id("id", &id)?).await?;
        Ok(Some(ServerNode::new(node, nodes.own())))
    }
}
