//! Transports over HTTP requests.

/// The transports that are not WebSockets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum HttpTransport {
    /// One long answer.
    ServerSentEvents,
    /// An answer a poll.
    LongPolling,
}
