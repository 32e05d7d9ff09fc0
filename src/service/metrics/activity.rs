//! Use cases of activity: time series, and distributions of durations.

use chrono::{DateTime, TimeDelta, Utc};

use super::reports::Metrics;
use crate::domain::access::caller::{Caller, Scope};
use crate::domain::metrics::activity::{ActivityCounts, SLICE_SECONDS, Slice};
use crate::domain::metrics::activity_series::{
    InvalidSeries, Series, SeriesPoints, SeriesRequest, Step, TOLERANCE, first_hour_kept,
};
use crate::domain::metrics::rollup::{TIME_BUCKET_SECONDS, TimeBucket};
use crate::domain::metrics::time_range::{Period, PeriodRequest};
use crate::service::error::ServiceError;
use crate::storage::query::{ActivityPoint, Durations, RollupFilter};

/// Activity of jobs over time.
#[derive(Clone, Debug, PartialEq)]
pub struct ActivityReport {
    /// The series.
    pub series: Series,
    /// Start, counts and durations of each point, in order.
    pub points: Vec<(DateTime<Utc>, ActivityPoint)>,
}

impl ActivityReport {
    /// Totals of the series.
    pub fn sums(&self) -> ActivityCounts {
        let mut sums = ActivityCounts::default();
        for (_, point) in &self.points {
            sums += point.counts;
        }
        sums
    }
}

/// Distribution of run and wait times in a time range.
#[derive(Clone, Debug, PartialEq)]
pub struct DurationsReport {
    /// The time range.
    pub period: Period,
    /// The distribution.
    pub durations: Durations,
}

impl Metrics {
    /// Activity of jobs: a point for each step, with zeros where there were none.
    pub async fn activity(
        &self,
        caller: &Caller,
        request: &SeriesRequest,
        filter: &RollupFilter,
    ) -> Result<ActivityReport, ServiceError> {
        caller.require(Scope::Read)?;
        let now = self.now();
        let request = SeriesRequest {
            is_by_type: !filter.job_types.is_empty(),
            ..*request
        };
        let series = request.resolve(now)?;
        // A quarter of an hour has no hour; an hour of a day that is kept as one is no hour.
        let first_hour = match series.step {
            Step::S5 | Step::M1 | Step::M15 => i64::MAX,
            Step::H1 => first_hour_kept(now),
            Step::D1 => i64::MIN,
        };
        let mut points = self.repository().activity(filter, &series.points, first_hour).await?;
        if series.step == Step::M15 && filter.job_types.is_empty() {
            self.add_recent_durations(filter, &series, now, &mut points).await?;
        }
        let starts = series.starts();
        Ok(ActivityReport {
            points: starts.into_iter().zip(points).collect(),
            series,
        })
    }

    /// Adds the durations of quarters of an hour of the last day, which are kept by minutes.
    async fn add_recent_durations(
        &self,
        filter: &RollupFilter,
        series: &Series,
        now: DateTime<Utc>,
        points: &mut [ActivityPoint],
    ) -> Result<(), ServiceError> {
        let SeriesPoints::TimeBuckets(spans) = &series.points else {
            return Ok(());
        };
        // Of a quarter of an hour that is kept in part there are no durations.
        let first = TimeBucket::not_before(now - TimeDelta::days(1) - TOLERANCE);
        let Some(skipped) = spans.iter().position(|span| span.from >= first) else {
            return Ok(());
        };
        let (Some(from), Some(to)) = (spans.get(skipped), spans.last()) else {
            return Ok(());
        };
        let slices = SeriesPoints::Slices {
            from: Slice::of(from.from.start()),
            to: Slice::of(to.to.start()),
            of_point: TIME_BUCKET_SECONDS / SLICE_SECONDS,
        };
        let recent = self.repository().activity(filter, &slices, i64::MAX).await?;
        for (point, recent) in points.iter_mut().skip(skipped).zip(recent) {
            point.durations = recent.durations;
        }
        Ok(())
    }

    /// Distribution of run and wait times in a time range, which is extended to whole hours of UTC, and to whole days where
    /// rollups are compacted.
    pub async fn durations(
        &self,
        caller: &Caller,
        request: &PeriodRequest,
        filter: &RollupFilter,
    ) -> Result<DurationsReport, ServiceError> {
        caller.require(Scope::Read)?;
        let now = self.now();
        let period = request.resolve(now)?.as_kept(now);
        let durations = self.repository().durations(filter, period.span).await?;
        Ok(DurationsReport { period, durations })
    }
}

impl From<InvalidSeries> for ServiceError {
    fn from(error: InvalidSeries) -> Self {
        Self::Invalid {
            field: error.field(),
            index: None,
            detail: error.to_string(),
        }
    }
}
