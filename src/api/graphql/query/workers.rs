//! Remote workers.

use async_graphql::{Context, ID, Object, Result};

use crate::api::graphql::context::{caller, services};
use crate::api::graphql::errors::if_any;
use crate::api::graphql::types::connection::Part;
use crate::api::graphql::types::scalar_parsing;
use crate::api::graphql::types::worker::{Worker, WorkerConnection};

#[derive(Default)]
pub(super) struct WorkerQueries;

#[Object]
impl WorkerQueries {
    /// Returns the remote workers with their job types: live workers, and workers that were lost in the last hour.
    #[graphql(complexity = "10 + 5 * child_complexity", deprecation = "Use workersConnection.")]
    async fn workers(&self, ctx: &Context<'_>) -> Result<Option<Vec<Worker>>> {
        let workers = &services(ctx)?.workers;
        let found = workers.list(caller(ctx)?).await?;
        Ok(Some(
            found.into_iter().map(|worker| Worker::new(worker, workers)).collect(),
        ))
    }

    /// Returns a page of remote workers, sorted by the time of their registration: live workers, and workers that were
    /// lost in the last hour.
    #[graphql(complexity = "10 + 5 * child_complexity")]
    async fn workers_connection(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Maximum number of workers, 1 to 1000; 50 by default.")] first: Option<i32>,
        #[graphql(desc = "Cursor: only later workers of the list are returned.")] after: Option<ID>,
    ) -> Result<Option<WorkerConnection>> {
        let workers = &services(ctx)?.workers;
        let found = workers.list(caller(ctx)?).await?;
        let found = found.into_iter().map(|worker| Worker::new(worker, workers)).collect();
        let part = Part::of_list(found, |worker| &worker.id, first, after.as_ref())?;
        Ok(Some(part.into()))
    }

    /// Returns the remote worker with this id, or null. Requires the read or the write scope.
    async fn worker(&self, ctx: &Context<'_>, #[graphql(desc = "The worker's id.")] id: ID) -> Result<Option<Worker>> {
        let workers = &services(ctx)?.workers;
        let id = scalar_parsing::worker_id("id", &id)?;
        let found = if_any(workers.get(caller(ctx)?, id).await)?;
        Ok(found.map(|worker| Worker::new(worker, workers)))
    }
}
