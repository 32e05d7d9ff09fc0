//! Encodings of the hub protocol, and the handshake that selects one.

use bytes::{Bytes, BytesMut};
use serde::{Deserialize, Serialize};

use super::message::{Incoming, Outgoing, Unreadable};
use super::{json, message_pack};
use crate::api::strict_json;

/// Encoding of messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    /// JSON.
    Json,
    /// MessagePack.
    MessagePack,
}

/// Format that a transport supports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    /// Text only.
    Text,
    /// Text and binary.
    Any,
}

#[derive(Deserialize)]
struct HandshakeRequest {
    protocol: String,
    version: i32,
}

/// Newest version of the protocols. Version 1 lacks the messages of stateful reconnects, which clients send only after
/// negotiating them; the official server accepts every version up to its own.
const VERSION_MAX: i32 = 2;

#[derive(Serialize)]
struct HandshakeError<'a> {
    error: &'a str,
}

impl Protocol {
    /// The response that accepts a handshake.
    pub(super) fn accepted() -> Bytes {
        Bytes::from_static(b"{}\x1e")
    }

    /// The response that rejects a handshake.
    pub(super) fn rejection(error: &str) -> Bytes {
        json::record(&HandshakeError { error })
    }

    /// Parses a handshake, which is JSON in every protocol. The error is for the client.
    pub(super) fn of_handshake(record: &[u8], format: Format) -> Result<Self, String> {
        let request: HandshakeRequest =
            strict_json::from_slice(record).map_err(|error| format!("The handshake is not valid: {error}"))?;
        let HandshakeRequest {
            protocol: name,
            version,
        } = request;
        let protocol = match name.as_str() {
            "json" => Self::Json,
            "messagepack" => Self::MessagePack,
            other => {
                let other: String = other.chars().take(64).collect();
                return Err(format!("The protocol '{other}' is not supported."));
            }
        };
        if version > VERSION_MAX {
            return Err(format!(
                "The server does not support version {version} of the '{name}' protocol."
            ));
        }
        if protocol == Self::MessagePack && format == Format::Text {
            return Err(
                "Cannot use the 'messagepack' protocol on the current transport. The transport does not \
                        support 'Binary' transfer format."
                    .to_owned(),
            );
        }
        Ok(protocol)
    }

    /// Takes the first complete message from the buffer.
    pub(super) fn next(self, buffer: &mut BytesMut, bytes_max: usize) -> Result<Option<Incoming>, Unreadable> {
        let message = match self {
            Self::Json => json::next_record(buffer, bytes_max)?.map(|record| json::read(&record)),
            Self::MessagePack => {
                message_pack::next_message(buffer, bytes_max)?.map(|message| message_pack::read(&message))
            }
        };
        message.transpose()
    }

    /// Serializes a message.
    pub(super) fn write(self, message: &Outgoing<'_>) -> Bytes {
        match self {
            Self::Json => json::write(message),
            Self::MessagePack => message_pack::write(message),
        }
    }

    /// Serializes a call of a method of the client; `arguments` is a tuple, because arguments are positional.
    pub(crate) fn invocation(self, target: &str, arguments: &impl Serialize) -> Bytes {
        match self {
            Self::Json => json::invocation(target, arguments),
            Self::MessagePack => message_pack::invocation(target, arguments),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_handshake_names_a_protocol_that_the_transport_supports() {
        let read = |text: &str, format| Protocol::of_handshake(text.as_bytes(), format);
        let message_pack = r#"{"protocol":"messagepack","version":1}"#;
        assert_eq!(
            read(r#"{"protocol":"json","version":1}"#, Format::Text),
            Ok(Protocol::Json)
        );
        assert_eq!(read(message_pack, Format::Any), Ok(Protocol::MessagePack));
        assert!(read(message_pack, Format::Text).is_err());
        assert_eq!(
            read(r#"{"protocol":"x","version":1}"#, Format::Any),
            Err("The protocol 'x' is not supported.".to_owned())
        );
        for version in [-1, 0, 1, 2] {
            for (name, protocol) in [("json", Protocol::Json), ("messagepack", Protocol::MessagePack)] {
                let handshake = format!(r#"{{"protocol":"{name}","version":{version}}}"#);
                assert_eq!(read(&handshake, Format::Any), Ok(protocol), "{handshake}");
            }
        }
        assert_eq!(
            read(r#"{"protocol":"json","version":3}"#, Format::Any),
            Err("The server does not support version 3 of the 'json' protocol.".to_owned())
        );
        for wrong in [
            "",
            "x",
            "{}",
            r#"{"protocol":"json"}"#,
            r#"{"protocol":"json","version":"1"}"#,
            r#"{"protocol":"json","version":1.5}"#,
            r#"{"protocol":"json","version":null}"#,
            r#"{"type":6}"#,
        ] {
            assert!(read(wrong, Format::Any).is_err(), "{wrong} was accepted");
        }
    }
}
