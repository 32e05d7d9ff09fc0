//! Transports over HTTP requests.

/// Transports other than WebSockets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum HttpTransport {
    /// One streamed response.
    ServerSentEvents,
    /// One response per poll.
    LongPolling,
}
