//! Activity of queues: counts and durations of slices of five seconds, which are later kept by minutes.

use std::collections::BTreeMap;
use std::ops::AddAssign;

use chrono::{DateTime, TimeDelta, Utc};

use super::histogram::Measure;
use crate::values::name::QueueName;

/// Length of a slice, in seconds.
pub const SLICE_SECONDS: i64 = 5;
/// Number of slices in a minute.
pub const SLICES_PER_MINUTE: i64 = 12;

/// Five seconds of UTC, counted since 1970.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Slice(pub i64);

impl Slice {
    /// The slice that contains a time.
    pub fn of(at: DateTime<Utc>) -> Self {
        Self(at.timestamp().div_euclid(SLICE_SECONDS))
    }

    /// Start of the slice.
    pub fn start(self) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH
            + TimeDelta::seconds(
                self.0
                    .saturating_mul(SLICE_SECONDS)
                    .clamp(-62_135_596_800, 253_402_300_799),
            )
    }

    /// The minute that contains it, counted since 1970.
    pub const fn minute(self) -> i64 {
        self.0.div_euclid(SLICES_PER_MINUTE)
    }
}

/// Counts of a part of a series.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ActivityCounts {
    /// Created jobs.
    pub created: u64,
    /// Started attempts.
    pub started: u64,
    /// Completed jobs.
    pub completed: u64,
    /// Failed attempts, with or without a retry.
    pub attempts_failed: u64,
    /// Permanently failed jobs.
    pub jobs_failed: u64,
    /// Cancelled jobs, whether they ran or not.
    pub jobs_cancelled: u64,
}

impl ActivityCounts {
    /// The numbers in the order of the fields, as storage has them.
    pub const fn numbers(self) -> [u64; 6] {
        let Self {
            created,
            started,
            completed,
            attempts_failed,
            jobs_failed,
            jobs_cancelled,
        } = self;
        [
            created,
            started,
            completed,
            attempts_failed,
            jobs_failed,
            jobs_cancelled,
        ]
    }

    /// The counts of [`Self::numbers`].
    pub const fn from_numbers(numbers: [u64; 6]) -> Self {
        let [
            created,
            started,
            completed,
            attempts_failed,
            jobs_failed,
            jobs_cancelled,
        ] = numbers;
        Self {
            created,
            started,
            completed,
            attempts_failed,
            jobs_failed,
            jobs_cancelled,
        }
    }

    /// Number of failed attempts that are followed by another attempt.
    pub const fn retried(&self) -> u64 {
        self.attempts_failed.saturating_sub(self.jobs_failed)
    }
}

impl AddAssign for ActivityCounts {
    fn add_assign(&mut self, other: Self) {
        let Self {
            created,
            started,
            completed,
            attempts_failed,
            jobs_failed,
            jobs_cancelled,
        } = other;
        self.created += created;
        self.started += started;
        self.completed += completed;
        self.attempts_failed += attempts_failed;
        self.jobs_failed += jobs_failed;
        self.jobs_cancelled += jobs_cancelled;
    }
}

/// Key of a histogram bucket of a slice.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SliceBucketKey {
    /// Slice.
    pub slice: Slice,
    /// Queue.
    pub queue: QueueName,
    /// Measure.
    pub measure: Measure,
    /// Bucket.
    pub bucket: u8,
}

/// The activity of many jobs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ActivityDelta {
    /// Counts by slice and queue.
    pub counts: BTreeMap<(Slice, QueueName), ActivityCounts>,
    /// Number of measurements by bucket.
    pub buckets: BTreeMap<SliceBucketKey, u64>,
}

impl ActivityDelta {
    /// Adds counts of a job, and the measured duration if there is one.
    pub fn add(&mut self, slice: Slice, queue: &QueueName, counts: ActivityCounts, measured: Option<(Measure, u8)>) {
        *self.counts.entry((slice, queue.clone())).or_default() += counts;
        if let Some((measure, bucket)) = measured {
            let key = SliceBucketKey {
                slice,
                queue: queue.clone(),
                measure,
                bucket,
            };
            *self.buckets.entry(key).or_default() += 1;
        }
    }
}
