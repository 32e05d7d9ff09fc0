//! Settings and metrics of queues.

pub mod rate_limit;

use std::num::NonZeroU32;

use self::rate_limit::RateLimit;
use super::values::name::QueueName;

/// Settings of a queue on this node.
#[derive(Clone, Debug, PartialEq)]
pub struct QueueSettings {
    /// Name.
    pub name: QueueName,
    /// Maximum number of its jobs that run concurrently on one node.
    pub workers: NonZeroU32,
    /// Maximum number of pending jobs before new ones are rejected; `None` for no limit.
    pub pending_max: Option<u64>,
    /// Limit of job starts per time on one node; `None` for no limit.
    pub rate_limit: Option<RateLimit>,
}

/// Number of jobs of a queue by status.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StatusCounts {
    /// Waiting for a worker, their due time or a retry.
    pub pending: u64,
    /// Being executed.
    pub running: u64,
    /// Completed.
    pub completed: u64,
    /// Permanently failed.
    pub failed: u64,
    /// Cancelled.
    pub cancelled: u64,
}

/// Number of recently completed jobs of a queue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Throughput {
    /// In the last 60 seconds.
    pub last_minute: u64,
    /// In the last 60 minutes.
    pub last_hour: u64,
}

/// A queue as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredQueue {
    /// Name.
    pub name: QueueName,
    /// True if it starts no jobs until it is resumed.
    pub is_paused: bool,
    /// Jobs by status.
    pub counts: StatusCounts,
    /// Recent throughput.
    pub throughput: Throughput,
}
