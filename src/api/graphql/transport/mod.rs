//! GraphQL over HTTP and WebSocket.

pub(crate) mod content_negotiation;
pub(crate) mod event_stream;
pub(crate) mod http;
pub(crate) mod refusal;
pub(crate) mod response;
pub(crate) mod websocket;
