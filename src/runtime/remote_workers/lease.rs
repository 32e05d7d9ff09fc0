//! Leases of jobs to remote workers.

use std::any::Any;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use tracing::trace;

use super::error::RemoteWorkerError;
use super::operations::RemoteWorkers;
use crate::domain::job::Job;
use crate::domain::values::id::NodeId;
use crate::domain::values::name::{JobType, QueueName};
use crate::runtime::cluster::node_lease::steady_now;
use crate::runtime::dispatch::lease_messages::{LeaseFromQueues, LeaseJobs, Leased, LeasedQueues};
use crate::runtime::writer::messages::WritePriority;
use crate::storage::change::ByteLimit;

/// Minimum time that a lease waits for memory, and the interval of its attempts.
const MEMORY_TIMEOUT: Duration = Duration::from_secs(1);
const MEMORY_POLL_INTERVAL: Duration = Duration::from_millis(50);

/// The limited memory for leased jobs.
pub trait LeaseMemory: Send + Sync {
    /// Reserves memory for at most this many jobs; `None` while hardly any is left.
    fn reserve(&self, jobs: u32) -> Option<LeaseRoom>;
}

/// Memory reserved for leased jobs.
pub struct LeaseRoom {
    /// Maximum total size of the jobs; a single job may exceed it.
    pub bytes: u64,
    /// Releases the memory when it is dropped.
    pub held: Box<dyn Any + Send>,
}

/// Jobs leased to a worker.
pub struct LeasedJobs {
    /// The jobs, in descending order of urgency.
    pub jobs: Vec<Arc<Job>>,
    /// The requested types that servers run themselves.
    pub refused: Vec<JobType>,
    /// The memory of the jobs.
    pub held: Box<dyn Any + Send>,
}

/// A request for jobs.
#[derive(Clone)]
pub struct LeaseRequest {
    /// The job types.
    pub job_types: Arc<[JobType]>,
    /// The queues; all if empty.
    pub queues: Arc<[QueueName]>,
    /// Maximum number of jobs.
    pub limit: u32,
    /// Maximum wait for the first job.
    pub wait: Duration,
    /// The memory for the jobs.
    pub memory: Arc<dyn LeaseMemory>,
}

impl RemoteWorkers {
    /// Leases due jobs to a worker; waits for some if there are none. Renews the worker's lease.
    ///
    /// It polls once, and then for jobs that are assigned to it: the Scheduler finds those of which this node has received
    /// no message.
    pub async fn lease(&self, worker: NodeId, requested: LeaseRequest) -> Result<LeasedJobs, RemoteWorkerError> {
        let LeaseRequest {
            job_types,
            queues,
            limit,
            wait,
            memory,
        } = requested;
        let since = Instant::now();
        let end = since + wait;
        let memory_end = since + wait.max(MEMORY_TIMEOUT);
        // Before the first poll, so that no arrival is missed.
        let mut waiter = self.deps.job_waiters.wait(&job_types, &queues, limit);
        let mut from = Some(LeasedQueues::Any { queues, since });
        loop {
            self.keep_lease(worker).await?;
            // In every round: a server may have registered a handler while the worker waits.
            let refused = self.deps.handled.reserved(&job_types).await?;
            let allowed = if refused.is_empty() {
                Arc::clone(&job_types)
            } else {
                let allowed = job_types.iter().filter(|job_type| !refused.contains(job_type));
                allowed.cloned().collect()
            };
            if allowed.is_empty() {
                return Err(RemoteWorkerError::Reserved { types: refused });
            }
            let is_polling = from.is_some();
            if let Some(next) = from.take() {
                // Held during the poll only: waiting workers hold none.
                let Some(LeaseRoom { bytes, held }) = memory.reserve(limit) else {
                    if Instant::now() >= memory_end || self.deps.job_waiters.is_closed() {
                        return Err(RemoteWorkerError::NoMemory);
                    }
                    tokio::time::sleep(MEMORY_POLL_INTERVAL).await;
                    from = Some(next);
                    continue;
                };
                let lease = LeaseJobs {
                    worker,
                    job_types: allowed,
                    limit,
                    bytes: ByteLimit {
                        max: bytes,
                        first_always: true,
                    },
                };
                let jobs = self.poll(without(next, &refused), lease).await?;
                let used: u64 = jobs.iter().map(|job| ByteLimit::bytes_of(job)).sum();
                let is_full = usize::try_from(limit).is_ok_and(|limit| jobs.len() >= limit) || used > bytes / 2;
                waiter.polled(is_full);
                if !jobs.is_empty() {
                    return Ok(LeasedJobs { jobs, refused, held });
                }
            }
            if Instant::now() >= end || self.deps.job_waiters.is_closed() {
                return Ok(LeasedJobs {
                    jobs: Vec::new(),
                    refused,
                    held: Box::new(()),
                });
            }
            if is_polling {
                trace!(%worker, "no due jobs for the worker, waiting");
            }
            let assigned = waiter.assigned_before(end.min(self.next_renewal(worker))).await;
            if !assigned.is_empty() {
                from = Some(LeasedQueues::Due(assigned));
            }
        }
    }

    async fn poll(&self, from: LeasedQueues, lease: LeaseJobs) -> Result<Leased, RemoteWorkerError> {
        // No jobs while the registry is being restarted.
        let sent = self.deps.queues.send(LeaseFromQueues { from, lease }).await;
        let jobs = sent.unwrap_or_else(|_| Ok(Leased::new()))?;
        if !jobs.is_empty() {
            let (mut ages, now) = (self.ages(), steady_now());
            ages.purge(now, self.deps.lease.to_std());
            for job in &jobs {
                ages.age_of((job.id, job.attempt), Duration::ZERO, now);
            }
        }
        Ok(jobs)
    }

    /// Renews the lease of a waiting worker once a part of it has elapsed.
    async fn keep_lease(&self, worker: NodeId) -> Result<(), RemoteWorkerError> {
        if Instant::now() < self.next_renewal(worker) {
            return Ok(());
        }
        match self.renew(worker, WritePriority::Internal).await? {
            Some(_) => Ok(()),
            // It has left meanwhile.
            None => Err(RemoteWorkerError::NoLease),
        }
    }
}

/// The assigned types that a worker may lease.
fn without(from: LeasedQueues, refused: &[JobType]) -> LeasedQueues {
    match from {
        LeasedQueues::Due(due) if !refused.is_empty() => {
            let allowed = due.into_iter().map(|(queue, job_types)| {
                let allowed = job_types.iter().filter(|job_type| !refused.contains(job_type));
                (queue, allowed.cloned().collect())
            });
            LeasedQueues::Due(allowed.collect())
        }
        LeasedQueues::Due(_) | LeasedQueues::Any { .. } => from,
    }
}
