//! Changes of queues.

use super::size::limit_rows;
use crate::domain::job::status::JobStatus;
use crate::domain::values::id::JobId;
use crate::domain::values::name::QueueName;
#[cfg(doc)]
use crate::storage::applied::Applied;

/// A change of a queue.
#[derive(Clone, Debug)]
pub enum QueueChange {
    /// Pauses or resumes a queue, which is created if it does not exist. → [`Applied::QueueSet`].
    Set {
        /// The queue.
        queue: QueueName,
        /// Paused or running; `None` only creates the queue.
        is_paused: Option<bool>,
    },
    /// Removes up to `limit` jobs of a queue that have this status and no id greater than `up_to`, with their attempts.
    /// → [`Applied::Removed`].
    Clear {
        /// The queue.
        queue: QueueName,
        /// Pending or failed.
        status: JobStatus,
        /// The youngest job that is removed.
        up_to: JobId,
        /// Maximum number of jobs in this step.
        limit: u32,
    },
    /// Removes a queue that no unfinished job names; its finished jobs stay. It is applied at the end of the commit.
    /// → [`Applied::QueuesRemoved`], which is empty when there is no such queue or it has unfinished jobs.
    Delete {
        /// The queue.
        queue: QueueName,
    },
}

impl QueueChange {
    /// `true` if it selects jobs or queues among those that other changes of the commit leave.
    pub(super) fn selects(&self) -> bool {
        match self {
            Self::Clear { .. } | Self::Delete { .. } => true,
            Self::Set { .. } => false,
        }
    }

    /// `true` if it can have events of queues.
    pub(super) fn may_have_events(&self) -> bool {
        match self {
            Self::Set { .. } | Self::Clear { .. } => true,
            Self::Delete { .. } => false,
        }
    }

    /// Its size in rows of usual length.
    pub(super) fn rows(&self) -> usize {
        match self {
            Self::Clear { limit, .. } => limit_rows(*limit),
            Self::Set { .. } | Self::Delete { .. } => 1,
        }
    }

    /// The queue that it creates if it does not exist.
    pub(super) fn created_queue(&self) -> Option<&QueueName> {
        match self {
            Self::Set { queue, .. } => Some(queue),
            Self::Clear { .. } | Self::Delete { .. } => None,
        }
    }
}
