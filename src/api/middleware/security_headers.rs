//! Headers for browsers: which pages may call (CORS), and restrictions on responses.
//!
//! It wraps all routes of every facade, outside of authentication: a preflight has no token, and pages must be able to
//! read errors.

use std::rc::Rc;

use actix_cors::Cors;
use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::http::header::{
    CACHE_CONTROL, ETAG, HeaderMap, HeaderName, HeaderValue, LOCATION, REFERRER_POLICY, RETRY_AFTER, WWW_AUTHENTICATE,
    X_CONTENT_TYPE_OPTIONS,
};
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage};

use crate::api::auth::{AllowedOrigins, CallerRate, Quota, whole_seconds};

/// Response headers that pages of other origins may read, beside those that they may always read.
const EXPOSED: [HeaderName; 7] = [
    LOCATION,
    ETAG,
    RETRY_AFTER,
    WWW_AUTHENTICATE,
    HeaderName::from_static("idempotency-replayed"),
    RATE_LIMIT,
    RATE_LIMIT_POLICY,
];
/// Lifetime of a preflight's response, in seconds: the maximum that any browser supports.
const PREFLIGHT_SECONDS: usize = 7_200;
const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// CORS for these origins. Without origins there are no headers, and browsers block other pages.
///
/// Named origins may send credentials, as SignalR's client does by default; `*` is for requests without credentials.
pub(crate) fn cors(origins: &AllowedOrigins) -> Cors {
    let AllowedOrigins(origins) = origins;
    let cors = Cors::default()
        .allowed_methods([
            Method::GET,
            Method::HEAD,
            Method::POST,
            Method::PUT,
            Method::PATCH,
            Method::DELETE,
            Method::OPTIONS,
        ])
        .allow_any_header()
        .expose_headers(EXPOSED)
        .max_age(PREFLIGHT_SECONDS)
        .block_on_origin_mismatch(false);
    if origins.iter().any(|origin| origin == "*") {
        return cors.allow_any_origin().send_wildcard();
    }
    origins
        .iter()
        .fold(cors.supports_credentials(), |cors, origin| cors.allowed_origin(origin))
}

/// Headers that responses get.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ResponseHeaders {
    /// True if callers have to authenticate: then responses are not stored by shared caches.
    pub is_private: bool,
}

/// Adds the headers to the response of any route.
pub(crate) async fn mark(
    marks: Rc<ResponseHeaders>,
    request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let mut response = next.call(request).await?;
    // Taken out first: the request is borrowed from the response.
    let quota = response
        .request()
        .extensions()
        .get::<CallerRate>()
        .map(CallerRate::quota);
    let headers = response.headers_mut();
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    if marks.is_private {
        keep_private(headers);
    }
    if let Some(quota) = quota {
        set_quota(headers, quota);
    }
    Ok(response)
}

fn keep_private(headers: &mut HeaderMap) {
    let kept = match headers.get(CACHE_CONTROL).map(HeaderValue::as_bytes) {
        None => "no-store",
        Some(b"no-cache") => "private, no-cache",
        Some(_) => return,
    };
    headers.insert(CACHE_CONTROL, HeaderValue::from_static(kept));
}

/// `RateLimit` and `RateLimit-Policy` (draft-ietf-httpapi-ratelimit-headers-10).
fn set_quota(headers: &mut HeaderMap, quota: Quota) {
    let Quota {
        rate,
        remaining,
        full_in,
        next_in: _,
    } = quota;
    let policy = format!("\"default\";q={};w={}", rate.capacity, rate.per.as_secs());
    let left = format!("\"default\";r={remaining};t={}", whole_seconds(full_in));
    for (name, text) in [(RATE_LIMIT_POLICY, policy), (RATE_LIMIT, left)] {
        // Digits and quotes are valid in headers.
        if let Ok(value) = HeaderValue::try_from(text) {
            headers.insert(name, value);
        }
    }
}
