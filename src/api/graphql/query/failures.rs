//! Failures by fingerprint.

use async_graphql::{Context, Object, Result};

use super::metrics::{filter, period};
use crate::api::contract::filters::{LIMIT_DEFAULT, LIMIT_MAX};
use crate::api::graphql::context::{caller, services};
use crate::api::graphql::scalars::DateTime;
use crate::api::graphql::types::enums::Granularity;
use crate::api::graphql::types::scalar_parsing;
use crate::api::graphql::types::statistics::failure::{FailureDetail, FailureList};
use crate::domain::metrics::fingerprint::Fingerprint;
use crate::domain::metrics::time_range::PeriodRequest;
use crate::service::error::ServiceError;

/// Estimated number of kinds, parts or jobs, for the complexity of a request.
const ITEMS_ESTIMATE: usize = 20;

#[derive(Default)]
pub(super) struct FailureQueries;

#[Object]
impl FailureQueries {
    /// Returns the kinds of failed attempts of a period: a job type and a reason, with a stable fingerprint and the times of
    /// the first and the last one. Counts have a resolution of one hour, to which the period is extended; those older than
    /// three days have a resolution of one day in UTC.
    #[graphql(complexity = "10 + ITEMS_ESTIMATE.saturating_mul(child_complexity)")]
    #[expect(clippy::too_many_arguments, reason = "each is an argument of the schema")]
    async fn failures(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The first day, or the start time; six days before the last day by default.")] from: Option<
            DateTime,
        >,
        #[graphql(desc = "The last day, or the end time; now by default. At most 400 days.")] to: Option<DateTime>,
        #[graphql(desc = "IANA time zone in which days begin; UTC by default.")] time_zone: Option<String>,
        #[graphql(desc = "Only jobs of this queue.")] queue: Option<String>,
        #[graphql(name = "type", desc = "Only jobs of these types.")] job_types: Option<Vec<String>>,
        #[graphql(desc = "Maximum number of kinds, up to 1000; 50 by default.")] limit: Option<i32>,
    ) -> Result<Option<FailureList>> {
        let period = period(from, to, time_zone)?;
        let filter = filter(queue, job_types)?;
        let limit = match limit {
            None => LIMIT_DEFAULT,
            Some(limit) => u32::try_from(limit)
                .ok()
                .filter(|limit| (1..=LIMIT_MAX).contains(limit))
                .ok_or_else(|| ServiceError::Invalid {
                    field: "limit",
                    index: None,
                    detail: format!("limit is {limit}; allowed are whole numbers from 1 to {LIMIT_MAX}"),
                })?,
        };
        let report = services(ctx)?
            .metrics
            .failures(caller(ctx)?, &period, &filter, limit)
            .await?;
        Ok(Some(report.into()))
    }

    /// Returns a kind of failed attempts: its count over time in a period, the nodes and workers of its newest jobs, and
    /// these jobs; null if there are no such failures.
    #[graphql(complexity = "10 + ITEMS_ESTIMATE.saturating_mul(child_complexity)")]
    async fn failure(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The fingerprint, as `failures` returns it.")] fingerprint: String,
        #[graphql(desc = "The first day, or the start time; six days before the last day by default.")] from: Option<
            DateTime,
        >,
        #[graphql(desc = "The last day, or the end time; now by default. At most 400 days.")] to: Option<DateTime>,
        #[graphql(desc = "IANA time zone in which days begin; UTC by default.")] time_zone: Option<String>,
        #[graphql(desc = "Days by default, or hours for up to 14 days.")] granularity: Option<Granularity>,
    ) -> Result<Option<FailureDetail>> {
        let request = PeriodRequest {
            granularity: granularity.map(Into::into),
            ..period(from, to, time_zone)?
        };
        let fingerprint = scalar_parsing::parse_with("fingerprint", &fingerprint, Fingerprint::parse)?;
        let report = services(ctx)?
            .metrics
            .failure(caller(ctx)?, fingerprint, &request)
            .await;
        match report {
            Err(ServiceError::NoSuchFailure { .. }) => Ok(None),
            report => Ok(Some(report?.into())),
        }
    }
}
