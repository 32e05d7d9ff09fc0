//! Retention: changes that select what has expired.

use chrono::{DateTime, Utc};

use super::size::limit_rows;
use crate::domain::job::status::JobStatus;
use crate::storage::applied::Applied;

/// A step of retention. Each is applied after the other changes of its commit and selects among what they leave.
#[derive(Clone, Debug)]
pub enum MaintenanceChange {
    /// Removes up to `limit` jobs that have this finished status, were created before `finished_before` and finished
    /// before it, with their attempts. → [`Applied::Removed`].
    PruneJobs {
        /// The status.
        status: JobStatus,
        /// The end of their retention.
        finished_before: DateTime<Utc>,
        /// Maximum number of jobs in this step.
        limit: u32,
    },
    /// Removes every queue that is not paused and that neither a job nor a recurring job names, and restores those that
    /// unfinished jobs name. It is applied at the end of the commit. → [`Applied::QueuesRemoved`].
    PruneQueues,
    /// Removes expired idempotency keys and throughput counts. Keys are removed in steps. → [`Applied::Removed`]: the number
    /// of keys and throughput counts.
    PruneBookkeeping {
        /// Keys given before this time are removed.
        keys_before: DateTime<Utc>,
        /// Activity by slices before this time is removed, also if it is not folded; at least an hour ago.
        throughput_before: DateTime<Utc>,
        /// Maximum number of keys in this step.
        limit: u32,
    },
    /// Removes up to `limit` workers that are no longer listed, the oldest heartbeats first, except for the `kept` last ones.
    /// → [`Applied::Removed`].
    PruneWorkers {
        /// Number of workers whose names stay.
        kept: u32,
        /// Maximum number of workers in this step.
        limit: u32,
    },
    /// A step of compaction: removes rollups of the oldest day if it has expired, adds up hours of days that may be kept by
    /// days, all of which becomes the day's first hour, and may pack rollups whose time has passed. → [`Applied::Removed`]: 1
    /// if there was anything to do, and may be more.
    CompactRollups {
        /// Rollups that end before this time may be packed: few are added to them later.
        ended_before: DateTime<Utc>,
        /// Buckets and reasons of whole days before this time are kept by days.
        by_days_before: DateTime<Utc>,
        /// Rollups of whole days before this time are removed; `None` keeps them permanently.
        rollups_before: Option<DateTime<Utc>>,
    },
    /// A step of folding: slices of activity before a time may be kept by minutes from then on, and minutes before another
    /// time are removed. → [`Applied::Removed`]: 1 if there was anything to fold, and may be more.
    FoldActivity {
        /// Slices before this time may be kept by minutes; at least an hour ago.
        slices_before: DateTime<Utc>,
        /// Minutes before this time are removed; at least a day ago.
        minutes_before: DateTime<Utc>,
    },
    /// Removes up to `limit` audit records made before this time, the oldest first. → [`Applied::Removed`].
    PruneAudit {
        /// The end of their retention.
        before: DateTime<Utc>,
        /// Maximum number of records in this step.
        limit: u32,
    },
    /// Removes up to `limit` deliveries: whose endpoint is gone, or which are delivered, failed, or of a disabled endpoint,
    /// and whose event happened before `before`; and messages without deliveries. → [`Applied::Removed`].
    PruneDeliveries {
        /// The end of their retention.
        before: DateTime<Utc>,
        /// Maximum number of deliveries in this step.
        limit: u32,
    },
    /// Removes up to `limit` entries of the change feed that were made before this time, the oldest first.
    /// → [`Applied::Removed`].
    PruneFeed {
        /// The end of their retention.
        before: DateTime<Utc>,
        /// Maximum number of entries in this step.
        limit: u32,
    },
    /// Removes up to `limit` rows of bulk operations: previews made before `previews_before`, operations that finished before
    /// `finished_before`, and what is stored to undo operations that finished before `undo_before`, unless an open operation
    /// undoes them. → [`Applied::Removed`].
    PruneOperations {
        /// The end of the lifetime of previews.
        previews_before: DateTime<Utc>,
        /// The end of the time for undo.
        undo_before: DateTime<Utc>,
        /// The end of the retention of operations.
        finished_before: DateTime<Utc>,
        /// Maximum number of rows in this step.
        limit: u32,
    },
}

impl MaintenanceChange {
    /// The result for a storage in which nothing expires.
    pub(super) fn unsupported(&self) -> Applied {
        match self {
            Self::PruneQueues => Applied::QueuesRemoved(Vec::new()),
            Self::PruneJobs { .. }
            | Self::PruneBookkeeping { .. }
            | Self::PruneWorkers { .. }
            | Self::CompactRollups { .. }
            | Self::FoldActivity { .. }
            | Self::PruneAudit { .. }
            | Self::PruneDeliveries { .. }
            | Self::PruneFeed { .. }
            | Self::PruneOperations { .. } => Applied::Removed(0),
        }
    }

    /// Its size in rows of usual length.
    pub(super) fn rows(&self) -> usize {
        match self {
            Self::PruneJobs { limit, .. }
            | Self::PruneWorkers { limit, .. }
            | Self::PruneAudit { limit, .. }
            | Self::PruneDeliveries { limit, .. }
            | Self::PruneFeed { limit, .. }
            | Self::PruneOperations { limit, .. } => limit_rows(*limit),
            Self::PruneQueues
            | Self::PruneBookkeeping { .. }
            | Self::CompactRollups { .. }
            | Self::FoldActivity { .. } => 1,
        }
    }
}
