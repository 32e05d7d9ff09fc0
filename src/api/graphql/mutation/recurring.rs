//! Creation, changes and triggering of recurring jobs.

use async_graphql::{Context, ID, Object, Result};

use super::idempotency::key_of;
use crate::api::graphql::context::{caller, services};
use crate::api::graphql::errors;
use crate::api::graphql::types::job::Job;
use crate::api::graphql::types::recurring::RecurringJob;
use crate::api::graphql::types::recurring::input::{ScheduleRecurringJobInput, UpdateRecurringJobInput};
use crate::api::graphql::types::scalar_parsing;
use crate::api::graphql::types::scalar_parsing::Place;
use crate::domain::job::new_job::Due;
use crate::service::recurring::{Put, PutIf};

#[derive(Default)]
pub(super) struct RecurringMutations;

#[Object]
impl RecurringMutations {
    /// Schedules a recurring job.
    async fn schedule_recurring_job(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The recurring job.")] input: ScheduleRecurringJobInput,
        #[graphql(
            desc = "Idempotency key: repeated requests with it take effect once. 1 to 255 visible ASCII \
                          characters. A repeated request returns the recurring job of the first one."
        )]
        idempotency_key: Option<String>,
    ) -> Result<Option<RecurringJob>> {
        let place = Place::argument("input");
        let key = key_of(ctx, idempotency_key)?;
        let new = input.into_new_recurring_job(&place)?;
        let created = services(ctx)?.recurring.create(caller(ctx)?, new, key).await;
        let (recurring, _) = created.map_err(|error| errors::of_service(error, |field, _| place.field(field)))?;
        Ok(Some(recurring.into()))
    }

    /// Creates or replaces the recurring job with a key; omitted fields have their defaults. Concurrent requests create
    /// one. A recurring job that is already as requested is not changed.
    async fn put_recurring_job(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The recurring job's key: 1 to 200 characters.")] key: String,
        #[graphql(desc = "The recurring job.")] input: ScheduleRecurringJobInput,
        #[graphql(desc = "Revision that the recurring job must have.")] expected_revision: Option<i32>,
    ) -> Result<Option<RecurringJob>> {
        let place = Place::argument("input");
        let key = scalar_parsing::recurring_key("key", &key)?;
        let new = input.into_new_recurring_job(&place)?;
        let condition = scalar_parsing::revision(expected_revision)?.map_or(PutIf::Always, PutIf::Revision);
        let put = services(ctx)?.recurring.put(caller(ctx)?, key, new, condition).await;
        let (Put::Created(recurring) | Put::Existing(recurring)) =
            put.map_err(|error| errors::of_service(error, |field, _| place.field(field)))?;
        Ok(Some(recurring.into()))
    }

    /// Replaces a recurring job; omitted fields have their defaults. Existing occurrences are not changed.
    async fn replace_recurring_job(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The recurring job's id.")] id: ID,
        #[graphql(desc = "The recurring job.")] input: ScheduleRecurringJobInput,
        #[graphql(desc = "Revision that the recurring job must have.")] expected_revision: Option<i32>,
    ) -> Result<Option<RecurringJob>> {
        let id = scalar_parsing::recurring_id("id", &id)?;
        let place = Place::argument("input");
        let new = input.into_new_recurring_job(&place)?;
        let revision = scalar_parsing::revision(expected_revision)?;
        let recurring = &services(ctx)?.recurring;
        let changed = recurring.change(caller(ctx)?, id, revision, |_| new.clone()).await;
        let changed = changed.map_err(|error| errors::of_service(error, |field, _| place.field(field)))?;
        Ok(Some(changed.into()))
    }

    /// Changes a recurring job; omitted fields are not changed. Existing occurrences are not changed.
    async fn update_recurring_job(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The recurring job's id.")] id: ID,
        #[graphql(desc = "The changes.")] input: UpdateRecurringJobInput,
        #[graphql(desc = "Revision that the recurring job must have.")] expected_revision: Option<i32>,
    ) -> Result<Option<RecurringJob>> {
        let id = scalar_parsing::recurring_id("id", &id)?;
        let place = Place::argument("input");
        let change = input.into_change(&place)?;
        let revision = scalar_parsing::revision(expected_revision)?;
        let recurring = &services(ctx)?.recurring;
        let changed = recurring
            .change(caller(ctx)?, id, revision, |known| change.apply(known))
            .await;
        let changed = changed.map_err(|error| errors::of_service(error, |field, _| place.field(field)))?;
        Ok(Some(changed.into()))
    }

    /// Enables a recurring job, which creates occurrences.
    async fn enable_recurring_job(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The recurring job's id.")] id: ID,
        #[graphql(desc = "Revision that the recurring job must have.")] expected_revision: Option<i32>,
    ) -> Result<Option<RecurringJob>> {
        switch(ctx, &id, true, expected_revision).await.map(Some)
    }

    /// Disables a recurring job, which creates no further occurrences.
    async fn disable_recurring_job(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The recurring job's id.")] id: ID,
        #[graphql(desc = "Revision that the recurring job must have.")] expected_revision: Option<i32>,
    ) -> Result<Option<RecurringJob>> {
        switch(ctx, &id, false, expected_revision).await.map(Some)
    }

    /// Creates one occurrence now, in addition to those of the schedule. The recurring job may be disabled.
    async fn trigger_recurring_job(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The recurring job's id.")] id: ID,
        #[graphql(desc = "Revision that the recurring job must have.")] expected_revision: Option<i32>,
    ) -> Result<Option<Job>> {
        let id = scalar_parsing::recurring_id("id", &id)?;
        let revision = scalar_parsing::revision(expected_revision)?;
        let recurring = &services(ctx)?.recurring;
        let job = recurring.trigger(caller(ctx)?, id, None, Due::Now, revision).await?;
        Ok(Some(job.into()))
    }

    /// Deletes a recurring job. Its occurrences are kept. Returns its id.
    async fn delete_recurring_job(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The recurring job's id.")] id: ID,
        #[graphql(desc = "Revision that the recurring job must have.")] expected_revision: Option<i32>,
    ) -> Result<Option<ID>> {
        let recurring_id = scalar_parsing::recurring_id("id", &id)?;
        let revision = scalar_parsing::revision(expected_revision)?;
        let recurring = &services(ctx)?.recurring;
        recurring.delete(caller(ctx)?, recurring_id, revision).await?;
        Ok(Some(ID(recurring_id.to_string())))
    }
}

async fn switch(ctx: &Context<'_>, id: &ID, is_enabled: bool, expected_revision: Option<i32>) -> Result<RecurringJob> {
    let id = scalar_parsing::recurring_id("id", id)?;
    let revision = scalar_parsing::revision(expected_revision)?;
    let recurring = &services(ctx)?.recurring;
    let switched = recurring.set_enabled(caller(ctx)?, id, is_enabled, revision).await?;
    Ok(switched.into())
}
