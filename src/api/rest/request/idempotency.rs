//! The `Idempotency-Key` header (draft-ietf-httpapi-idempotency-key-header).

use actix_web::http::header::HeaderName;

use super::context::RequestContext;
use crate::api::contract::idempotency_key::{allowed, is_key};
use crate::api::problem::{PartError, Problem};
use crate::service::idempotency::IdempotencyKey;

/// Name of the header.
const HEADER: &str = "Idempotency-Key";
/// Header of a response that repeats that of an earlier request.
pub(crate) const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

impl RequestContext {
    /// The caller's key for `operation`, if the request has one. Requests with the same bytes in their body are the
    /// same request.
    pub(crate) fn idempotency_key(&self, operation: &str, body: &[u8]) -> Result<Option<IdempotencyKey>, Problem> {
        let mut values = self.request.headers().get_all(HEADER);
        let Some(value) = values.next() else {
            return Ok(None);
        };
        let wrong = || {
            let detail = format!("{}, in double quotes or without", allowed());
            Problem::from(PartError::header(HEADER, detail))
        };
        if values.next().is_some() {
            return Err(PartError::header(HEADER, "the header is duplicated").into());
        }
        let key = value.to_str().ok().and_then(parse_key).ok_or_else(wrong)?;
        Ok(Some(IdempotencyKey {
            key: format!("{operation}\n{key}"),
            request: body.to_vec(),
        }))
    }
}

/// Parses a key: a string of structured fields (RFC 8941), or the same text without quotes, as many clients send it.
fn parse_key(text: &str) -> Option<String> {
    let text = text.trim();
    let key = match text.strip_prefix('"') {
        Some(rest) => unescape(rest.strip_suffix('"')?)?,
        None => text.to_owned(),
    };
    is_key(&key).then_some(key)
}

/// The content of a structured field's string; `None` if a quote or a backslash in it is not escaped.
fn unescape(text: &str) -> Option<String> {
    let mut key = String::with_capacity(text.len());
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        match character {
            '"' => return None,
            '\\' => key.push(characters.next().filter(|escaped| matches!(escaped, '"' | '\\'))?),
            other => key.push(other),
        }
    }
    Some(key)
}
