//! Problems: the one source of errors for callers. REST responds with them (RFC 9457), the other facades with their
//! code and detail.

mod kind;
mod part_error;
pub(crate) mod response;
mod service_error;

pub(crate) use self::kind::ProblemKind;
pub(crate) use self::part_error::{PartError, Place};

use std::time::Duration;

use actix_web::HttpRequest;
use actix_web::http::Method;
use uuid::Uuid;

use self::part_error::cut;
use super::contract::field_error::FieldError;

/// Maximum number of invalid fields in one problem.
const ERRORS_MAX: usize = 100;
/// Time after which a caller should retry if a queue is full, or storage is unavailable.
const RETRY_AFTER: Duration = Duration::from_secs(5);

/// An error response.
#[derive(Debug)]
pub(crate) struct Problem(Box<Contents>);

#[derive(Debug)]
struct Contents {
    kind: ProblemKind,
    detail: String,
    errors: Vec<PartError>,
    /// Ids of deleted jobs.
    gone: Vec<Uuid>,
    retry_after: Option<Duration>,
    allow: Option<String>,
    challenge: Option<String>,
}

impl Problem {
    /// A problem of this kind.
    pub(crate) fn new(kind: ProblemKind, detail: impl Into<String>) -> Self {
        Self(Box::new(Contents {
            kind,
            detail: cut(detail.into()),
            errors: Vec::new(),
            gone: Vec::new(),
            retry_after: None,
            allow: None,
            challenge: None,
        }))
    }

    /// A problem of one invalid part of the request.
    pub(crate) fn of_part(part: PartError) -> Self {
        let mut problem = Self::new(ProblemKind::Validation, part.detail.clone());
        problem.0.errors.push(part);
        problem
    }

    /// A problem of several invalid parts of the request. The list must not be empty.
    pub(crate) fn of_parts(mut parts: Vec<PartError>) -> Self {
        if let [_] = parts.as_slice()
            && let Some(part) = parts.pop()
        {
            return Self::of_part(part);
        }
        let found = parts.len();
        parts.truncate(ERRORS_MAX);
        let detail = match found - parts.len() {
            0 => format!("{found} invalid values"),
            more => format!("{found} invalid values; the first {ERRORS_MAX} are listed, {more} more are not"),
        };
        let mut problem = Self::new(ProblemKind::Validation, detail);
        problem.0.errors = parts;
        problem
    }

    /// A conflict in these parts of the request.
    fn conflict_in_parts(detail: &str, mut parts: Vec<PartError>) -> Self {
        parts.truncate(ERRORS_MAX);
        let mut problem = Self::new(ProblemKind::Conflict, detail);
        problem.0.errors = parts;
        problem
    }

    /// Problem of an unknown path.
    pub(crate) fn unknown_route(request: &HttpRequest) -> Self {
        let detail = match request.path() {
            "/" => "path / not found; /docs/ describes the API".to_owned(),
            path => format!("path {path} not found"),
        };
        Self::new(ProblemKind::NotFound, detail)
    }

    /// Problem of a path without the method.
    pub(crate) fn method_not_allowed(method: &Method, allow: &str) -> Self {
        let detail = format!("method {method} not allowed; allowed are {allow}");
        let mut problem = Self::new(ProblemKind::MethodNotAllowed, detail);
        problem.0.allow = Some(allow.to_owned());
        problem
    }

    /// Problem of a WebSocket address whose version the request does not have.
    pub(crate) fn upgrade_required(detail: &str) -> Self {
        Self::new(ProblemKind::UpgradeRequired, detail)
    }

    /// Problem of a server that can't handle requests now.
    pub(crate) fn unavailable(detail: impl Into<String>) -> Self {
        let mut problem = Self::new(ProblemKind::Unavailable, detail);
        problem.0.retry_after = Some(RETRY_AFTER);
        problem
    }

    /// Problem of a limit that is reached for now.
    pub(crate) fn busy(detail: impl Into<String>) -> Self {
        let mut problem = Self::new(ProblemKind::Busy, detail);
        problem.0.retry_after = Some(RETRY_AFTER);
        problem
    }

    /// The same problem; if a size limit is exceeded, it names the setting of the limit.
    pub(crate) fn with_setting(mut self, setting: &str) -> Self {
        if self.0.kind == ProblemKind::TooLarge {
            self.0.detail.push_str(&format!(" ({setting})"));
        }
        self
    }

    /// Problem of a list that exceeds `max` bytes.
    pub(crate) fn response_too_large(max: usize) -> Self {
        let detail = format!("the response exceeds server.max_response ({max} bytes); use a smaller limit");
        let mut problem = Self::new(ProblemKind::ResponseTooLarge, detail.clone());
        problem.0.errors.push(PartError::parameter("limit", detail));
        problem
    }

    /// Last part of its `type`.
    pub(crate) fn code(&self) -> &'static str {
        self.0.kind.describe().0
    }

    /// True if the server has failed; false if the request was rejected.
    pub(crate) fn is_fault(&self) -> bool {
        matches!(self.0.kind, ProblemKind::Unavailable | ProblemKind::Internal)
    }

    /// Cause of the problem, and the allowed values.
    pub(crate) fn detail(&self) -> &str {
        &self.0.detail
    }

    /// Invalid parts of the request.
    pub(crate) fn parts(&self) -> &[PartError] {
        &self.0.errors
    }

    /// Time after which the caller should retry, if that may help.
    pub(crate) fn retry_after(&self) -> Option<Duration> {
        self.0.retry_after
    }
}

impl From<PartError> for Problem {
    fn from(part: PartError) -> Self {
        Self::of_part(part)
    }
}

impl From<FieldError> for Problem {
    fn from(error: FieldError) -> Self {
        Self::of_part(error.into())
    }
}
