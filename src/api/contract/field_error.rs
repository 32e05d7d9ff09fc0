//! Errors of fields.

/// An invalid field of a request. A facade maps its path to its own notation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FieldError {
    /// Names and indexes from the request to the field, each after a slash; empty for the complete request.
    pub(crate) path: String,
    /// The error, and the allowed values.
    pub(crate) detail: String,
}

impl FieldError {
    /// Error of a field of the request.
    pub(crate) fn new(field: &str, detail: impl Into<String>) -> Self {
        Self {
            path: format!("/{field}"),
            detail: detail.into(),
        }
    }

    /// Error of the complete request.
    pub(crate) fn of_request(detail: impl Into<String>) -> Self {
        Self {
            path: String::new(),
            detail: detail.into(),
        }
    }

    /// The same error for a request that is a part of another one; `parent` is its path there.
    pub(crate) fn within(self, parent: &str) -> Self {
        Self {
            path: format!("{parent}{}", self.path),
            ..self
        }
    }
}
