//! What can go wrong.

use std::time::Duration;

use serde::Deserialize;

/// A problem as the server tells it (RFC 9457).
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Problem {
    /// Which kind of problem it is: `urn:tickerq:problem:validation`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The kind in words.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What is wrong this time, and what is allowed.
    pub detail: String,
    /// The parts of the request that are wrong.
    pub errors: Vec<PartError>,
}

impl Problem {
    /// The last part of its type: `validation`.
    pub fn code(&self) -> &str {
        self.kind.rsplit(':').next().unwrap_or_default()
    }
}

/// What is wrong with one part of a request.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct PartError {
    /// Which field of the body: `#/delay`.
    pub pointer: Option<String>,
    /// Which query parameter.
    pub parameter: Option<String>,
    /// Which header.
    pub header: Option<String>,
    /// Which part of the path.
    pub path: Option<String>,
    /// What is wrong with it.
    pub detail: String,
}

/// What can go wrong: a variant for each kind of problem that a program may want to tell apart.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// There was no answer: no connection, or it ended too early, or the time was over.
    #[error("no answer: {0}")]
    Connection(String),
    /// The answer is not what this version of the client knows.
    #[error("the answer can't be read: {0}")]
    Answer(String),
    /// The request has something that is not accepted (400, 415); its `errors` name it.
    #[error("{}", .0.detail)]
    Validation(Box<Problem>),
    /// It is not known who calls (401).
    #[error("{}", .0.detail)]
    Authentication(Box<Problem>),
    /// The caller may not do this (403).
    #[error("{}", .0.detail)]
    Forbidden(Box<Problem>),
    /// There is no such thing (404).
    #[error("{}", .0.detail)]
    NotFound(Box<Problem>),
    /// The state of the job, or of the worker, does not allow it (409).
    #[error("{}", .0.detail)]
    Conflict(Box<Problem>),
    /// The job is not as the caller believed (412).
    #[error("{}", .0.detail)]
    PreconditionFailed(Box<Problem>),
    /// The body is too large (413).
    #[error("{}", .0.detail)]
    TooLarge(Box<Problem>),
    /// The idempotency key was used for another request (422).
    #[error("{}", .0.detail)]
    IdempotencyMismatch(Box<Problem>),
    /// There were too many requests (429).
    #[error("{}", problem.detail)]
    RateLimited {
        /// What the server says.
        problem: Box<Problem>,
        /// When to come back.
        retry_after: Option<Duration>,
    },
    /// The server has too much to do, or can't reach its storage (503).
    #[error("{}", problem.detail)]
    Unavailable {
        /// What the server says.
        problem: Box<Problem>,
        /// When to come back.
        retry_after: Option<Duration>,
    },
    /// The server has failed (500 and others).
    #[error("{}", .0.detail)]
    Server(Box<Problem>),
}

impl Error {
    /// The error that an answer stands for.
    pub(crate) fn of_answer(status: u16, text: &str, retry_after: Option<Duration>) -> Self {
        let problem = serde_json::from_str(text).unwrap_or_else(|_| Problem {
            status,
            detail: format!("the server answered {status}"),
            ..Problem::default()
        });
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

    /// The problem as the server told it; `None` when it told nothing.
    pub fn problem(&self) -> Option<&Problem> {
        match self {
            Self::Connection(_) | Self::Answer(_) => None,
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

    /// When to come back, if the server said so.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::RateLimited { retry_after, .. } | Self::Unavailable { retry_after, .. } => *retry_after,
            Self::Connection(_)
            | Self::Answer(_)
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
