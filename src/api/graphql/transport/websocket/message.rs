//! Messages of the two subprotocols: `graphql-transport-ws` of the npm package graphql-ws, and the older `graphql-ws`
//! of subscriptions-transport-ws.

use async_graphql::ServerError;
use bytestring::ByteString;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::api::graphql::execution::request::GraphQlRequest;
use crate::api::graphql::transport::response::EncodedResponse;
use crate::api::strict_json;

/// A subprotocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Protocol {
    /// `graphql-transport-ws`.
    Transport,
    /// `graphql-ws`.
    Legacy,
}

impl Protocol {
    /// The subprotocol with this name.
    pub(super) fn named(name: &str) -> Option<Self> {
        match name {
            "graphql-transport-ws" => Some(Self::Transport),
            "graphql-ws" => Some(Self::Legacy),
            _ => None,
        }
    }

    /// Its name.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Transport => "graphql-transport-ws",
            Self::Legacy => "graphql-ws",
        }
    }
}

/// A message of a client.
#[derive(Debug)]
pub(super) enum ClientMessage {
    /// Starts the connection, and may contain credentials.
    Init(Map<String, Value>),
    /// Pings the server, with a payload for the pong.
    Ping(Option<Box<RawValue>>),
    /// Confirms a ping.
    Pong,
    /// Requests the execution of an operation.
    Subscribe {
        /// Client's id of the operation.
        id: String,
        /// The operation.
        request: Box<GraphQlRequest>,
    },
    /// Ends an operation.
    Complete {
        /// Id of the operation.
        id: String,
    },
    /// Ends the connection.
    Terminate,
}

#[derive(Deserialize)]
struct RawMessage<'a> {
    #[serde(rename = "type")]
    kind: String,
    id: Option<String>,
    #[serde(borrow)]
    payload: Option<&'a RawValue>,
}

impl ClientMessage {
    /// Parses a message, or returns an error message.
    pub(super) fn parse(protocol: Protocol, text: &[u8]) -> Result<Self, String> {
        let raw: RawMessage<'_> = strict_json::from_slice(text).map_err(|error| error.to_string())?;
        let RawMessage { kind, id, payload } = raw;
        let id = || {
            let id = id.filter(|id| !id.is_empty());
            id.ok_or_else(|| format!("'{kind}' has no id"))
        };
        match (protocol, kind.as_str()) {
            (_, "connection_init") => {
                let payload = payload.map(|payload| serde_json::from_str(payload.get())).transpose();
                let payload: Option<Map<String, Value>> =
                    payload.map_err(|_| "the payload of connection_init is not an object".to_owned())?;
                Ok(Self::Init(payload.unwrap_or_default()))
            }
            (Protocol::Transport, "ping" | "pong") => {
                let is_object = payload.is_none_or(|payload| payload.get().starts_with('{') || payload.get() == "null");
                match (is_object, kind.as_str()) {
                    (false, kind) => Err(format!("the payload of {kind} is not an object")),
                    (true, "ping") => Ok(Self::Ping(payload.map(RawValue::to_owned))),
                    (true, _) => Ok(Self::Pong),
                }
            }
            (Protocol::Transport, "subscribe") | (Protocol::Legacy, "start") => {
                let payload = payload.ok_or_else(|| format!("'{kind}' has no payload"))?;
                let request: GraphQlRequest =
                    strict_json::from_str(payload.get()).map_err(|error| error.to_string())?;
                if protocol == Protocol::Transport && !request.has_query() {
                    return Err(format!("the payload of '{kind}' has no query"));
                }
                Ok(Self::Subscribe {
                    id: id()?,
                    request: Box::new(request),
                })
            }
            (Protocol::Transport, "complete") | (Protocol::Legacy, "stop") => Ok(Self::Complete { id: id()? }),
            (Protocol::Legacy, "connection_terminate") => Ok(Self::Terminate),
            (_, other) => {
                let other: String = other.chars().take(32).collect();
                Err(format!("unknown message '{other}'"))
            }
        }
    }
}

/// A message of the server.
#[derive(Serialize)]
struct Message<'a, P> {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    payload: Option<P>,
}

fn write<P: Serialize>(id: Option<&str>, kind: &'static str, payload: Option<P>) -> ByteString {
    // Strings and values of GraphQL always serialize as JSON.
    let json = serde_json::to_string(&Message { id, kind, payload });
    ByteString::from(json.unwrap_or_default())
}

const NOTHING: Option<()> = None;

/// Accepts the client's `connection_init`.
pub(super) fn ack() -> ByteString {
    write(None, "connection_ack", NOTHING)
}

/// Keep-alive of the older protocol.
pub(super) fn keep_alive() -> ByteString {
    write(None, "ka", NOTHING)
}

/// Rejects the client's `connection_init` in the older protocol.
pub(super) fn connection_error(message: &str) -> ByteString {
    #[derive(Serialize)]
    struct Why<'a> {
        message: &'a str,
    }
    write(None, "connection_error", Some(Why { message }))
}

/// Confirms a ping.
pub(super) fn pong(payload: Option<&RawValue>) -> ByteString {
    write(None, "pong", payload)
}

/// A result of an operation.
pub(super) fn next(protocol: Protocol, id: &str, response: &EncodedResponse) -> ByteString {
    let kind = match protocol {
        Protocol::Transport => "next",
        Protocol::Legacy => "data",
    };
    // Parsing the response as JSON would take a third copy.
    let id = serde_json::to_string(id).unwrap_or_default();
    let json = response.json();
    let mut message = Vec::with_capacity(id.len() + json.len() + 40);
    for part in [
        br#"{"id":"#,
        id.as_bytes(),
        br#","type":""#,
        kind.as_bytes(),
        br#"","payload":"#,
        json,
        b"}",
    ] {
        message.extend_from_slice(part);
    }
    // JSON is valid UTF-8.
    ByteString::try_from(message).unwrap_or_default()
}

/// Reports that an operation was not executed. It is the operation's last message.
pub(super) fn error(protocol: Protocol, id: &str, errors: &[ServerError]) -> ByteString {
    match protocol {
        Protocol::Transport => write(Some(id), "error", Some(errors)),
        // The older protocol has one.
        Protocol::Legacy => write(Some(id), "error", errors.first()),
    }
}

/// Ends an operation.
pub(super) fn complete(id: &str) -> ByteString {
    write(Some(id), "complete", NOTHING)
}

/// Names under which clients send their token, in lower case.
const TOKEN_NAMES: [&str; 4] = ["authorization", "token", "accesstoken", "access_token"];

/// The token in the payload of `connection_init`, with or without a scheme.
pub(super) fn token_in(payload: &Map<String, Value>) -> Option<&str> {
    let headers = payload.get("headers").and_then(Value::as_object);
    std::iter::once(payload)
        .chain(headers)
        .flatten()
        .filter(|(name, _)| TOKEN_NAMES.iter().any(|requested| name.eq_ignore_ascii_case(requested)))
        .find_map(|(_, value)| value.as_str())
        .map(bare)
}

/// A token without its scheme.
fn bare(text: &str) -> &str {
    match text.trim().split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => token.trim_start(),
        Some(_) | None => text.trim(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_invalid_message_is_rejected_with_a_reason() {
        for text in [
            "",
            "{",
            "[]",
            "{}",
            r#"{"type": "unknown"}"#,
            r#"{"type": "start", "id": "1", "payload": {"query": "{ a }"}}"#,
            r#"{"type": "subscribe", "payload": {"query": "{ a }"}}"#,
            r#"{"type": "subscribe", "id": "", "payload": {"query": "{ a }"}}"#,
            r#"{"type": "subscribe", "id": "1"}"#,
            r#"{"type": "subscribe", "id": "1", "payload": {"query": 3}}"#,
            r#"{"type": "subscribe", "id": 1, "payload": {"query": "{ a }"}}"#,
            r#"{"type": "complete"}"#,
            r#"{"type": "connection_init", "payload": 3}"#,
        ] {
            assert!(
                ClientMessage::parse(Protocol::Transport, text.as_bytes()).is_err(),
                "{text}"
            );
        }
        let subscribe = r#"{"type": "subscribe", "id": "1", "payload": {"query": "{ a }", "variables": null}}"#;
        assert!(ClientMessage::parse(Protocol::Transport, subscribe.as_bytes()).is_ok());
        assert!(ClientMessage::parse(Protocol::Legacy, subscribe.as_bytes()).is_err());
    }

    #[test]
    fn a_token_is_found_under_each_of_its_names() {
        for payload in [
            json!({"Authorization": "Bearer abc"}),
            json!({"authorization": "bearer  abc"}),
            json!({"authorization": "abc"}),
            json!({"token": "abc"}),
            json!({"accessToken": "abc", "other": 1}),
            json!({"headers": {"Authorization": "Bearer abc"}}),
        ] {
            let payload = payload.as_object().expect("an object");
            assert_eq!(token_in(payload), Some("abc"), "{payload:?}");
        }
        assert_eq!(token_in(&Map::new()), None);
    }
}
