//! Results of changes.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::outbox::ReviewedEndpoints;
use crate::domain::cluster::leadership::FencingToken;
use crate::domain::job::Job;
use crate::domain::values::name::{QueueName, RecurringKey};
use crate::domain::webhooks::change_feed::FeedCursor;
use crate::domain::webhooks::endpoint::EndpointId;

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
    /// The attempt had lost its lease: the job is not running with its number any more.
    LeaseLost,
    /// The job would have been pending again, and was asked to be cancelled after this end was worked out.
    CancelRequested,
}

/// Result of an applied change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Applied {
    /// For each of the jobs, in their order.
    Inserted(Vec<Inserted>),
    /// The idempotency key was used before, by the same request, and this is what it made then: jobs, or a recurring job.
    Replayed(Vec<Uuid>),
    /// The recurring job is stored.
    RecurringStored,
    /// For each of the occurrences, in their order: whether it is new.
    Fired(Vec<bool>),
    /// For each of the jobs, in their order: whether it was taken.
    Started(Vec<bool>),
    /// The jobs that were taken, running, the most urgent first.
    Claimed(Vec<Arc<Job>>),
    /// Whether the end of the attempt is stored.
    Finished(Finished),
    /// The job was replaced.
    Updated,
    /// The job was removed.
    Deleted,
    /// How many were removed.
    Removed(u64),
    /// Whether the queue had to change.
    QueueSet {
        /// Whether it was paused and is not any more, or the other way round. A queue that comes into being was not paused.
        changed: bool,
    },
    /// The queues that were removed.
    QueuesRemoved(Vec<QueueName>),
    /// Whether the server drains.
    DrainSet {
        /// Whether it did not before, or the other way round.
        changed: bool,
    },
    /// The node is noted.
    Alive,
    /// The worker is known.
    Registered,
    /// Until when the worker's lease lasts; `None` when the worker is not known.
    Renewed(Option<DateTime<Utc>>),
    /// Whether the report was noted: whether the attempt still ran.
    Reported(bool),
    /// The token under which the node leads; `None` while another one does.
    Led(Option<FencingToken>),
    /// The endpoints that have new deliveries, in any order.
    Enqueued(Vec<EndpointId>),
    /// What the review has changed.
    Reviewed(ReviewedEndpoints),
    /// The endpoint is stored.
    EndpointStored,
    /// The endpoints that the node holds, in any order.
    Held(Vec<EndpointId>),
    /// The attempts are noted.
    Attempted {
        /// Whether the endpoint was disabled just now.
        is_disabled: bool,
    },
    /// Where the reader stands; `None` while another node holds it.
    HeldReader(Option<FeedCursor>),
}

impl Applied {
    /// How many jobs the change has made, changed or removed, for the record of who has changed what; `None` when
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
            Self::QueuesRemoved(removed) if !removed.is_empty() => return Some(0),
            Self::QueueSet { changed: true } | Self::DrainSet { changed: true } | Self::Registered => return Some(0),
            Self::QueueSet { changed: false }
            | Self::DrainSet { changed: false }
            | Self::QueuesRemoved(_)
            | Self::Replayed(_)
            | Self::Started(_)
            | Self::Claimed(_)
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

/// Reasons why a change was not applied while the others of its commit were.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChangeError {
    /// The job has changed since it was read, or is gone.
    #[error("the job has been changed by somebody else")]
    Conflict,
    /// The job would be unfinished again, and another unfinished job has its unique key by now.
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
    /// The node that would take jobs has no lease, by storage's own clock: it was silent for too long.
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
        /// What storage said.
        reason: String,
    },
}
