//! Problems of the server, as reasons of its health.

use super::state::HealthState;
use crate::metrics::storage_fault::StorageFault;
use crate::values::name::{JobType, QueueName};
use crate::values::time_span::TimeSpan;

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
pub(super) const TYPES_NAMED_MAX: usize = 10;

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
    pub(super) const fn weight(&self) -> HealthState {
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
    pub(super) const fn order(&self) -> u8 {
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
