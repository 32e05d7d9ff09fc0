//! Format of idempotency keys.

/// Maximum length of a key, in characters.
const LENGTH_MAX: usize = 255;

/// True if a text is a valid key.
pub(crate) fn is_key(text: &str) -> bool {
    !text.is_empty() && text.len() <= LENGTH_MAX && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// Description of valid keys.
pub(crate) fn allowed() -> String {
    format!("a key has 1 to {LENGTH_MAX} visible ASCII characters")
}
