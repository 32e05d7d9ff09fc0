//! Syntax errors of documents.

use async_graphql::{Pos, ServerError};

use crate::api::graphql::errors;

/// A syntax error at a position.
pub(super) fn syntax_error(message: String, pos: Pos) -> ServerError {
    let mut error = ServerError::new(message, Some(pos));
    error.extensions = Some(errors::extensions("malformed", false));
    error
}

/// Error of a duplicate input field: the document is well-formed, but not valid.
pub(super) fn duplicate(message: String, pos: Pos) -> ServerError {
    let mut error = ServerError::new(message, Some(pos));
    error.extensions = Some(errors::extensions("validation", false));
    error
}

/// Error of brackets that are nested deeper than `max` levels.
pub(super) fn too_deep(max: usize, pos: Pos) -> ServerError {
    let message = format!("brackets are nested deeper than {max} levels; allowed are {max}");
    let mut error = ServerError::new(message, Some(pos));
    let mut extensions = errors::extensions("too-large", false);
    extensions.set("allowed", max);
    error.extensions = Some(extensions);
    error
}
