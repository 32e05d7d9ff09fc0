//! One execution of a job.

use async_graphql::SimpleObject;

use super::super::scalars::{DateTime, TimeSpan, Uuid};
use super::enums::AttemptStatus;
use crate::domain::attempt::Attempt as DomainAttempt;

/// One execution of a job.
#[derive(Clone, Debug, SimpleObject)]
pub(in super::super) struct Attempt {
    /// Which one, counted from 1.
    number: u32,
    /// How it stands.
    status: AttemptStatus,
    /// When it started.
    started_at: DateTime,
    /// When it ended; null while it runs.
    completed_at: Option<DateTime>,
    /// How long it took; null while it runs.
    duration: Option<TimeSpan>,
    /// Why it failed, in a line.
    error: Option<String>,
    /// More of the failure.
    error_detail: Option<String>,
    /// The server process that ran it.
    node: Uuid,
}

impl From<DomainAttempt> for Attempt {
    fn from(attempt: DomainAttempt) -> Self {
        let duration = attempt.duration();
        let DomainAttempt {
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
            number,
            status: status.into(),
            started_at: started_at.into(),
            completed_at: ended_at.map(DateTime::from),
            duration: duration.map(TimeSpan::from),
            error: error.map(|error| error.to_string()),
            error_detail: error_detail.map(|detail| detail.to_string()),
            node: node.as_uuid().into(),
        }
    }
}
