//! Messages between nodes that share a storage.
//!
//! A signal is a hint: it may be lost, duplicated or delayed. Receivers of signals also poll storage, so that a lost
//! one only causes a delay.

use std::pin::Pin;

use chrono::{DateTime, Utc};
use futures_util::Stream;

use super::error::RepositoryError;
use crate::domain::events::event::{JobEventKind, OperationEventKind};
use crate::domain::values::id::{JobId, NodeId, OperationId};
use crate::domain::values::name::QueueName;

/// One thing that other nodes should know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Signal {
    /// The queue has more due jobs than the sender can run at the moment.
    JobsDue {
        /// The queue.
        queue: QueueName,
    },
    /// The queue was paused or resumed.
    QueueSwitched {
        /// The queue.
        queue: QueueName,
        /// The new state.
        is_paused: bool,
    },
    /// Jobs were removed from the queue.
    QueueCleared {
        /// The queue.
        queue: QueueName,
    },
    /// The cancellation of this attempt was requested.
    CancelAttempt {
        /// The job's queue.
        queue: QueueName,
        /// The job.
        job_id: JobId,
        /// The attempt.
        attempt: u32,
    },
    /// A server is to drain, or to stop draining.
    DrainSwitched {
        /// The server.
        node: NodeId,
        /// The new state.
        is_draining: bool,
    },
    /// Recurring jobs were made, changed or removed, or an occurrence that others wait for has ended.
    RecurringChanged,
    /// Something has happened to a bulk operation.
    Operation {
        /// What.
        kind: OperationEventKind,
        /// To which operation.
        id: OperationId,
    },
    /// Something has happened to a job.
    Job(JobSignal),
    /// The sender subscribes to events of jobs, or no longer does.
    Interest {
        /// `true` if it has subscribers.
        is_any: bool,
    },
}

/// An event of a job without its details, which receivers read from storage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JobSignal {
    /// What.
    pub kind: JobEventKind,
    /// To which job.
    pub job_id: JobId,
    /// When.
    pub at: DateTime<Utc>,
}

/// A message from other nodes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClusterMessage {
    /// Signals, in the order in which one node has sent them.
    Signals {
        /// The sender.
        from: NodeId,
        /// The signals.
        signals: Vec<Signal>,
    },
    /// The connection was lost for some time: messages may have been missed.
    Gap,
}

/// Messages of other nodes, until the connection is lost permanently.
pub type SignalStream = Pin<Box<dyn Stream<Item = Result<ClusterMessage, RepositoryError>> + Send>>;
