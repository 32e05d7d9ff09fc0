//! What nodes that share a storage tell each other at once, beside what they read from it.
//!
//! A signal is a hint: it may be lost, come twice, or late. Whoever acts on signals also looks at storage from time to
//! time, so that a lost one only makes things slower.

use std::pin::Pin;

use chrono::{DateTime, Utc};
use futures_util::Stream;

use super::error::RepositoryError;
use crate::domain::events::event::JobEventKind;
use crate::domain::values::id::{JobId, NodeId};
use crate::domain::values::name::QueueName;

/// One thing that other nodes should know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Signal {
    /// The queue has more due jobs than the node that says so runs at the moment.
    JobsDue {
        /// Which queue.
        queue: QueueName,
    },
    /// The queue was paused or resumed.
    QueueSwitched {
        /// Which queue.
        queue: QueueName,
        /// Which of the two.
        is_paused: bool,
    },
    /// Jobs were removed from the queue.
    QueueCleared {
        /// Which queue.
        queue: QueueName,
    },
    /// Somebody asked for this attempt to be cancelled.
    CancelAttempt {
        /// The job's queue.
        queue: QueueName,
        /// Which job.
        job_id: JobId,
        /// Which of its attempts.
        attempt: u32,
    },
    /// A server is to drain, or to stop draining.
    DrainSwitched {
        /// Which server.
        node: NodeId,
        /// Which of the two.
        is_draining: bool,
    },
    /// Recurring jobs were made, changed or removed, or an occurrence that others wait for has ended.
    RecurringChanged,
    /// Something has happened to a job.
    Job(JobSignal),
    /// The node that says so wants to hear of what happens to jobs, or no longer does.
    Interest {
        /// Whether it does.
        is_any: bool,
    },
}

/// What has happened to a job, in short: whoever wants to know more reads the job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JobSignal {
    /// What.
    pub kind: JobEventKind,
    /// To which job.
    pub job_id: JobId,
    /// When.
    pub at: DateTime<Utc>,
}

/// What a node hears from others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    /// Signals, in the order in which one node has sent them.
    Signals {
        /// Which node.
        from: NodeId,
        /// What it says.
        signals: Vec<Signal>,
    },
    /// The connection was lost for a while, and with it whatever was said meanwhile.
    Gap,
}

/// What other nodes say, until the connection is lost for good.
pub type SignalStream = Pin<Box<dyn Stream<Item = Result<Heard, RepositoryError>> + Send>>;
