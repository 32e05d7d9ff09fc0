//! Views of activity: time series, and distributions of durations.

use serde::Serialize;
use utoipa::ToSchema;

use super::performance::PeriodView;
use crate::domain::metrics::activity::ActivityCounts;
use crate::domain::metrics::activity_series::Step;
use crate::domain::metrics::histogram::{Histogram, bucket_start};
use crate::domain::values::time_span::TimeSpan;
use crate::service::metrics::activity::{ActivityReport, DurationsReport};
use crate::storage::query::ActivityPoint;
use crate::views::values::{Span, Time};
use crate::views::words::{StepWord, Word};

/// Activity of jobs over time.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ActivitySeries)]
pub(crate) struct ActivityView {
    /// Time between two points.
    #[schema(value_type = StepWord)]
    pub(crate) step: Word<Step>,
    /// IANA time zone of days and hours.
    #[schema(example = "UTC")]
    pub(crate) time_zone: &'static str,
    /// Totals of the series.
    pub(crate) total: ActivityCountsView,
    /// A point for each step, in order, up to now. A step without jobs has a point of zeros.
    pub(crate) points: Vec<ActivityPointView>,
}

/// Counts of a series.
#[derive(Clone, Copy, Serialize, ToSchema)]
#[schema(as = ActivityCounts)]
pub(crate) struct ActivityCountsView {
    /// Number of created jobs. Jobs that were created before the server counted them are not included.
    #[schema(example = 120)]
    pub(crate) created: u64,
    /// Number of started attempts.
    #[schema(example = 118)]
    pub(crate) started: u64,
    /// Number of completed jobs.
    #[schema(example = 110)]
    pub(crate) completed: u64,
    /// Number of jobs that failed with no retries left.
    #[schema(example = 2)]
    pub(crate) failed: u64,
    /// Number of failed attempts that are followed by another attempt.
    #[schema(example = 5)]
    pub(crate) retried: u64,
    /// Number of cancelled jobs.
    #[schema(example = 1)]
    pub(crate) cancelled: u64,
}

impl From<ActivityCounts> for ActivityCountsView {
    fn from(counts: ActivityCounts) -> Self {
        Self {
            created: counts.created,
            started: counts.started,
            completed: counts.completed,
            failed: counts.jobs_failed,
            retried: counts.retried(),
            cancelled: counts.jobs_cancelled,
        }
    }
}

/// A point of a series. Percentiles have a relative error of at most 41 %; they are null without measurements, and where
/// durations are not kept at this step: see the operation.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ActivityPoint)]
pub(crate) struct ActivityPointView {
    /// Start of the step.
    #[schema(value_type = String, format = DateTime, example = "2024-01-15T10:30:00Z")]
    pub(crate) at: Time,
    #[serde(flatten)]
    pub(crate) counts: ActivityCountsView,
    /// Median time from a job's due time to its start.
    #[schema(value_type = Option<String>, example = "00:00:00.0420000")]
    pub(crate) wait_p50: Option<Span>,
    /// 95th percentile of it.
    #[schema(value_type = Option<String>, example = "00:00:00.1200000")]
    pub(crate) wait_p95: Option<Span>,
    /// 99th percentile of it.
    #[schema(value_type = Option<String>, example = "00:00:00.4000000")]
    pub(crate) wait_p99: Option<Span>,
    /// Median duration of an attempt.
    #[schema(value_type = Option<String>, example = "00:00:31")]
    pub(crate) run_p50: Option<Span>,
    /// 95th percentile of it.
    #[schema(value_type = Option<String>, example = "00:01:52")]
    pub(crate) run_p95: Option<Span>,
    /// 99th percentile of it.
    #[schema(value_type = Option<String>, example = "00:03:10")]
    pub(crate) run_p99: Option<Span>,
}

impl ActivityPointView {
    fn new(at: Time, point: &ActivityPoint) -> Self {
        let ActivityPoint { counts, durations } = point;
        let of = |histogram: Option<&Histogram>, share| histogram.and_then(|of| of.percentile(share)).map(Span);
        let (wait, run) = (
            durations.as_ref().map(|durations| &durations.wait),
            durations.as_ref().map(|durations| &durations.run),
        );
        Self {
            at,
            counts: (*counts).into(),
            wait_p50: of(wait, 0.5),
            wait_p95: of(wait, 0.95),
            wait_p99: of(wait, 0.99),
            run_p50: of(run, 0.5),
            run_p95: of(run, 0.95),
            run_p99: of(run, 0.99),
        }
    }
}

impl From<&ActivityReport> for ActivityView {
    fn from(report: &ActivityReport) -> Self {
        let ActivityReport { series, points } = report;
        Self {
            step: Word(series.step),
            time_zone: series.time_zone.as_str(),
            total: report.sums().into(),
            points: points
                .iter()
                .map(|(at, point)| ActivityPointView::new(Time(*at), point))
                .collect(),
        }
    }
}

/// Distribution of run and wait times.
#[derive(Serialize, ToSchema)]
#[schema(as = DurationDistribution)]
pub(crate) struct DurationsView {
    /// Period of the distribution, in complete hours.
    pub(crate) period: PeriodView,
    /// Durations of attempts that completed or failed.
    pub(crate) run: Vec<DurationBucketView>,
    /// Times from a job's due time to its start.
    pub(crate) wait: Vec<DurationBucketView>,
}

/// A bucket of a histogram. Buckets grow by a factor of 1.41; those before the first and after the last measurement are
/// left out.
#[derive(Serialize, ToSchema)]
#[schema(as = DurationBucket)]
pub(crate) struct DurationBucketView {
    /// Shortest duration.
    #[schema(value_type = String, example = "00:00:00.0320000")]
    pub(crate) from: Span,
    /// The next bucket's shortest duration; null for the last possible bucket, which has all longer durations.
    #[schema(value_type = Option<String>, example = "00:00:00.0452480")]
    pub(crate) to: Option<Span>,
    /// Number of measurements.
    #[schema(example = 150)]
    pub(crate) count: u64,
}

impl DurationBucketView {
    fn all(histogram: &Histogram) -> Vec<Self> {
        let start = |bucket| {
            Span(TimeSpan::from_micros(
                i64::try_from(bucket_start(bucket)).unwrap_or(i64::MAX),
            ))
        };
        histogram
            .measured()
            .map(|(bucket, count, is_last)| Self {
                from: start(bucket),
                to: (!is_last).then(|| start(bucket + 1)),
                count,
            })
            .collect()
    }
}

impl From<&DurationsReport> for DurationsView {
    fn from(DurationsReport { period, durations }: &DurationsReport) -> Self {
        Self {
            period: PeriodView::from(period),
            run: DurationBucketView::all(&durations.run),
            wait: DurationBucketView::all(&durations.wait),
        }
    }
}
