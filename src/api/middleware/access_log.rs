//! Logs requests: at `debug` with a span around each, and at `info` as an access log if it is enabled (`[log] access =
//! true`).
//!
//! Tokens are not logged: headers are omitted, and `access_token` is removed from the query.

use std::time::{Duration, Instant};

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage};
use tracing::{Instrument, Level, debug, debug_span, info};

use crate::api::auth::{Authenticator, RequestCaller, redacted};
use crate::domain::values::trace_context::{TRACE_PARENT_HEADER, TraceParent};

/// Handles a request and logs it; `access` resolves the clients' addresses if the access log is enabled. At other
/// levels it costs nothing.
pub(crate) async fn write<B: MessageBody>(
    access: Option<Authenticator>,
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<B>, Error> {
    match access {
        Some(authenticator) if tracing::enabled!(Level::INFO) => write_access(&authenticator, request, next).await,
        Some(_) | None => write_debug(request, next).await,
    }
}

async fn write_access<B: MessageBody>(
    authenticator: &Authenticator,
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<B>, Error> {
    request.extensions_mut().insert(RequestCaller::default());
    let (method, path) = (request.method().clone(), request.path().to_owned());
    let client = authenticator
        .address(request.request())
        .map_or_else(|| "-".to_owned(), |address| address.to_string());
    let started_at = Instant::now();
    let result = write_debug(request, next).await;
    let duration_us = micros(started_at.elapsed());
    let (status, caller) = match &result {
        Ok(response) => (response.status(), caller_of(response)),
        Err(error) => (error.as_response_error().status_code(), None),
    };
    let (status, caller) = (status.as_u16(), caller.as_deref().unwrap_or("-"));
    info!(
        client.address = client,
        caller,
        http.request.method = %method,
        url.path = path,
        http.response.status_code = status,
        duration_us,
        "{method} {path} {status}"
    );
    result
}

fn caller_of<B>(response: &ServiceResponse<B>) -> Option<std::sync::Arc<str>> {
    response.request().extensions().get::<RequestCaller>()?.get()
}

async fn write_debug<B: MessageBody>(request: ServiceRequest, next: Next<B>) -> Result<ServiceResponse<B>, Error> {
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
        let started_at = Instant::now();
        let result = next.call(request).await;
        let took_us = micros(started_at.elapsed());
        match &result {
            Ok(response) => {
                let status = response.status().as_u16();
                debug!(status, took_us, "responded with {status}");
            }
            Err(error) => debug!(took_us, "failed: {error}"),
        }
        result
    }
    .instrument(span)
    .await
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}
