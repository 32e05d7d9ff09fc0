//! Recurring jobs.

use async_graphql::{Context, ID, Object, Result};

use crate::api::contract::filters::{LIMIT_DEFAULT, LIMIT_MAX};
use crate::api::graphql::context::{caller, services};
use crate::api::graphql::errors;
use crate::api::graphql::errors::if_any;
use crate::api::graphql::execution::budget::room_for_page;
use crate::api::graphql::types::connection::page_size;
use crate::api::graphql::types::recurring::{RecurringJob, RecurringJobPage};
use crate::api::graphql::types::scalar_parsing;
use crate::storage::query::RecurringPage;

#[derive(Default)]
pub(super) struct RecurringQueries;

#[Object]
impl RecurringQueries {
    /// Returns the recurring job with this id, or null.
    async fn recurring_job(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The recurring job's id.")] id: ID,
    ) -> Result<Option<RecurringJob>> {
        let id = scalar_parsing::recurring_id("id", &id)?;
        let recurring = if_any(services(ctx)?.recurring.get(caller(ctx)?, id).await)?;
        Ok(recurring.map(RecurringJob::from))
    }

    /// Returns the recurring job with this key, or null.
    async fn recurring_job_by_key(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The recurring job's key.")] key: String,
    ) -> Result<Option<RecurringJob>> {
        let key = scalar_parsing::recurring_key("key", &key)?;
        let recurring = if_any(services(ctx)?.recurring.get_by_key(caller(ctx)?, &key).await)?;
        Ok(recurring.map(RecurringJob::from))
    }

    /// Returns a page of recurring jobs, newest first.
    #[graphql(complexity = "page_size(limit, None).saturating_mul(child_complexity)")]
    async fn recurring_jobs(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Maximum number of recurring jobs, 1 to 1000; 50 by default.")] limit: Option<i32>,
        #[graphql(desc = "Number of recurring jobs to skip; 0 by default.")] offset: Option<i32>,
    ) -> Result<Option<RecurringJobPage>> {
        let offset = offset.unwrap_or_default();
        let page = RecurringPage {
            limit: scalar_parsing::count("limit", limit, LIMIT_DEFAULT, LIMIT_MAX)?,
            offset: u64::try_from(offset)
                .map_err(|_| errors::invalid("offset", &format!("offset is {offset}; allowed are 0 and more")))?,
        };
        let recurring = &services(ctx)?.recurring;
        let _room = room_for_page(ctx, recurring.size(caller(ctx)?, page).await?)?;
        let list = recurring.list(caller(ctx)?, page).await?;
        Ok(Some(list.into()))
    }
}
