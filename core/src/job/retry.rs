//! Retry policies.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};

use crate::values::time_span::TimeSpan;

/// Maximum of a growing delay. A longer initial delay stays as it is.
pub const RETRY_DELAY_MAX: TimeSpan = TimeSpan::from_secs(24 * 3600);

/// Delays before retries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RetryPolicy {
    /// Delay before the first retry; it doubles for each further one, up to [`RETRY_DELAY_MAX`] unless it is longer
    /// itself.
    pub delay: TimeSpan,
    /// Delays before the first, second, … retry; the last one repeats. Overrides `delay` unless empty.
    pub intervals: Arc<[TimeSpan]>,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            delay: TimeSpan::from_secs(10),
            intervals: Arc::from([]),
        }
    }
}

/// A random number from 0 to 1, drawn by the caller.
#[derive(Clone, Copy, Debug)]
pub struct Jitter(f64);

impl Jitter {
    /// Creates a jitter; values outside 0 to 1 are clamped.
    pub fn new(fraction: f64) -> Self {
        Self(if fraction.is_nan() {
            0.0
        } else {
            fraction.clamp(0.0, 1.0)
        })
    }
}

impl RetryPolicy {
    /// Due time of the retry that follows `retries_made` earlier ones.
    ///
    /// A growing delay is stretched by up to a tenth, so that jobs that failed together do not retry together; a list
    /// of intervals is exact.
    pub fn next_attempt_at(&self, now: DateTime<Utc>, retries_made: u32, jitter: Jitter) -> DateTime<Utc> {
        let index = usize::try_from(retries_made).unwrap_or(usize::MAX);
        let wait = match self.intervals.get(index).or_else(|| self.intervals.last()) {
            Some(&interval) => bounded(interval).to_delta(),
            None => {
                let doubled = i64::checked_shl(1, retries_made.min(40)).unwrap_or(i64::MAX);
                let delay = bounded(self.delay).as_micros();
                let most = RETRY_DELAY_MAX.as_micros().max(delay);
                let micros = delay.saturating_mul(doubled).min(most);
                // Truncation to microseconds is precise enough.
                let stretch = (micros as f64 * 0.1 * jitter.0) as i64;
                TimeDelta::microseconds(micros.saturating_add(stretch))
            }
        };
        now.checked_add_signed(wait).unwrap_or(now)
    }
}

/// A delay whose end all clients can represent.
pub fn bounded(wait: TimeSpan) -> TimeSpan {
    wait.clamp(TimeSpan::ZERO, TimeSpan::LONGEST)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::{prop_assert, proptest};

    #[test]
    fn the_delay_doubles_up_to_a_day() {
        let policy = RetryPolicy {
            delay: TimeSpan::from_secs(10),
            intervals: Arc::from([]),
        };
        let wait = |retries| {
            (policy.next_attempt_at(DateTime::UNIX_EPOCH, retries, Jitter::new(0.0)) - DateTime::UNIX_EPOCH)
                .num_seconds()
        };
        assert_eq!([wait(0), wait(1), wait(2), wait(3), wait(50)], [10, 20, 40, 80, 86_400]);
    }

    #[test]
    fn a_delay_of_more_than_a_day_is_kept_and_does_not_grow() {
        let policy = RetryPolicy {
            delay: TimeSpan::from_secs(172_800),
            intervals: Arc::from([]),
        };
        for retries in [0, 1, 50] {
            let due = policy.next_attempt_at(DateTime::UNIX_EPOCH, retries, Jitter::new(0.0));
            assert_eq!((due - DateTime::UNIX_EPOCH).num_seconds(), 172_800);
        }
    }

    #[test]
    fn intervals_are_kept_and_the_last_one_repeats() {
        let policy = RetryPolicy {
            delay: TimeSpan::from_secs(10),
            intervals: [1, 5].map(TimeSpan::from_secs).into(),
        };
        let wait = |retries| {
            (policy.next_attempt_at(DateTime::UNIX_EPOCH, retries, Jitter::new(1.0)) - DateTime::UNIX_EPOCH)
                .num_seconds()
        };
        assert_eq!([wait(0), wait(1), wait(2), wait(9)], [1, 5, 5, 5]);
    }

    proptest! {
        #[test]
        fn a_retry_is_never_early_and_never_more_than_a_tenth_late(delay in 0_i64..100_000, retries in 0_u32..2000, fraction in 0.0..1.0) {
            let policy = RetryPolicy { delay: TimeSpan::from_secs(delay), intervals: Arc::from([]) };
            let least = policy.next_attempt_at(DateTime::UNIX_EPOCH, retries, Jitter::new(0.0));
            let actual = policy.next_attempt_at(DateTime::UNIX_EPOCH, retries, Jitter::new(fraction));
            let most = policy.next_attempt_at(DateTime::UNIX_EPOCH, retries, Jitter::new(1.0));
            prop_assert!(least <= actual && actual <= most);
            let longest = delay.max(86_400);
            prop_assert!((most - DateTime::UNIX_EPOCH).num_seconds() <= longest + longest / 10);
        }
    }
}
