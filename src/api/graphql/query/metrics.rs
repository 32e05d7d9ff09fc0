//! System metrics and job statistics.

use async_graphql::{Context, Object, Result};

use crate::api::contract::filters::parse_period_bound;
use crate::api::graphql::context::{caller, services};
use crate::api::graphql::scalars::DateTime;
use crate::api::graphql::types::enums::Granularity;
use crate::api::graphql::types::metrics::SystemOverview;
use crate::api::graphql::types::scalar_parsing;
use crate::api::graphql::types::scalar_parsing::Place;
use crate::api::graphql::types::statistics::performance::{JobTypeAnalytics, PerformanceMetrics};
use crate::domain::metrics::time_range::PeriodRequest;
use crate::storage::query::RollupFilter;

/// Estimated number of days, hours or types, for the complexity of a request.
const ITEMS_ESTIMATE: usize = 20;

#[derive(Default)]
pub(super) struct MetricsQueries;

#[Object]
impl MetricsQueries {
    /// Returns the system metrics, at most one second old, and the causes of the health status.
    #[graphql(complexity = "10 + child_complexity")]
    async fn system_metrics(&self, ctx: &Context<'_>) -> Result<Option<SystemOverview>> {
        let report = services(ctx)?.metrics.system(caller(ctx)?).await?;
        Ok(Some(report.into()))
    }

    /// Returns job statistics of a period: its total and its trend by days or hours. Statistics have a resolution of 15
    /// minutes, to which the period is extended; they are kept when jobs are deleted.
    #[graphql(complexity = "10 + ITEMS_ESTIMATE.saturating_mul(child_complexity)")]
    #[expect(clippy::too_many_arguments, reason = "each is an argument of the schema")]
    async fn performance_metrics(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The first day, or the start time; six days before the last day by default.")] from: Option<
            DateTime,
        >,
        #[graphql(desc = "The last day, or the end time; now by default. At most 400 days.")] to: Option<DateTime>,
        #[graphql(desc = "IANA time zone in which days begin; UTC by default.")] time_zone: Option<String>,
        #[graphql(desc = "Days by default, or hours for up to 14 days.")] granularity: Option<Granularity>,
        #[graphql(desc = "Only jobs of this queue.")] queue: Option<String>,
        #[graphql(name = "type", desc = "Only jobs of these types.")] job_types: Option<Vec<String>>,
    ) -> Result<Option<PerformanceMetrics>> {
        let period = PeriodRequest {
            granularity: granularity.map(Into::into),
            ..period(from, to, time_zone)?
        };
        let filter = filter(queue, job_types)?;
        let report = services(ctx)?
            .metrics
            .performance(caller(ctx)?, &period, &filter)
            .await?;
        Ok(Some(report.into()))
    }

    /// Returns job statistics of a period by type, with the reasons of failed attempts. Statistics have a resolution of
    /// one hour, to which the period is extended; those older than three days have a resolution of one day in UTC.
    #[graphql(complexity = "10 + ITEMS_ESTIMATE.saturating_mul(child_complexity)")]
    async fn job_types(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The first day, or the start time; six days before the last day by default.")] from: Option<
            DateTime,
        >,
        #[graphql(desc = "The last day, or the end time; now by default. At most 400 days.")] to: Option<DateTime>,
        #[graphql(desc = "IANA time zone in which days begin; UTC by default.")] time_zone: Option<String>,
        #[graphql(desc = "Only jobs of this queue.")] queue: Option<String>,
        #[graphql(name = "type", desc = "Only jobs of these types.")] job_types: Option<Vec<String>>,
    ) -> Result<Option<JobTypeAnalytics>> {
        let period = period(from, to, time_zone)?;
        let filter = filter(queue, job_types)?;
        let report = services(ctx)?.metrics.job_types(caller(ctx)?, &period, &filter).await?;
        Ok(Some(report.into()))
    }
}

pub(super) fn period(from: Option<DateTime>, to: Option<DateTime>, time_zone: Option<String>) -> Result<PeriodRequest> {
    let bound = |field: &str, time: Option<DateTime>| {
        time.map(|time| scalar_parsing::parse_with(field, &time.into_text(), parse_period_bound))
            .transpose()
    };
    Ok(PeriodRequest {
        from: bound("from", from)?,
        to: bound("to", to)?,
        time_zone: time_zone
            .map(|text| scalar_parsing::parse("timeZone", &text))
            .transpose()?
            .unwrap_or_default(),
        granularity: None,
    })
}

pub(super) fn filter(queue: Option<String>, job_types: Option<Vec<String>>) -> Result<RollupFilter> {
    Ok(RollupFilter {
        queue: queue
            .map(|text| scalar_parsing::queue_name("queue", &text))
            .transpose()?,
        job_types: Place::arguments().job_types(job_types)?,
    })
}
