//! Requests in the log, at `debug`: who asked for what, what was answered, and how long it took.
//!
//! A token is in no line: headers are not logged, and `access_token` is taken out of the query.

use actix_web::Error;
use actix_web::HttpMessage;
use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use tracing::{Level, Span, debug, debug_span};
use tracing_actix_web::RootSpanBuilder;

use super::auth::redacted;

/// Whether requests are logged at all: otherwise nobody pays for it.
pub fn is_wanted() -> bool {
    tracing::enabled!(Level::DEBUG)
}

/// The span of a request, and the line at its end. For `tracing_actix_web::TracingLogger`.
pub struct RequestSpan;

/// When a request came.
struct Started(std::time::Instant);

impl RootSpanBuilder for RequestSpan {
    fn on_request_start(request: &ServiceRequest) -> Span {
        request.extensions_mut().insert(Started(std::time::Instant::now()));
        let query = redacted(request.query_string());
        debug_span!("request", method = %request.method(), path = request.path(), query = %query)
    }

    fn on_request_end<B: MessageBody>(_: Span, outcome: &Result<ServiceResponse<B>, Error>) {
        match outcome {
            Ok(response) => {
                let took = response
                    .request()
                    .extensions()
                    .get::<Started>()
                    .map(|Started(at)| at.elapsed());
                let status = response.status().as_u16();
                debug!(
                    status,
                    took_us = took.map(|took| took.as_micros() as u64),
                    "answered {status}"
                );
            }
            Err(error) => debug!("failed: {error}"),
        }
    }
}
