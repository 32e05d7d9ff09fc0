//! Queues.

use async_graphql::{Context, Object, Result};

use crate::api::graphql::context::{caller, services};
use crate::api::graphql::errors::if_any;
use crate::api::graphql::types::queue::Queue;
use crate::api::graphql::types::scalar_parsing;

/// Estimated number of queues, for the complexity of a request.
const QUEUES_ESTIMATE: usize = 20;

#[derive(Default)]
pub(super) struct QueueQueries;

#[Object]
impl QueueQueries {
    /// Returns the queue with this name, or null.
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

    /// Returns all queues, sorted by name: configured queues and queues that jobs have used.
    #[graphql(complexity = "10 + QUEUES_ESTIMATE.saturating_mul(child_complexity)")]
    async fn queues(&self, ctx: &Context<'_>) -> Result<Option<Vec<Queue>>> {
        let views = services(ctx)?.queues.list(caller(ctx)?).await?;
        Ok(Some(views.into_iter().map(Queue::from).collect()))
    }
}
