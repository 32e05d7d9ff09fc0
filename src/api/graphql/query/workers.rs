//! Remote workers.

use async_graphql::{Context, ID, Object, Result};

use crate::api::contract::filters::{LIMIT_DEFAULT, LIMIT_MAX};
use crate::api::graphql::context::{caller, services};
use crate::api::graphql::errors::if_any;
use crate::api::graphql::execution::budget::room_for_page;
use crate::api::graphql::types::connection::Part;
use crate::api::graphql::types::scalar_parsing;
use crate::api::graphql::types::worker::{Worker, WorkerConnection};
use crate::service::workers::WorkersRead;
use crate::storage::query::WorkerPage;

#[derive(Default)]
pub(super) struct WorkerQueries;

#[Object]
impl WorkerQueries {
    /// Returns the remote workers with their job types: live workers, and workers that were lost in the last hour; at most 1000.
    #[graphql(complexity = "10 + 5 * child_complexity", deprecation = "Use workersConnection.")]
    async fn workers(&self, ctx: &Context<'_>) -> Result<Option<Vec<Worker>>> {
        let page = WorkerPage {
            limit: LIMIT_MAX,
            after: None,
        };
        Ok(Some(read(ctx, page).await?.0))
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
        let page = WorkerPage {
            limit: scalar_parsing::count("first", first, LIMIT_DEFAULT, LIMIT_MAX)?,
            after: after
                .map(|after| scalar_parsing::worker_id("after", &after))
                .transpose()?,
        };
        let (nodes, has_next) = read(ctx, page).await?;
        let part = Part {
            nodes,
            has_previous: page.after.is_some(),
            has_next,
        };
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

/// A page of workers, and true if more follow.
async fn read(ctx: &Context<'_>, page: WorkerPage) -> Result<(Vec<Worker>, bool)> {
    let workers = &services(ctx)?.workers;
    let _room = room_for_page(ctx, workers.size(caller(ctx)?, page).await?)?;
    let WorkersRead {
        workers: found,
        has_more,
    } = workers.list(caller(ctx)?, page).await?;
    let found = found.into_iter().map(|worker| Worker::new(worker, workers));
    Ok((found.collect(), has_more))
}
