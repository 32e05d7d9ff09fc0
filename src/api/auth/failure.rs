//! Rejected callers and their challenges.

use std::time::Duration;

use crate::domain::values::rate::Quota;

const REALM: &str = "tickerq";

/// Reason why a caller is rejected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum AuthFailure {
    /// There are no credentials.
    Missing,
    /// The credentials are malformed, with an error message.
    Malformed(&'static str),
    /// The credentials are invalid, with the reason.
    Invalid(&'static str),
    /// Too many failed authentications from its address.
    Throttled {
        /// Time until the next attempt.
        retry_after: Duration,
    },
    /// The rate limit is exceeded.
    TooMany {
        /// The rate limit and its state.
        quota: Quota,
    },
    /// The origin of the page is not allowed.
    ForeignOrigin,
    /// The `Host` header is not one of this server.
    ForeignHost,
}

impl AuthFailure {
    /// The request has a token in its header and another one in its query.
    pub(super) const TWO_TOKENS: Self = Self::Malformed("the header and the query both have a token; send one");

    /// The detail of the problem.
    pub(crate) fn detail(&self) -> String {
        match self {
            Self::Missing => {
                "missing credentials: send an API key or a token as Authorization: Bearer …; other schemes are not \
                 supported"
                    .to_owned()
            }
            Self::Malformed(detail) | Self::Invalid(detail) => (*detail).to_owned(),
            Self::Throttled { retry_after } => format!(
                "too many failed authentications from this address; retry in {} s",
                whole_seconds(*retry_after)
            ),
            Self::TooMany { quota } => format!(
                "rate limit of {} requests in {} s exceeded; retry in {} s",
                quota.rate.capacity,
                quota.rate.per.as_secs(),
                whole_seconds(quota.next_in)
            ),
            Self::ForeignHost => {
                "host not allowed: without authentication only IP addresses, localhost and the hosts of \
                                  server.cors_origins are accepted"
                    .to_owned()
            }
            Self::ForeignOrigin => "origin not allowed; add it to server.cors_origins".to_owned(),
        }
    }

    /// Time after which a retry may succeed, if any.
    pub(crate) fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Throttled { retry_after } => Some(*retry_after),
            Self::TooMany { quota } => Some(quota.next_in),
            Self::Missing | Self::Malformed(_) | Self::Invalid(_) | Self::ForeignOrigin | Self::ForeignHost => None,
        }
    }

    /// The `WWW-Authenticate` header (RFC 6750, section 3).
    pub(crate) fn challenge(&self) -> Option<String> {
        match self {
            Self::Missing => Some(format!("Bearer realm=\"{REALM}\"")),
            Self::Malformed(detail) => Some(challenge("invalid_request", detail)),
            Self::Invalid(detail) => Some(challenge("invalid_token", detail)),
            Self::Throttled { .. } | Self::TooMany { .. } | Self::ForeignOrigin | Self::ForeignHost => None,
        }
    }
}

/// Details contain no quotes and backslashes.
fn challenge(code: &str, detail: &str) -> String {
    format!("Bearer realm=\"{REALM}\", error=\"{code}\", error_description=\"{detail}\"")
}

/// The `WWW-Authenticate` header for a caller that lacks this scope.
pub(crate) fn insufficient_scope(scope: &str) -> String {
    format!("Bearer realm=\"{REALM}\", error=\"insufficient_scope\", scope=\"{scope}\"")
}

/// A time in seconds, rounded up, so that no caller retries too early.
pub(crate) fn whole_seconds(time: Duration) -> u64 {
    (time.as_secs() + u64::from(time.subsec_nanos() > 0)).max(1)
}
