//! Classification of an endpoint's response.
//!
//! | status | the attempt |
//! | --- | --- |
//! | 2xx | completed |
//! | 3xx | failed permanently: redirects are not followed |
//! | one of `permanent_statuses` | failed permanently |
//! | other 4xx and 5xx | failed; retried by the policy, and not before `Retry-After` |
//!
//! By default all of 4xx but 408, 425 and 429 are permanent.

use reqwest::StatusCode;

/// Meaning of a status for the attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Completed.
    Completed,
    /// Failed; a retry may succeed.
    Retry,
    /// A redirect.
    Redirected,
    /// Permanently failed.
    Permanent,
}

/// The meaning of a status, where `permanent` lists the statuses without retries. Informational statuses are not final,
/// and unknown ones have no meaning; both are retried.
pub(super) fn verdict(status: StatusCode, permanent: Option<&[u16]>) -> Verdict {
    let code = status.as_u16();
    match (code, permanent) {
        (200..=299, _) => Verdict::Completed,
        (300..=399, _) => Verdict::Redirected,
        (400..=599, Some(permanent)) if permanent.contains(&code) => Verdict::Permanent,
        (400..=599, Some(_)) | (408 | 425 | 429 | 500..=599, None) => Verdict::Retry,
        _ => Verdict::Permanent,
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
        assert_eq!(of(&[400, 401, 404, 409, 410, 422, 600]), [Verdict::Permanent; 7]);
    }

    #[test]
    fn the_setting_defines_the_permanent_statuses() {
        let of = |code: u16, permanent: &[u16]| verdict(StatusCode::from_u16(code).unwrap(), Some(permanent));
        for code in [400, 401, 403, 404, 410, 429, 500, 501] {
            assert_eq!(of(code, &[]), Verdict::Retry, "{code}");
            assert_eq!(of(code, &[code]), Verdict::Permanent, "{code}");
            assert_eq!(of(code, &[418]), Verdict::Retry, "{code}");
        }
        assert_eq!(of(200, &[400]), Verdict::Completed);
        assert_eq!(of(302, &[]), Verdict::Redirected);
        assert_eq!(of(600, &[]), Verdict::Permanent);
    }
}
