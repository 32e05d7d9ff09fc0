//! Reports of running attempts.

use std::sync::Arc;

use async_graphql::{ID, Object};

use crate::api::contract::view::attempt::{LogLineView, ProgressView};
use crate::api::contract::view::event::JobReportView;
use crate::api::graphql::scalars::DateTime;
use crate::api::graphql::types::enums::JobLogLevel;
use crate::domain::cluster::remote_worker::{AttemptReport, LogLine, Progress};
use crate::domain::job::Job;

/// Progress, and the number of its attempt.
pub(crate) struct JobProgress(pub u32, pub Progress);

impl JobProgress {
    fn view(&self) -> ProgressView<'_> {
        ProgressView::of_report(&self.1)
    }
}

/// Progress of an attempt.
#[Object]
impl JobProgress {
    /// Number of the attempt that reported it, counted from 1.
    async fn attempt(&self) -> u32 {
        self.0
    }

    /// Percentage, 0 to 100.
    async fn percent(&self) -> f64 {
        self.view().percent
    }

    /// Description of the current step.
    async fn message(&self) -> Option<&str> {
        self.view().message
    }
}

/// A log line.
pub(crate) struct JobLogLine(pub LogLine);

impl JobLogLine {
    fn view(&self) -> LogLineView<'_> {
        LogLineView::from(&self.0)
    }
}

/// A log line of an attempt.
#[Object]
impl JobLogLine {
    /// Number of the attempt, counted from 1.
    async fn attempt(&self) -> u32 {
        self.0.attempt
    }

    /// Time of the line, by the worker's clock if the worker reported it.
    async fn at(&self) -> DateTime {
        self.view().at.into()
    }

    /// Severity.
    async fn level(&self) -> JobLogLevel {
        self.view().level.0.into()
    }

    /// Text of the line.
    async fn message(&self) -> &str {
        self.view().message
    }
}

/// A report, and the job of its attempt.
pub(crate) struct JobReport {
    job: Arc<Job>,
    report: Arc<AttemptReport>,
}

impl JobReport {
    /// A report of a job's attempt.
    pub(crate) fn new(job: &Arc<Job>, report: &Arc<AttemptReport>) -> Self {
        Self {
            job: Arc::clone(job),
            report: Arc::clone(report),
        }
    }

    fn view(&self) -> JobReportView<'_> {
        JobReportView::new(&self.job, &self.report)
    }
}

/// Report of a running attempt.
#[Object]
impl JobReport {
    /// The job's id.
    async fn job_id(&self) -> ID {
        self.view().job_id.into()
    }

    /// Number of the attempt, counted from 1.
    async fn attempt(&self) -> u32 {
        self.view().attempt
    }

    /// Time of the report.
    async fn at(&self) -> DateTime {
        self.view().at.into()
    }

    /// Progress; null if it is unchanged.
    async fn progress(&self) -> Option<JobProgress> {
        let progress = self.report.progress.clone();
        progress.map(|progress| JobProgress(self.report.attempt, progress))
    }

    /// Log lines since the last report.
    async fn log(&self) -> Vec<JobLogLine> {
        self.report.log.iter().cloned().map(JobLogLine).collect()
    }
}
