//! Request allowances: a request counts as one, an expensive one as more.

use std::fmt;
use std::time::Duration;

use crate::values::rate::Rate;

/// The rate limit of a caller. Implemented by authentication; use cases charge operations that cost more than one
/// request.
pub trait Allowance: fmt::Debug + Send + Sync {
    /// Charges `requests` additional requests, or none if they exceed the limit.
    fn charge(&self, requests: u32) -> Result<(), RateExceeded>;

    /// The limit.
    fn rate(&self) -> Rate;

    /// Maximum number of requests in a burst.
    fn capacity(&self) -> u32 {
        self.rate().capacity
    }
}

/// The caller's rate limit is exceeded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RateExceeded {
    /// It is allowed later.
    #[error(
        "this counts as {requests} requests more, and this caller may make {capacity} in {} s; try again in {} s",
        per.as_secs(),
        retry_after.as_secs() + u64::from(retry_after.subsec_nanos() > 0)
    )]
    Now {
        /// Number of requests to be counted.
        requests: u32,
        /// Maximum number of requests.
        capacity: u32,
        /// In how long.
        per: Duration,
        /// The time until this may be counted.
        retry_after: Duration,
    },
    /// One request costs more than the whole limit, so that waiting does not help.
    #[error(
        "this request counts as {requests} requests at least, and the rate limit of this caller is {capacity} at once; \
         split the request"
    )]
    Always {
        /// Cost of the request, as far as it is known.
        requests: u32,
        /// Maximum number of requests at once.
        capacity: u32,
    },
}
