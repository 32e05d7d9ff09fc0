//! Requests that are rejected before they are parsed completely.

use std::fmt;

/// Passed on in place of a rejected request. A client can't send this method: it is rejected as well.
pub(super) const REFUSED: &[u8] = b"! / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
/// Its method.
pub(super) const METHOD: &str = "!";

/// Reason of a rejection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// Malformed, with the reason.
    Malformed(&'static str),
    /// The head is too large.
    TooLarge,
    /// The head timed out.
    TooSlow,
    /// The limit of connections, in total or of the client, is reached.
    Full,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Malformed(what) => what,
            Self::TooLarge => "the head is too large",
            Self::TooSlow => "the head timed out",
            Self::Full => "connection limit reached",
        })
    }
}
