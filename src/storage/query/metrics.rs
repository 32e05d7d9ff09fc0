//! Reads of rollups.

use crate::domain::metrics::activity::{ActivityCounts, Slice};
use crate::domain::metrics::fingerprint::Fingerprint;
use crate::domain::metrics::histogram::{Histogram, Measure};
use crate::domain::metrics::rollup::RollupCounts;
use crate::domain::values::name::{JobType, QueueName};

/// A filter of rollups. All of its conditions must hold; an empty filter selects all rollups.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RollupFilter {
    /// Of this queue.
    pub queue: Option<QueueName>,
    /// Of one of these types; empty for any.
    pub job_types: Vec<JobType>,
}

impl RollupFilter {
    /// Returns whether the filter selects the rollups of a queue and a type.
    pub fn matches(&self, queue: &QueueName, job_type: &JobType) -> bool {
        self.queue.as_ref().is_none_or(|requested| requested == queue)
            && (self.job_types.is_empty() || self.job_types.contains(job_type))
    }
}

/// Durations of runs and of waits.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Durations {
    /// Attempts that completed or failed.
    pub run: Histogram,
    /// From the due time to the start.
    pub wait: Histogram,
}

impl Durations {
    /// Adds a number to a bucket.
    pub fn add(&mut self, measure: Measure, bucket: u8, count: u64) {
        match measure {
            Measure::Run => self.run.add(bucket, count),
            Measure::Wait => self.wait.add(bucket, count),
        }
    }
}

/// A point of a series of activity.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ActivityPoint {
    /// Counts.
    pub counts: ActivityCounts,
    /// Durations; `None` without measurements.
    pub durations: Option<Box<Durations>>,
}

impl ActivityPoint {
    /// Adds a number to a bucket of the durations.
    pub fn add(&mut self, measure: Measure, bucket: u8, count: u64) {
        self.durations.get_or_insert_default().add(measure, bucket, count);
    }
}

/// A kind of failures: a type and a reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailureSeen {
    /// Its id.
    pub fingerprint: Fingerprint,
    /// The type.
    pub job_type: JobType,
    /// The reason.
    pub reason: String,
    /// Start of the slice of the first failed attempt.
    pub first_seen: Slice,
    /// Start of the slice of the last one.
    pub last_seen: Slice,
}

/// The rollups of a report on performance.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PerformanceRollups {
    /// Those of each part of the period, in order.
    pub parts: Vec<RollupCounts>,
    /// Number of ended jobs in the busiest hour.
    pub busiest_hour: u64,
    /// Durations.
    pub durations: Durations,
}

/// The rollups of a job type.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TypeRollup {
    /// The number.
    pub counts: RollupCounts,
    /// Durations.
    pub durations: Durations,
    /// Reasons of failed attempts and their numbers, in no order.
    pub reasons: Vec<(String, u64)>,
}
