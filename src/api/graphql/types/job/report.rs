//! Reports of running attempts.

use async_graphql::{ID, SimpleObject};

use crate::api::graphql::scalars::DateTime;
use crate::api::graphql::types::enums::JobLogLevel;
use crate::domain::cluster::remote_worker::{AttemptReport, LogLine, Progress};

/// Progress of an attempt.
#[derive(Clone, Debug, SimpleObject)]
pub(crate) struct JobProgress {
    /// Number of the attempt that reported it, counted from 1.
    attempt: u32,
    /// Percentage, 0 to 100.
    percent: f64,
    /// Description of the current step.
    message: Option<String>,
}

impl JobProgress {
    /// Progress reported by an attempt.
    pub(crate) fn new(attempt: u32, progress: &Progress) -> Self {
        Self {
            attempt,
            percent: progress.percent(),
            message: progress.message.as_ref().map(ToString::to_string),
        }
    }
}

/// A log line of an attempt.
#[derive(Clone, Debug, SimpleObject)]
pub(crate) struct JobLogLine {
    /// Number of the attempt, counted from 1.
    attempt: u32,
    /// Time of the line, by the worker's clock if the worker reported it.
    at: DateTime,
    /// Severity.
    level: JobLogLevel,
    /// Text of the line.
    message: String,
}

impl From<&LogLine> for JobLogLine {
    fn from(line: &LogLine) -> Self {
        let LogLine {
            attempt,
            at,
            level,
            message,
        } = line;
        Self {
            attempt: *attempt,
            at: (*at).into(),
            level: (*level).into(),
            message: message.to_string(),
        }
    }
}

/// Report of a running attempt.
#[derive(Clone, Debug, SimpleObject)]
pub(crate) struct JobReport {
    /// The job's id.
    job_id: ID,
    /// Number of the attempt, counted from 1.
    attempt: u32,
    /// Time of the report.
    at: DateTime,
    /// Progress; null if it is unchanged.
    progress: Option<JobProgress>,
    /// Log lines since the last report.
    log: Vec<JobLogLine>,
}

impl From<&AttemptReport> for JobReport {
    fn from(report: &AttemptReport) -> Self {
        let AttemptReport {
            job_id,
            attempt,
            at,
            progress,
            log,
        } = report;
        Self {
            job_id: ID(job_id.to_string()),
            attempt: *attempt,
            at: (*at).into(),
            progress: progress.as_ref().map(|progress| JobProgress::new(*attempt, progress)),
            log: log.iter().map(JobLogLine::from).collect(),
        }
    }
}
