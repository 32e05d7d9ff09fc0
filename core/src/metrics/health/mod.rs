//! Whether a server is well, and what is wrong when it is not.
//!
//! [`wrong`] says what a look has found, by rules with thresholds; [`HealthWatch`] makes of many looks what is told, so
//! that what comes and goes is not told each time.

use std::time::Duration;

use chrono::{DateTime, Utc};

use super::storage_fault::StorageFault;
use crate::values::name::{JobType, QueueName};
use crate::values::ratio::Ratio;
use crate::values::time_span::TimeSpan;

mod watch;

pub use self::watch::HealthWatch;

/// How a server is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum HealthState {
    /// Nothing is wrong.
    Healthy,
    /// It works, and something needs a look.
    Degraded,
    /// It can't do its work.
    Unhealthy,
}

impl HealthState {
    /// The word for it on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Healthy => "healthy",
            Self::Degraded => "degraded",
            Self::Unhealthy => "unhealthy",
        }
    }
}

/// What is wrong. Their order is that in which they are told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HealthReason {
    /// Storage can't be reached, or does not answer.
    StorageUnavailable,
    /// Storage has a fault that an operator has to remove. A full disk is [`DiskFull`](Self::DiskFull).
    StorageFault(StorageFault),
    /// The disk that the database is on has no room left.
    DiskFull {
        /// How many bytes are free.
        free: u64,
    },
    /// The disk that the database is on has little room left.
    DiskNearlyFull {
        /// How many bytes are free.
        free: u64,
    },
    /// A reader keeps SQLite's write-ahead log from being moved into the database, and it grows.
    WalGrows {
        /// How many bytes of it can't be moved.
        bytes: u64,
    },
    /// Parts of the server have failed and were restarted.
    ActorsRestarted {
        /// How often, lately.
        restarts: u64,
    },
    /// So much waits to be written that callers are refused, or soon will be.
    WritesPileUp {
        /// How many rows wait.
        pending_rows: usize,
    },
    /// Handlers go on after the end of their attempt, and block threads.
    HandlersBlocked {
        /// How many.
        handlers: usize,
        /// Of which job types.
        job_types: Vec<JobType>,
    },
    /// Due jobs wait for too long.
    QueueLatency {
        /// In which queue the longest.
        queue: QueueName,
        /// For how long.
        waited: TimeSpan,
    },
    /// Too many jobs fail.
    FailureRate {
        /// How many percent of those that ended lately.
        percent: u64,
        /// How many that are.
        failed: u64,
    },
    /// Jobs wait whose types nothing runs.
    NobodyRuns {
        /// How many.
        jobs: u64,
        /// Their types, those of most jobs first; at most `TYPES_NAMED_MAX`.
        job_types: Vec<JobType>,
        /// How many types more.
        others: usize,
    },
    /// Other servers have died.
    NodesLost {
        /// What people call them.
        names: Vec<String>,
    },
    /// This server's clock shows another time than the database's.
    ClockSkew {
        /// By how much it is ahead.
        ahead: TimeSpan,
    },
}

/// How many job types a reason names.
const TYPES_NAMED_MAX: usize = 10;

impl HealthReason {
    /// What a fault of storage means, with the room on its disk unknown.
    pub const fn of_fault(fault: StorageFault) -> Self {
        match fault {
            StorageFault::Full => Self::DiskFull { free: 0 },
            StorageFault::Corrupt | StorageFault::FileMissing | StorageFault::FileReplaced | StorageFault::ReadOnly => {
                Self::StorageFault(fault)
            }
        }
    }

    /// A word for programs.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::StorageUnavailable => "storage-unavailable",
            Self::StorageFault(fault) => fault.code(),
            Self::DiskFull { .. } => "disk-full",
            Self::DiskNearlyFull { .. } => "disk-nearly-full",
            Self::WalGrows { .. } => "wal-grows",
            Self::ActorsRestarted { .. } => "actors-restarted",
            Self::WritesPileUp { .. } => "writes-pile-up",
            Self::HandlersBlocked { .. } => "handlers-blocked",
            Self::QueueLatency { .. } => "queue-latency",
            Self::FailureRate { .. } => "failure-rate",
            Self::NobodyRuns { .. } => "job-types-nobody-runs",
            Self::NodesLost { .. } => "nodes-lost",
            Self::ClockSkew { .. } => "clock-skew",
        }
    }

    /// What it means, for people.
    pub fn message(&self) -> String {
        match self {
            Self::StorageUnavailable => "storage can't be reached: no job can be accepted, started or ended".to_owned(),
            Self::StorageFault(fault) => fault.message().to_owned(),
            Self::DiskFull { free } => {
                format!("{}; {} MB are free", StorageFault::Full.message(), free >> 20)
            }
            Self::DiskNearlyFull { free } => {
                format!(
                    "the disk that the database is on is nearly full: {} MB are free",
                    free >> 20
                )
            }
            Self::WalGrows { bytes } => format!(
                "the write-ahead log of the database has {} MB that can't be moved into the database while another program \
                 reads an old state of it; end the long read (a backup, an open sqlite3 session)",
                bytes >> 20
            ),
            Self::ActorsRestarted { restarts } => format!(
                "parts of the server have failed and were restarted, {restarts} times in the last few minutes; its log \
                 says why"
            ),
            Self::WritesPileUp { pending_rows } => format!(
                "{pending_rows} rows wait to be written; the server is given more work than its storage can take"
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
                "a job of the queue '{queue}' is due for {waited} and has not started; the queue needs more workers, or \
                 nobody runs the job's type"
            ),
            Self::FailureRate { percent, failed } => {
                format!("{percent} % of the jobs that ended lately have failed, {failed} of them")
            }
            Self::NobodyRuns {
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
                    "pending jobs ({jobs}) are of types that no server has a handler for and no worker is registered \
                     for: {}{others}; configure a handler, start a worker, or delete the jobs",
                    names.join(", ")
                )
            }
            Self::NodesLost { names } => format!(
                "servers have died or can't reach the database: {}; what they ran runs again",
                names.join(", ")
            ),
            Self::ClockSkew { ahead } => format!(
                "this server's clock differs from the database's by {ahead}; jobs start early or late by as much"
            ),
        }
    }

    /// The same without names of queues, job types and servers, for callers that may not read.
    pub fn message_without_names(&self) -> String {
        match self {
            Self::HandlersBlocked { handlers, job_types: _ } => {
                format!("{handlers} handlers still block a thread after their attempt has ended")
            }
            Self::QueueLatency { queue: _, waited } => format!("a job is due for {waited} and has not started"),
            Self::NobodyRuns { jobs, .. } => {
                format!(
                    "pending jobs ({jobs}) are of types that no server has a handler for and no worker is registered for"
                )
            }
            Self::NodesLost { names } => format!("{} servers have died or can't reach the database", names.len()),
            Self::StorageUnavailable
            | Self::StorageFault(_)
            | Self::DiskFull { .. }
            | Self::DiskNearlyFull { .. }
            | Self::WalGrows { .. }
            | Self::ActorsRestarted { .. }
            | Self::WritesPileUp { .. }
            | Self::FailureRate { .. }
            | Self::ClockSkew { .. } => self.message(),
        }
    }

    /// How bad it is.
    const fn weight(&self) -> HealthState {
        match self {
            Self::StorageUnavailable | Self::StorageFault(_) | Self::DiskFull { .. } => HealthState::Unhealthy,
            Self::DiskNearlyFull { .. }
            | Self::WalGrows { .. }
            | Self::ActorsRestarted { .. }
            | Self::WritesPileUp { .. }
            | Self::HandlersBlocked { .. }
            | Self::QueueLatency { .. }
            | Self::FailureRate { .. }
            | Self::NobodyRuns { .. }
            | Self::NodesLost { .. }
            | Self::ClockSkew { .. } => HealthState::Degraded,
        }
    }

    /// Whether it says that storage can't be used: it passes as soon as storage works again.
    pub const fn is_of_storage(&self) -> bool {
        match self {
            Self::StorageUnavailable | Self::StorageFault(_) => true,
            Self::DiskFull { .. }
            | Self::DiskNearlyFull { .. }
            | Self::WalGrows { .. }
            | Self::ActorsRestarted { .. }
            | Self::WritesPileUp { .. }
            | Self::HandlersBlocked { .. }
            | Self::QueueLatency { .. }
            | Self::FailureRate { .. }
            | Self::NobodyRuns { .. }
            | Self::NodesLost { .. }
            | Self::ClockSkew { .. } => false,
        }
    }

    /// The place in the order in which reasons are told.
    const fn place(&self) -> u8 {
        match self {
            Self::StorageUnavailable => 0,
            Self::StorageFault(_) => 1,
            Self::DiskFull { .. } => 2,
            Self::DiskNearlyFull { .. } => 3,
            Self::WalGrows { .. } => 4,
            Self::ActorsRestarted { .. } => 5,
            Self::WritesPileUp { .. } => 6,
            Self::HandlersBlocked { .. } => 7,
            Self::QueueLatency { .. } => 8,
            Self::FailureRate { .. } => 9,
            Self::NobodyRuns { .. } => 10,
            Self::NodesLost { .. } => 11,
            Self::ClockSkew { .. } => 12,
        }
    }
}

/// How a server is, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Health {
    /// How it is.
    pub state: HealthState,
    /// What is wrong; nothing when it is healthy.
    pub reasons: Vec<HealthReason>,
}

/// From when on something is wrong, and for how long it must be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct HealthRules {
    /// How long a due job may wait in a queue that is not paused.
    pub queue_latency_max: TimeSpan,
    /// The ratio of the jobs that ended in the last quarters of an hour that may have failed.
    pub failure_rate_max: Ratio,
    /// How many must have failed before that counts.
    pub failed_jobs_min: u32,
    /// The ratio of the database's disk that must be free. With less than a fifth of that the disk counts as full.
    pub disk_free_min: Ratio,
    /// How many bytes of SQLite's write-ahead log may be kept from being moved into the database.
    pub wal_size_max: u64,
    /// How far this server's clock may differ from the database's.
    pub clock_skew_max: TimeSpan,
    /// How long the death of another server is told.
    pub nodes_lost_told: TimeSpan,
    /// How long jobs must wait whose types nobody runs.
    pub nobody_runs_for: Duration,
    /// How long anything else must be wrong before it is told. What stops the server's work is told at once.
    pub raise_after: Duration,
    /// How long it must be right before that is told.
    pub clear_after: Duration,
}

impl Default for HealthRules {
    fn default() -> Self {
        Self {
            queue_latency_max: TimeSpan::from_secs(300),
            failure_rate_max: Ratio::percent(50),
            failed_jobs_min: 20,
            disk_free_min: Ratio::percent(5),
            // What SQLite gathers before it moves anything: less says nothing.
            wal_size_max: 16 << 20,
            clock_skew_max: TimeSpan::from_secs(5),
            nodes_lost_told: TimeSpan::from_secs(600),
            nobody_runs_for: Duration::from_secs(300),
            raise_after: Duration::from_secs(10),
            clear_after: Duration::from_secs(30),
        }
    }
}

impl HealthRules {
    /// How long this must be wrong before it is told.
    const fn raise_after(&self, reason: &HealthReason) -> Duration {
        match reason {
            // A blocked handler has been watched for a while already.
            HealthReason::StorageUnavailable
            | HealthReason::StorageFault(_)
            | HealthReason::ActorsRestarted { .. }
            | HealthReason::DiskFull { .. }
            | HealthReason::HandlersBlocked { .. } => Duration::ZERO,
            HealthReason::NobodyRuns { .. } => self.nobody_runs_for,
            HealthReason::DiskNearlyFull { .. }
            | HealthReason::WalGrows { .. }
            | HealthReason::WritesPileUp { .. }
            | HealthReason::QueueLatency { .. }
            | HealthReason::FailureRate { .. }
            | HealthReason::NodesLost { .. }
            | HealthReason::ClockSkew { .. } => self.raise_after,
        }
    }
}

/// The room on a disk, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DiskRoom {
    /// What is free.
    pub free: u64,
    /// What there is.
    pub total: u64,
}

/// What is looked at to tell how a server is. What could not be found out is as if it were right.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Observations {
    /// Whether storage does not answer.
    pub is_storage_away: bool,
    /// What is wrong with storage, if that is known.
    pub storage_fault: Option<StorageFault>,
    /// How many bytes of SQLite's write-ahead log can't be moved into the database.
    pub wal_kept: u64,
    /// How often parts of the server were restarted lately.
    pub restarts_lately: u64,
    /// How many rows wait to be written.
    pub pending_rows: usize,
    /// From how many on callers are refused.
    pub pending_rows_max: usize,
    /// The queue in which a due job waits the longest, and for how long; of those that are not paused.
    pub slowest_queue: Option<(QueueName, TimeSpan)>,
    /// How many jobs have ended lately, with success or without.
    pub ended_lately: u64,
    /// How many of them have failed.
    pub failed_lately: u64,
    /// The types that nothing runs, and how many pending jobs each has; those of most jobs first.
    pub unhandled: Vec<(JobType, u64)>,
    /// What people call the other servers that have died lately.
    pub lost_nodes: Vec<String>,
    /// How far this server's clock is ahead of the database's.
    pub clock_ahead: Option<TimeSpan>,
    /// The room on the database's disk.
    pub disk: Option<DiskRoom>,
    /// How many handlers block a thread after their attempt has ended.
    pub blocked_handlers: usize,
    /// Their job types.
    pub blocked_types: Vec<JobType>,
}

/// What is wrong, by these rules. Writes pile up from half of what may wait.
pub fn wrong(seen: Observations, rules: &HealthRules) -> Vec<HealthReason> {
    let Observations {
        is_storage_away,
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
        None if is_storage_away => reasons.push(HealthReason::StorageUnavailable),
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
        reasons.push(HealthReason::WritesPileUp { pending_rows });
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
        reasons.push(HealthReason::NobodyRuns {
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
    /// Nothing is wrong.
    pub const fn well() -> Self {
        Self {
            state: HealthState::Healthy,
            reasons: Vec::new(),
        }
    }

    /// This is wrong. The worst decides.
    pub fn of(mut reasons: Vec<HealthReason>) -> Self {
        reasons.sort_by_key(HealthReason::place);
        let state = reasons
            .iter()
            .map(HealthReason::weight)
            .max()
            .unwrap_or(HealthState::Healthy);
        Self { state, reasons }
    }

    /// Whether people who know `before` must be told: the state is another, or other things are wrong. Other numbers of
    /// the same things are no news.
    pub fn is_news_after(&self, before: &Self) -> bool {
        let codes = |health: &Self| health.reasons.iter().map(HealthReason::code).collect::<Vec<_>>();
        self.state != before.state || codes(self) != codes(before)
    }
}

/// A change of health.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HealthChange {
    /// How it was.
    pub before: HealthState,
    /// Since when it was so.
    pub before_since: DateTime<Utc>,
    /// How it is, and why.
    pub after: Health,
}

#[cfg(test)]
mod tests;
