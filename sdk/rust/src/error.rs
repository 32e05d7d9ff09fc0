//! Errors.

use std::time::Duration;

use serde::Deserialize;

/// The problem of a response (RFC 9457).
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Problem {
    /// The kind of problem: `urn:tickerq:problem:validation`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The kind in words.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// The cause, and what is allowed.
    pub detail: String,
    /// The invalid parts of the request.
    pub errors: Vec<PartError>,
}

impl Problem {
    /// The last part of its type: `validation`.
    pub fn code(&self) -> &str {
        self.kind.rsplit(':').next().unwrap_or_default()
    }
}

/// An invalid part of a request.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct PartError {
    /// A field of the body: `#/delay`.
    pub pointer: Option<String>,
    /// A query parameter.
    pub parameter: Option<String>,
    /// A header.
    pub header: Option<String>,
    /// A part of the path.
    pub path: Option<String>,
    /// The cause.
    pub detail: String,
}

/// An error: one variant for each kind of problem.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// No response: connection refused, interrupted or timed out.
    #[error("no response: {0}")]
    Connection(String),
    /// The response does not have the expected form.
    #[error("invalid response: {0}")]
    InvalidResponse(String),
    /// Invalid request (400, 415); its `errors` name the fields.
    #[error("{}", .0.detail)]
    Validation(Box<Problem>),
    /// Missing or invalid credentials (401).
    #[error("{}", .0.detail)]
    Authentication(Box<Problem>),
    /// Insufficient scope (403).
    #[error("{}", .0.detail)]
    Forbidden(Box<Problem>),
    /// Not found (404).
    #[error("{}", .0.detail)]
    NotFound(Box<Problem>),
    /// Conflict with the state of the job or worker (409).
    #[error("{}", .0.detail)]
    Conflict(Box<Problem>),
    /// The revision does not match (412).
    #[error("{}", .0.detail)]
    PreconditionFailed(Box<Problem>),
    /// The body is too large (413).
    #[error("{}", .0.detail)]
    TooLarge(Box<Problem>),
    /// The idempotency key was used for another request (422).
    #[error("{}", .0.detail)]
    IdempotencyMismatch(Box<Problem>),
    /// Too many requests (429).
    #[error("{}", problem.detail)]
    RateLimited {
        /// The problem of the response.
        problem: Box<Problem>,
        /// The `Retry-After` of the response.
        retry_after: Option<Duration>,
    },
    /// The server is busy, or its storage is unavailable (503).
    #[error("{}", problem.detail)]
    Unavailable {
        /// The problem of the response.
        problem: Box<Problem>,
        /// The `Retry-After` of the response.
        retry_after: Option<Duration>,
    },
    /// Internal server error (500 and others).
    #[error("{}", .0.detail)]
    Server(Box<Problem>),
}

impl Error {
    /// The error of a response.
    pub(crate) fn of_response(status: u16, text: &str, retry_after: Option<Duration>) -> Self {
        // A proxy's response has no problem.
        let mut problem: Problem = serde_json::from_str(text).unwrap_or_default();
        problem.status = status;
        if problem.detail.is_empty() {
            problem.detail = format!("the server responded with {status}");
        }
        let problem = Box::new(problem);
        match status {
            400 | 415 => Self::Validation(problem),
            401 => Self::Authentication(problem),
            403 => Self::Forbidden(problem),
            404 => Self::NotFound(problem),
            409 => Self::Conflict(problem),
            412 => Self::PreconditionFailed(problem),
            413 => Self::TooLarge(problem),
            422 => Self::IdempotencyMismatch(problem),
            429 => Self::RateLimited { problem, retry_after },
            503 => Self::Unavailable { problem, retry_after },
            _ => Self::Server(problem),
        }
    }

    /// The problem of the response, if there is one.
    pub fn problem(&self) -> Option<&Problem> {
        match self {
            Self::Connection(_) | Self::InvalidResponse(_) => None,
            Self::Validation(problem)
            | Self::Authentication(problem)
            | Self::Forbidden(problem)
            | Self::NotFound(problem)
            | Self::Conflict(problem)
            | Self::PreconditionFailed(problem)
            | Self::TooLarge(problem)
            | Self::IdempotencyMismatch(problem)
            | Self::RateLimited { problem, .. }
            | Self::Unavailable { problem, .. }
            | Self::Server(problem) => Some(problem),
        }
    }

    /// `true` if the same request may succeed later: no response, too many requests, or a failure of the server.
    pub fn is_temporary(&self) -> bool {
        match self {
            Self::Connection(_) | Self::RateLimited { .. } | Self::Unavailable { .. } | Self::Server(_) => true,
            Self::InvalidResponse(_)
            | Self::Validation(_)
            | Self::Authentication(_)
            | Self::Forbidden(_)
            | Self::NotFound(_)
            | Self::Conflict(_)
            | Self::PreconditionFailed(_)
            | Self::TooLarge(_)
            | Self::IdempotencyMismatch(_) => false,
        }
    }

    /// The `Retry-After` of the response.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::RateLimited { retry_after, .. } | Self::Unavailable { retry_after, .. } => *retry_after,
            Self::Connection(_)
            | Self::InvalidResponse(_)
            | Self::Validation(_)
            | Self::Authentication(_)
            | Self::Forbidden(_)
            | Self::NotFound(_)
            | Self::Conflict(_)
            | Self::PreconditionFailed(_)
            | Self::TooLarge(_)
            | Self::IdempotencyMismatch(_)
            | Self::Server(_) => None,
        }
    }
}
