//! Tokens of previews.

use std::fmt;

use crate::domain::values::id::OperationId;

/// Start of a token.
const PREFIX: &str = "op_";

/// The token of a preview, with which its caller starts the operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct OperationToken(pub OperationId);

/// The text is not a token.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this is not the token of a preview; send the token from the response to POST /operations/preview")]
pub(crate) struct InvalidOperationToken;

impl OperationToken {
    /// Parses a token as it was issued.
    pub(crate) fn parse(text: &str) -> Result<Self, InvalidOperationToken> {
        let id = text.strip_prefix(PREFIX).filter(|id| id.len() == 32);
        let id = id.and_then(|id| OperationId::parse(id).ok());
        id.map(Self).ok_or(InvalidOperationToken)
    }
}

impl fmt::Display for OperationToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PREFIX}{}", self.0.as_uuid().simple())
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;

    #[test]
    fn a_token_round_trips_through_its_text() {
        let token = OperationToken(OperationId::new(DateTime::UNIX_EPOCH, 7));
        assert_eq!(OperationToken::parse(&token.to_string()), Ok(token));
        for wrong in ["", "op_", "op_x", &token.0.to_string(), &format!("op_{}", token.0)] {
            assert_eq!(OperationToken::parse(wrong), Err(InvalidOperationToken), "{wrong}");
        }
    }
}
