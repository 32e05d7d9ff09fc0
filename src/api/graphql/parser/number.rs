//! Numbers without loss.

use async_graphql_value::Value;
use bytes::Bytes;

/// A number, or its text if the number would not be written as it was read.
pub(super) fn number(text: &str) -> Value {
    match serde_json::from_str::<serde_json::Number>(text) {
        Ok(number) if number.to_string() == text => Value::Number(number),
        Ok(_) | Err(_) => Value::Binary(Bytes::copy_from_slice(text.as_bytes())),
    }
}
