//! Kinds of problems.

use actix_web::http::StatusCode;

/// Kinds of problems. Their codes are part of the API and never change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ProblemKind {
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
    /// The number of jobs of a bulk operation has changed since its preview.
    PopulationChanged,
    /// The requested resource was deleted or has expired.
    Gone,
    /// A precondition failed.
    PreconditionFailed,
    /// The body or the requested response is too large.
    TooLarge,
    /// The response would be too large.
    ResponseTooLarge,
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
    pub(super) const fn describe(self) -> (&'static str, StatusCode, &'static str) {
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
            Self::PopulationChanged => ("population-changed", StatusCode::CONFLICT, "Population changed"),
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
            Self::ResponseTooLarge => ("answer-too-large", StatusCode::PAYLOAD_TOO_LARGE, "Response too large"),
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
