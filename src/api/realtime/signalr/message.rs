//! The messages of the hub protocol, whatever their encoding.

use serde_json::Value;

/// What a client sends.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Incoming {
    /// Calls a method of the hub.
    Invocation {
        /// Wants an answer under this id; without one there must be none, not even of an error.
        id: Option<String>,
        /// The method.
        target: String,
        /// What it is given, in order.
        arguments: Vec<Value>,
        /// Whether the client wants to stream further arguments.
        has_streams: bool,
    },
    /// Calls a method whose results would come one by one.
    StreamInvocation {
        /// The id of all answers.
        id: String,
        /// The method.
        target: String,
    },
    /// The client lives.
    Ping,
    /// The client ends the connection.
    Close,
    /// Something that needs no answer: the end of a stream that there is not, or a kind of message of later versions.
    Other,
}

/// What a client is sent, beside what the hub tells.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Outgoing<'a> {
    /// The answer to a call.
    Completion {
        /// The id of the call, as it came.
        id: &'a str,
        /// What the method gave.
        result: Result<&'a Value, &'a str>,
    },
    /// The server lives.
    Ping,
    /// The server ends the connection.
    Close {
        /// Why, when it is a mistake of the client.
        error: Option<&'a str>,
        /// Whether the client may connect again by itself.
        allow_reconnect: bool,
    },
}

/// Why what a client sent can't be understood. The connection ends.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unreadable {
    /// It is larger than a message may be.
    #[error("The maximum message size of {max}B was exceeded.")]
    TooLarge {
        /// How many bytes a message may have.
        max: usize,
    },
    /// It is not a message.
    #[error("{0}")]
    Malformed(String),
}
