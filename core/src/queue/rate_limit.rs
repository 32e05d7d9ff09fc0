//! Rate limits of queues.

use std::fmt;
use std::num::NonZeroU32;

use chrono::{DateTime, TimeDelta, Utc};

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

/// Token bucket of a queue's rate limit.
#[derive(Clone, Debug)]
pub struct TokenBucket {
    limit: RateLimit,
    tokens: f64,
    filled_at: DateTime<Utc>,
}

impl TokenBucket {
    /// A full bucket.
    pub fn new(limit: RateLimit, now: DateTime<Utc>) -> Self {
        Self {
            limit,
            tokens: f64::from(limit.jobs.get()),
            filled_at: now,
        }
    }

    /// Number of jobs that may start at `now`.
    pub fn available(&mut self, now: DateTime<Utc>) -> u32 {
        // A clock that was set back adds no tokens; filling continues from the new time.
        let passed = (now - self.filled_at).max(TimeDelta::zero()).as_seconds_f64();
        self.filled_at = now;
        let capacity = f64::from(self.limit.jobs.get());
        self.tokens = (self.tokens + passed * self.tokens_per_second()).min(capacity);
        // Between 0 and the capacity, which is a u32.
        self.tokens as u32
    }

    /// Takes tokens for started jobs.
    pub fn take(&mut self, jobs: u32) {
        self.tokens -= f64::from(jobs);
    }

    /// Returns the tokens of jobs that did not start.
    pub fn return_tokens(&mut self, jobs: u32) {
        let capacity = f64::from(self.limit.jobs.get());
        self.tokens = (self.tokens + f64::from(jobs)).min(capacity);
    }

    /// Time until another job may start.
    pub fn time_to_next(&self) -> TimeDelta {
        self.time_to(1)
    }

    /// Time until this number of jobs may start at once.
    pub fn time_to(&self, jobs: u32) -> TimeDelta {
        let missing = (f64::from(jobs) - self.tokens).max(0.0);
        TimeDelta::microseconds((missing / self.tokens_per_second() * 1e6).ceil() as i64)
    }

    fn tokens_per_second(&self) -> f64 {
        f64::from(self.limit.jobs.get()) / f64::from(self.limit.per_seconds.get())
    }
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
