//! Changes of all jobs that match a filter.

use async_graphql::{Context, Object, Result};

use crate::api::contract::request::job_action::RetryRequest;
use crate::api::graphql::context::{caller, services};
use crate::api::graphql::types::job::bulk::ChangedJobs;
use crate::api::graphql::types::job::filter::JobFilterInput;
use crate::api::graphql::types::scalar_parsing;
use crate::service::jobs::bulk::BULK_MAX;

/// Complexity of one of these mutations beside its selection: it reads and writes as much as a long list.
const COMPLEXITY: usize = 1_000;

#[derive(Default)]
pub(super) struct BulkMutations;

#[Object]
impl BulkMutations {
    /// Cancels the pending jobs that match a filter, and requests cancellation of the running ones. Jobs with other
    /// statuses are skipped.
    #[graphql(complexity = "COMPLEXITY + child_complexity")]
    async fn cancel_jobs(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Conditions on the jobs; at least one is required.")] filter: JobFilterInput,
        #[graphql(desc = "Maximum number of jobs, 1 to 10000; 10000 by default.")] limit: Option<i32>,
    ) -> Result<Option<ChangedJobs>> {
        let filter = filter.into_filter()?;
        let limit = scalar_parsing::count("limit", limit, BULK_MAX, BULK_MAX)?;
        let changed = services(ctx)?.jobs.cancel_all(caller(ctx)?, &filter, limit).await?;
        Ok(Some(changed.into()))
    }

    /// Makes the failed and cancelled jobs that match a filter pending again. Jobs with other statuses are skipped.
    #[graphql(complexity = "COMPLEXITY + child_complexity")]
    async fn retry_jobs(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Conditions on the jobs; at least one is required.")] filter: JobFilterInput,
        #[graphql(desc = "True to reset their retry counts; false by default.")] reset_retry_count: Option<bool>,
        #[graphql(desc = "Maximum number of jobs, 1 to 10000; 10000 by default.")] limit: Option<i32>,
    ) -> Result<Option<ChangedJobs>> {
        let filter = filter.into_filter()?;
        let limit = scalar_parsing::count("limit", limit, BULK_MAX, BULK_MAX)?;
        let jobs = &services(ctx)?.jobs;
        let resets = RetryRequest { reset_retry_count }.resets_retry_count();
        let changed = jobs.retry_all(caller(ctx)?, &filter, resets, limit).await?;
        Ok(Some(changed.into()))
    }

    /// Deletes the finished jobs that match a filter, with their histories. Jobs with other statuses are skipped.
    #[graphql(complexity = "COMPLEXITY + child_complexity")]
    async fn delete_jobs(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Conditions on the jobs; at least one is required.")] filter: JobFilterInput,
        #[graphql(desc = "Maximum number of jobs, 1 to 10000; 10000 by default.")] limit: Option<i32>,
    ) -> Result<Option<ChangedJobs>> {
        let filter = filter.into_filter()?;
        let limit = scalar_parsing::count("limit", limit, BULK_MAX, BULK_MAX)?;
        let changed = services(ctx)?.jobs.delete_all(caller(ctx)?, &filter, limit).await?;
        Ok(Some(changed.into()))
    }
}
