//! Syntax errors of documents.

use async_graphql::{Pos, ServerError};

use crate::api::graphql::errors;

/// A syntax error at a position.
pub(super) fn syntax_error(message: String, pos: Pos) -> ServerError {
    let mut error = ServerError::new(message, Some(pos));
    error.extensions = Some(errors::extensions("malformed", false));
    error
}
