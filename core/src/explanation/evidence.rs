//! The evidence of a reason as one flat record, of which each reason has some members.

use chrono::{DateTime, Utc};

use super::facts::{AHEAD_MAX, Holder, Runner};
use super::reason::Reason;
use crate::job::status::JobStatus;
use crate::values::name::JobType;
use crate::values::time_span::TimeSpan;

/// Evidence of a reason.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Evidence<'a> {
    /// The due time of the job.
    pub due_at: Option<DateTime<Utc>>,
    /// Number of the attempt: the last one, or the running one.
    pub attempt: Option<u32>,
    /// Number of retries so far.
    pub retries: Option<u32>,
    /// Maximum number of retries.
    pub max_retries: Option<u32>,
    /// Number of lost attempts in a row.
    pub losses: Option<u32>,
    /// Error of the last attempt.
    pub error: Option<&'a str>,
    /// The caller that paused the queue.
    pub by: Option<&'a str>,
    /// Types without a handler.
    pub job_types: &'a [JobType],
    /// The known type with the most similar name.
    pub nearest_type: Option<&'a str>,
    /// Rate limit of the queue.
    pub rate: Option<String>,
    /// Concurrency limit of the type.
    pub limit: Option<u32>,
    /// Number of running jobs of the type.
    pub running: Option<u32>,
    /// The server of the concurrency limit.
    pub server: Option<&'a str>,
    /// Number of due jobs that start before it.
    pub ahead: Option<u64>,
    /// True if that number is exact, false if there are more.
    pub is_exact: Option<bool>,
    /// Servers and workers that run the type.
    pub runners: &'a [Runner],
    /// The node that holds the job.
    pub holder: Option<&'a Holder>,
    /// True if cancellation was requested.
    pub is_cancelling: Option<bool>,
    /// Time by which another clock is ahead.
    pub clock_ahead: Option<TimeSpan>,
    /// Codes of the problems of storage.
    pub problems: Vec<&'static str>,
    /// Final status of the job.
    pub status: Option<JobStatus>,
}

impl Reason {
    /// The evidence.
    pub fn evidence(&self) -> Evidence<'_> {
        let none = Evidence::default;
        match self {
            Self::NoServer => none(),
            Self::StorageTrouble { problems } => Evidence {
                problems: problems.iter().map(|problem| problem.code()).collect(),
                ..none()
            },
            Self::UnhandledType { job_types, nearest, .. } => Evidence {
                job_types,
                nearest_type: nearest.as_ref().map(JobType::as_str),
                ..none()
            },
            Self::Draining { runners } | Self::WorkersBusy { runners, .. } => Evidence { runners, ..none() },
            Self::QueuePaused { by, .. } => Evidence {
                by: by.as_deref(),
                ..none()
            },
            Self::TypeLimit {
                job_type,
                server,
                limit,
                running,
            } => Evidence {
                job_types: std::slice::from_ref(job_type),
                server: Some(server),
                limit: Some(*limit),
                running: Some(*running),
                ..none()
            },
            Self::ClockBehind { ahead, due_at, .. } => Evidence {
                due_at: Some(*due_at),
                clock_ahead: Some(*ahead),
                ..none()
            },
            Self::Scheduled { due_at, .. } => Evidence {
                due_at: Some(*due_at),
                ..none()
            },
            Self::Next { due_at, lessees, .. } => Evidence {
                due_at: Some(*due_at),
                runners: lessees,
                ..none()
            },
            Self::RetryWait {
                due_at,
                attempt,
                retries,
                max_retries,
                error,
                ..
            } => Evidence {
                due_at: Some(*due_at),
                attempt: Some(*attempt),
                retries: Some(*retries),
                max_retries: Some(*max_retries),
                error: error.as_deref(),
                ..none()
            },
            Self::LossWait {
                due_at,
                attempt,
                losses,
                ..
            } => Evidence {
                due_at: Some(*due_at),
                attempt: Some(*attempt),
                losses: Some(*losses),
                ..none()
            },
            Self::QueueRate { limit, .. } => Evidence {
                rate: Some(limit.to_string()),
                ..none()
            },
            Self::BehindInQueue { ahead, .. } => Evidence {
                ahead: Some((*ahead).min(AHEAD_MAX)),
                is_exact: Some(*ahead <= AHEAD_MAX),
                ..none()
            },
            Self::Claimed { holder } => Evidence {
                holder: Some(holder),
                ..none()
            },
            Self::Running {
                attempt,
                holder,
                is_cancelling,
                ..
            } => Evidence {
                attempt: Some(*attempt),
                holder: holder.as_ref(),
                is_cancelling: Some(*is_cancelling),
                ..none()
            },
            Self::NodeLost { attempt, holder } => Evidence {
                attempt: Some(*attempt),
                holder: Some(holder),
                ..none()
            },
            Self::Ended {
                status,
                attempts,
                error,
                ..
            } => Evidence {
                attempt: Some(*attempts),
                error: error.as_deref(),
                status: Some(*status),
                ..none()
            },
        }
    }
}
