//! What attempts report while they run.

use async_graphql::{ID, SimpleObject};

use crate::api::graphql::scalars::DateTime;
use crate::api::graphql::types::enums::JobLogLevel;
use crate::domain::cluster::remote_worker::{AttemptReport, LogLine, Progress};

/// How far an attempt of a job has got.
#[derive(Clone, Debug, SimpleObject)]
pub(crate) struct JobProgress {
    /// Which attempt has reported it, counted from 1.
    attempt: u32,
    /// From 0 to 100.
    percent: f64,
    /// What it is doing.
    message: Option<String>,
}

impl JobProgress {
    /// What an attempt has reported.
    pub(crate) fn new(attempt: u32, progress: &Progress) -> Self {
        Self {
            attempt,
            percent: progress.percent(),
            message: progress.message.as_ref().map(ToString::to_string),
        }
    }
}

/// A line that an attempt of a job has logged.
#[derive(Clone, Debug, SimpleObject)]
pub(crate) struct JobLogLine {
    /// Which attempt, counted from 1.
    attempt: u32,
    /// When, by the worker's clock if it said so.
    at: DateTime,
    /// How serious it is.
    level: JobLogLevel,
    /// The text.
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

/// What an attempt of a job has reported just now.
#[derive(Clone, Debug, SimpleObject)]
pub(crate) struct JobReport {
    /// The job's id.
    job_id: ID,
    /// Which attempt, counted from 1.
    attempt: u32,
    /// When.
    at: DateTime,
    /// How far it has got; null when nothing new is known.
    progress: Option<JobProgress>,
    /// What it has logged since it last reported.
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
