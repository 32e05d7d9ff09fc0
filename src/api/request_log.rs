//! Requests in the log, at `debug`: who asked for what, what was answered, and how long it took.
//!
//! A token is in no line: headers are not logged, and `access_token` is taken out of the query.

use std::time::Instant;

use actix_web::Error;
use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::middleware::Next;
use tracing::{Instrument, Level, debug, debug_span};

use super::auth::redacted;
use crate::domain::trace::{TRACE_PARENT_HEADER, TraceParent};

/// Answers a request and writes it to the log. At other levels nobody pays for it.
pub async fn write<B: MessageBody>(request: ServiceRequest, next: Next<B>) -> Result<ServiceResponse<B>, Error> {
    if !tracing::enabled!(Level::DEBUG) {
        return next.call(request).await;
    }
    let header = request.headers().get(TRACE_PARENT_HEADER);
    let trace = header.and_then(|text| TraceParent::parse(text.to_str().ok()?).ok());
    let query = redacted(request.query_string());
    let span = debug_span!(
        "request",
        method = %request.method(),
        path = request.path(),
        query = %query,
        trace_id = trace.map(|place| tracing::field::display(place.trace_id))
    );
    async {
        let began = Instant::now();
        let answer = next.call(request).await;
        let took_us = u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX);
        match &answer {
            Ok(response) => {
                let status = response.status().as_u16();
                debug!(status, took_us, "answered {status}");
            }
            Err(error) => debug!(took_us, "failed: {error}"),
        }
        answer
    }
    .instrument(span)
    .await
}
