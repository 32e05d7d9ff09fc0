//! What an endpoint's answer means.
//!
//! | status | the attempt |
//! | --- | --- |
//! | 2xx | completed |
//! | 408, 425, 429, 5xx | failed; retried as the policy says, and not before `Retry-After` |
//! | 3xx | failed for good: redirects are not followed |
//! | other 4xx | failed for good |

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

/// What this status says of the attempt. An informational one is no final answer, and so no sense can be made of it.
pub(super) fn verdict(status: StatusCode) -> Verdict {
    match status.as_u16() {
        200..=299 => Verdict::Completed,
        300..=399 => Verdict::Redirected,
        408 | 425 | 429 | 500..=599 => Verdict::Retry,
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
                .map(|&code| verdict(StatusCode::from_u16(code).unwrap()))
                .collect()
        };
        assert_eq!(of(&[200, 204, 299]), [Verdict::Completed; 3]);
        assert_eq!(of(&[301, 302, 304, 307]), [Verdict::Redirected; 4]);
        assert_eq!(of(&[408, 425, 429, 500, 501, 503, 599]), [Verdict::Retry; 7]);
        assert_eq!(of(&[400, 401, 404, 409, 410, 422, 600]), [Verdict::Refused; 7]);
    }
}
