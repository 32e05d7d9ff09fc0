//! Ends of attempts, as workers report them.

use crate::domain::cluster::worker_access::{LeaseKey, LeaseToken};
use crate::domain::job::outcome::{Outcome, RetryAdvice};
use crate::domain::values::id::JobId;
use crate::domain::values::time_span::TimeSpan;

/// The end of an attempt as reported by a worker.
#[derive(Clone, Debug)]
pub(crate) struct ReportedEnd {
    /// Id of the job.
    pub job_id: JobId,
    /// Token from the lease of the job.
    pub token: LeaseToken,
    /// Outcome.
    pub outcome: Outcome,
}

/// Result of finishing attempts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Finished {
    /// Number of stored outcomes.
    pub stored: usize,
    /// Jobs that the worker had lost, whose outcomes were discarded.
    pub lost: Vec<JobId>,
}

/// The attempt of a valid token; 0, which no attempt has, for an invalid one.
pub(super) fn attempt_of(key: &LeaseKey, job_id: JobId, token: &LeaseToken) -> u32 {
    if key.verifies(job_id, token) {
        token.attempt()
    } else {
        0
    }
}

/// The delay before the next attempt that the outcome requests.
pub(super) fn wait_of(end: &ReportedEnd) -> Option<TimeSpan> {
    match &end.outcome {
        Outcome::Failed(failure) => match failure.retry {
            RetryAdvice::NotBefore(wait) | RetryAdvice::After(wait) => Some(wait),
            RetryAdvice::ByPolicy | RetryAdvice::Never => None,
        },
        Outcome::Completed(_) | Outcome::Cancelled | Outcome::Interrupted | Outcome::Lost => None,
    }
}
