//! State and dependencies of the operations of remote workers.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use actix::Addr;
use chrono::{DateTime, Utc};
use tokio::time::Instant;

use super::attempt_ages::AttemptAges;
use super::cancelled_attempts::CancelledAttempts;
use super::error::RemoteWorkerError;
use super::job_waiters::JobWaiters;
use super::renewals::Renewals;
use crate::domain::values::id::NodeId;
use crate::domain::values::time_span::TimeSpan;
use crate::handlers::limits::HandlerLimits;
use crate::runtime::actor::clock::Clock;
use crate::runtime::dispatch::handled_types::HandledTypes;
use crate::runtime::dispatch::registry::QueueRegistry;
use crate::runtime::writer::handle::WriterHandle;
use crate::runtime::writer::messages::WritePriority;
use crate::storage::change::{Applied, Change, WorkerChange};
use crate::storage::repository::JobRepository;

/// Dependencies of the operations.
#[derive(Clone)]
pub struct RemoteWorkersDeps {
    /// The storage.
    pub repository: Arc<dyn JobRepository>,
    /// Writes changes.
    pub writer: WriterHandle,
    /// Leases jobs.
    pub queues: Addr<QueueRegistry>,
    /// Workers that wait for jobs.
    pub job_waiters: JobWaiters,
    /// The job types that servers run themselves.
    pub handled: HandledTypes,
    /// Size limits of results and errors.
    pub limits: HandlerLimits,
    /// Lifetime of a worker's lease without a heartbeat.
    pub lease: TimeSpan,
    /// Time that a cancelled job has to finish.
    pub cancel_grace: Duration,
    /// The time of day.
    pub clock: Clock,
}

/// The operations of remote workers. Cheap to clone.
#[derive(Clone)]
pub struct RemoteWorkers {
    pub(super) deps: RemoteWorkersDeps,
    cancelled: Arc<Mutex<CancelledAttempts>>,
    renewals: Arc<Mutex<Renewals>>,
    ages: Arc<Mutex<AttemptAges>>,
}

impl RemoteWorkers {
    /// Operations without state yet.
    pub fn new(deps: RemoteWorkersDeps) -> Self {
        Self {
            deps,
            cancelled: Arc::new(Mutex::new(CancelledAttempts::new())),
            renewals: Arc::new(Mutex::new(Renewals::new())),
            ages: Arc::default(),
        }
    }

    /// Lifetime of a worker's lease without a heartbeat.
    pub fn lease_time(&self) -> TimeSpan {
        self.deps.lease
    }

    pub(super) fn ages(&self) -> MutexGuard<'_, AttemptAges> {
        self.ages.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn cancelled(&self) -> MutexGuard<'_, CancelledAttempts> {
        lock(&self.cancelled)
    }

    /// The time of the next renewal of a waiting worker's lease.
    pub(super) fn next_renewal(&self, worker: NodeId) -> Instant {
        lock(&self.renewals).next(worker, self.deps.lease.to_std())
    }

    /// Forgets the last renewal of a worker that leaves.
    pub(super) fn forget_renewal(&self, worker: NodeId) {
        lock(&self.renewals).remove(worker);
    }

    /// Renews a lease. Returns its end; `None` for an unknown worker.
    pub(super) async fn renew(
        &self,
        worker: NodeId,
        priority: WritePriority,
    ) -> Result<Option<DateTime<Utc>>, RemoteWorkerError> {
        let renew = Change::Worker(WorkerChange::Renew {
            worker,
            lease: self.deps.lease,
        });
        // The lease starts with the commit, which is later.
        let at = Instant::now();
        match self.deps.writer.write_one(renew, priority).await? {
            Ok(Applied::Renewed(Some(until))) => {
                lock(&self.renewals).renewed(worker, at, self.deps.lease.to_std());
                Ok(Some(until))
            }
            Ok(_) => Ok(None),
            Err(refused) => Err(RemoteWorkerError::unexpected(refused.to_string())),
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing that panics runs under the lock.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
