//! Failures by fingerprint.

use async_graphql::{ID, Object};

use super::performance::Period;
use crate::api::contract::view::failure::{
    FailureDetailView, FailurePlaceView, FailureTrendView, FailureView, FailuresView,
};
use crate::api::graphql::scalars::DateTime;
use crate::api::graphql::types::int::int;
use crate::api::graphql::types::job::Job;
use crate::service::metrics::failures::{FailureReport, FailuresReport};
use crate::storage::query::JobSummary;

/// Kinds of failures in a period.
pub(in crate::api::graphql) struct FailureList(FailuresView);

impl From<FailuresReport> for FailureList {
    fn from(report: FailuresReport) -> Self {
        Self(FailuresView::from(&report))
    }
}

/// Kinds of failures in a period.
#[Object]
impl FailureList {
    /// Period of the counts, in complete hours.
    async fn period(&self) -> Period<'_> {
        Period(&self.0.period)
    }

    /// Kinds of failures, the most frequent first.
    async fn failures(&self) -> Vec<Failure<'_>> {
        self.0.failures.iter().map(Failure).collect()
    }

    /// Number of kinds in the period.
    async fn total_count(&self) -> i32 {
        int(self.0.total_count)
    }
}

/// A kind of failures: a job type and a reason.
pub(in crate::api::graphql) struct Failure<'a>(&'a FailureView);

/// A kind of failures: a job type and a reason.
#[Object]
impl Failure<'_> {
    /// Stable id of the type and the reason.
    async fn fingerprint(&self) -> &str {
        &self.0.fingerprint
    }

    /// Type of the jobs.
    #[graphql(name = "type")]
    async fn job_type(&self) -> &str {
        &self.0.job_type
    }

    /// Error message with numbers, ids and quoted values replaced.
    async fn reason(&self) -> &str {
        &self.0.reason
    }

    /// Number of failed attempts in the period.
    async fn count(&self) -> i32 {
        int(self.0.count)
    }

    /// Time of the first failed attempt, to five seconds; null if it was before the server recorded it.
    async fn first_seen(&self) -> Option<DateTime> {
        self.0.first_seen.map(Into::into)
    }

    /// Time of the last failed attempt, to five seconds; null if it was before the server recorded it.
    async fn last_seen(&self) -> Option<DateTime> {
        self.0.last_seen.map(Into::into)
    }
}

/// A kind of failures in detail.
pub(in crate::api::graphql) struct FailureDetail {
    view: FailureDetailView<'static>,
    jobs: Vec<JobSummary>,
}

impl From<FailureReport> for FailureDetail {
    fn from(mut report: FailureReport) -> Self {
        let jobs = std::mem::take(&mut report.jobs);
        let FailureDetailView {
            period,
            failure,
            trend,
            places,
            jobs: _,
        } = FailureDetailView::from(&report);
        Self {
            view: FailureDetailView {
                period,
                failure,
                trend,
                places,
                jobs: Vec::new(),
            },
            jobs,
        }
    }
}

/// A kind of failures in detail.
#[Object]
impl FailureDetail {
    /// Period of the counts.
    async fn period(&self) -> Period<'_> {
        Period(&self.view.period)
    }

    /// The kind of failures.
    async fn failure(&self) -> Failure<'_> {
        Failure(&self.view.failure)
    }

    /// Failed attempts by days or hours of the period, up to now.
    async fn trend(&self) -> Vec<FailureTrend<'_>> {
        self.view.trend.iter().map(FailureTrend).collect()
    }

    /// Nodes and workers of the newest 200 jobs, the most frequent first.
    async fn places(&self) -> Vec<FailurePlace<'_>> {
        self.view.places.iter().map(FailurePlace).collect()
    }

    /// The newest jobs whose last attempt failed so, at most 20.
    async fn jobs(&self) -> Vec<Job> {
        self.jobs.iter().cloned().map(Job::from).collect()
    }
}

/// Failed attempts of a day or an hour.
pub(in crate::api::graphql) struct FailureTrend<'a>(&'a FailureTrendView);

/// Failed attempts of a day or an hour.
#[Object]
impl FailureTrend<'_> {
    /// The day, such as `2024-01-01`, or the start of the hour.
    async fn date(&self) -> &str {
        &self.0.date
    }

    /// Number of failed attempts.
    async fn count(&self) -> i32 {
        int(self.0.count)
    }
}

/// A node or a remote worker on which jobs failed.
pub(in crate::api::graphql) struct FailurePlace<'a>(&'a FailurePlaceView);

/// A node or a remote worker on which jobs failed.
#[Object]
impl FailurePlace<'_> {
    /// Id of the node or of the worker.
    async fn id(&self) -> ID {
        ID::from(self.0.id.to_string())
    }

    /// Its name; null if it is no longer listed.
    async fn name(&self) -> Option<&str> {
        self.0.name.as_deref()
    }

    /// True for a remote worker, false for a server; null if it is no longer listed.
    async fn is_worker(&self) -> Option<bool> {
        self.0.is_worker
    }

    /// Number of the newest jobs that failed there.
    async fn jobs(&self) -> i32 {
        int(self.0.jobs)
    }
}
