//! What an endpoint's answer means.
//!
//! | status | the attempt |
//! | --- | --- |
//! | 2xx | completed |
//! | 3xx | failed for good: redirects are not followed |
//! | one of `permanent_statuses` | failed for good |
//! | other 4xx and 5xx | failed; retried as the policy says, and not before `Retry-After` |
//!
//! Unless the setting names others, all of 4xx but 408, 425 and 429 are permanent.

use reqwest::StatusCode;

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

/// What this status says of the attempt, where `permanent` has the statuses after which no retry is worth it. An
/// informational one is no final answer, and one that HTTP does not have says nothing.
pub(super) fn verdict(status: StatusCode, permanent: Option<&[u16]>) -> Verdict {
    let code = status.as_u16();
    match (code, permanent) {
        (200..=299, _) => Verdict::Completed,
        (300..=399, _) => Verdict::Redirected,
        (400..=599, Some(permanent)) if permanent.contains(&code) => Verdict::Refused,
        (400..=599, Some(_)) | (408 | 425 | 429 | 500..=599, None) => Verdict::Retry,
        _ => Verdict::Refused,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_status_has_its_verdict() {
        let of = |codes: &[u16]| -> Vec<Verdict> {
            codes
                .iter()
                .map(|&code| verdict(StatusCode::from_u16(code).unwrap(), None))
                .collect()
        };
        assert_eq!(of(&[200, 204, 299]), [Verdict::Completed; 3]);
        assert_eq!(of(&[301, 302, 304, 307]), [Verdict::Redirected; 4]);
        assert_eq!(of(&[408, 425, 429, 500, 501, 503, 599]), [Verdict::Retry; 7]);
        assert_eq!(of(&[400, 401, 404, 409, 410, 422, 600]), [Verdict::Refused; 7]);
    }

    #[test]
    fn the_setting_says_which_statuses_are_permanent() {
        let of = |code: u16, permanent: &[u16]| verdict(StatusCode::from_u16(code).unwrap(), Some(permanent));
        for code in [400, 401, 403, 404, 410, 429, 500, 501] {
            assert_eq!(of(code, &[]), Verdict::Retry, "{code}");
            assert_eq!(of(code, &[code]), Verdict::Refused, "{code}");
            assert_eq!(of(code, &[418]), Verdict::Retry, "{code}");
        }
        assert_eq!(of(200, &[400]), Verdict::Completed);
        assert_eq!(of(302, &[]), Verdict::Redirected);
        assert_eq!(of(600, &[]), Verdict::Refused);
    }
}
