//! Evaluation of observations against thresholds.

use super::reason::{HealthReason, TYPES_NAMED_MAX};
use super::rules::HealthRules;
use crate::metrics::storage_fault::StorageFault;
use crate::values::name::{JobType, QueueName};
use crate::values::time_span::TimeSpan;

/// Space of a disk, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DiskRoom {
    /// Free space.
    pub free: u64,
    /// Total space.
    pub total: u64,
}

/// Observations for an evaluation. Unknown values count as healthy.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Observations {
    /// True if storage does not respond.
    pub is_storage_unavailable: bool,
    /// A known fault of storage.
    pub storage_fault: Option<StorageFault>,
    /// Size of SQLite's write-ahead log that can't be checkpointed, in bytes.
    pub wal_kept: u64,
    /// Number of recent actor restarts.
    pub restarts_lately: u64,
    /// Number of rows in the write queue.
    pub pending_rows: usize,
    /// Number of rows from which requests are rejected.
    pub pending_rows_max: usize,
    /// The queue with the longest wait of a due job, and that wait; paused queues are ignored.
    pub slowest_queue: Option<(QueueName, TimeSpan)>,
    /// Number of recently finished jobs.
    pub ended_lately: u64,
    /// Number of failed ones among them.
    pub failed_lately: u64,
    /// Types without a handler with their number of pending jobs, largest first.
    pub unhandled: Vec<(JobType, u64)>,
    /// Names of other nodes that died recently.
    pub lost_nodes: Vec<String>,
    /// Difference by which this node's clock is ahead of the database's.
    pub clock_ahead: Option<TimeSpan>,
    /// Space on the database's disk.
    pub disk: Option<DiskRoom>,
    /// Number of handlers that block a thread after the end of their attempt.
    pub blocked_handlers: usize,
    /// Their job types.
    pub blocked_types: Vec<JobType>,
}

/// The problems in these observations. The write queue is a problem from half of its limit.
pub fn evaluate(observations: Observations, rules: &HealthRules) -> Vec<HealthReason> {
    let Observations {
        is_storage_unavailable,
        storage_fault,
        wal_kept,
        restarts_lately,
        pending_rows,
        pending_rows_max,
        slowest_queue,
        ended_lately,
        failed_lately,
        unhandled,
        lost_nodes,
        clock_ahead,
        disk,
        blocked_handlers,
        blocked_types,
    } = observations;
    let mut reasons = Vec::new();
    match storage_fault {
        Some(fault) => reasons.push(HealthReason::of_fault(fault)),
        None if is_storage_unavailable => reasons.push(HealthReason::StorageUnavailable),
        None => {}
    }
    if let Some(DiskRoom { free, total }) = disk
        && total > 0
        && storage_fault != Some(StorageFault::Full)
    {
        let least = rules.disk_free_min.of(total);
        if free < least / 5 {
            reasons.push(HealthReason::DiskFull { free });
        } else if free < least {
            reasons.push(HealthReason::DiskNearlyFull { free });
        }
    }
    if wal_kept > rules.wal_size_max {
        reasons.push(HealthReason::WalGrows { bytes: wal_kept });
    }
    if restarts_lately > 0 {
        reasons.push(HealthReason::ActorsRestarted {
            restarts: restarts_lately,
        });
    }
    if pending_rows > pending_rows_max / 2 {
        reasons.push(HealthReason::WriteBacklog { pending_rows });
    }
    if blocked_handlers > 0 {
        reasons.push(HealthReason::HandlersBlocked {
            handlers: blocked_handlers,
            job_types: blocked_types,
        });
    }
    if let Some((queue, waited)) = slowest_queue
        && waited > rules.queue_latency_max
    {
        reasons.push(HealthReason::QueueLatency { queue, waited });
    }
    let percent = (failed_lately * 100).checked_div(ended_lately).unwrap_or_default();
    if failed_lately >= u64::from(rules.failed_jobs_min) && rules.failure_rate_max.is_exceeded_by(percent) {
        reasons.push(HealthReason::FailureRate {
            percent,
            failed: failed_lately,
        });
    }
    if !unhandled.is_empty() {
        reasons.push(HealthReason::UnhandledTypes {
            jobs: unhandled.iter().map(|(_, jobs)| jobs).sum(),
            others: unhandled.len().saturating_sub(TYPES_NAMED_MAX),
            job_types: unhandled
                .into_iter()
                .take(TYPES_NAMED_MAX)
                .map(|(job_type, _)| job_type)
                .collect(),
        });
    }
    if !lost_nodes.is_empty() {
        reasons.push(HealthReason::NodesLost { names: lost_nodes });
    }
    if let Some(ahead) = clock_ahead
        && ahead.as_micros().abs() > rules.clock_skew_max.as_micros()
    {
        reasons.push(HealthReason::ClockSkew { ahead });
    }
    reasons
}
