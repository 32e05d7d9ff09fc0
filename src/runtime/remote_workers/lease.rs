//! Leases of jobs to remote workers.

use std::any::Any;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use tracing::trace;

use super::error::RemoteWorkerError;
use super::operations::{RemoteWorkers, lock};
use crate::domain::job::Job;
use crate::domain::values::id::NodeId;
use crate::domain::values::name::{JobType, QueueName};
use crate::runtime::cluster::node_lease::steady_now;
use crate::runtime::dispatch::lease_messages::{LeaseFromQueues, LeaseJobs};
use crate::storage::change::ByteLimit;

/// Maximum time between two polls for a waiting worker: messages of other nodes may be lost.
const POLL_INTERVAL: Duration = Duration::from_secs(2);

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
    pub async fn lease(&self, worker: NodeId, requested: LeaseRequest) -> Result<LeasedJobs, RemoteWorkerError> {
        let LeaseRequest {
            job_types,
            queues,
            limit,
            wait,
            memory,
        } = requested;
        let mut since = Instant::now();
        let end = since + wait;
        let memory_end = since + wait.max(MEMORY_TIMEOUT);
        // Before the first poll, so that no arrival is missed.
        let waiter = self.deps.job_waiters.wait(&job_types, &queues);
        let mut polled = Arc::clone(&queues);
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
            // Held during the poll only: waiting workers hold none.
            let Some(LeaseRoom { bytes, held }) = memory.reserve(limit) else {
                if Instant::now() >= memory_end || self.deps.job_waiters.is_closed() {
                    return Err(RemoteWorkerError::NoMemory);
                }
                tokio::time::sleep(MEMORY_POLL_INTERVAL).await;
                continue;
            };
            let from = LeaseFromQueues {
                queues: polled,
                lease: LeaseJobs {
                    worker,
                    job_types: allowed,
                    limit,
                    bytes: ByteLimit {
                        max: bytes,
                        first_always: true,
                    },
                },
                since,
            };
            let polled_at = Instant::now();
            // No jobs while the registry is being restarted.
            let leased = self
                .deps
                .queues
                .send(from)
                .await
                .unwrap_or_else(|_| Ok(Default::default()))?;
            if !leased.jobs.is_empty() {
                let (mut ages, now) = (self.ages(), steady_now());
                ages.purge(now, self.deps.lease.to_std());
                for job in &leased.jobs {
                    ages.age_of((job.id, job.attempt), Duration::ZERO, now);
                }
            }
            if !leased.jobs.is_empty() || Instant::now() >= end || self.deps.job_waiters.is_closed() {
                return Ok(LeasedJobs {
                    jobs: leased.jobs,
                    refused,
                    held,
                });
            }
            drop(held);
            let pause = leased
                .next_in
                .unwrap_or(POLL_INTERVAL)
                .min(POLL_INTERVAL)
                .min(self.renewal_interval());
            let next = end.min(Instant::now() + pause);
            trace!(%worker, "no due jobs for the worker, waiting");
            (polled, since) = match tokio::time::timeout_at(next, waiter.arrived()).await {
                Ok(arrived) if !arrived.is_empty() => (arrived.into(), Instant::now()),
                // Another worker may have polled meanwhile.
                _ => (Arc::clone(&queues), polled_at),
            };
        }
    }

    /// Renews the lease of a waiting worker once a third of it has elapsed.
    async fn keep_lease(&self, worker: NodeId) -> Result<(), RemoteWorkerError> {
        let renewed = lock(&self.renewed).get(&worker).copied();
        if renewed.is_some_and(|at| at.elapsed() < self.renewal_interval()) {
            return Ok(());
        }
        match self.renew(worker).await? {
            Some(_) => Ok(()),
            // It has left meanwhile.
            None => Err(RemoteWorkerError::NoLease),
        }
    }
}
