//! Reads of rollups.

use crate::domain::metrics::histogram::{Histogram, Measure};
use crate::domain::metrics::rollup::RollupCounts;
use crate::domain::values::name::{JobType, QueueName};

/// Of which jobs sums are meant. Every condition that is given must hold; an empty filter means all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RollupFilter {
    /// Of this queue.
    pub queue: Option<QueueName>,
    /// Of one of these types; empty for any.
    pub job_types: Vec<JobType>,
}

impl RollupFilter {
    /// Whether what is summed up for this queue and type is meant.
    pub fn matches(&self, queue: &QueueName, job_type: &JobType) -> bool {
        self.queue.as_ref().is_none_or(|wanted| wanted == queue)
            && (self.job_types.is_empty() || self.job_types.contains(job_type))
    }
}

/// How long jobs have run and waited.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Durations {
    /// Attempts that completed or failed.
    pub run: Histogram,
    /// From the due time to the start.
    pub wait: Histogram,
}

impl Durations {
    /// Counts a step so many times more.
    pub fn add(&mut self, measure: Measure, bucket: u8, count: u64) {
        match measure {
            Measure::Run => self.run.add(bucket, count),
            Measure::Wait => self.wait.add(bucket, count),
        }
    }
}

/// What is summed up of a job type.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TypeRollup {
    /// How many.
    pub counts: RollupCounts,
    /// How long.
    pub durations: Durations,
    /// Why attempts failed, and how many did so; in no order.
    pub reasons: Vec<(String, u64)>,
}
