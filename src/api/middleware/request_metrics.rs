//! Counts requests by route, method and status.

use std::sync::Arc;
use std::time::Instant;

use actix_web::Error;
use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::middleware::Next;

use crate::service::facade_metrics::requests::{RequestKind, Requests};

/// Route of requests to unknown paths.
const NO_ROUTE: &str = "none";

/// Handles a request and counts it. Long-lived connections are counted when they are opened.
pub(crate) async fn count<B: MessageBody>(
    requests: Requests,
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<B>, Error> {
    let started_at = Instant::now();
    let method = word(request.method());
    let response = next.call(request).await?;
    let route = response.request().match_pattern();
    let kind = RequestKind {
        route: route.map_or_else(|| Arc::from(NO_ROUTE), Arc::from),
        method,
        status: response.status().as_u16(),
    };
    requests.add(kind, started_at.elapsed());
    Ok(response)
}

/// The method, if routes have it: callers can invent others.
fn word(method: &Method) -> &'static str {
    for (known, word) in [
        (Method::GET, "GET"),
        (Method::POST, "POST"),
        (Method::PUT, "PUT"),
        (Method::PATCH, "PATCH"),
        (Method::DELETE, "DELETE"),
        (Method::HEAD, "HEAD"),
        (Method::OPTIONS, "OPTIONS"),
    ] {
        if *method == known {
            return word;
        }
    }
    "other"
}
