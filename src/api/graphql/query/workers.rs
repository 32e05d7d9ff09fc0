//! Remote workers.

use async_graphql::{Context, ID, Object, Result};

use super::super::schema::{caller, services};
use super::super::types::reading;
use super::super::types::worker::Worker;
use super::jobs::if_any;

#[derive(Default)]
pub(super) struct WorkerQueries;

#[Object]
impl WorkerQueries {
    /// The remote workers, and which job types each of them runs: those that live, and those that were lost in the last hour.
    #[graphql(complexity = "10 + 5 * child_complexity")]
    async fn workers(&self, ctx: &Context<'_>) -> Result<Option<Vec<Worker>>> {
        let workers = &services(ctx)?.workers;
        let found = workers.list(caller(ctx)?).await?;
        Ok(Some(
            found.into_iter().map(|worker| Worker::new(worker, workers)).collect(),
        ))
    }

    /// A remote worker; null when there is none. The scope for writing does as well.
    async fn worker(&self, ctx: &Context<'_>, #[graphql(desc = "The worker's id.")] id: ID) -> Result<Option<Worker>> {
        let workers = &services(ctx)?.workers;
        let id = reading::worker_id("id", &id)?;
        let found = if_any(workers.get(caller(ctx)?, id).await)?;
        Ok(found.map(|worker| Worker::new(worker, workers)))
    }
}
