//! Results of changes.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::outbox::ReviewedEndpoints;
use crate::domain::cluster::leadership::FencingToken;
use crate::domain::job::Job;
use crate::domain::operation::Operation;
use crate::domain::values::id::EndpointId;
use crate::domain::values::name::{QueueName, RecurringKey};
use crate::domain::webhooks::change_feed::FeedCursor;

/// Result of one new job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Inserted {
    /// It is stored.
    New,
    /// An unfinished job has its unique key: this one.
    Existing(Arc<Job>),
}

/// Result of a finished attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finished {
    /// It is stored.
    Stored,
    /// The attempt had lost its lease: the job is no longer running with its number.
    LeaseLost,
    /// The job would have been pending again, and its cancellation was requested after this outcome was computed.
    CancelRequested,
}

/// Result of the release of a claimed job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Released {
    /// It is pending, without a claim.
    Pending,
    /// Its cancellation was requested: it is cancelled, as stored.
    Cancelled(Arc<Job>),
    /// Its claim had ended before.
    Lost,
}

/// Result of a step of an operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stepped {
    /// The operation after the step.
    pub operation: Arc<Operation>,
    /// For each of the changes of jobs, in their order.
    pub results: Vec<Result<Applied, ChangeError>>,
}

/// Result of an applied change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Applied {
    /// For each of the jobs, in their order.
    Inserted(Vec<Inserted>),
    /// The idempotency key was used before, by the same request, which created these: jobs, or a recurring job.
    Replayed(Vec<Uuid>),
    /// The recurring job is stored.
    RecurringStored,
    /// For each of the occurrences, in their order: whether it is new.
    Fired(Vec<bool>),
    /// For each of the jobs, in their order: whether it was taken.
    Started(Vec<bool>),
    /// The jobs that were taken, running or claimed ahead, the most urgent first.
    Claimed(Vec<Arc<Job>>),
    /// For each of the jobs, in their order.
    Released(Vec<Released>),
    /// The result of the end of an attempt.
    Finished(Finished),
    /// The job was replaced.
    Updated,
    /// The job was removed.
    Deleted,
    /// The number of removed rows.
    Removed(u64),
    /// The queue is as requested.
    QueueSet {
        /// True if it was paused or resumed by this change. A queue that is created was not paused.
        changed: bool,
    },
    /// The queues that were removed.
    QueuesRemoved(Vec<QueueName>),
    /// The server drains, or no longer drains.
    DrainSet {
        /// True if this change has changed it.
        changed: bool,
    },
    /// The node's state is stored.
    Alive,
    /// The node or worker has no lease.
    Left {
        /// True if this change has ended it.
        changed: bool,
    },
    /// The log level of a server was set.
    LogLevelSet,
    /// The worker is registered.
    Registered,
    /// The end of the worker's lease; `None` if the worker is unknown.
    Renewed(Option<DateTime<Utc>>),
    /// True if the report is stored: the attempt was still running.
    Reported(bool),
    /// The token under which the node leads; `None` while another one does.
    Led(Option<FencingToken>),
    /// The endpoints that have new deliveries, in any order.
    Enqueued(Vec<EndpointId>),
    /// The result of the review.
    Reviewed(ReviewedEndpoints),
    /// The endpoint is stored.
    EndpointStored,
    /// The endpoints that the node owns, in any order.
    Held(Vec<EndpointId>),
    /// The outcomes are stored.
    Attempted {
        /// True if this change has disabled the endpoint.
        is_disabled: bool,
    },
    /// The reader's position; `None` while another node owns it.
    HeldReader(Option<FeedCursor>),
    /// The operation is stored.
    OperationStored,
    /// The step of an operation is stored.
    Stepped(Stepped),
}

impl Applied {
    /// Number of jobs that the change has created, changed or removed, for its audit record; `None` when
    /// everything is as it was before.
    pub fn jobs_changed(&self) -> Option<u64> {
        let count = match self {
            Self::Inserted(inserted) => {
                let new = inserted.iter().filter(|inserted| **inserted == Inserted::New);
                u64::try_from(new.count()).unwrap_or(u64::MAX)
            }
            Self::Fired(fired) => {
                let new = fired.iter().filter(|is_new| **is_new);
                u64::try_from(new.count()).unwrap_or(u64::MAX)
            }
            Self::Updated | Self::Deleted | Self::RecurringStored | Self::EndpointStored => 1,
            Self::Enqueued(endpoints) if !endpoints.is_empty() => return Some(0),
            Self::Removed(count) => *count,
            Self::Stepped(Stepped { results, .. }) => {
                let done = results.iter().filter(|result| result.is_ok());
                u64::try_from(done.count()).unwrap_or(u64::MAX)
            }
            Self::QueuesRemoved(removed) if !removed.is_empty() => return Some(0),
            Self::QueueSet { changed: true }
            | Self::DrainSet { changed: true }
            | Self::Left { changed: true }
            | Self::LogLevelSet
            | Self::OperationStored
            | Self::Registered => return Some(0),
            Self::QueueSet { changed: false }
            | Self::DrainSet { changed: false }
            | Self::Left { changed: false }
            | Self::QueuesRemoved(_)
            | Self::Replayed(_)
            | Self::Started(_)
            | Self::Claimed(_)
            | Self::Released(_)
            | Self::Finished(_)
            | Self::Led(_)
            | Self::Enqueued(_)
            | Self::Reviewed(_)
            | Self::Held(_)
            | Self::Attempted { .. }
            | Self::HeldReader(_)
            | Self::Renewed(_)
            | Self::Reported(_)
            | Self::Alive => return None,
        };
        (count > 0).then_some(count)
    }
}

/// The reason of a rejected change, whose commit has applied the others.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChangeError {
    /// The job has changed since it was read, or is gone.
    #[error("the job was changed concurrently")]
    Conflict,
    /// The job would be unfinished again, and another unfinished job has its unique key.
    #[error("another unfinished job has the unique key '{key}'")]
    UniqueKeyTaken {
        /// The key.
        key: String,
    },
    /// Another recurring job has the key.
    #[error("another recurring job has the key '{key}'")]
    RecurringKeyTaken {
        /// The key.
        key: RecurringKey,
    },
    /// The node that would claim jobs has no lease, by storage's own clock: its last heartbeat is too old.
    #[error("the node has no lease and can't take jobs")]
    NoLease,
    /// The idempotency key was used before, by another request.
    #[error("the idempotency key was used for another request")]
    IdempotencyMismatch,
    /// The storage does not support such changes.
    #[error("the storage of this server does not support {what}")]
    Unsupported {
        /// The unsupported feature.
        what: &'static str,
    },
    /// Storage can't hold the value, or has something under its id already.
    #[error("storage refused the change: {reason}")]
    Rejected {
        /// The storage's message.
        reason: String,
    },
}
