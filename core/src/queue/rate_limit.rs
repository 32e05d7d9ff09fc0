//! Rate limits of queues.

use std::fmt;
use std::num::NonZeroU32;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use crate::values::rate::Rate;

/// At most `jobs` starts in any `per_seconds` seconds, on average: a token bucket of that size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimit {
    /// Number of starts.
    pub jobs: NonZeroU32,
    /// Period, in seconds.
    pub per_seconds: NonZeroU32,
}

/// The text is not a rate.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{given}' is not a rate; write a number per s, m or h, such as 100/s, 30/m or 500/h")]
pub struct InvalidRateLimit {
    /// The invalid text.
    pub given: String,
}

impl RateLimit {
    /// No limit in practice.
    pub const UNLIMITED: Self = Self {
        jobs: NonZeroU32::MAX,
        per_seconds: NonZeroU32::MIN,
    };

    /// Parses `100/s`, `30/m`, `500/h`.
    pub fn parse(text: &str) -> Result<Self, InvalidRateLimit> {
        let invalid = || InvalidRateLimit {
            given: text.chars().take(64).collect(),
        };
        let (jobs, unit) = text.split_once('/').ok_or_else(invalid)?;
        let seconds = match unit.trim() {
            "s" | "second" => 1,
            "m" | "minute" => 60,
            "h" | "hour" => 3600,
            _ => return Err(invalid()),
        };
        let jobs = jobs.trim().parse().map_err(|_| invalid())?;
        NonZeroU32::new(seconds)
            .map(|per_seconds| Self { jobs, per_seconds })
            .ok_or_else(invalid)
    }
}

impl fmt::Display for RateLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.per_seconds.get() {
            60 => write!(f, "{}/m", self.jobs),
            3600 => write!(f, "{}/h", self.jobs),
            _ => write!(f, "{}/s", self.jobs),
        }
    }
}

impl From<RateLimit> for Rate {
    fn from(limit: RateLimit) -> Self {
        let RateLimit { jobs, per_seconds } = limit;
        Self {
            capacity: jobs.get(),
            per: Duration::from_secs(per_seconds.get().into()),
        }
    }
}

/// Token bucket of a queue's rate limit.
#[derive(Clone, Debug)]
pub struct TokenBucket {
    rate: Rate,
    /// Time when the bucket is full again, in nanoseconds since its creation.
    full_at: u64,
    /// Nanoseconds since its creation, without the steps of a clock that was set back.
    elapsed: u64,
    seen_at: DateTime<Utc>,
}

impl TokenBucket {
    /// A full bucket.
    pub fn new(limit: RateLimit, now: DateTime<Utc>) -> Self {
        Self {
            rate: limit.into(),
            full_at: 0,
            elapsed: 0,
            seen_at: now,
        }
    }

    /// Number of jobs that may start at `now`.
    pub fn available(&mut self, now: DateTime<Utc>) -> u32 {
        // A clock that was set back adds no tokens; filling continues from the new time.
        let passed = (now - self.seen_at).to_std().unwrap_or_default();
        self.seen_at = now;
        self.elapsed = self.elapsed.saturating_add(nanos(passed));
        self.rate.quota(self.full_at, self.elapsed).remaining
    }

    /// Takes tokens for started jobs.
    pub fn take(&mut self, jobs: u32) {
        self.full_at = self.full_at.max(self.elapsed).saturating_add(self.rate.time_of(jobs));
    }

    /// Returns the tokens of jobs that did not start.
    pub fn return_tokens(&mut self, jobs: u32) {
        self.full_at = self.full_at.saturating_sub(self.rate.time_of(jobs));
    }

    /// Time until another job may start.
    pub fn time_to_next(&self) -> TimeDelta {
        self.time_to(1)
    }

    /// Time until this number of jobs may start at once.
    pub fn time_to(&self, jobs: u32) -> TimeDelta {
        let used = self.full_at.saturating_sub(self.elapsed);
        let missing = used
            .saturating_add(self.rate.time_of(jobs))
            .saturating_sub(self.rate.window());
        TimeDelta::microseconds(i64::try_from(missing.div_ceil(1_000)).unwrap_or(i64::MAX / 1_000))
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_allows_exactly_its_rate() {
        let start = DateTime::UNIX_EPOCH;
        let mut bucket = TokenBucket::new(RateLimit::parse("10/s").expect("valid"), start);
        assert_eq!(bucket.available(start), 10);
        bucket.take(10);
        assert_eq!(bucket.available(start), 0);
        assert_eq!(bucket.time_to_next(), TimeDelta::milliseconds(100));
        assert_eq!(bucket.available(start + TimeDelta::milliseconds(350)), 3);
        assert_eq!(
            bucket.available(start - TimeDelta::hours(1)),
            3,
            "a clock set back takes nothing away"
        );
    }

    #[test]
    fn unused_tokens_are_returned() {
        let start = DateTime::UNIX_EPOCH;
        let mut bucket = TokenBucket::new(RateLimit::parse("10/h").expect("valid"), start);
        bucket.take(10);
        bucket.return_tokens(9);
        assert_eq!(bucket.available(start), 9);
        bucket.return_tokens(100);
        assert_eq!(bucket.available(start), 10, "never more than it holds");
    }

    #[test]
    fn a_rate_is_parsed_and_formatted() {
        for text in ["100/s", "30/m", "500/h"] {
            assert_eq!(RateLimit::parse(text).expect("valid").to_string(), text);
        }
        for text in ["", "0/s", "-1/s", "5", "5/d", "x/s", "5/"] {
            assert!(RateLimit::parse(text).is_err(), "{text} was accepted");
        }
    }
}
