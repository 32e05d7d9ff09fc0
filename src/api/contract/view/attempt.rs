//! Views of attempts, and of their progress and log lines.

use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::cluster::remote_worker::{LogLevel, LogLine, Progress};
use crate::domain::job::attempt::{Attempt, AttemptStatus};
use crate::views::values::{Id, Span, Time};
use crate::views::words::{AttemptStatusWord, LogLineLevelWord, Word};

/// Progress of an attempt.
#[derive(Serialize, ToSchema)]
#[schema(as = Progress)]
pub(crate) struct ProgressView<'a> {
    /// Number of the attempt that reported it.
    // Omitted in reports, which have it themselves.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = u32, required = true, example = 1)]
    pub(crate) attempt: Option<u32>,
    /// Percentage, 0 to 100.
    #[schema(example = 62.5)]
    pub(crate) percent: f64,
    /// Description of the current step.
    #[schema(example = "page 5 of 8")]
    pub(crate) message: Option<&'a str>,
}

impl<'a> From<&'a (u32, Progress)> for ProgressView<'a> {
    fn from((attempt, progress): &'a (u32, Progress)) -> Self {
        Self {
            attempt: Some(*attempt),
            ..Self::of_report(progress)
        }
    }
}

impl<'a> ProgressView<'a> {
    /// Progress in a report of its attempt.
    pub(crate) fn of_report(progress: &'a Progress) -> Self {
        Self {
            attempt: None,
            percent: progress.percent(),
            message: progress.message.as_deref(),
        }
    }
}

/// A log line of an attempt.
#[derive(Serialize, ToSchema)]
#[schema(as = LogLine)]
pub(crate) struct LogLineView<'a> {
    /// Number of the attempt.
    // Omitted in reports, which have it themselves.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = u32, required = true, example = 1)]
    pub(crate) attempt: Option<u32>,
    /// Time of the line.
    #[schema(value_type = String, format = DateTime, example = "2024-01-15T10:31:00Z")]
    pub(crate) at: Time,
    /// `debug`, `info`, `warning` or `error`.
    #[schema(value_type = LogLineLevelWord)]
    pub(crate) level: Word<LogLevel>,
    /// Text of the line.
    #[schema(example = "sent to 10 recipients")]
    pub(crate) message: &'a str,
}

impl<'a> From<&'a LogLine> for LogLineView<'a> {
    fn from(line: &'a LogLine) -> Self {
        let LogLine {
            attempt,
            at,
            level,
            message,
        } = line;
        Self {
            attempt: Some(*attempt),
            at: Time(*at),
            level: Word(*level),
            message,
        }
    }
}

impl<'a> LogLineView<'a> {
    /// A line in a report of its attempt.
    pub(crate) fn of_report(line: &'a LogLine) -> Self {
        Self {
            attempt: None,
            ..Self::from(line)
        }
    }
}

/// An attempt to run a job.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Attempt)]
pub(crate) struct AttemptView<'a> {
    /// Number of the attempt, counted from 1.
    #[schema(example = 1)]
    pub(crate) attempt: u32,
    /// Time of its start.
    #[schema(value_type = String, format = DateTime, example = "2024-01-15T10:31:00Z")]
    pub(crate) started_at: Time,
    /// Time of its end; `null` while it runs.
    #[schema(value_type = Option<String>, format = DateTime, example = "2024-01-15T10:31:30Z")]
    pub(crate) completed_at: Option<Time>,
    /// `running`, `completed`, `failed`, `cancelled`, `interrupted` (its server shut down) or `lost` (its server
    /// terminated unexpectedly).
    #[schema(value_type = AttemptStatusWord)]
    pub(crate) status: Word<AttemptStatus>,
    /// Duration: `[d.]hh:mm:ss[.fffffff]`.
    #[schema(value_type = Option<String>, example = "00:00:30")]
    pub(crate) duration: Option<Span>,
    /// Error message, in one line.
    pub(crate) error: Option<&'a str>,
    /// Details of the error.
    pub(crate) error_detail: Option<&'a str>,
    /// Id of the node or remote worker that ran it.
    #[schema(value_type = String, format = Uuid)]
    pub(crate) node: Id,
    /// Name of the remote worker that ran it; omitted if a server did.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "mailer-3")]
    pub(crate) worker: Option<&'a str>,
}

impl<'a> From<&'a Attempt> for AttemptView<'a> {
    fn from(attempt: &'a Attempt) -> Self {
        let duration = attempt.duration();
        let Attempt {
            job_id: _,
            number,
            status,
            started_at,
            ended_at,
            error,
            error_detail,
            node,
        } = attempt;
        Self {
            attempt: *number,
            started_at: Time(*started_at),
            completed_at: ended_at.map(Time),
            status: Word(*status),
            duration: duration.map(Span),
            error: error.as_deref(),
            error_detail: error_detail.as_deref(),
            node: Id::from(*node),
            worker: None,
        }
    }
}
