//! What an endpoint's answer means.
//!
//! | status | the attempt |
//! | --- | --- |
//! | 2xx | completed |
//! | 408, 425, 429, 5xx | failed; retried as the policy says, and not before `Retry-After` |
//! | 3xx | failed for good: redirects are not followed |
//! | other 4xx | failed for good |

use chrono::{DateTime, NaiveDateTime, Utc};
use reqwest::StatusCode;

use crate::domain::time_span::TimeSpan;

/// The longest wait that an endpoint may ask for.
const RETRY_AFTER_MAX: TimeSpan = TimeSpan::from_secs(24 * 3600);

/// What a status says of the attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The work is done.
    Completed,
    /// It may succeed later.
    Retry,
    /// It is done elsewhere.
    Redirected,
    /// It will never succeed.
    Refused,
}

/// What this status says of the attempt. An informational one is no final answer, and so no sense can be made of it.
pub(super) fn verdict(status: StatusCode) -> Verdict {
    match status.as_u16() {
        200..=299 => Verdict::Completed,
        300..=399 => Verdict::Redirected,
        408 | 425 | 429 | 500..=599 => Verdict::Retry,
        _ => Verdict::Refused,
    }
}

/// How long `Retry-After` asks to wait, at most a day: seconds, or the time of day at which to come back. What is neither
/// asks for nothing.
pub(super) fn retry_after(value: &str, now: Option<DateTime<Utc>>) -> Option<TimeSpan> {
    let value = value.trim();
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        // A number too great to read is above the bound in any case.
        return Some(
            value
                .parse()
                .map_or(RETRY_AFTER_MAX, TimeSpan::from_secs)
                .min(RETRY_AFTER_MAX),
        );
    }
    let wait = TimeSpan::from_delta(parse_http_date(value)? - now?);
    Some(wait.clamp(TimeSpan::ZERO, RETRY_AFTER_MAX))
}

/// Reads a date in one of the three forms that HTTP knows (RFC 9110, section 5.6.7).
pub(super) fn parse_http_date(text: &str) -> Option<DateTime<Utc>> {
    const FORMS: [&str; 3] = [
        "%a, %d %b %Y %H:%M:%S GMT",
        "%A, %d-%b-%y %H:%M:%S GMT",
        "%a %b %e %H:%M:%S %Y",
    ];
    FORMS
        .iter()
        .find_map(|form| NaiveDateTime::parse_from_str(text.trim(), form).ok())
        .map(|time| time.and_utc())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::{prop_assert, proptest};

    fn wait(value: &str) -> Option<TimeSpan> {
        retry_after(value, parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT"))
    }

    #[test]
    fn each_status_has_its_verdict() {
        let of = |codes: &[u16]| -> Vec<Verdict> {
            codes
                .iter()
                .map(|&code| verdict(StatusCode::from_u16(code).unwrap()))
                .collect()
        };
        assert_eq!(of(&[200, 204, 299]), [Verdict::Completed; 3]);
        assert_eq!(of(&[301, 302, 304, 307]), [Verdict::Redirected; 4]);
        assert_eq!(of(&[408, 425, 429, 500, 501, 503, 599]), [Verdict::Retry; 7]);
        assert_eq!(of(&[400, 401, 404, 409, 410, 422, 600]), [Verdict::Refused; 7]);
    }

    #[test]
    fn the_wait_is_given_in_seconds_or_as_a_date_in_any_of_its_forms() {
        assert_eq!(wait("120"), Some(TimeSpan::from_secs(120)));
        for date in [
            "Sun, 06 Nov 1994 08:50:37 GMT",
            "Sunday, 06-Nov-94 08:50:37 GMT",
            "Sun Nov  6 08:50:37 1994",
        ] {
            assert_eq!(wait(date), Some(TimeSpan::from_secs(60)), "{date}");
        }
    }

    #[test]
    fn a_wait_is_never_negative_and_at_most_a_day() {
        assert_eq!(wait("Sun, 06 Nov 1994 08:49:36 GMT"), Some(TimeSpan::ZERO));
        assert_eq!(wait("Sun, 06 Nov 2044 08:49:37 GMT"), Some(RETRY_AFTER_MAX));
        assert_eq!(wait("86401"), Some(RETRY_AFTER_MAX));
        assert_eq!(wait("99999999999999999999999"), Some(RETRY_AFTER_MAX));
    }

    #[test]
    fn what_is_neither_asks_for_nothing() {
        for value in ["", "-1", "1.5", "soon", "Mon, 06 Nov 1994 08:50:37 GMT"] {
            assert_eq!(wait(value), None, "{value}");
        }
        assert_eq!(retry_after("Sun, 06 Nov 1994 08:50:37 GMT", None), None);
    }

    proptest! {
        #[test]
        fn no_value_makes_it_panic(value in "\\PC{0,40}") {
            prop_assert!(wait(&value).is_none_or(|wait| wait <= RETRY_AFTER_MAX));
        }
    }
}
