//! `Retry-After` (RFC 9110, section 10.2.3).

use chrono::{DateTime, Utc};

use crate::domain::values::time_span::TimeSpan;

/// Maximum delay that an endpoint may request.
const RETRY_AFTER_MAX: TimeSpan = TimeSpan::from_secs(24 * 3600);

/// The delay of `Retry-After`, at most a day: seconds, or a date. Other values request no delay.
pub(crate) fn retry_after(value: &str, now: Option<DateTime<Utc>>) -> Option<TimeSpan> {
    let value = value.trim();
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        // A number that overflows is above the maximum.
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

/// Parses a date in one of the three formats of HTTP (RFC 9110, section 5.6.7).
pub(crate) fn parse_http_date(text: &str) -> Option<DateTime<Utc>> {
    httpdate::parse_http_date(text.trim()).ok().map(DateTime::from)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::{prop_assert, proptest};

    fn wait(value: &str) -> Option<TimeSpan> {
        retry_after(value, parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT"))
    }

    #[test]
    fn the_delay_is_given_in_seconds_or_as_a_date_in_any_format() {
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
    fn a_delay_is_never_negative_and_at_most_a_day() {
        assert_eq!(wait("Sun, 06 Nov 1994 08:49:36 GMT"), Some(TimeSpan::ZERO));
        assert_eq!(wait("Sun, 06 Nov 2044 08:49:37 GMT"), Some(RETRY_AFTER_MAX));
        assert_eq!(wait("86401"), Some(RETRY_AFTER_MAX));
        assert_eq!(wait("99999999999999999999999"), Some(RETRY_AFTER_MAX));
    }

    #[test]
    fn other_values_request_no_delay() {
        for value in ["", "-1", "1.5", "soon", "Sun, 31 Feb 1994 08:50:37 GMT"] {
            assert_eq!(wait(value), None, "{value}");
        }
        assert_eq!(retry_after("Sun, 06 Nov 1994 08:50:37 GMT", None), None);
    }

    proptest! {
        #[test]
        fn no_value_causes_a_panic(value in "\\PC{0,40}") {
            prop_assert!(wait(&value).is_none_or(|wait| wait <= RETRY_AFTER_MAX));
        }
    }
}
