//! Requests that are refused before they are one.

use std::fmt;

/// What is handed on in place of a request that is refused. No client can send this method: it is refused as well.
pub(super) const REFUSED: &[u8] = b"! / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
/// Its method.
pub(super) const METHOD: &str = "!";

/// Why a request is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// It is no request: what is wrong with it.
    Malformed(&'static str),
    /// Its head is too large.
    TooLarge,
    /// Its head did not come in time.
    TooSlow,
    /// There is no place for its connection, or its client has all that it may have.
    Full,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Malformed(what) => what,
            Self::TooLarge => "the head is too large",
            Self::TooSlow => "the head did not come in time",
            Self::Full => "connection limit reached",
        })
    }
}
