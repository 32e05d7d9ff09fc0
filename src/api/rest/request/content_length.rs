//! Declared lengths of bodies.

use actix_web::http::header::{CONTENT_LENGTH, HeaderMap};

/// The declared length of a request's body, in bytes.
pub(super) fn announced(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}
