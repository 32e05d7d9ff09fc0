//! The hub protocol in JSON: each message is an object and the byte 0x1E.

use bytes::{Bytes, BytesMut};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::message::{Incoming, Outgoing, Unreadable};
use crate::api::strict_json;

/// End of a record.
pub(super) const RECORD_SEPARATOR: u8 = 0x1e;

/// Takes the first complete record from the buffer, without its separator.
pub(super) fn next_record(buffer: &mut BytesMut, bytes_max: usize) -> Result<Option<Bytes>, Unreadable> {
    let end = buffer.iter().position(|byte| *byte == RECORD_SEPARATOR);
    if end.unwrap_or(buffer.len()) > bytes_max {
        return Err(Unreadable::TooLarge { max: bytes_max });
    }
    Ok(end.map(|end| {
        let mut record = buffer.split_to(end + 1);
        record.truncate(end);
        record.freeze()
    }))
}

/// Serializes a record.
pub(super) fn record(message: &impl Serialize) -> Bytes {
    // The messages of this module always serialize as JSON.
    let mut bytes = serde_json::to_vec(message).unwrap_or_default();
    bytes.push(RECORD_SEPARATOR);
    bytes.into()
}

/// Fields of all types of messages: the type may be the last field.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawMessage {
    #[serde(rename = "type")]
    kind: u64,
    invocation_id: Option<String>,
    target: Option<String>,
    arguments: Option<Vec<Value>>,
    stream_ids: Option<Vec<String>>,
}

/// Parses a record.
pub(super) fn read(record: &[u8]) -> Result<Incoming, Unreadable> {
    let malformed = |what: String| Unreadable::Malformed(what);
    // serde would read an array as an object's fields in their order.
    if !record.trim_ascii_start().starts_with(b"{") {
        return Err(malformed("A message is not a JSON object.".to_owned()));
    }
    let raw: RawMessage =
        strict_json::from_slice(record).map_err(|error| malformed(format!("A message is not valid: {error}")))?;
    let RawMessage {
        kind,
        invocation_id,
        target,
        arguments,
        stream_ids,
    } = raw;
    let missing = |field: &str, of: &str| malformed(format!("Missing required property '{field}' of {of}."));
    match kind {
        1 => Ok(Incoming::Invocation {
            id: invocation_id,
            target: target.ok_or_else(|| missing("target", "an invocation"))?,
            arguments: arguments.ok_or_else(|| missing("arguments", "an invocation"))?,
            has_streams: stream_ids.is_some_and(|ids| !ids.is_empty()),
        }),
        4 => Ok(Incoming::StreamInvocation {
            id: invocation_id.ok_or_else(|| missing("invocationId", "a stream invocation"))?,
            target: target.ok_or_else(|| missing("target", "a stream invocation"))?,
        }),
        6 => Ok(Incoming::Ping),
        7 => Ok(Incoming::Close),
        _ => Ok(Incoming::Other),
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct CompletionRecord<'a> {
    #[serde(rename = "type")]
    kind: u8,
    invocation_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<&'a Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a str>,
}

#[derive(Serialize)]
struct PingRecord {
    #[serde(rename = "type")]
    kind: u8,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct CloseRecord<'a> {
    #[serde(rename = "type")]
    kind: u8,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a str>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    allow_reconnect: bool,
}

#[derive(Serialize)]
struct InvocationRecord<'a, A> {
    #[serde(rename = "type")]
    kind: u8,
    target: &'a str,
    arguments: A,
}

/// Serializes a message.
pub(super) fn write(message: &Outgoing<'_>) -> Bytes {
    match message {
        Outgoing::Completion { id, result } => record(&CompletionRecord {
            kind: 3,
            invocation_id: id,
            result: result.ok(),
            error: result.err(),
        }),
        Outgoing::Ping => record(&PingRecord { kind: 6 }),
        Outgoing::Close { error, allow_reconnect } => record(&CloseRecord {
            kind: 7,
            error: *error,
            allow_reconnect: *allow_reconnect,
        }),
    }
}

/// Serializes a call of a method of the client; `arguments` is a tuple.
pub(super) fn invocation(target: &str, arguments: &impl Serialize) -> Bytes {
    record(&InvocationRecord {
        kind: 1,
        target,
        arguments,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn records_are_split_at_their_separators_for_any_chunks() {
        let mut buffer = BytesMut::from(&b"{\"type\":6}\x1e{\"ty"[..]);
        assert_eq!(next_record(&mut buffer, 32), Ok(Some(Bytes::from("{\"type\":6}"))));
        assert_eq!(next_record(&mut buffer, 32), Ok(None));
        buffer.extend_from_slice(b"pe\":7}\x1e");
        assert_eq!(next_record(&mut buffer, 32), Ok(Some(Bytes::from("{\"type\":7}"))));
        assert!(buffer.is_empty());
        let mut long = BytesMut::from(&[b'x'; 33][..]);
        assert_eq!(next_record(&mut long, 32), Err(Unreadable::TooLarge { max: 32 }));
    }

    #[test]
    fn a_call_is_parsed_with_any_order_of_its_fields() {
        let read = |text: &str| read(text.as_bytes());
        let call = read(r#"{"arguments":["job-updates"],"invocationId":"0","target":"JoinGroup","type":1}"#);
        assert_eq!(
            call,
            Ok(Incoming::Invocation {
                id: Some("0".to_owned()),
                target: "JoinGroup".to_owned(),
                arguments: vec![json!("job-updates")],
                has_streams: false,
            })
        );
        assert_eq!(read(r#"{"type":6}"#), Ok(Incoming::Ping));
        assert_eq!(read(r#"{"type":5,"invocationId":"9"}"#), Ok(Incoming::Other));
        assert_eq!(read(r#"{"type":99}"#), Ok(Incoming::Other));
        for invalid in [
            r#"{"type":1,"arguments":[]}"#,
            r#"{"type":1,"target":"x"}"#,
            r#"{"type":1,"target":"x","arguments":[],"invocationId":7}"#,
            r#"{"type":4,"target":"x"}"#,
            r#"{"target":"x"}"#,
            r#"[1,"0","x",[],null]"#,
            "x",
            "",
        ] {
            assert!(read(invalid).is_err(), "{invalid} was accepted");
        }
    }

    #[test]
    fn optional_fields_are_omitted_and_never_null() {
        let text = |message| String::from_utf8(write(&message).to_vec()).expect("UTF-8");
        let result = &Value::Null;
        let done = Outgoing::Completion {
            id: "0",
            result: Ok(result),
        };
        assert_eq!(text(done), "{\"type\":3,\"invocationId\":\"0\",\"result\":null}\x1e");
        let failed = Outgoing::Completion {
            id: "7",
            result: Err("Unknown hub method 'Foo'"),
        };
        assert_eq!(
            text(failed),
            "{\"type\":3,\"invocationId\":\"7\",\"error\":\"Unknown hub method 'Foo'\"}\x1e"
        );
        assert_eq!(text(Outgoing::Ping), "{\"type\":6}\x1e");
        let restart = Outgoing::Close {
            error: None,
            allow_reconnect: true,
        };
        assert_eq!(text(restart), "{\"type\":7,\"allowReconnect\":true}\x1e");
        let event = invocation("JobStatusChanged", &("job-1", "completed"));
        assert_eq!(
            event,
            "{\"type\":1,\"target\":\"JobStatusChanged\",\"arguments\":[\"job-1\",\"completed\"]}\x1e"
        );
    }
}
