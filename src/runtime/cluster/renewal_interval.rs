//! Interval of periodic work within a lease.

use std::time::Duration;

use crate::domain::values::time_span::TimeSpan;

/// Renewals per lease: two may fail before the lease expires.
pub(crate) const RENEWALS_PER_LEASE: u32 = 3;

/// A third of the lease, and at least 100 ms.
pub(crate) fn renewal_interval(lease: TimeSpan) -> Duration {
    (lease.to_std() / RENEWALS_PER_LEASE).max(Duration::from_millis(100))
}
