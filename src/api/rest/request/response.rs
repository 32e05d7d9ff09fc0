//! JSON responses of routes.

use std::io;

use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_TYPE, HeaderValue};
use actix_web::{HttpResponse, HttpResponseBuilder};
use serde::Serialize;

use crate::api::problem::{Problem, ProblemKind};

/// Initial capacity of a body, in bytes: enough for most responses without another allocation.
const INITIAL_BYTES: usize = 1_024;

/// Result of a route: a response or a problem.
pub(crate) type ApiResult = Result<HttpResponse, Problem>;

/// A JSON response of at most `max` bytes.
pub(super) fn json_within(max: usize, body: &impl Serialize) -> ApiResult {
    let mut written = Bounded {
        bytes: Vec::with_capacity(INITIAL_BYTES),
        max,
    };
    match serde_json::to_writer(&mut written, body) {
        Ok(()) => Ok(HttpResponse::Ok()
            .insert_header((CONTENT_TYPE, HeaderValue::from_static("application/json")))
            .body(written.bytes)),
        // Stored JSON is valid, so only the limit can fail.
        Err(_) => Err(Problem::response_too_large(max)),
    }
}

/// A buffer with a maximum length.
struct Bounded {
    bytes: Vec<u8>,
    max: usize,
}

impl io::Write for Bounded {
    fn write(&mut self, part: &[u8]) -> io::Result<usize> {
        if self.bytes.len().saturating_add(part.len()) > self.max {
            return Err(io::Error::other("too large"));
        }
        self.bytes.extend_from_slice(part);
        Ok(part.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A JSON response.
pub(crate) fn json(status: StatusCode, body: &impl Serialize) -> ApiResult {
    json_with(HttpResponse::build(status), body)
}

/// A JSON response with prepared status and headers.
pub(crate) fn json_with(mut response: HttpResponseBuilder, body: &impl Serialize) -> ApiResult {
    let mut bytes = Vec::with_capacity(INITIAL_BYTES);
    match serde_json::to_writer(&mut bytes, body) {
        Ok(()) => Ok(response
            .insert_header((CONTENT_TYPE, HeaderValue::from_static("application/json")))
            .body(bytes)),
        Err(error) => {
            tracing::error!("failed to serialize a response: {error}");
            let detail = "internal server error; see the server's log";
            Err(Problem::new(ProblemKind::Internal, detail))
        }
    }
}
