//! Thresholds of problems, and their durations.

use std::time::Duration;

use super::reason::HealthReason;
use crate::values::ratio::Ratio;
use crate::values::time_span::TimeSpan;

/// Thresholds of problems, and their durations.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct HealthRules {
    /// Maximum wait of a due job in a queue that is not paused.
    pub queue_latency_max: TimeSpan,
    /// The ratio of the jobs that ended in the last quarters of an hour that may have failed.
    pub failure_rate_max: Ratio,
    /// Minimum number of failed jobs for the failure rate to count.
    pub failed_jobs_min: u32,
    /// The ratio of the database's disk that must be free. With less than a fifth of that the disk counts as full.
    pub disk_free_min: Ratio,
    /// Maximum size of SQLite's write-ahead log that is not checkpointed, in bytes.
    pub wal_size_max: u64,
    /// Maximum difference between this node's clock and the database's.
    pub clock_skew_max: TimeSpan,
    /// Time for which the death of another node is reported.
    pub lost_node_alert_for: TimeSpan,
    /// Minimum wait of pending jobs without a handler.
    pub unhandled_type_after: Duration,
    /// Minimum duration of any other problem before it is reported. Problems that stop the server's work are reported
    /// immediately.
    pub raise_after: Duration,
    /// Minimum time without the problem before its end is reported.
    pub clear_after: Duration,
}

impl Default for HealthRules {
    fn default() -> Self {
        Self {
            queue_latency_max: TimeSpan::from_secs(300),
            failure_rate_max: Ratio::percent(50),
            failed_jobs_min: 20,
            disk_free_min: Ratio::percent(5),
            // SQLite reaches this size before it starts a checkpoint.
            wal_size_max: 16 << 20,
            clock_skew_max: TimeSpan::from_secs(5),
            lost_node_alert_for: TimeSpan::from_secs(600),
            unhandled_type_after: Duration::from_secs(300),
            raise_after: Duration::from_secs(10),
            clear_after: Duration::from_secs(30),
        }
    }
}

impl HealthRules {
    /// Minimum duration of this problem before it is reported.
    pub(super) const fn raise_after(&self, reason: &HealthReason) -> Duration {
        match reason {
            // A blocked handler was already observed for a while.
            HealthReason::StorageUnavailable
            | HealthReason::StorageFault(_)
            | HealthReason::ActorsRestarted { .. }
            | HealthReason::DiskFull { .. }
            | HealthReason::HandlersBlocked { .. } => Duration::ZERO,
            HealthReason::UnhandledTypes { .. } => self.unhandled_type_after,
            HealthReason::DiskNearlyFull { .. }
            | HealthReason::WalGrows { .. }
            | HealthReason::WriteBacklog { .. }
            | HealthReason::QueueLatency { .. }
            | HealthReason::FailureRate { .. }
            | HealthReason::NodesLost { .. }
            | HealthReason::ClockSkew { .. } => self.raise_after,
        }
    }
}
