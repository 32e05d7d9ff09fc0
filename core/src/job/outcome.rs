//! How an attempt can end.

use std::error::Error;
use std::sync::Arc;

use crate::values::json::Json;
use crate::values::time_span::TimeSpan;

/// What came of one run of a handler.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It succeeded, with a result or without.
    Completed(Option<Json>),
    /// It failed.
    Failed(Failure),
    /// It was told to stop and has stopped, or was abandoned.
    Cancelled,
    /// The node shut down before it ended; the job is handed back and runs again.
    Interrupted,
    /// The node that ran it has died, or its lease ran out; the job runs again.
    Lost,
}

/// Why an attempt failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The reason in a line, for lists and statistics.
    pub error: Arc<str>,
    /// More of it, when there is more: a stack trace, the end of a program's output, a response's body.
    pub detail: Option<Arc<str>>,
    /// Whether another attempt is worth it.
    pub retry: RetryAdvice,
}

/// What a failure says of the next attempt.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RetryAdvice {
    /// Retry as the job's policy says.
    #[default]
    ByPolicy,
    /// Retry as the job's policy says, and not before this time has passed (an HTTP response's `Retry-After`).
    NotBefore(TimeSpan),
    /// Retry after exactly this time, whatever the job's policy says (a worker's `retryAfter`).
    After(TimeSpan),
    /// The next attempt would fail as well: the job has failed, whatever retries it has left.
    Never,
}

impl Failure {
    /// A failure that the job's policy retries.
    pub fn new(error: impl Into<Arc<str>>) -> Self {
        Self {
            error: error.into(),
            detail: None,
            retry: RetryAdvice::ByPolicy,
        }
    }

    /// A failure for good.
    pub fn permanent(error: impl Into<Arc<str>>) -> Self {
        Self {
            error: error.into(),
            detail: None,
            retry: RetryAdvice::Never,
        }
    }

    /// The same failure with a detail.
    #[must_use]
    pub fn with_detail(mut self, detail: impl Into<Arc<str>>) -> Self {
        self.detail = Some(detail.into());
        self
    }
}

/// What a function may return when it fails.
pub trait IntoFailure {
    /// The failure that is stored.
    fn into_failure(self) -> Failure;
}

impl IntoFailure for Failure {
    fn into_failure(self) -> Failure {
        self
    }
}

/// The error's text, with its causes as the detail.
impl<E: Error> IntoFailure for E {
    fn into_failure(self) -> Failure {
        let failure = Failure::new(self.to_string());
        let causes: Vec<String> = std::iter::successors(self.source(), |&cause| cause.source())
            .map(|cause| format!("caused by: {cause}"))
            .collect();
        if causes.is_empty() {
            failure
        } else {
            failure.with_detail(causes.join("\n"))
        }
    }
}
