//! Steering all jobs that a filter means.

use async_graphql::{Context, Object, Result};

use crate::api::graphql::context::{caller, services};
use crate::api::graphql::types::job::bulk::ChangedJobs;
use crate::api::graphql::types::job::filter::JobFilterInput;
use crate::api::graphql::types::scalar_parsing;
use crate::service::jobs::bulk::BULK_MAX;

/// How complex one of these is, beside what is asked of its answer: as many reads and writes as a long list.
const COMPLEXITY: usize = 1_000;

#[derive(Default)]
pub(super) struct BulkMutations;

#[Object]
impl BulkMutations {
    /// Cancels the pending jobs that a filter means, and tells the running ones to stop. Those of other statuses are passed
    /// over.
    #[graphql(complexity = "COMPLEXITY + child_complexity")]
    async fn cancel_jobs(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which jobs; at least one condition is needed.")] filter: JobFilterInput,
        #[graphql(desc = "How many at the most, 1 to 10000; 10000 by default.")] limit: Option<i32>,
    ) -> Result<Option<ChangedJobs>> {
        let filter = filter.into_filter()?;
        let limit = scalar_parsing::count("limit", limit, BULK_MAX, BULK_MAX)?;
        let changed = services(ctx)?.jobs.cancel_all(caller(ctx)?, &filter, limit).await?;
        Ok(Some(changed.into()))
    }

    /// Makes the failed and cancelled jobs that a filter means pending again. Those of other statuses are passed over.
    #[graphql(complexity = "COMPLEXITY + child_complexity")]
    async fn retry_jobs(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which jobs; at least one condition is needed.")] filter: JobFilterInput,
        #[graphql(desc = "Whether the counts of their retries start anew; by default they go on.")]
        reset_retry_count: Option<bool>,
        #[graphql(desc = "How many at the most, 1 to 10000; 10000 by default.")] limit: Option<i32>,
    ) -> Result<Option<ChangedJobs>> {
        let filter = filter.into_filter()?;
        let limit = scalar_parsing::count("limit", limit, BULK_MAX, BULK_MAX)?;
        let jobs = &services(ctx)?.jobs;
        let changed = jobs
            .retry_all(caller(ctx)?, &filter, reset_retry_count.unwrap_or(false), limit)
            .await?;
        Ok(Some(changed.into()))
    }

    /// Deletes the finished jobs that a filter means, with their histories. Those of other statuses are passed over.
    #[graphql(complexity = "COMPLEXITY + child_complexity")]
    async fn delete_jobs(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which jobs; at least one condition is needed.")] filter: JobFilterInput,
        #[graphql(desc = "How many at the most, 1 to 10000; 10000 by default.")] limit: Option<i32>,
    ) -> Result<Option<ChangedJobs>> {
        let filter = filter.into_filter()?;
        let limit = scalar_parsing::count("limit", limit, BULK_MAX, BULK_MAX)?;
        let changed = services(ctx)?.jobs.delete_all(caller(ctx)?, &filter, limit).await?;
        Ok(Some(changed.into()))
    }
}
