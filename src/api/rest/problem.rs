//! Problems: the one place where errors get a status and a body (RFC 9457, `application/problem+json`).

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

/// How many wrong fields one problem lists.
const ERRORS_MAX: usize = 100;
/// How long a detail may be, in characters: some repeat what the caller has sent.
const DETAIL_LENGTH_MAX: usize = 600;
/// When a caller should come back whose queue is full, or who finds storage away.
const COME_BACK: Duration = Duration::from_secs(5);

/// The kinds of problems. Their codes are part of the API and never change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum ProblemKind {
    /// The body is no JSON, or the request is broken in another way.
    Malformed,
    /// A field, a parameter or a header has a value that is not accepted.
    Validation,
    /// It is not known who calls.
    Unauthenticated,
    /// The caller may not do this.
    Forbidden,
    /// The caller has asked too often.
    TooManyRequests,
    /// There is no such job, queue or route.
    NotFound,
    /// The path exists, but not with this method.
    MethodNotAllowed,
    /// The caller takes no form of the answer that there is.
    NotAcceptable,
    /// The job's status does not allow it.
    Conflict,
    /// What was asked for is kept no more.
    Gone,
    /// The job is not as the caller believes.
    PreconditionFailed,
    /// The body is too large.
    TooLarge,
    /// The answer would be too large.
    AnswerTooLarge,
    /// The head of the request is too large.
    HeadTooLarge,
    /// The request did not come.
    TooSlow,
    /// The address speaks another protocol.
    UpgradeRequired,
    /// The body is not JSON by its own account.
    UnsupportedMediaType,
    /// The idempotency key was used for another request.
    IdempotencyMismatch,
    /// The server, or the queue, has too much to do.
    Busy,
    /// A read has run out of its time.
    ReadTimeout,
    /// Storage can't be reached, or the server goes down.
    Unavailable,
    /// A mistake of the server.
    Internal,
}

impl ProblemKind {
    /// The last part of the problem's `type`, its status and its title.
    const fn describe(self) -> (&'static str, StatusCode, &'static str) {
        match self {
            Self::Malformed => ("malformed", StatusCode::BAD_REQUEST, "The request can't be read"),
            Self::Validation => (
                "validation",
                StatusCode::BAD_REQUEST,
                "The request has a value that is not accepted",
            ),
            Self::Unauthenticated => ("unauthenticated", StatusCode::UNAUTHORIZED, "It is not known who calls"),
            Self::Forbidden => ("forbidden", StatusCode::FORBIDDEN, "The caller may not do this"),
            Self::TooManyRequests => (
                "too-many-requests",
                StatusCode::TOO_MANY_REQUESTS,
                "There were too many requests",
            ),
            Self::NotFound => ("not-found", StatusCode::NOT_FOUND, "There is no such thing"),
            Self::MethodNotAllowed => (
                "method-not-allowed",
                StatusCode::METHOD_NOT_ALLOWED,
                "This path does not have this method",
            ),
            Self::NotAcceptable => (
                "not-acceptable",
                StatusCode::NOT_ACCEPTABLE,
                "There is no answer in this form",
            ),
            Self::Conflict => ("conflict", StatusCode::CONFLICT, "The job's state does not allow it"),
            Self::Gone => ("gone", StatusCode::GONE, "It is kept no more"),
            Self::PreconditionFailed => (
                "precondition-failed",
                StatusCode::PRECONDITION_FAILED,
                "The resource has changed or does not exist",
            ),
            Self::HeadTooLarge => (
                "head-too-large",
                StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
                "Request header fields too large",
            ),
            Self::TooSlow => ("too-slow", StatusCode::REQUEST_TIMEOUT, "Request timeout"),
            Self::TooLarge => ("too-large", StatusCode::PAYLOAD_TOO_LARGE, "The body is too large"),
            Self::AnswerTooLarge => ("answer-too-large", StatusCode::PAYLOAD_TOO_LARGE, "Response too large"),
            Self::UpgradeRequired => ("upgrade-required", StatusCode::UPGRADE_REQUIRED, "Upgrade required"),
            Self::UnsupportedMediaType => (
                "unsupported-media-type",
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "The body is not JSON",
            ),
            Self::IdempotencyMismatch => (
                "idempotency-mismatch",
                StatusCode::UNPROCESSABLE_ENTITY,
                "The idempotency key was used for another request",
            ),
            Self::Busy => ("busy", StatusCode::SERVICE_UNAVAILABLE, "There is too much to do"),
            Self::ReadTimeout => ("read-timeout", StatusCode::SERVICE_UNAVAILABLE, "Read timed out"),
            Self::Unavailable => (
                "unavailable",
                StatusCode::SERVICE_UNAVAILABLE,
                "The server can't do this now",
            ),
            Self::Internal => ("internal", StatusCode::INTERNAL_SERVER_ERROR, "The server has failed"),
        }
    }
}

/// One part of a request that is not accepted. One of `pointer`, `parameter` and `header` says which.
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
    /// What is wrong with it, and what is allowed.
    #[schema(example = "maxRetries is 2000; allowed are 0 to 1000")]
    detail: String,
}

/// What is wrong with one part of a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct PartError {
    /// Where it is.
    #[serde(flatten)]
    pub place: Place,
    /// What is wrong with it, and what is allowed.
    pub detail: String,
}

/// A part of a request: exactly one of these members is there.
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
    /// A field of the body; `pointer` as in `/jobs/3/delay`, empty for the body as a whole.
    pub(in super::super) fn field(pointer: &str, detail: impl Into<String>) -> Self {
        Self {
            place: Place::Pointer(format!("#{pointer}")),
            detail: cut(detail.into()),
        }
    }

    /// A query parameter.
    pub(in super::super) fn parameter(name: &str, detail: impl Into<String>) -> Self {
        Self {
            place: Place::Parameter(cut(name.to_owned())),
            detail: cut(detail.into()),
        }
    }

    /// A header.
    pub(in super::super) fn header(name: &str, detail: impl Into<String>) -> Self {
        Self {
            place: Place::Header(name.to_owned()),
            detail: cut(detail.into()),
        }
    }
}

/// An error as a caller is told it.
#[derive(Debug)]
pub(crate) struct Problem(Box<Contents>);

#[derive(Debug)]
struct Contents {
    kind: ProblemKind,
    detail: String,
    errors: Vec<PartError>,
    /// What was made before and has been removed.
    gone: Vec<Uuid>,
    retry_after: Option<Duration>,
    allow: Option<String>,
    challenge: Option<String>,
}

/// The body of an error.
#[derive(Serialize, ToSchema)]
#[schema(as = Problem)]
pub(super) struct ProblemDocument<'a> {
    /// Which kind of problem it is: stable, for programs.
    #[serde(rename = "type")]
    #[schema(example = "urn:tickerq:problem:validation")]
    kind: String,
    /// The kind in words.
    #[schema(example = "The request has a value that is not accepted")]
    title: &'static str,
    /// The HTTP status.
    #[schema(example = 400)]
    status: u16,
    /// What is wrong this time, and what is allowed.
    #[schema(example = "maxRetries is 2000; allowed are 0 to 1000")]
    detail: &'a str,
    /// The path that was asked for.
    #[schema(example = "/api/tickerq/jobs")]
    instance: &'a str,
    /// The job that the answer would be about, and that has been removed.
    #[serde(rename = "jobId", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, format = Uuid, required = false)]
    job_id: Option<Uuid>,
    /// The jobs that the answer would be about, when they are several.
    #[serde(rename = "jobIds", skip_serializing_if = "<[Uuid]>::is_empty")]
    #[schema(value_type = Vec<String>, required = false)]
    job_ids: &'a [Uuid],
    /// The parts of the request that are wrong; not there when no part is.
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

    /// One part of the request is not accepted.
    pub(in super::super) fn of_part(part: PartError) -> Self {
        let mut problem = Self::new(ProblemKind::Validation, part.detail.clone());
        problem.0.errors.push(part);
        problem
    }

    /// Several parts of the request are not accepted. Not for an empty list.
    pub(super) fn of_parts(mut parts: Vec<PartError>) -> Self {
        if let [_] = parts.as_slice()
            && let Some(part) = parts.pop()
        {
            return Self::of_part(part);
        }
        let found = parts.len();
        parts.truncate(ERRORS_MAX);
        let detail = match found - parts.len() {
            0 => format!("{found} values are not accepted"),
            more => format!("{found} values are not accepted; here are the first {ERRORS_MAX}, {more} more follow"),
        };
        let mut problem = Self::new(ProblemKind::Validation, detail);
        problem.0.errors = parts;
        problem
    }

    /// What the request asks for is over, in these parts of it.
    pub(super) fn too_late(detail: &str, mut parts: Vec<PartError>) -> Self {
        parts.truncate(ERRORS_MAX);
        let mut problem = Self::new(ProblemKind::Conflict, detail);
        problem.0.errors = parts;
        problem
    }

    /// There is no such route.
    pub(in super::super) fn unknown_route(request: &HttpRequest) -> Self {
        let detail = format!("there is nothing at {}", request.path());
        Self::new(ProblemKind::NotFound, detail)
    }

    /// The path has other methods.
    pub(in super::super) fn method_not_allowed(method: &Method, allow: &str) -> Self {
        let detail = format!("this path does not have {method}; it has {allow}");
        let mut problem = Self::new(ProblemKind::MethodNotAllowed, detail);
        problem.0.allow = Some(allow.to_owned());
        problem
    }

    /// The address speaks WebSocket, in a version that the request does not have.
    pub(in super::super) fn upgrade_required(detail: &str) -> Self {
        Self::new(ProblemKind::UpgradeRequired, detail)
    }

    /// The server can't do its work now.
    pub(in super::super) fn unavailable(detail: impl Into<String>) -> Self {
        let mut problem = Self::new(ProblemKind::Unavailable, detail);
        problem.0.retry_after = Some(COME_BACK);
        problem
    }

    /// The server, or its caller, has as much as it may have of something; less later.
    pub(in super::super) fn busy(detail: impl Into<String>) -> Self {
        let mut problem = Self::new(ProblemKind::Busy, detail);
        problem.0.retry_after = Some(COME_BACK);
        problem
    }

    /// The same problem; if something is too large, it names the setting that says how large it may be.
    pub(in super::super) fn with_setting(mut self, setting: &str) -> Self {
        if self.0.kind == ProblemKind::TooLarge {
            self.0.detail.push_str(&format!(" ({setting})"));
        }
        self
    }

    /// The answer to a list would be larger than `max` bytes.
    pub(super) fn answer_too_large(max: usize) -> Self {
        let detail =
            format!("the answer is larger than server.max_response allows ({max} bytes); ask for less with limit");
        let mut problem = Self::new(ProblemKind::AnswerTooLarge, detail.clone());
        problem.0.errors.push(PartError::parameter("limit", detail));
        problem
    }

    /// The answer to this request.
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
        // Strings and numbers always become JSON.
        self.head()
            .insert_header((CONTENT_TYPE, HeaderValue::from_static("application/problem+json")))
            .body(serde_json::to_vec(&document).unwrap_or_default())
    }

    /// The status and the headers of an answer, for facades that have a body of their own.
    pub(in super::super) fn head(&self) -> HttpResponseBuilder {
        let (_, status, _) = self.0.kind.describe();
        let mut response = HttpResponse::build(status);
        if status == StatusCode::REQUEST_TIMEOUT {
            // What may still come of the body is no next request.
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

    /// The last part of its `type`.
    pub(in super::super) fn code(&self) -> &'static str {
        self.0.kind.describe().0
    }

    /// Whether the server has failed; otherwise it has refused what was asked for.
    pub(in super::super) fn is_fault(&self) -> bool {
        matches!(self.0.kind, ProblemKind::Unavailable | ProblemKind::Internal)
    }

    /// What is wrong, and what is allowed.
    pub(in super::super) fn detail(&self) -> &str {
        &self.0.detail
    }

    /// The parts of the request that are wrong.
    pub(in super::super) fn parts(&self) -> &[PartError] {
        &self.0.errors
    }

    /// When the caller should come back, if that helps.
    pub(in super::super) fn retry_after(&self) -> Option<Duration> {
        self.0.retry_after
    }

    /// A service's error; `pointer_of` tells where a field of the request is, given its name and its place in a batch.
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
            ServiceError::Refused(_)
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
            ServiceError::RateLimited(exceeded) => (ProblemKind::TooManyRequests, Some(exceeded.retry_after)),
            ServiceError::ReadTimedOut { .. } => (ProblemKind::ReadTimeout, None),
            ServiceError::OverCallerLimit { .. } => (ProblemKind::TooLarge, None),
            ServiceError::CallerLimit { retry_after, .. } => (ProblemKind::TooManyRequests, Some(retry_after)),
            ServiceError::Stopping => (ProblemKind::Unavailable, Some(COME_BACK)),
            // Storage that fails is logged where it is called, however many requests find it so.
            ServiceError::Unavailable { reason } | ServiceError::StorageFault { fault: _, reason } => {
                debug!("storage is unavailable: {reason}");
                (ProblemKind::Unavailable, Some(COME_BACK))
            }
            ServiceError::Internal { reason } => {
                error!("a request has failed: {reason}");
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

/// Cuts what may repeat a caller's words to a readable length.
fn cut(mut text: String) -> String {
    if let Some((end, _)) = text.char_indices().nth(DETAIL_LENGTH_MAX) {
        text.truncate(end);
        text.push('…');
    }
    text
}
