//! Outcomes of attempts.

use std::error::Error;
use std::sync::Arc;

use crate::values::json::Json;
use crate::values::time_span::TimeSpan;

/// Outcome of one run of a handler.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The handler succeeded, with an optional result.
    Completed(Option<Json>),
    /// The handler failed.
    Failed(Failure),
    /// It was cancelled, and has stopped or was abandoned.
    Cancelled,
    /// The node shut down first; the job is requeued.
    Interrupted,
    /// The node died, or its lease expired; the job runs again.
    Lost,
}

/// A failure of an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Reason in one line, for lists and statistics.
    pub error: Arc<str>,
    /// Optional detail: a stack trace, the end of a program's output, a response body.
    pub detail: Option<Arc<str>>,
    /// Retry advice.
    pub retry: RetryAdvice,
}

/// A failure's advice about the next attempt.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RetryAdvice {
    /// Retry by the job's policy.
    #[default]
    ByPolicy,
    /// Retry by the job's policy, but not earlier than after this time (an HTTP response's `Retry-After`).
    NotBefore(TimeSpan),
    /// Retry after exactly this time, regardless of the job's policy (a worker's `retryAfter`).
    After(TimeSpan),
    /// Do not retry: the job fails permanently, even with retries left.
    Never,
}

impl Failure {
    /// A failure that is retried by the job's policy.
    pub fn new(error: impl Into<Arc<str>>) -> Self {
        Self {
            error: error.into(),
            detail: None,
            retry: RetryAdvice::ByPolicy,
        }
    }

    /// A permanent failure.
    pub fn permanent(error: impl Into<Arc<str>>) -> Self {
        Self {
            error: error.into(),
            detail: None,
            retry: RetryAdvice::Never,
        }
    }

    /// The failure with a detail.
    #[must_use]
    pub fn with_detail(mut self, detail: impl Into<Arc<str>>) -> Self {
        self.detail = Some(detail.into());
        self
    }
}

/// Error types that handlers may return.
pub trait IntoFailure {
    /// Converts the error.
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
