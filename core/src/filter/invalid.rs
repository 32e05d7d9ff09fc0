//! Errors of filter texts.

/// A text is not a filter.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("character {position}: {detail}")]
pub struct InvalidFilter {
    /// Position of the first invalid character, starting with 1.
    pub position: usize,
    /// The error, and the allowed texts.
    pub detail: String,
}

impl InvalidFilter {
    pub(super) fn new(position: usize, detail: impl Into<String>) -> Self {
        Self {
            position,
            detail: detail.into(),
        }
    }
}

/// The start of a text, for an error.
pub(super) fn shortened(text: &str) -> String {
    text.chars().take(64).collect()
}
