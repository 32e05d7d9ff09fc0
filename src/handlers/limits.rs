//! Limits of results and errors: the outcome of every handler is checked here before it is stored.

use crate::domain::job::outcome::Failure;
use crate::domain::values::json;
use crate::domain::values::json::Json;
use crate::domain::values::name::is_printable;

/// Replaces text that was cut.
pub(super) const LEFT_OUT: &str = "…";

/// The error of a failure without a reason.
const NO_REASON: &str = "the handler failed and gave no reason";

/// Maximum sizes of results and errors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HandlerLimits {
    /// Maximum size of a result's JSON text, in bytes. A larger result fails the attempt; results are never truncated.
    pub result_bytes_max: usize,
    /// Maximum nesting depth of a result. JSON parsers often have a limit of 128.
    pub result_depth_max: usize,
    /// Maximum size of a failure's error, which is one line, in bytes. Longer ones are truncated.
    pub error_bytes_max: usize,
    /// Maximum size of a failure's detail, in bytes. Longer ones are truncated.
    pub detail_bytes_max: usize,
}

impl Default for HandlerLimits {
    fn default() -> Self {
        Self {
            result_bytes_max: 1024 * 1024,
            result_depth_max: 100,
            error_bytes_max: 1024,
            detail_bytes_max: 16 * 1024,
        }
    }
}

impl HandlerLimits {
    /// The result to store: `null` becomes no result, and a result beyond the limits becomes a failure.
    pub fn bound_result(&self, result: Option<Json>) -> Result<Option<Json>, Failure> {
        let Some(result) = result.filter(|result| result.as_str() != "null") else {
            return Ok(None);
        };
        if result.as_str().len() > self.result_bytes_max {
            return Err(self.result_too_large());
        }
        let depth = json::depth(result.as_str());
        if depth > self.result_depth_max {
            // Permanent, for the same reason as in `result_too_large`.
            return Err(Failure::permanent(format!(
                "the result has a nesting depth of {depth}; the maximum is {}",
                self.result_depth_max
            )));
        }
        Ok(Some(result))
    }

    /// The failure to store: its error in one line, both texts within their limits and without control characters, some
    /// of which databases reject (NUL) and terminals interpret.
    ///
    /// Idempotent.
    pub fn bound_failure(&self, failure: Failure) -> Failure {
        let Failure { error, detail, retry } = failure;
        let error = match printable_line(&error) {
            line if line.is_empty() => NO_REASON.to_owned(),
            line => line,
        };
        let detail = detail
            .map(|detail| printable_text(&detail))
            .filter(|detail| !detail.trim().is_empty());
        Failure {
            error: keep_start(error, self.error_bytes_max).into(),
            detail: detail.map(|detail| keep_start(detail, self.detail_bytes_max).into()),
            retry,
        }
    }

    /// A log line or progress message to store: printable, and truncated like an error.
    pub fn bound_line(&self, text: &str) -> String {
        keep_start(printable_text(text), self.error_bytes_max)
    }

    /// The failure of an attempt whose result is too large.
    ///
    /// It is permanent: the work is done, and a retry would only produce a result of the same size.
    pub fn result_too_large(&self) -> Failure {
        Failure::permanent(format!(
            "the result exceeds the maximum size of {} bytes",
            self.result_bytes_max
        ))
    }
}

/// Text of several lines separated by `
/// `, with a replacement character for each control character but tabs.
pub(super) fn printable_text(text: &str) -> String {
    text.replace("\r\n", "\n")
        .chars()
        .map(|character| match character {
            '\n' | '\t' => character,
            '\r' => '\n',
            _ if !is_printable(character) => char::REPLACEMENT_CHARACTER,
            _ => character,
        })
        .collect()
}

/// The text in one line: line breaks and tabs become spaces.
fn printable_line(text: &str) -> String {
    printable_text(text).replace(['\n', '\t'], " ").trim().to_owned()
}

/// The beginning of a text that is too long.
fn keep_start(mut text: String, bytes_max: usize) -> String {
    if text.len() > bytes_max {
        text.truncate(text.floor_char_boundary(bytes_max.saturating_sub(LEFT_OUT.len())));
        text.push_str(LEFT_OUT);
    }
    text
}

/// The end of a text that is too long.
pub(super) fn keep_end(text: String, bytes_max: usize) -> String {
    if text.len() <= bytes_max {
        return text;
    }
    let kept = bytes_max.saturating_sub(LEFT_OUT.len());
    let start = text.ceil_char_boundary(text.len() - kept);
    format!("{LEFT_OUT}{}", &text[start..])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::job::outcome::RetryAdvice;
    use proptest::prelude::{prop_assert, prop_assert_eq, proptest};

    fn small() -> HandlerLimits {
        HandlerLimits {
            result_bytes_max: 10,
            result_depth_max: 2,
            error_bytes_max: 12,
            detail_bytes_max: 20,
        }
    }

    fn result(text: &str) -> Option<Json> {
        Some(Json::from_valid(text))
    }

    #[test]
    fn a_result_within_the_limits_is_kept_unchanged() {
        assert_eq!(small().bound_result(result("[ 1.10, 2]")), Ok(result("[ 1.10, 2]")));
        assert_eq!(small().bound_result(None), Ok(None));
    }

    #[test]
    fn null_is_not_a_result() {
        assert_eq!(small().bound_result(result("null")), Ok(None));
    }

    #[test]
    fn a_result_that_is_too_large_or_too_deep_fails_permanently() {
        let failure = small().bound_result(result(r#""123456789""#)).unwrap_err();
        assert_eq!(&*failure.error, "the result exceeds the maximum size of 10 bytes");
        assert_eq!(failure.retry, RetryAdvice::Never);
        let failure = small().bound_result(result("[[[1]]]")).unwrap_err();
        assert_eq!(&*failure.error, "the result has a nesting depth of 3; the maximum is 2");
    }

    #[test]
    fn an_error_is_one_printable_line() {
        let failure = Failure::new("a\0b\r\nc\td\x1b[31m\n").with_detail("x\0\r\ny\rz\tü");
        let bound = HandlerLimits::default().bound_failure(failure);
        assert_eq!(&*bound.error, "a\u{fffd}b c d\u{fffd}[31m");
        assert_eq!(bound.detail.as_deref(), Some("x\u{fffd}\ny\nz\tü"));
    }

    #[test]
    fn a_failure_without_a_reason_gets_a_default() {
        let bound = HandlerLimits::default().bound_failure(Failure::permanent(" \n").with_detail("\n"));
        assert_eq!(bound, Failure::permanent(NO_REASON));
    }

    #[test]
    fn long_texts_are_truncated_between_characters() {
        let bound = small().bound_failure(Failure::new("äöüäöüäöü").with_detail("0123456789".repeat(3)));
        assert_eq!(&*bound.error, "äöüä…");
        assert_eq!(bound.detail.as_deref(), Some("01234567890123456…"));
        assert_eq!(keep_end("äöüäöüäöü".to_owned(), 12), "…üäöü".to_owned());
        assert_eq!(keep_end("short".to_owned(), 12), "short");
    }

    proptest! {
        #[test]
        fn a_bound_failure_is_small_printable_and_stable(error in "(?s).{0,40}", detail in "(?s).{0,60}") {
            let bound = small().bound_failure(Failure::new(error).with_detail(detail));
            let detail = bound.detail.clone().unwrap_or_default();
            prop_assert!(!bound.error.is_empty() && bound.error.len() <= 12 && detail.len() <= 20);
            prop_assert!(!bound.error.chars().any(char::is_control));
            prop_assert!(!detail.chars().any(|c| c.is_control() && c != '\n' && c != '\t'));
            prop_assert_eq!(small().bound_failure(bound.clone()), bound);
        }

        #[test]
        fn the_kept_end_is_within_the_limit(text in "(?s).{0,60}", max in 3_usize..40) {
            let kept = keep_end(text.clone(), max);
            prop_assert!(kept.len() <= max);
            prop_assert!(text.ends_with(kept.trim_start_matches(LEFT_OUT)));
        }
    }
}
