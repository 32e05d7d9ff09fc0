//! Recurring jobs.

use async_graphql::{Context, ID, Object, Result};

use crate::api::contract::filters::{LIMIT_DEFAULT, LIMIT_MAX, TimeBounds, parse_search};
use crate::api::contract::view::schedule::{SchedulePreviewView, UpcomingView};
use crate::api::graphql::context::{caller, services};
use crate::api::graphql::errors;
use crate::api::graphql::errors::if_any;
use crate::api::graphql::execution::budget::room_for_page;
use crate::api::graphql::scalars::DateTime;
use crate::api::graphql::types::connection::page_size;
use crate::api::graphql::types::enums::RecurringJobOrder;
use crate::api::graphql::types::recurring::schedule::{SchedulePreview, Upcoming};
use crate::api::graphql::types::recurring::{RecurringJob, RecurringJobPage};
use crate::api::graphql::types::scalar_parsing;
use crate::domain::cron::CronExpression;
use crate::service::recurring::preview::{PREVIEW_DEFAULT, PREVIEW_MAX};
use crate::storage::query::{RecurringCursor, RecurringFilter, RecurringOrder, RecurringSelection};

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

    /// Returns the next times of a cron expression in a time zone, its description in words, and what happens when the clocks
    /// change.
    async fn preview_schedule(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The expression: five fields, six with seconds first, or a macro.")] cron_expression: String,
        #[graphql(desc = "IANA time zone; UTC by default.")] time_zone: Option<String>,
        #[graphql(desc = "Only later times; now by default.")] after: Option<DateTime>,
        #[graphql(desc = "Number of times, 1 to 100; 5 by default.")] count: Option<i32>,
    ) -> Result<Option<SchedulePreview>> {
        let expression = scalar_parsing::parse_with("cronExpression", &cron_expression, CronExpression::parse)?;
        let zone = time_zone
            .map(|text| scalar_parsing::parse("timeZone", &text))
            .transpose()?;
        let count = scalar_parsing::count("count", count, PREVIEW_DEFAULT, PREVIEW_MAX)?;
        let after = time("after", after)?;
        let recurring = &services(ctx)?.recurring;
        let preview = recurring.preview(caller(ctx)?, Some(expression), zone.unwrap_or_default(), after, count)?;
        Ok(Some(SchedulePreview(SchedulePreviewView::from(&preview))))
    }

    /// Returns the future due times of all enabled recurring jobs, by hour and queue.
    #[graphql(complexity = "10 + 20 * child_complexity")]
    async fn upcoming(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Start; now by default, and at the earliest.")] from: Option<DateTime>,
        #[graphql(desc = "End, which is excluded; a day after the start by default. At most 31 days.")] to: Option<
            DateTime,
        >,
        #[graphql(desc = "IANA time zone of the hours; UTC by default.")] time_zone: Option<String>,
    ) -> Result<Option<Upcoming>> {
        let (from, to) = (time("from", from)?, time("to", to)?);
        let zone = time_zone
            .map(|text| scalar_parsing::parse("timeZone", &text))
            .transpose()?;
        let recurring = &services(ctx)?.recurring;
        let upcoming = recurring
            .upcoming(caller(ctx)?, from, to, zone.unwrap_or_default())
            .await?;
        Ok(Some(Upcoming(UpcomingView::from(&upcoming))))
    }

    /// Returns a page of recurring jobs, newest first unless another order is requested.
    #[graphql(complexity = "page_size(limit, None).saturating_mul(child_complexity)")]
    #[expect(clippy::too_many_arguments, reason = "each is an argument of the schema")]
    async fn recurring_jobs(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Maximum number of recurring jobs, 1 to 1000; 50 by default.")] limit: Option<i32>,
        #[graphql(desc = "Number of recurring jobs to skip; 0 by default.")] offset: Option<i32>,
        #[graphql(desc = "A part of the name, of the type or of the key, in any case.")] search: Option<String>,
        #[graphql(desc = "Only enabled, or only disabled ones.")] enabled: Option<bool>,
        #[graphql(name = "type", desc = "Only recurring jobs of this type.")] job_type: Option<String>,
        #[graphql(desc = "Only those whose occurrences are put into this queue.")] queue: Option<String>,
        #[graphql(desc = "The order; newest first by default.")] order_by: Option<RecurringJobOrder>,
        #[graphql(desc = "`endCursor` of the previous page in the same order.")] after: Option<String>,
    ) -> Result<Option<RecurringJobPage>> {
        let offset = offset.unwrap_or_default();
        let order = order_by.map(RecurringOrder::from).unwrap_or_default();
        let search = search.filter(|text| !text.is_empty());
        let search = search.map(|text| scalar_parsing::parse_with("search", &text, parse_search));
        let after =
            after.map(|text| scalar_parsing::parse_with("after", &text, |text| RecurringCursor::parse(order, text)));
        let selection = RecurringSelection {
            filter: RecurringFilter {
                text: search.transpose()?.map(Into::into),
                is_enabled: enabled,
                job_type: job_type.map(|text| scalar_parsing::parse("type", &text)).transpose()?,
                queue: queue
                    .map(|text| scalar_parsing::queue_name("queue", &text))
                    .transpose()?,
            },
            order,
            after: after.transpose()?,
            limit: scalar_parsing::count("limit", limit, LIMIT_DEFAULT, LIMIT_MAX)?,
            offset: u64::try_from(offset)
                .map_err(|_| errors::invalid("offset", &format!("offset is {offset}; allowed are 0 and more")))?,
        };
        let (recurring, caller) = (&services(ctx)?.recurring, caller(ctx)?);
        let selected = recurring.select(caller, &selection).await?;
        let _room = room_for_page(ctx, recurring.size_of(caller, &selected.ids).await?)?;
        let list = recurring.selected(caller, selected).await?;
        Ok(Some(RecurringJobPage::new(list, order)))
    }
}

fn time(field: &str, time: Option<DateTime>) -> Result<Option<chrono::DateTime<chrono::Utc>>> {
    time.map(|time| scalar_parsing::parse_with(field, &time.into_text(), TimeBounds::parse_from))
        .transpose()
}
