//! Queues.

use async_graphql::{Context, Object, Result};

use crate::api::graphql::context::{caller, services};
use crate::api::graphql::errors::if_any;
use crate::api::graphql::types::queue::Queue;
use crate::api::graphql::types::scalar_parsing;

/// How many queues there usually are, for the complexity of a request.
const USUAL: usize = 20;

#[derive(Default)]
pub(super) struct QueueQueries;

#[Object]
impl QueueQueries {
    /// A queue; null when there is none.
    #[graphql(complexity = "10 + child_complexity")]
    async fn queue(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The queue's name.")] name: String,
    ) -> Result<Option<Queue>> {
        let name = scalar_parsing::queue_name("name", &name)?;
        let view = if_any(services(ctx)?.queues.get(caller(ctx)?, &name).await)?;
        Ok(view.map(Queue::from))
    }

    /// All queues, by name: those that are configured and those that jobs have named.
    #[graphql(complexity = "10 + USUAL.saturating_mul(child_complexity)")]
    async fn queues(&self, ctx: &Context<'_>) -> Result<Option<Vec<Queue>>> {
        let views = services(ctx)?.queues.list(caller(ctx)?).await?;
        Ok(Some(views.into_iter().map(Queue::from).collect()))
    }
}
