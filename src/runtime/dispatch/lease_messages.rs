//! Messages that lease jobs to remote workers.

use std::sync::Arc;

use actix::Message;
use tokio::time::Instant;

use crate::domain::job::Job;
use crate::domain::values::id::NodeId;
use crate::domain::values::name::{JobType, QueueName};
use crate::runtime::writer::error::WriteError;
use crate::storage::change::ByteLimit;
use crate::storage::repository::RepositoryError;

/// Jobs leased to a worker: running, by descending urgency in each queue.
pub(crate) type Leased = Vec<Arc<Job>>;

/// To the registry: lease up to `lease.limit` due jobs from several queues.
#[derive(Message)]
#[rtype(result = "Result<Leased, LeaseError>")]
pub struct LeaseFromQueues {
    /// The queues.
    pub from: LeasedQueues,
    /// The job types, the limits and the worker.
    pub lease: LeaseJobs,
}

/// The queues of a lease.
pub enum LeasedQueues {
    /// Queues in which any jobs may be due.
    Any {
        /// The queues; all if empty.
        queues: Arc<[QueueName]>,
        /// Earliest acceptable time of the read of due types.
        since: Instant,
    },
    /// Queues with due jobs of these types, which are among the requested ones.
    Due(Vec<(QueueName, Arc<[JobType]>)>),
}

/// To a dispatcher: start up to `limit` due jobs of these types for a remote worker.
#[derive(Clone, Message)]
#[rtype(result = "Result<Leased, LeaseError>")]
pub struct LeaseJobs {
    /// The worker.
    pub worker: NodeId,
    /// The types that it runs.
    pub job_types: Arc<[JobType]>,
    /// Maximum number of jobs.
    pub limit: u32,
    /// Maximum total size of the jobs.
    pub bytes: ByteLimit,
}

/// Reasons why no job was leased.
#[derive(Clone, Debug, thiserror::Error)]
pub enum LeaseError {
    /// The worker has no lease.
    #[error("the worker has no lease")]
    NoLease,
    /// Storage could not be written.
    #[error(transparent)]
    Record(#[from] WriteError),
    /// Storage could not be read.
    #[error(transparent)]
    Storage(#[from] RepositoryError),
}
