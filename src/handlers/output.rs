//! Conversion of a program's output or an endpoint's response body to a result.

use serde_json::value::RawValue;

use crate::domain::job::outcome::Failure;
use crate::domain::values::json::Json;

/// JSON is the result as it is; other text becomes a JSON string, without trailing line breaks; only white space is no
/// result.
///
/// Bytes that are not UTF-8 can't be kept unchanged: they fail the attempt permanently, as the work is done and another
/// attempt would repeat it.
pub(super) fn to_result(output: &[u8]) -> Result<Option<Json>, Failure> {
    // Some programs begin UTF-8 with a byte order mark, which JSON does not allow.
    let output = output.strip_prefix(b"\xef\xbb\xbf").unwrap_or(output);
    let text = std::str::from_utf8(output).map_err(|error| {
        Failure::permanent(format!(
            "the result is not UTF-8 text: invalid byte at position {}",
            error.valid_up_to()
        ))
    })?;
    if text.trim().is_empty() {
        return Ok(None);
    }
    let json = match serde_json::from_str::<&RawValue>(text) {
        Ok(raw) => Json::from_valid(raw.get()),
        Err(_) => Json::from_valid(serde_json::Value::from(text.trim_end_matches(['\r', '\n'])).to_string()),
    };
    Ok(Some(json))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::job::outcome::RetryAdvice;
    use proptest::prelude::{any, prop_assert, proptest};

    fn text_of(output: &[u8]) -> Option<String> {
        to_result(output).unwrap().map(|json| json.as_str().to_owned())
    }

    #[test]
    fn json_is_kept_unchanged() {
        let written = br#"{"b": 1.10, "a": 12345678901234567890123, "b": "\u0000"}"#;
        assert_eq!(text_of(written).unwrap().as_bytes(), written);
        assert_eq!(text_of(b" \n[1]\r\n").as_deref(), Some("[1]"));
        assert_eq!(text_of(b"\xef\xbb\xbf{}").as_deref(), Some("{}"));
        let deep = "[".repeat(10_000) + &"]".repeat(10_000);
        assert_eq!(text_of(deep.as_bytes()), Some(deep));
    }

    #[test]
    fn other_text_becomes_a_json_string() {
        assert_eq!(text_of(b"sent 3 mails\n").as_deref(), Some(r#""sent 3 mails""#));
        assert_eq!(
            text_of(b"{\"a\":1}\n{\"a\":2}\n").as_deref(),
            Some(r#""{\"a\":1}\n{\"a\":2}""#)
        );
        assert_eq!(text_of(b"a\0b").as_deref(), Some(r#""a\u0000b""#));
    }

    #[test]
    fn empty_output_is_no_result() {
        assert_eq!(text_of(b""), None);
        assert_eq!(text_of(b" \r\n"), None);
    }

    #[test]
    fn bytes_that_are_not_utf_8_fail_the_attempt() {
        let failure = to_result(b"ab\xff").unwrap_err();
        assert_eq!(
            &*failure.error,
            "the result is not UTF-8 text: invalid byte at position 2"
        );
        assert_eq!(failure.retry, RetryAdvice::Never);
    }

    proptest! {
        #[test]
        fn every_text_becomes_valid_json(text in any::<String>()) {
            if let Some(json) = to_result(text.as_bytes()).unwrap() {
                prop_assert!(serde_json::from_str::<&RawValue>(json.as_str()).is_ok());
            }
        }
    }
}
