//! Messages of the hub protocol in any encoding.

use serde_json::Value;

/// A message of a client.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Incoming {
    /// Call of a method of the hub.
    Invocation {
        /// Id of the response; without it there is none, not even an error.
        id: Option<String>,
        /// Name of the method.
        target: String,
        /// Arguments, in order.
        arguments: Vec<Value>,
        /// True if the client streams further arguments.
        has_streams: bool,
    },
    /// Call of a method with streamed results.
    StreamInvocation {
        /// Id of the responses.
        id: String,
        /// Name of the method.
        target: String,
    },
    /// Keep-alive.
    Ping,
    /// End of the connection.
    Close,
    /// Message without a response: the end of an unknown stream, or a type of later versions.
    Other,
}

/// A message to a client, other than the hub's events.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Outgoing<'a> {
    /// Response to a call.
    Completion {
        /// Id of the call.
        id: &'a str,
        /// Result of the method.
        result: Result<&'a Value, &'a str>,
    },
    /// Keep-alive.
    Ping,
    /// End of the connection.
    Close {
        /// Error of the client, if there was one.
        error: Option<&'a str>,
        /// True if the client may reconnect.
        allow_reconnect: bool,
    },
}

/// Error of a message that can't be parsed. The connection ends.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unreadable {
    /// The message exceeds the maximum size.
    #[error("The maximum message size of {max}B was exceeded.")]
    TooLarge {
        /// Maximum size, in bytes.
        max: usize,
    },
    /// The message is malformed.
    #[error("{0}")]
    Malformed(String),
}
