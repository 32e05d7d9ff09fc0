//! What is known of a queue.

pub mod rate_limit;

use std::num::NonZeroU32;

use self::rate_limit::RateLimit;
use super::values::name::QueueName;

/// How a queue runs its jobs on this node.
#[derive(Clone, Debug, PartialEq)]
pub struct QueueSettings {
    /// Its name.
    pub name: QueueName,
    /// How many of its jobs run at the same time on one node.
    pub workers: NonZeroU32,
    /// How many jobs may be pending before new ones are refused; `None` for no limit.
    pub pending_max: Option<u64>,
    /// How many jobs may start in a time on one node; `None` for no limit.
    pub rate_limit: Option<RateLimit>,
}

/// How many jobs of a queue are in each status.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StatusCounts {
    /// Waiting for a worker, for their time, or for a retry.
    pub pending: u64,
    /// Being run.
    pub running: u64,
    /// Succeeded.
    pub completed: u64,
    /// Failed for good.
    pub failed: u64,
    /// Cancelled.
    pub cancelled: u64,
}

/// How many jobs of a queue have completed lately.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Throughput {
    /// In the last 60 seconds.
    pub last_minute: u64,
    /// In the last 60 minutes.
    pub last_hour: u64,
}

/// A queue as storage knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredQueue {
    /// Its name.
    pub name: QueueName,
    /// Whether it starts no jobs until it is resumed.
    pub is_paused: bool,
    /// Its jobs by status.
    pub counts: StatusCounts,
    /// What it has completed lately.
    pub throughput: Throughput,
}
