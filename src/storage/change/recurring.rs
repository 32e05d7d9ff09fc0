//! Changes of recurring jobs.

use std::sync::Arc;

use super::job::Idempotency;
use super::size::new_job_rows;
use crate::domain::cluster::leadership::FencingToken;
use crate::domain::job::Job;
use crate::domain::recurring::{RecurringId, RecurringJob};
use crate::domain::values::id::NodeId;
#[cfg(doc)]
use crate::storage::applied::{Applied, ChangeError};

/// A change of a recurring job.
#[derive(Clone, Debug)]
pub enum RecurringChange {
    /// Stores a new recurring job. → [`Applied::RecurringStored`] or [`Applied::Replayed`], or
    /// [`ChangeError::RecurringKeyTaken`] when there is one with its key.
    Insert {
        /// The new recurring job.
        recurring: Arc<RecurringJob>,
        /// Present when the caller may repeat the request without effect.
        idempotency: Option<Idempotency>,
    },
    /// Replaces a recurring job by a changed one if the stored revision is that of `before`. → [`Applied::RecurringStored`]
    /// or [`ChangeError::Conflict`].
    Update {
        /// The recurring job as it was read.
        before: Arc<RecurringJob>,
        /// The changed recurring job.
        after: Arc<RecurringJob>,
    },
    /// Removes a recurring job if its stored revision is still this one; its occurrences stay.
    /// → [`Applied::Deleted`] or [`ChangeError::Conflict`].
    Delete {
        /// The recurring job as it was read.
        recurring: Arc<RecurringJob>,
    },
    /// Creates occurrences. → [`Applied::Fired`], [`ChangeError::Conflict`] or [`ChangeError::NoLease`].
    Fire(Fire),
    /// Creates one occurrence of a recurring job, whose revision grows by one. Without `revision` other changes of the
    /// recurring job do not matter. → [`Applied::Fired`], or [`ChangeError::Conflict`] when the recurring job is gone or has
    /// another revision.
    Trigger {
        /// The recurring job.
        recurring_id: RecurringId,
        /// The revision that it must have.
        revision: Option<u32>,
        /// The occurrence.
        occurrence: Arc<Job>,
    },
}

impl RecurringChange {
    /// `true` if it can have events of jobs.
    pub(super) fn may_have_events(&self) -> bool {
        match self {
            Self::Fire(_) | Self::Trigger { .. } => true,
            Self::Insert { .. } | Self::Update { .. } | Self::Delete { .. } => false,
        }
    }

    /// Its size in rows of usual length.
    pub(super) fn rows(&self) -> usize {
        match self {
            Self::Fire(fire) => new_job_rows(&fire.occurrences) + 1,
            Self::Insert { .. } | Self::Update { .. } | Self::Delete { .. } | Self::Trigger { .. } => 1,
        }
    }

    /// The new jobs, which name queues that have to exist.
    pub(super) fn occurrences(&self) -> &[Arc<Job>] {
        match self {
            Self::Fire(fire) => &fire.occurrences,
            Self::Trigger { occurrence, .. } => std::slice::from_ref(occurrence),
            Self::Insert { .. } | Self::Update { .. } | Self::Delete { .. } => &[],
        }
    }
}

/// New occurrences of a recurring job, and the recurring job after them. All of it is applied if the stored revision is
/// that of `before` and the leader still leads; an occurrence that exists is not created again.
#[derive(Clone, Debug)]
pub struct Fire {
    /// The recurring job as it was read.
    pub before: Arc<RecurringJob>,
    /// The recurring job after it: only its revision, its next and last due time, and waiting due times differ.
    pub after: Arc<RecurringJob>,
    /// The occurrences as jobs.
    pub occurrences: Vec<Arc<Job>>,
    /// The leader that creates them, and its fencing token; `None` when no leader is required.
    pub leader: Option<(NodeId, FencingToken)>,
}
