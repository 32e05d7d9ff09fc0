//! Health of the server, with the reasons for problems.
//!
//! [`evaluate`] evaluates observations against thresholds; [`HealthWatch`] adds hysteresis over successive evaluations, so
//! that problems that come and go are not reported each time.

use std::time::Duration;

use chrono::{DateTime, Utc};

use super::storage_fault::StorageFault;
use crate::values::name::{JobType, QueueName};
use crate::values::ratio::Ratio;
use crate::values::time_span::TimeSpan;

mod watch;

pub use self::watch::HealthWatch;

/// Health state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum HealthState {
    /// No problem.
    Healthy,
    /// Working, but something needs attention.
    Degraded,
    /// Unable to work.
    Unhealthy,
}

impl HealthState {
    /// The name in the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Healthy => "healthy",
            Self::Degraded => "degraded",
            Self::Unhealthy => "unhealthy",
        }
    }
}

/// A problem. The order of the variants is the order of reports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HealthReason {
    /// Storage is unreachable or does not respond.
    StorageUnavailable,
    /// Storage has a fault that an operator has to fix. A full disk is [`DiskFull`](Self::DiskFull).
    StorageFault(StorageFault),
    /// The database's disk is full.
    DiskFull {
        /// Free space, in bytes.
        free: u64,
    },
    /// The database's disk is nearly full.
    DiskNearlyFull {
        /// Free space, in bytes.
        free: u64,
    },
    /// A reader blocks the checkpoint of SQLite's write-ahead log, which grows.
    WalGrows {
        /// Size that can't be checkpointed, in bytes.
        bytes: u64,
    },
    /// Actors failed and were restarted.
    ActorsRestarted {
        /// Number of recent restarts.
        restarts: u64,
    },
    /// The write queue is nearly or completely full: requests are or soon will be rejected.
    WriteBacklog {
        /// Number of rows in the write queue.
        pending_rows: usize,
    },
    /// Handlers continue after the end of their attempt, and block threads.
    HandlersBlocked {
        /// Number of handlers.
        handlers: usize,
        /// Their job types.
        job_types: Vec<JobType>,
    },
    /// Due jobs wait too long.
    QueueLatency {
        /// The queue with the longest wait.
        queue: QueueName,
        /// The longest wait.
        waited: TimeSpan,
    },
    /// Too many jobs fail.
    FailureRate {
        /// Percentage of recently finished jobs that failed.
        percent: u64,
        /// Number of failed jobs.
        failed: u64,
    },
    /// Pending jobs have types without a handler.
    UnhandledTypes {
        /// Number of pending jobs.
        jobs: u64,
        /// Their types, those of most jobs first; at most `TYPES_NAMED_MAX`.
        job_types: Vec<JobType>,
        /// Number of further types.
        others: usize,
    },
    /// Other nodes died.
    NodesLost {
        /// Their names.
        names: Vec<String>,
    },
    /// The node's clock differs from the database's.
    ClockSkew {
        /// Difference; positive if the node's clock is ahead.
        ahead: TimeSpan,
    },
}

/// Maximum number of job types in a reason.
const TYPES_NAMED_MAX: usize = 10;

impl HealthReason {
    /// The reason for a fault of storage, with unknown disk space.
    pub const fn of_fault(fault: StorageFault) -> Self {
        match fault {
            StorageFault::Full => Self::DiskFull { free: 0 },
            StorageFault::Corrupt | StorageFault::FileMissing | StorageFault::FileReplaced | StorageFault::ReadOnly => {
                Self::StorageFault(fault)
            }
        }
    }

    /// A stable code for programs.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::StorageUnavailable => "storage-unavailable",
            Self::StorageFault(fault) => fault.code(),
            Self::DiskFull { .. } => "disk-full",
            Self::DiskNearlyFull { .. } => "disk-nearly-full",
            Self::WalGrows { .. } => "wal-grows",
            Self::ActorsRestarted { .. } => "actors-restarted",
            Self::WriteBacklog { .. } => "writes-pile-up",
            Self::HandlersBlocked { .. } => "handlers-blocked",
            Self::QueueLatency { .. } => "queue-latency",
            Self::FailureRate { .. } => "failure-rate",
            Self::UnhandledTypes { .. } => "job-types-nobody-runs",
            Self::NodesLost { .. } => "nodes-lost",
            Self::ClockSkew { .. } => "clock-skew",
        }
    }

    /// A readable description.
    pub fn message(&self) -> String {
        match self {
            Self::StorageUnavailable => {
                "storage is unavailable: no job can be accepted, started or finished".to_owned()
            }
            Self::StorageFault(fault) => fault.message().to_owned(),
            Self::DiskFull { free } => {
                format!("{}; {} MB are free", StorageFault::Full.message(), free >> 20)
            }
            Self::DiskNearlyFull { free } => {
                format!("the database's disk is nearly full: {} MB are free", free >> 20)
            }
            Self::WalGrows { bytes } => format!(
                "the write-ahead log of the database has {} MB that can't be checkpointed while another program \
                 reads an old snapshot; end the long read (a backup, an open sqlite3 session)",
                bytes >> 20
            ),
            Self::ActorsRestarted { restarts } => format!(
                "parts of the server failed and were restarted, {restarts} times in the last few minutes; see its log for \
                 the reason"
            ),
            Self::WriteBacklog { pending_rows } => format!(
                "{pending_rows} rows are in the write queue; the server receives more work than its storage can write"
            ),
            Self::HandlersBlocked { handlers, job_types } => {
                let job_types: Vec<&str> = job_types.iter().map(JobType::as_str).collect();
                format!(
                    "{handlers} handlers still block a thread after their attempt has ended, of the job types {}; their \
                     workers stay occupied until they return",
                    job_types.join(", ")
                )
            }
            Self::QueueLatency { queue, waited } => format!(
                "a due job of the queue '{queue}' has waited {waited}; the queue needs more workers, or \
                 a handler of the job's type"
            ),
            Self::FailureRate { percent, failed } => {
                format!("{percent} % of the recently finished jobs failed ({failed} jobs)")
            }
            Self::UnhandledTypes {
                jobs,
                job_types,
                others,
            } => {
                let names: Vec<String> = job_types.iter().map(|job_type| format!("'{job_type}'")).collect();
                let others = if *others > 0 {
                    format!(" and {others} more")
                } else {
                    String::new()
                };
                format!(
                    "pending jobs ({jobs}) have types without a handler or a registered worker: {}{others}; configure \
                     a handler, start a worker, or delete the jobs",
                    names.join(", ")
                )
            }
            Self::NodesLost { names } => format!(
                "servers died or lost the database: {}; their jobs run again",
                names.join(", ")
            ),
            Self::ClockSkew { ahead } => format!(
                "this server's clock differs from the database's by {ahead}; jobs start early or late by that amount"
            ),
        }
    }

    /// The description without names of queues, job types and servers, for callers without the read scope.
    pub fn message_without_names(&self) -> String {
        match self {
            Self::HandlersBlocked { handlers, job_types: _ } => {
                format!("{handlers} handlers still block a thread after their attempt has ended")
            }
            Self::QueueLatency { queue: _, waited } => format!("a due job has waited {waited}"),
            Self::UnhandledTypes { jobs, .. } => {
                format!("pending jobs ({jobs}) have types without a handler or a registered worker")
            }
            Self::NodesLost { names } => format!("{} servers died or lost the database", names.len()),
            Self::StorageUnavailable
            | Self::StorageFault(_)
            | Self::DiskFull { .. }
            | Self::DiskNearlyFull { .. }
            | Self::WalGrows { .. }
            | Self::ActorsRestarted { .. }
            | Self::WriteBacklog { .. }
            | Self::FailureRate { .. }
            | Self::ClockSkew { .. } => self.message(),
        }
    }

    /// The state that this reason causes.
    const fn weight(&self) -> HealthState {
        match self {
            Self::StorageUnavailable | Self::StorageFault(_) | Self::DiskFull { .. } => HealthState::Unhealthy,
            Self::DiskNearlyFull { .. }
            | Self::WalGrows { .. }
            | Self::ActorsRestarted { .. }
            | Self::WriteBacklog { .. }
            | Self::HandlersBlocked { .. }
            | Self::QueueLatency { .. }
            | Self::FailureRate { .. }
            | Self::UnhandledTypes { .. }
            | Self::NodesLost { .. }
            | Self::ClockSkew { .. } => HealthState::Degraded,
        }
    }

    /// True for problems of storage, which clear as soon as storage works again.
    pub const fn is_of_storage(&self) -> bool {
        match self {
            Self::StorageUnavailable | Self::StorageFault(_) => true,
            Self::DiskFull { .. }
            | Self::DiskNearlyFull { .. }
            | Self::WalGrows { .. }
            | Self::ActorsRestarted { .. }
            | Self::WriteBacklog { .. }
            | Self::HandlersBlocked { .. }
            | Self::QueueLatency { .. }
            | Self::FailureRate { .. }
            | Self::UnhandledTypes { .. }
            | Self::NodesLost { .. }
            | Self::ClockSkew { .. } => false,
        }
    }

    /// Position in the order of reports.
    const fn order(&self) -> u8 {
        match self {
            Self::StorageUnavailable => 0,
            Self::StorageFault(_) => 1,
            Self::DiskFull { .. } => 2,
            Self::DiskNearlyFull { .. } => 3,
            Self::WalGrows { .. } => 4,
            Self::ActorsRestarted { .. } => 5,
            Self::WriteBacklog { .. } => 6,
            Self::HandlersBlocked { .. } => 7,
            Self::QueueLatency { .. } => 8,
            Self::FailureRate { .. } => 9,
            Self::UnhandledTypes { .. } => 10,
            Self::NodesLost { .. } => 11,
            Self::ClockSkew { .. } => 12,
        }
    }
}

/// Health with its reasons.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Health {
    /// State.
    pub state: HealthState,
    /// Reasons; empty if healthy.
    pub reasons: Vec<HealthReason>,
}

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
    const fn raise_after(&self, reason: &HealthReason) -> Duration {
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
pub fn evaluate(seen: Observations, rules: &HealthRules) -> Vec<HealthReason> {
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
    } = seen;
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

impl Health {
    /// Healthy, without reasons.
    pub const fn healthy() -> Self {
        Self {
            state: HealthState::Healthy,
            reasons: Vec::new(),
        }
    }

    /// Health by these reasons; the worst one defines the state.
    pub fn of(mut reasons: Vec<HealthReason>) -> Self {
        reasons.sort_by_key(HealthReason::order);
        let state = reasons
            .iter()
            .map(HealthReason::weight)
            .max()
            .unwrap_or(HealthState::Healthy);
        Self { state, reasons }
    }

    /// True if the change from `before` is to be reported: the state or the set of reasons differs. Other figures of
    /// the same reasons are not reported.
    pub fn differs_from(&self, before: &Self) -> bool {
        let codes = |health: &Self| health.reasons.iter().map(HealthReason::code).collect::<Vec<_>>();
        self.state != before.state || codes(self) != codes(before)
    }
}

/// A change of health.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HealthChange {
    /// The previous state.
    pub before: HealthState,
    /// Start of the previous state.
    pub before_since: DateTime<Utc>,
    /// The new health.
    pub after: Health,
}

#[cfg(test)]
mod tests;
