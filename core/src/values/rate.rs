//! Rates: a leaky bucket (GCRA), whose state is one time.

use std::time::Duration;

/// A burst of at most `capacity`, and on average `capacity` per `per`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// Number of requests.
    pub capacity: u32,
    /// Time for that number.
    pub per: Duration,
}

/// Remaining quota.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    /// Rate of the quota.
    pub rate: Rate,
    /// Number of requests that are possible at once.
    pub remaining: u32,
    /// Time until the full capacity is available.
    pub full_in: Duration,
    /// Time until the next request is possible; zero if it is possible now.
    pub next_in: Duration,
}

impl Rate {
    /// Counts one request at `now`. `full_at` is the bucket: the time at which it is empty.
    ///
    /// Returns the new `full_at`, or `None` if the request exceeds the limit and is not counted.
    pub fn count(self, full_at: u64, now: u64) -> Option<u64> {
        self.count_many(1, full_at, now)
    }

    /// Counts several requests together, or none of them.
    pub fn count_many(self, many: u32, full_at: u64, now: u64) -> Option<u64> {
        let counted = full_at.max(now).saturating_add(self.time_of(many));
        (counted - now <= self.window()).then_some(counted)
    }

    /// The quota of a bucket at `now`.
    pub fn quota(self, full_at: u64, now: u64) -> Quota {
        let used = full_at.saturating_sub(now);
        let free = self.window().saturating_sub(used);
        let remaining = u32::try_from(free / self.interval()).unwrap_or(u32::MAX);
        let over = used.saturating_add(self.interval()).saturating_sub(self.window());
        Quota {
            rate: self,
            remaining: remaining.min(self.capacity),
            full_in: Duration::from_nanos(used),
            next_in: Duration::from_nanos(over),
        }
    }

    /// The time that one request takes from the bucket.
    fn interval(self) -> u64 {
        (self.nanos() / u64::from(self.capacity.max(1))).max(1)
    }

    /// The time in nanoseconds that `capacity` requests take; due to the division's remainder less than `per`.
    pub fn window(self) -> u64 {
        self.time_of(self.capacity.max(1))
    }

    /// The time in nanoseconds that this number of requests takes from the bucket.
    pub fn time_of(self, many: u32) -> u64 {
        self.interval().saturating_mul(u64::from(many))
    }

    fn nanos(self) -> u64 {
        u64::try_from(self.per.as_nanos()).unwrap_or(u64::MAX / 4)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{prop_assert, proptest};

    use super::*;

    proptest! {
        #[test]
        fn no_interval_has_more_requests_than_allowed(
            capacity in 1_u32..50,
            seconds in 1_u64..100,
            steps in proptest::collection::vec(0_u64..5_000_000_000, 1..200),
        ) {
            let rate = Rate { capacity, per: Duration::from_secs(seconds) };
            let mut full_at = 0;
            let mut now = 0;
            let mut taken = Vec::new();
            for step in steps {
                now += step;
                if let Some(counted) = rate.count(full_at, now) {
                    full_at = counted;
                    taken.push(now);
                }
            }
            // A bucket that was full at the start of an interval passes its capacity, and what has leaked meanwhile.
            for (index, first) in taken.iter().enumerate() {
                for (more, last) in taken.iter().enumerate().skip(index) {
                    let leaked = (last - first) / rate.interval();
                    prop_assert!(u64::try_from(more - index + 1).expect("small") <= u64::from(capacity) + leaked);
                }
            }
        }
    }
}
