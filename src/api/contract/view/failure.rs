//! Views of failures by fingerprint.

use serde::Serialize;
use utoipa::ToSchema;

use super::performance::PeriodView;
use crate::domain::metrics::time_range::{Part, Period};
use crate::service::metrics::failures::{Failure, FailurePlace, FailureReport, FailuresReport};
use crate::views::job::JobItem;
use crate::views::values::{Id, Time};

/// Kinds of failures in a period.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = FailureList)]
pub(crate) struct FailuresView {
    /// Period of the counts, in complete hours.
    pub(crate) period: PeriodView,
    /// Kinds of failures, the most frequent first.
    pub(crate) failures: Vec<FailureView>,
    /// Number of kinds in the period.
    #[schema(example = 12)]
    pub(crate) total_count: u64,
}

/// A kind of failures: a job type and a reason.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Failure)]
pub(crate) struct FailureView {
    /// Stable id of the type and the reason.
    #[schema(example = "8f14e45fceea167a")]
    pub(crate) fingerprint: String,
    /// Type of the jobs.
    #[serde(rename = "type")]
    #[schema(example = "EmailNotificationJob")]
    pub(crate) job_type: String,
    /// Error message with numbers, ids and quoted values replaced.
    #[schema(example = "SMTP timeout after # ms")]
    pub(crate) reason: String,
    /// Number of failed attempts in the period.
    #[schema(example = 150)]
    pub(crate) count: u64,
    /// Time of the first failed attempt, to five seconds; null if it was before the server recorded it.
    #[schema(value_type = Option<String>, format = DateTime, example = "2024-01-10T08:00:05Z")]
    pub(crate) first_seen: Option<Time>,
    /// Time of the last failed attempt, to five seconds; null if it was before the server recorded it.
    #[schema(value_type = Option<String>, format = DateTime, example = "2024-01-15T10:30:00Z")]
    pub(crate) last_seen: Option<Time>,
}

impl From<&Failure> for FailureView {
    fn from(failure: &Failure) -> Self {
        Self {
            fingerprint: failure.fingerprint.to_string(),
            job_type: failure.job_type.to_string(),
            reason: failure.reason.clone(),
            count: failure.count,
            first_seen: failure.first_seen.map(Time),
            last_seen: failure.last_seen.map(Time),
        }
    }
}

impl From<&FailuresReport> for FailuresView {
    fn from(report: &FailuresReport) -> Self {
        let FailuresReport {
            period,
            failures,
            total,
        } = report;
        Self {
            period: PeriodView::from(period),
            failures: failures.iter().map(FailureView::from).collect(),
            total_count: u64::try_from(*total).unwrap_or(u64::MAX),
        }
    }
}

/// A kind of failures in detail.
#[derive(Serialize, ToSchema)]
#[schema(as = FailureDetail)]
pub(crate) struct FailureDetailView<'a> {
    /// Period of the counts.
    pub(crate) period: PeriodView,
    #[serde(flatten)]
    pub(crate) failure: FailureView,
    /// Failed attempts by days or hours of the period, up to now.
    pub(crate) trend: Vec<FailureTrendView>,
    /// Nodes and workers of the newest 200 jobs, the most frequent first.
    pub(crate) places: Vec<FailurePlaceView>,
    /// The newest jobs whose last attempt failed so, at most 20.
    pub(crate) jobs: Vec<JobItem<'a>>,
}

/// Failed attempts of a day or an hour.
#[derive(Serialize, ToSchema)]
#[schema(as = FailureTrend)]
pub(crate) struct FailureTrendView {
    /// The day, or the start of the hour.
    #[schema(example = "2024-01-01")]
    pub(crate) date: String,
    /// Number of failed attempts.
    #[schema(example = 12)]
    pub(crate) count: u64,
}

impl FailureTrendView {
    fn new(period: &Period, (part, count): &(Part, u64)) -> Self {
        Self {
            date: period.name(*part),
            count: *count,
        }
    }
}

/// A node or a remote worker on which jobs failed.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = FailurePlace)]
pub(crate) struct FailurePlaceView {
    /// Id of the node or of the worker.
    #[schema(value_type = String, format = Uuid, example = "01963b5e-7d3a-7c1e-9f43-0d2f6b1a9c55")]
    pub(crate) id: Id,
    /// Its name; null if it is no longer listed.
    #[schema(example = "worker-1")]
    pub(crate) name: Option<String>,
    /// True for a remote worker, false for a server; null if it is no longer listed.
    #[schema(example = false)]
    pub(crate) is_worker: Option<bool>,
    /// Number of the newest jobs that failed there.
    #[schema(example = 17)]
    pub(crate) jobs: u64,
}

impl From<&FailurePlace> for FailurePlaceView {
    fn from(place: &FailurePlace) -> Self {
        Self {
            id: Id::from(place.id),
            name: place.name.clone(),
            is_worker: place.is_worker,
            jobs: place.jobs,
        }
    }
}

impl<'a> From<&'a FailureReport> for FailureDetailView<'a> {
    fn from(report: &'a FailureReport) -> Self {
        let FailureReport {
            period,
            failure,
            parts,
            places,
            jobs,
        } = report;
        Self {
            period: PeriodView::from(period),
            failure: FailureView::from(failure),
            trend: parts.iter().map(|part| FailureTrendView::new(period, part)).collect(),
            places: places.iter().map(FailurePlaceView::from).collect(),
            jobs: jobs.iter().map(JobItem::from).collect(),
        }
    }
}
