//! Bodies of requests: their size, their content type, their JSON, with precise errors.

use std::time::Duration;

use actix_web::http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap};
use actix_web::rt::time::timeout;
use actix_web::web::{Bytes, BytesMut, Payload};
use futures_util::StreamExt;
use serde::Deserialize;
use serde_json::error::Category;
use serde_path_to_error::{Path, Segment};

use super::contract::field_values::Object;
use super::memory::{MemoryBudget, counted_bytes};
use super::problem::{PartError, Problem, ProblemKind};
use super::strict_json;
use super::strict_json::Strict;
use crate::domain::access::caller::Caller;

/// Maximum length of a caller's name in a pointer, in characters.
const POINTER_PART_MAX: usize = 100;

/// Timeout of a body, in addition to the time for its bytes.
const BODY_TIME: Duration = Duration::from_secs(30);
/// Minimum rate of its bytes.
const BODY_BYTES_PER_SECOND: u64 = 8 * 1024;

/// Step in which memory for a body is reserved, in bytes.
const COUNTED_STEP: usize = 64 << 10;

/// Reads a body of at most `max` bytes, which is empty if there is none. A stalled or slow body is dropped: each
/// occupies a connection. If the server owns the connection, it closes slow ones earlier. The bytes count against the
/// memory budget as long as they exist.
pub(crate) async fn read(
    headers: &HeaderMap,
    payload: &mut Payload,
    max: usize,
    memory: (&MemoryBudget, &Caller),
) -> Result<Bytes, Problem> {
    let bytes = announced(headers).unwrap_or(max as u64).min(max as u64);
    let time = BODY_TIME + Duration::from_secs(bytes / BODY_BYTES_PER_SECOND);
    let too_slow = |_| {
        let detail = format!("timed out after {} s reading the body", time.as_secs());
        Problem::new(ProblemKind::TooSlow, detail)
    };
    timeout(time, read_all(headers, payload, max, memory))
        .await
        .map_err(too_slow)?
}

async fn read_all(
    headers: &HeaderMap,
    payload: &mut Payload,
    max: usize,
    memory: (&MemoryBudget, &Caller),
) -> Result<Bytes, Problem> {
    let too_large = || Problem::new(ProblemKind::TooLarge, format!("body size limit ({max} bytes) exceeded"));
    if announced(headers).is_some_and(|length| usize::try_from(length).map_or(true, |length| length > max)) {
        return Err(too_large());
    }
    let broken = |error| Problem::new(ProblemKind::Malformed, format!("failed to read the body: {error}"));
    let first = match payload.next().await {
        Some(chunk) => chunk.map_err(broken)?,
        None => return Ok(Bytes::new()),
    };
    if first.len() > max {
        return Err(too_large());
    }
    // A small body in one chunk is not counted: it is in the connection's buffer.
    let Some(second) = payload.next().await else {
        return Ok(first);
    };
    let (memory, caller) = memory;
    let memory = memory.of(caller);
    let mut reservation = memory.empty_reservation();
    let mut count = |length: usize| {
        let more = length.min(memory.size()).saturating_sub(reservation.bytes());
        more == 0 || reservation.grow(more.max(COUNTED_STEP)) || reservation.grow(more)
    };
    if !count(first.len()) {
        return Err(memory.exhausted());
    }
    let mut bytes = BytesMut::from(&*first);
    let mut next = Some(second);
    while let Some(chunk) = next {
        let chunk = chunk.map_err(broken)?;
        if bytes.len() + chunk.len() > max {
            return Err(too_large());
        }
        // A buffer grows to twice its size.
        let length = bytes.len() + chunk.len();
        if length > bytes.capacity() && !count(length.saturating_mul(2).min(max.saturating_add(length))) {
            return Err(memory.exhausted());
        }
        bytes.extend_from_slice(&chunk);
        next = payload.next().await;
    }
    reservation.shrink_to(bytes.capacity());
    Ok(counted_bytes(bytes, reservation))
}

/// Parses a JSON object.
pub(crate) fn parse<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, Problem> {
    match strict_json::from_slice::<Object<T>>(bytes) {
        Ok(Object(value)) => Ok(value),
        // The cause is found by a second, slower pass.
        Err(error) => Err(explain::<Object<T>>(bytes, &error)),
    }
}

/// Parses the JSON object at `pointer` of the body.
pub(crate) fn parse_part<'a, T: Deserialize<'a>>(text: &'a str, pointer: &str) -> Result<T, PartError> {
    match strict_json::from_str::<Object<T>>(text) {
        Ok(Object(value)) => Ok(value),
        Err(error) => Err(locate::<Object<T>>(text.as_bytes(), pointer, &error)),
    }
}

/// The cause of an error in a body.
pub(crate) fn explain<'a, T: Deserialize<'a>>(bytes: &'a [u8], error: &serde_json::Error) -> Problem {
    if let Err(wrong) = std::str::from_utf8(bytes) {
        let detail = format!("the body is not UTF-8: invalid byte at {}", wrong.valid_up_to());
        return Problem::new(ProblemKind::Malformed, detail);
    }
    match error.classify() {
        Category::Data => locate::<T>(bytes, "", error).into(),
        Category::Io | Category::Syntax | Category::Eof => {
            Problem::new(ProblemKind::Malformed, format!("the body is not JSON: {error}"))
        }
    }
}

fn locate<'a, T: Deserialize<'a>>(bytes: &'a [u8], parent: &str, error: &serde_json::Error) -> PartError {
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    match serde_path_to_error::deserialize::<_, T>(Strict(&mut deserializer)) {
        Err(located) => {
            let message = message_of(located.inner());
            PartError::field(&pointer(parent, located.path(), &message), message)
        }
        // The error of a value that parses is in the text after it.
        Ok(_) => PartError::field(parent, message_of(error)),
    }
}

/// The message without the position in the text: the pointer is more precise.
fn message_of(error: &serde_json::Error) -> String {
    let message = error.to_string();
    let position = format!(" at line {} column {}", error.line(), error.column());
    message.strip_suffix(&position).map_or(message.clone(), str::to_owned)
}

fn pointer(parent: &str, path: &Path, message: &str) -> String {
    let mut pointer = parent.to_owned();
    for segment in path {
        match segment {
            Segment::Seq { index } => pointer.push_str(&format!("/{index}")),
            Segment::Map { key } | Segment::Enum { variant: key } => push_part(&mut pointer, key),
            Segment::Unknown => {}
        }
    }
    // serde names a duplicate field in the message only.
    if let Some(field) = message
        .strip_prefix("duplicate field `")
        .and_then(|rest| rest.strip_suffix('`'))
    {
        push_part(&mut pointer, field);
    }
    pointer
}

/// Adds a name to a JSON pointer.
fn push_part(pointer: &mut String, name: &str) {
    pointer.push('/');
    for character in name.chars().take(POINTER_PART_MAX) {
        match character {
            '~' => pointer.push_str("~0"),
            '/' => pointer.push_str("~1"),
            other => pointer.push(other),
        }
    }
}

/// Rejects a body whose content type is not JSON.
pub(crate) fn check_content_type(headers: &HeaderMap) -> Result<(), Problem> {
    let wrong = |detail: String| Err(Problem::new(ProblemKind::UnsupportedMediaType, detail));
    if let Some(encoding) = headers.get(CONTENT_ENCODING)
        && !encoding.as_bytes().eq_ignore_ascii_case(b"identity")
    {
        let encoding = String::from_utf8_lossy(encoding.as_bytes());
        return wrong(format!(
            "content encoding '{encoding}' is not supported; send the body without encoding"
        ));
    }
    let Some(given) = headers.get(CONTENT_TYPE) else {
        return wrong("the body has no Content-Type; send application/json".to_owned());
    };
    if is_json(given.as_bytes()) {
        return Ok(());
    }
    let given = String::from_utf8_lossy(given.as_bytes());
    wrong(format!(
        "the body's Content-Type is '{given}'; send application/json, in UTF-8"
    ))
}

/// True if a content type is `application/json` or `application/…+json`, in UTF-8.
fn is_json(content_type: &[u8]) -> bool {
    if content_type == b"application/json" {
        return true;
    }
    let Ok(text) = std::str::from_utf8(content_type) else {
        return false;
    };
    let text = text.to_ascii_lowercase();
    let mut parts = text.split(';').map(str::trim);
    let essence = parts.next().unwrap_or_default();
    let is_json = essence == "application/json"
        || essence
            .strip_prefix("application/")
            .is_some_and(|subtype| subtype.len() > 5 && subtype.ends_with("+json"));
    is_json
        && parts.all(|parameter| match parameter.split_once('=') {
            Some(("charset", charset)) => matches!(charset.trim_matches('"'), "utf-8" | "utf8"),
            Some(_) => true,
            None => parameter.is_empty(),
        })
}

/// The declared length of a request's body, in bytes.
pub(crate) fn announced(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}
