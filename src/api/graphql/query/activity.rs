//! Activity of jobs: time series, and distributions of durations.

use async_graphql::{Context, Object, Result};

use super::metrics::{filter, period};
use crate::api::graphql::context::{caller, services};
use crate::api::graphql::scalars::DateTime;
use crate::api::graphql::types::enums::Step;
use crate::api::graphql::types::statistics::activity::{ActivitySeries, DurationDistribution};
use crate::domain::metrics::activity_series::SeriesRequest;

/// Estimated number of points or buckets, for the complexity of a request.
const ITEMS_ESTIMATE: usize = 20;

#[derive(Default)]
pub(super) struct ActivityQueries;

#[Object]
impl ActivityQueries {
    /// Returns the activity of jobs as a time series: a point for each step of the period, which is extended to whole steps
    /// and ends now at the latest. Steps of 5 seconds are kept for an hour, of a minute for a day, and counted by queue
    /// alone; longer steps have the resolution and the retention of the job statistics.
    #[graphql(complexity = "10 + ITEMS_ESTIMATE.saturating_mul(child_complexity)")]
    #[expect(clippy::too_many_arguments, reason = "each is an argument of the schema")]
    async fn activity(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "The start; an hour before the end by default, with a longer step a day (`M1`, `M15`), 7 days (`H1`) or 30 days (`D1`)."
        )]
        from: Option<DateTime>,
        #[graphql(desc = "The end, which is excluded; now by default.")] to: Option<DateTime>,
        #[graphql(desc = "Time between two points; by default the shortest one that suits the period.")] step: Option<
            Step,
        >,
        #[graphql(desc = "IANA time zone in which days and hours begin; UTC by default.")] time_zone: Option<String>,
        #[graphql(desc = "Only jobs of this queue.")] queue: Option<String>,
        #[graphql(
            name = "type",
            desc = "Only jobs of these types; requires steps of 15 minutes or longer."
        )]
        job_types: Option<Vec<String>>,
    ) -> Result<Option<ActivitySeries>> {
        let period = period(from, to, time_zone)?;
        let request = SeriesRequest {
            from: period.from,
            to: period.to,
            time_zone: period.time_zone,
            step: step.map(Into::into),
            is_by_type: false,
        };
        let filter = filter(queue, job_types)?;
        let report = services(ctx)?.metrics.activity(caller(ctx)?, &request, &filter).await?;
        Ok(Some(report.into()))
    }

    /// Returns histograms of the durations of attempts and of the times from a job's due time to its start. They have a
    /// resolution of one hour, to which the period is extended; those older than three days have a resolution of one day in
    /// UTC.
    #[graphql(complexity = "10 + ITEMS_ESTIMATE.saturating_mul(child_complexity)")]
    async fn durations(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The first day, or the start time; six days before the last day by default.")] from: Option<
            DateTime,
        >,
        #[graphql(desc = "The last day, or the end time; now by default. At most 400 days.")] to: Option<DateTime>,
        #[graphql(desc = "IANA time zone in which days begin; UTC by default.")] time_zone: Option<String>,
        #[graphql(desc = "Only jobs of this queue.")] queue: Option<String>,
        #[graphql(name = "type", desc = "Only jobs of these types.")] job_types: Option<Vec<String>>,
    ) -> Result<Option<DurationDistribution>> {
        let period = period(from, to, time_zone)?;
        let filter = filter(queue, job_types)?;
        let report = services(ctx)?.metrics.durations(caller(ctx)?, &period, &filter).await?;
        Ok(Some(report.into()))
    }
}
