//! Errors in parts of a request.

use serde::Serialize;
use utoipa::ToSchema;

use crate::api::contract::field_error::FieldError;

/// Maximum length of a detail, in characters: some repeat values of the caller.
const DETAIL_LENGTH_MAX: usize = 600;

/// An invalid part of a request. One of `pointer`, `parameter` and `header` names it.
#[derive(ToSchema)]
#[schema(as = PartError)]
#[expect(
    dead_code,
    reason = "the schema of what PartError serializes to, without a union of objects"
)]
pub(super) struct PartErrorSchema {
    /// A field of the body, as a JSON pointer in a URI fragment (RFC 6901).
    #[schema(value_type = String, required = false, example = "#/maxRetries")]
    pointer: Option<String>,
    /// A query parameter.
    #[schema(value_type = String, required = false)]
    parameter: Option<String>,
    /// A header.
    #[schema(value_type = String, required = false)]
    header: Option<String>,
    /// The error, and the allowed values.
    #[schema(example = "maxRetries is 2000; allowed are 0 to 1000")]
    detail: String,
}

/// An error in one part of a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct PartError {
    /// The part.
    #[serde(flatten)]
    pub place: Place,
    /// The error, and the allowed values.
    pub detail: String,
}

/// A part of a request: exactly one of these members is present.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Place {
    /// A field of the body, as a JSON pointer in a URI fragment (RFC 6901).
    Pointer(String),
    /// A query parameter.
    Parameter(String),
    /// A header.
    Header(String),
}

impl PartError {
    /// Error in a field of the body; `pointer` as in `/jobs/3/delay`, empty for the complete body.
    pub(crate) fn field(pointer: &str, detail: impl Into<String>) -> Self {
        Self {
            place: Place::Pointer(format!("#{pointer}")),
            detail: cut(detail.into()),
        }
    }

    /// Error in a query parameter.
    pub(crate) fn parameter(name: &str, detail: impl Into<String>) -> Self {
        Self {
            place: Place::Parameter(cut(name.to_owned())),
            detail: cut(detail.into()),
        }
    }

    /// Error in a header.
    pub(crate) fn header(name: &str, detail: impl Into<String>) -> Self {
        Self {
            place: Place::Header(name.to_owned()),
            detail: cut(detail.into()),
        }
    }
}

impl From<FieldError> for PartError {
    fn from(FieldError { path, detail }: FieldError) -> Self {
        Self::field(&path, detail)
    }
}

/// Truncates a text that may repeat values of the caller.
pub(super) fn cut(mut text: String) -> String {
    if let Some((end, _)) = text.char_indices().nth(DETAIL_LENGTH_MAX) {
        text.truncate(end);
        text.push('…');
    }
    text
}
