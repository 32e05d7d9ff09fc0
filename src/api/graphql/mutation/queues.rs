//! Pausing, resuming, clearing and deleting queues.

use async_graphql::{Context, Object, Result};

use crate::api::contract::request::queue::ClearRequest;
use crate::api::graphql::context::{caller, services};
use crate::api::graphql::types::queue::{ClearedQueue, Queue};
use crate::api::graphql::types::scalar_parsing;

#[derive(Default)]
pub(super) struct QueueMutations;

#[Object]
impl QueueMutations {
    /// Pauses a queue: it starts no jobs, and its running jobs continue. No effect on a paused queue.
    async fn pause_queue(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The queue's name.")] name: String,
    ) -> Result<Option<Queue>> {
        let name = scalar_parsing::queue_name("name", &name)?;
        Ok(Some(services(ctx)?.queues.pause(caller(ctx)?, &name).await?.into()))
    }

    /// Resumes a queue, which starts jobs again. No effect on a running queue.
    async fn resume_queue(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The queue's name.")] name: String,
    ) -> Result<Option<Queue>> {
        let name = scalar_parsing::queue_name("name", &name)?;
        Ok(Some(services(ctx)?.queues.resume(caller(ctx)?, &name).await?.into()))
    }

    /// Deletes a queue that is not configured and has no unfinished jobs. Its finished jobs are kept. Returns its name.
    async fn delete_queue(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The queue's name.")] name: String,
    ) -> Result<Option<String>> {
        let name = scalar_parsing::queue_name("name", &name)?;
        services(ctx)?.queues.delete(caller(ctx)?, &name).await?;
        Ok(Some(name.to_string()))
    }

    /// Deletes a queue's pending jobs, its failed jobs, or both. Without arguments the pending jobs are deleted; an
    /// omitted argument is false if the other one is given.
    #[graphql(complexity = "1_000 + child_complexity")]
    async fn clear_queue(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The queue's name.")] name: String,
        #[graphql(desc = "True to delete its pending jobs.")] clear_pending: Option<bool>,
        #[graphql(desc = "True to delete its failed jobs.")] clear_failed: Option<bool>,
    ) -> Result<Option<ClearedQueue>> {
        let name = scalar_parsing::queue_name("name", &name)?;
        let request = ClearRequest {
            clear_pending,
            clear_failed,
        };
        let (clear_pending, clear_failed) = request.into_statuses()?;
        let queues = &services(ctx)?.queues;
        let cleared = queues.clear(caller(ctx)?, &name, clear_pending, clear_failed).await?;
        Ok(Some(cleared.into()))
    }
}
