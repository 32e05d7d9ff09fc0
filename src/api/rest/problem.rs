//! Problems: the one source of error responses (RFC 9457, `application/problem+json`).

use std::time::Duration;

use actix_web::http::header::{
    ALLOW, CONTENT_TYPE, HeaderValue, RETRY_AFTER, SEC_WEBSOCKET_VERSION, UPGRADE, WWW_AUTHENTICATE,
};
use actix_web::http::{Method, StatusCode};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder};
use serde::Serialize;
use tracing::{debug, error};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::api::auth;
use crate::api::auth::AuthFailure;
use crate::domain::access::allowance::RateExceeded;
use crate::domain::access::caller::Forbidden;
use crate::service::error::ServiceError;

/// Maximum number of invalid fields in one problem.
const ERRORS_MAX: usize = 100;
/// Maximum length of a detail, in characters: some repeat values of the caller.
const DETAIL_LENGTH_MAX: usize = 600;
/// Time after which a caller should retry if a queue is full, or storage is unavailable.
const COME_BACK: Duration = Duration::from_secs(5);

/// Kinds of problems. Their codes are part of the API and never change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum ProblemKind {
    /// The body is not JSON, or the request is malformed in another way.
    Malformed,
    /// A field, a parameter or a header has an invalid value.
    Validation,
    /// The caller is not authenticated.
    Unauthenticated,
    /// The caller lacks a scope, or the resource belongs to another caller.
    Forbidden,
    /// The caller exceeds a rate limit.
    TooManyRequests,
    /// A job, another resource or a route was not found.
    NotFound,
    /// The path has no such method.
    MethodNotAllowed,
    /// No format of the response is acceptable to the caller.
    NotAcceptable,
    /// The state of the resource does not allow the request.
    Conflict,
    /// The requested resource was deleted or has expired.
    Gone,
    /// A precondition failed.
    PreconditionFailed,
    /// The body is too large, or what the request asks for.
    TooLarge,
    /// The response would be too large.
    AnswerTooLarge,
    /// The head of the request is too large.
    HeadTooLarge,
    /// The request was not received in time.
    TooSlow,
    /// The address requires another protocol.
    UpgradeRequired,
    /// The content type of the body is not JSON.
    UnsupportedMediaType,
    /// The idempotency key belongs to another request.
    IdempotencyMismatch,
    /// The server or the queue is at its limit.
    Busy,
    /// A read has timed out.
    ReadTimeout,
    /// Storage is unavailable, or the server shuts down.
    Unavailable,
    /// A failure of the server.
    Internal,
}

impl ProblemKind {
    /// Last part of the problem's `type`, its status and its title.
    const fn describe(self) -> (&'static str, StatusCode, &'static str) {
        match self {
            Self::Malformed => ("malformed", StatusCode::BAD_REQUEST, "Malformed request"),
            Self::Validation => ("validation", StatusCode::BAD_REQUEST, "Validation failed"),
            Self::Unauthenticated => ("unauthenticated", StatusCode::UNAUTHORIZED, "Authentication required"),
            Self::Forbidden => ("forbidden", StatusCode::FORBIDDEN, "Forbidden"),
            Self::TooManyRequests => ("too-many-requests", StatusCode::TOO_MANY_REQUESTS, "Too many requests"),
            Self::NotFound => ("not-found", StatusCode::NOT_FOUND, "Not found"),
            Self::MethodNotAllowed => (
                "method-not-allowed",
                StatusCode::METHOD_NOT_ALLOWED,
                "Method not allowed",
            ),
            Self::NotAcceptable => ("not-acceptable", StatusCode::NOT_ACCEPTABLE, "Not acceptable"),
            Self::Conflict => ("conflict", StatusCode::CONFLICT, "Conflict"),
            Self::Gone => ("gone", StatusCode::GONE, "Gone"),
            Self::PreconditionFailed => (
                "precondition-failed",
                StatusCode::PRECONDITION_FAILED,
                "Precondition failed",
            ),
            Self::HeadTooLarge => (
                "head-too-large",
                StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
                "Request header fields too large",
            ),
            Self::TooSlow => ("too-slow", StatusCode::REQUEST_TIMEOUT, "Request timeout"),
            Self::TooLarge => ("too-large", StatusCode::PAYLOAD_TOO_LARGE, "Request too large"),
            Self::AnswerTooLarge => ("answer-too-large", StatusCode::PAYLOAD_TOO_LARGE, "Response too large"),
            Self::UpgradeRequired => ("upgrade-required", StatusCode::UPGRADE_REQUIRED, "Upgrade required"),
            Self::UnsupportedMediaType => (
                "unsupported-media-type",
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "Unsupported media type",
            ),
            Self::IdempotencyMismatch => (
                "idempotency-mismatch",
                StatusCode::UNPROCESSABLE_ENTITY,
                "Idempotency key reused",
            ),
            Self::Busy => ("busy", StatusCode::SERVICE_UNAVAILABLE, "Service busy"),
            Self::ReadTimeout => ("read-timeout", StatusCode::SERVICE_UNAVAILABLE, "Read timed out"),
            Self::Unavailable => ("unavailable", StatusCode::SERVICE_UNAVAILABLE, "Service unavailable"),
            Self::Internal => ("internal", StatusCode::INTERNAL_SERVER_ERROR, "Internal server error"),
        }
    }
}

/// An invalid part of a request. One of `pointer`, `parameter` and `header` names it.
#[derive(ToSchema)]
#[schema(as = PartError)]
#[expect(
    dead_code,
    reason = "the schema of what PartError serializes to, without a union of objects"
)]
struct PartErrorSchema {
    /// A field of the body, as a JSON pointer in a URI fragment (RFC 6901).
    #[schema(value_type = String, required = false, example = "#/maxRetries")]
    pointer: Option<String>,
    /// A query parameter.
    #[schema(value_type = String, required = false)]
    parameter: Option<String>,
    /// A header.
    #[schema(value_type = String, required = false)]
    header: Option<String>,
    /// The error, and the allowed values.
    #[schema(example = "maxRetries is 2000; allowed are 0 to 1000")]
    detail: String,
}

/// An error in one part of a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct PartError {
    /// The part.
    #[serde(flatten)]
    pub place: Place,
    /// The error, and the allowed values.
    pub detail: String,
}

/// A part of a request: exactly one of these members is present.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Place {
    /// A field of the body, as a JSON pointer in a URI fragment (RFC 6901).
    Pointer(String),
    /// A query parameter.
    Parameter(String),
    /// A header.
    Header(String),
}

impl PartError {
    /// Error in a field of the body; `pointer` as in `/jobs/3/delay`, empty for the complete body.
    pub(in super::super) fn field(pointer: &str, detail: impl Into<String>) -> Self {
        Self {
            place: Place::Pointer(format!("#{pointer}")),
            detail: cut(detail.into()),
        }
    }

    /// Error in a query parameter.
    pub(in super::super) fn parameter(name: &str, detail: impl Into<String>) -> Self {
        Self {
            place: Place::Parameter(cut(name.to_owned())),
            detail: cut(detail.into()),
        }
    }

    /// Error in a header.
    pub(in super::super) fn header(name: &str, detail: impl Into<String>) -> Self {
        Self {
            place: Place::Header(name.to_owned()),
            detail: cut(detail.into()),
        }
    }
}

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

/// The body of an error.
#[derive(Serialize, ToSchema)]
#[schema(as = Problem)]
pub(super) struct ProblemDocument<'a> {
    /// Kind of the problem: stable, for programs.
    #[serde(rename = "type")]
    #[schema(example = "urn:tickerq:problem:validation")]
    kind: String,
    /// Name of the kind.
    #[schema(example = "Validation failed")]
    title: &'static str,
    /// The HTTP status.
    #[schema(example = 400)]
    status: u16,
    /// Cause of the problem, and the allowed values.
    #[schema(example = "maxRetries is 2000; allowed are 0 to 1000")]
    detail: &'a str,
    /// Path of the request.
    #[schema(example = "/api/tickerq/jobs")]
    instance: &'a str,
    /// Job of an earlier request that was deleted.
    #[serde(rename = "jobId", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, format = Uuid, required = false)]
    job_id: Option<Uuid>,
    /// Jobs of an earlier request that were deleted, if there are several.
    #[serde(rename = "jobIds", skip_serializing_if = "<[Uuid]>::is_empty")]
    #[schema(value_type = Vec<String>, required = false)]
    job_ids: &'a [Uuid],
    /// Invalid parts of the request; omitted if there are none.
    #[serde(skip_serializing_if = "<[PartError]>::is_empty")]
    #[schema(value_type = Vec<PartErrorSchema>, required = false)]
    errors: &'a [PartError],
}

impl Problem {
    /// A problem of this kind.
    pub(in super::super) fn new(kind: ProblemKind, detail: impl Into<String>) -> Self {
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
    pub(in super::super) fn of_part(part: PartError) -> Self {
        let mut problem = Self::new(ProblemKind::Validation, part.detail.clone());
        problem.0.errors.push(part);
        problem
    }

    /// A problem of several invalid parts of the request. The list must not be empty.
    pub(super) fn of_parts(mut parts: Vec<PartError>) -> Self {
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
    pub(super) fn too_late(detail: &str, mut parts: Vec<PartError>) -> Self {
        parts.truncate(ERRORS_MAX);
        let mut problem = Self::new(ProblemKind::Conflict, detail);
        problem.0.errors = parts;
        problem
    }

    /// Problem of an unknown path.
    pub(in super::super) fn unknown_route(request: &HttpRequest) -> Self {
        let detail = format!("path {} not found", request.path());
        Self::new(ProblemKind::NotFound, detail)
    }

    /// Problem of a path without the method.
    pub(in super::super) fn method_not_allowed(method: &Method, allow: &str) -> Self {
        let detail = format!("method {method} not allowed; allowed are {allow}");
        let mut problem = Self::new(ProblemKind::MethodNotAllowed, detail);
        problem.0.allow = Some(allow.to_owned());
        problem
    }

    /// Problem of a WebSocket address whose version the request does not have.
    pub(in super::super) fn upgrade_required(detail: &str) -> Self {
        Self::new(ProblemKind::UpgradeRequired, detail)
    }

    /// Problem of a server that can't handle requests now.
    pub(in super::super) fn unavailable(detail: impl Into<String>) -> Self {
        let mut problem = Self::new(ProblemKind::Unavailable, detail);
        problem.0.retry_after = Some(COME_BACK);
        problem
    }

    /// Problem of a limit that is reached for now.
    pub(in super::super) fn busy(detail: impl Into<String>) -> Self {
        let mut problem = Self::new(ProblemKind::Busy, detail);
        problem.0.retry_after = Some(COME_BACK);
        problem
    }

    /// The same problem; if a size limit is exceeded, it names the setting of the limit.
    pub(in super::super) fn with_setting(mut self, setting: &str) -> Self {
        if self.0.kind == ProblemKind::TooLarge {
            self.0.detail.push_str(&format!(" ({setting})"));
        }
        self
    }

    /// Problem of a list that exceeds `max` bytes.
    pub(super) fn answer_too_large(max: usize) -> Self {
        let detail = format!("the response exceeds server.max_response ({max} bytes); use a smaller limit");
        let mut problem = Self::new(ProblemKind::AnswerTooLarge, detail.clone());
        problem.0.errors.push(PartError::parameter("limit", detail));
        problem
    }

    /// The response to this request.
    pub(in super::super) fn answer(&self, request: &HttpRequest) -> HttpResponse {
        let (code, status, title) = self.0.kind.describe();
        let document = ProblemDocument {
            kind: format!("urn:tickerq:problem:{code}"),
            title,
            status: status.as_u16(),
            detail: &self.0.detail,
            instance: request.path(),
            job_id: self.0.gone.first().copied(),
            job_ids: if self.0.gone.len() > 1 { &self.0.gone } else { &[] },
            errors: &self.0.errors,
        };
        // Strings and numbers always serialize as JSON.
        self.head()
            .insert_header((CONTENT_TYPE, HeaderValue::from_static("application/problem+json")))
            .body(serde_json::to_vec(&document).unwrap_or_default())
    }

    /// Status and headers of the response, for facades with a body of their own.
    pub(in super::super) fn head(&self) -> HttpResponseBuilder {
        let (_, status, _) = self.0.kind.describe();
        let mut response = HttpResponse::build(status);
        if status == StatusCode::REQUEST_TIMEOUT {
            // The rest of the body is not the next request.
            response.force_close();
        }
        if status == StatusCode::UPGRADE_REQUIRED {
            response.insert_header((UPGRADE, "websocket"));
            response.insert_header((SEC_WEBSOCKET_VERSION, "13"));
        }
        if let Some(wait) = self.0.retry_after {
            response.insert_header((RETRY_AFTER, auth::whole_seconds(wait)));
        }
        if let Some(challenge) = &self.0.challenge {
            response.insert_header((WWW_AUTHENTICATE, challenge.as_str()));
        }
        if let Some(allow) = &self.0.allow {
            response.insert_header((ALLOW, allow.as_str()));
        }
        response
    }

    /// Last part of its `type`.
    pub(in super::super) fn code(&self) -> &'static str {
        self.0.kind.describe().0
    }

    /// True if the server has failed; false if the request was rejected.
    pub(in super::super) fn is_fault(&self) -> bool {
        matches!(self.0.kind, ProblemKind::Unavailable | ProblemKind::Internal)
    }

    /// Cause of the problem, and the allowed values.
    pub(in super::super) fn detail(&self) -> &str {
        &self.0.detail
    }

    /// Invalid parts of the request.
    pub(in super::super) fn parts(&self) -> &[PartError] {
        &self.0.errors
    }

    /// Time after which the caller should retry, if that may help.
    pub(in super::super) fn retry_after(&self) -> Option<Duration> {
        self.0.retry_after
    }

    /// The problem of a service error; `pointer_of` maps the name of a field and its index in a batch to its JSON
    /// pointer.
    pub(in super::super) fn of_service(
        error: ServiceError,
        pointer_of: impl FnOnce(&str, Option<usize>) -> String,
    ) -> Self {
        if let ServiceError::Invalid { field, index, detail } = error {
            return Self::of_part(PartError::field(&pointer_of(field, index), detail));
        }
        if let ServiceError::Forbidden(refused) = error {
            return Self::from(refused);
        }
        let detail = error.to_string();
        if let ServiceError::ReplayGone { ids, is_recurring: _ } = error {
            let mut problem = Self::new(ProblemKind::Gone, detail);
            problem.0.gone = ids;
            return problem;
        }
        let (kind, retry_after) = match error {
            ServiceError::Invalid { .. } => (ProblemKind::Validation, None),
            ServiceError::Forbidden(_) | ServiceError::ForeignWorker { .. } | ServiceError::ReservedTypes { .. } => {
                (ProblemKind::Forbidden, None)
            }
            ServiceError::NoSuchJob { .. }
            | ServiceError::NoSuchRecurringJob { .. }
            | ServiceError::NoSuchRecurringKey { .. }
            | ServiceError::NoSuchEndpoint { .. }
            | ServiceError::NoSuchDelivery { .. }
            | ServiceError::NoSuchWorker { .. }
            | ServiceError::NoSuchNode { .. }
            | ServiceError::NoSuchQueue { .. } => (ProblemKind::NotFound, None),
            ServiceError::InvalidTransition(_)
            | ServiceError::Contended
            | ServiceError::WorkerLeaseOver { .. }
            | ServiceError::ConfiguredEndpoint { .. }
            | ServiceError::EndpointDisabled { .. }
            | ServiceError::TooManyEndpoints { .. }
            | ServiceError::ConfiguredQueue { .. }
            | ServiceError::QueueInUse { .. }
            | ServiceError::WebhooksOff
            | ServiceError::LogNotOwned
            | ServiceError::FeedOff
            | ServiceError::UniqueKeyTaken { .. }
            | ServiceError::RecurringKeyTaken { .. } => (ProblemKind::Conflict, None),
            ServiceError::FeedGap | ServiceError::ReplayGone { .. } => (ProblemKind::Gone, None),
            ServiceError::PreconditionFailed { .. } => (ProblemKind::PreconditionFailed, None),
            ServiceError::IdempotencyMismatch => (ProblemKind::IdempotencyMismatch, None),
            ServiceError::QueueFull { .. } | ServiceError::NoLeaseMemory => (ProblemKind::Busy, Some(COME_BACK)),
            ServiceError::Busy { retry_after } | ServiceError::ReadsBusy { retry_after, .. } => {
                (ProblemKind::Busy, Some(retry_after))
            }
            ServiceError::RateLimited(RateExceeded::Now { retry_after, .. }) => {
                (ProblemKind::TooManyRequests, Some(retry_after))
            }
            ServiceError::RateLimited(RateExceeded::Always { .. }) => (ProblemKind::TooLarge, None),
            ServiceError::ReadTimedOut { .. } => (ProblemKind::ReadTimeout, None),
            ServiceError::OverCallerLimit { .. } => (ProblemKind::TooLarge, None),
            ServiceError::CallerLimit { retry_after, .. } | ServiceError::TooManyWorkers { retry_after, .. } => {
                (ProblemKind::TooManyRequests, Some(retry_after))
            }
            ServiceError::Stopping => (ProblemKind::Unavailable, Some(COME_BACK)),
            // Storage failures are logged where they occur, once for all requests.
            ServiceError::Unavailable { reason } | ServiceError::StorageFault { fault: _, reason } => {
                debug!("storage is unavailable: {reason}");
                (ProblemKind::Unavailable, Some(COME_BACK))
            }
            ServiceError::Internal { reason } => {
                error!("request failed: {reason}");
                (ProblemKind::Internal, None)
            }
        };
        let mut problem = Self::new(kind, detail);
        problem.0.retry_after = retry_after;
        problem
    }
}

impl From<ServiceError> for Problem {
    fn from(error: ServiceError) -> Self {
        Self::of_service(error, |field, _| format!("/{field}"))
    }
}

impl From<RateExceeded> for Problem {
    fn from(exceeded: RateExceeded) -> Self {
        ServiceError::from(exceeded).into()
    }
}

impl From<Forbidden> for Problem {
    fn from(refused: Forbidden) -> Self {
        let mut problem = Self::new(ProblemKind::Forbidden, refused.to_string());
        problem.0.challenge = Some(auth::insufficient_scope(&refused.scope));
        problem
    }
}

impl From<AuthFailure> for Problem {
    fn from(failure: AuthFailure) -> Self {
        let kind = match failure {
            AuthFailure::Missing | AuthFailure::Invalid(_) => ProblemKind::Unauthenticated,
            AuthFailure::Malformed(_) => ProblemKind::Malformed,
            AuthFailure::Braked { .. } | AuthFailure::TooMany { .. } => ProblemKind::TooManyRequests,
            AuthFailure::ForeignOrigin | AuthFailure::ForeignHost => ProblemKind::Forbidden,
        };
        let mut problem = Self::new(kind, failure.detail());
        problem.0.retry_after = failure.retry_after();
        problem.0.challenge = failure.challenge();
        problem
    }
}

impl From<PartError> for Problem {
    fn from(part: PartError) -> Self {
        Self::of_part(part)
    }
}

/// Truncates a text that may repeat values of the caller.
fn cut(mut text: String) -> String {
    if let Some((end, _)) = text.char_indices().nth(DETAIL_LENGTH_MAX) {
        text.truncate(end);
        text.push('…');
    }
    text
}
