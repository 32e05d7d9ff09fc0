//! Reasons of close frames.

/// Maximum length of a reason, in bytes (RFC 6455, section 5.5): a frame of 125 less the code.
const REASON_BYTES_MAX: usize = 123;

/// The reason, truncated to the maximum length.
pub(in super::super) fn close_reason(why: &str) -> &str {
    why.get(..why.floor_char_boundary(REASON_BYTES_MAX)).unwrap_or_default()
}
