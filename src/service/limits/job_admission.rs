//! Admission of new jobs by the limits of queues: the number of queues, and their pending jobs.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::{Mutex, OwnedRwLockReadGuard, OwnedRwLockWriteGuard, RwLock};

use super::caller_limits::{CallerLimits, SharedResource};
use super::charge::Charge;
use super::job_limits::JobLimits;
use super::known_queues::{KnownQueues, NewQueues};
use crate::domain::access::caller::{Caller, CallerKind};
use crate::domain::job::Job;
use crate::domain::job::status::JobStatus;
use crate::domain::queue::{StatusCounts, StoredQueue};
use crate::domain::values::name::{QueueName, UniqueKey};
use crate::runtime::RuntimeHandle;
use crate::runtime::writer::messages::WritePriority;
use crate::service::error::ServiceError;
use crate::storage::change::{Applied, Change, MaintenanceChange};
use crate::storage::query::JobFilter;
use crate::storage::repository::JobRepository;

/// Time without further removals of unused queues after one that found none: recurring jobs may use queues without
/// jobs.
const PRUNE_BACKOFF: Duration = Duration::from_secs(10);

/// The last removal of unused queues.
#[derive(Clone, Copy)]
struct LastPrune {
    at: Instant,
    has_removed: bool,
}

/// The queues in addition to the configured ones.
struct StoredQueues {
    names: HashSet<QueueName>,
    /// True if one of them has no jobs.
    is_any_empty: bool,
}

/// Admits new jobs before they are written: one instance for all use cases of a node. The jobs that it admits are
/// within the limits; nodes that share a database do not coordinate, so together they may exceed a limit by what they
/// admit at the same moment.
pub(crate) struct JobAdmission {
    repository: Arc<dyn JobRepository>,
    runtime: RuntimeHandle,
    limits: Arc<JobLimits>,
    /// The queues in addition to the configured ones, so that queues are only counted when a new one is used.
    known_queues: Arc<KnownQueues>,
    caller_limits: Arc<CallerLimits>,
    /// Held while a request with new queues is admitted.
    creating: Mutex<()>,
    /// Held while unused queues are removed.
    pruned: Mutex<Option<LastPrune>>,
    /// The queues with a limit of pending jobs.
    pending_limits: HashMap<QueueName, Arc<PendingLimit>>,
}

/// State of a queue with a limit of pending jobs.
struct PendingLimit {
    pending_max: u64,
    /// Number of admitted jobs that storage may not count yet.
    in_flight: AtomicU64,
    /// Held by each request until its jobs are written: shared while below the limit, exclusive near it.
    turn: Arc<RwLock<()>>,
}

/// Permission to write jobs, and the resources charged for them. Held until the jobs are written.
pub(crate) struct Admitted {
    _reservations: Vec<Reservation>,
    /// `None` for a request that was made before.
    unique_keys: Option<Charge>,
    new_queues: Option<NewQueues>,
}

impl Admitted {
    /// Permission for a request that was made before: it creates nothing.
    fn replay() -> Self {
        Self {
            _reservations: Vec::new(),
            unique_keys: None,
            new_queues: None,
        }
    }

    /// Keeps the charges: the jobs are stored, `unique_keys` of them new with a unique key.
    pub(crate) fn stored(&mut self, unique_keys: usize) {
        if let Some(charge) = &mut self.unique_keys {
            charge.keep(unique_keys);
        }
        if let Some(new_queues) = self.new_queues.take() {
            new_queues.stored();
        }
    }
}

/// Permission to write jobs into one limited queue.
enum Reservation {
    /// Shared with other requests.
    Shared {
        limit: Arc<PendingLimit>,
        jobs: u64,
        _turn: OwnedRwLockReadGuard<()>,
    },
    /// Exclusive.
    Exclusive { _turn: OwnedRwLockWriteGuard<()> },
}

impl Drop for Reservation {
    fn drop(&mut self) {
        match self {
            Self::Shared { limit, jobs, _turn } => {
                limit.in_flight.fetch_sub(*jobs, Ordering::Relaxed);
            }
            Self::Exclusive { _turn } => {}
        }
    }
}

impl JobAdmission {
    pub(crate) fn new(repository: Arc<dyn JobRepository>, runtime: &RuntimeHandle, limits: Arc<JobLimits>) -> Self {
        let limit = |(queue, max): (&QueueName, &u64)| {
            let limit = PendingLimit {
                pending_max: *max,
                in_flight: AtomicU64::new(0),
                turn: Arc::default(),
            };
            (queue.clone(), Arc::new(limit))
        };
        Self {
            repository,
            runtime: runtime.clone(),
            known_queues: Arc::default(),
            creating: Mutex::default(),
            caller_limits: Arc::new(CallerLimits::new(
                limits.new_queues_per_caller,
                limits.unique_keys_per_caller,
                runtime.clock.clone(),
            )),
            pruned: Mutex::default(),
            pending_limits: limits.pending_max.iter().map(limit).collect(),
            limits,
        }
    }

    /// Checks that new jobs are accepted: during shutdown only from the embedding program, whose handlers may still be
    /// running.
    pub(crate) fn check_running(&self, caller: &Caller) -> Result<(), ServiceError> {
        if self.runtime.is_stopping() && caller.kind() != CallerKind::Local {
            return Err(ServiceError::Stopping);
        }
        Ok(())
    }

    /// Admits the jobs, or fails with the limit that they exceed; `first_index` is their index in a batch. `request` is the
    /// idempotency key in storage: no limit rejects a request that was made before.
    pub(crate) async fn admit(
        &self,
        caller: &Caller,
        jobs: &[Arc<Job>],
        request: Option<&str>,
        first_index: Option<usize>,
    ) -> Result<Admitted, ServiceError> {
        match (self.admit_new(caller, jobs, first_index).await, request) {
            (Err(refused), Some(request)) if is_limit(&refused) => {
                if self.repository.is_known_request(request).await? {
                    Ok(Admitted::replay())
                } else {
                    Err(refused)
                }
            }
            (admitted, _) => admitted,
        }
    }

    async fn admit_new(
        &self,
        caller: &Caller,
        jobs: &[Arc<Job>],
        first_index: Option<usize>,
    ) -> Result<Admitted, ServiceError> {
        let unique_keys = Some(self.charge(caller, jobs).await?);
        let new_queues = self
            .check_queues(caller, jobs.iter().map(|job| &job.queue), first_index)
            .await?;
        let reservations = match self.reserve_all(jobs.iter()).await {
            Err(ServiceError::QueueFull { .. }) if jobs.iter().any(|job| job.unique_key.is_some()) => {
                let taken = self.taken_keys(jobs).await?;
                let is_new = |job: &&Arc<Job>| job.unique_key.as_ref().is_none_or(|key| !taken.contains(key));
                self.reserve_all(jobs.iter().filter(is_new)).await?
            }
            reserved => reserved?,
        };
        Ok(Admitted {
            _reservations: reservations,
            unique_keys,
            new_queues,
        })
    }

    /// True if the admission of a job to this queue may wait for other requests.
    pub(crate) fn may_wait(&self, queue: &QueueName) -> bool {
        self.pending_limits.contains_key(queue)
    }

    /// The unique keys of the jobs that unfinished jobs have.
    async fn taken_keys(&self, jobs: &[Arc<Job>]) -> Result<HashSet<UniqueKey>, ServiceError> {
        let keys: HashSet<&UniqueKey> = jobs.iter().filter_map(|job| job.unique_key.as_ref()).collect();
        let keys: Vec<UniqueKey> = keys.into_iter().cloned().collect();
        Ok(self.repository.taken_unique_keys(&keys).await?)
    }

    /// Charges the unique keys of new jobs. Existing keys are only looked up if the charge would exceed the limit.
    async fn charge(&self, caller: &Caller, jobs: &[Arc<Job>]) -> Result<Charge, ServiceError> {
        let keys: HashSet<&UniqueKey> = jobs.iter().filter_map(|job| job.unique_key.as_ref()).collect();
        let take = |count| Charge::take(&self.caller_limits, caller, SharedResource::UniqueKeys, count);
        match take(keys.len()) {
            Err(refused) => match self.taken_keys(jobs).await?.len() {
                0 => Err(refused),
                existing => take(keys.len().saturating_sub(existing)),
            },
            taken => taken,
        }
    }

    /// Reserves places in the queues with a limit.
    async fn reserve_all(&self, jobs: impl Iterator<Item = &Arc<Job>>) -> Result<Vec<Reservation>, ServiceError> {
        // In the order of their names, so that two requests for the same queues can't deadlock.
        let mut requested: BTreeMap<&QueueName, u64> = BTreeMap::new();
        if !self.pending_limits.is_empty() {
            for job in jobs {
                *requested.entry(&job.queue).or_default() += 1;
            }
        }
        let mut reservations = Vec::new();
        for (queue, jobs) in requested {
            if let Some(limit) = self.pending_limits.get(queue) {
                reservations.push(self.reserve(queue, limit, jobs).await?);
            }
        }
        Ok(reservations)
    }

    async fn reserve(
        &self,
        queue: &QueueName,
        limit: &Arc<PendingLimit>,
        jobs: u64,
    ) -> Result<Reservation, ServiceError> {
        let turn = Arc::clone(&limit.turn).read_owned().await;
        let in_flight = limit.in_flight.fetch_add(jobs, Ordering::Relaxed) + jobs;
        let reservation = Reservation::Shared {
            limit: Arc::clone(limit),
            jobs,
            _turn: turn,
        };
        if self.pending(queue).await? + in_flight <= limit.pending_max {
            return Ok(reservation);
        }
        // Near the limit, admitted jobs may already be counted in storage: this request waits until all of them are
        // written.
        drop(reservation);
        let turn = Arc::clone(&limit.turn).write_owned().await;
        if self.pending(queue).await? + jobs <= limit.pending_max {
            return Ok(Reservation::Exclusive { _turn: turn });
        }
        Err(ServiceError::QueueFull {
            queue: queue.to_string(),
            max: limit.pending_max,
        })
    }

    async fn pending(&self, queue: &QueueName) -> Result<u64, ServiceError> {
        let filter = JobFilter::default()
            .with_queue(queue)
            .with_statuses(&[JobStatus::Pending]);
        Ok(self.repository.count(&filter).await?)
    }

    /// Checks that a queue exists or may be created. The result is held until it is written.
    pub(crate) async fn check_queue(
        &self,
        caller: &Caller,
        queue: &QueueName,
    ) -> Result<Option<NewQueues>, ServiceError> {
        self.check_queues(caller, std::iter::once(queue), None).await
    }

    async fn check_queues<'a>(
        &self,
        caller: &Caller,
        queues: impl Iterator<Item = &'a QueueName> + Clone,
        first_index: Option<usize>,
    ) -> Result<Option<NewQueues>, ServiceError> {
        let unconfigured = || queues.clone().filter(|queue| !self.limits.queues.contains(*queue));
        if self.known_queues.are_stored(unconfigured()) {
            return Ok(None);
        }
        let stored = self.stored_queues().await?.names;
        let new: HashSet<&QueueName> = unconfigured().filter(|queue| !stored.contains(*queue)).collect();
        self.known_queues.replace(stored);
        if new.is_empty() {
            return Ok(None);
        }
        let charge = Charge::take(&self.caller_limits, caller, SharedResource::NewQueues, new.len())?;
        let _creating = self.creating.lock().await;
        let max = self.limits.queues_max;
        let mut used = self.used_queues().await?;
        let missing = new.iter().filter(|queue| !used.names.contains(**queue)).count();
        // Removing unused queues makes room for new ones.
        if used.names.len() + missing > max && used.is_any_empty && self.prune_queues().await? {
            used = self.used_queues().await?;
        }
        let mut names = used.names;
        for (index, queue) in queues.enumerate() {
            if !new.contains(queue) || names.contains(queue) {
                continue;
            }
            if names.len() >= max {
                return Err(ServiceError::Invalid {
                    field: "queue",
                    index: first_index.map(|first| first + index),
                    detail: format!(
                        "queue '{queue}' would exceed the limit of {max} queues ([jobs] max_queues); use an existing queue, \
                         or delete one that is not used"
                    ),
                });
            }
            names.insert(queue.clone());
        }
        let new = new.into_iter().cloned().collect();
        Ok(Some(self.known_queues.admit(new, charge)))
    }

    /// The queues in storage, and those of admitted requests.
    async fn used_queues(&self) -> Result<StoredQueues, ServiceError> {
        let admitted = self.known_queues.admitted();
        let mut used = self.stored_queues().await?;
        used.names.extend(admitted);
        Ok(used)
    }

    /// Removes unused queues, unless a recent removal found none. Returns true if there may be fewer queues since this
    /// call.
    async fn prune_queues(&self) -> Result<bool, ServiceError> {
        let called_at = Instant::now();
        let mut pruned = self.pruned.lock().await;
        if let Some(LastPrune { at, has_removed }) = *pruned {
            if at >= called_at {
                return Ok(true);
            }
            if !has_removed && at.elapsed() < PRUNE_BACKOFF {
                return Ok(false);
            }
        }
        let removed = self.runtime.writer.write_one(
            Change::Maintenance(MaintenanceChange::PruneQueues),
            WritePriority::Client,
        );
        let removed = removed.await??;
        let has_removed = matches!(&removed, Applied::QueuesRemoved(queues) if !queues.is_empty());
        *pruned = Some(LastPrune {
            at: Instant::now(),
            has_removed,
        });
        Ok(has_removed)
    }

    async fn stored_queues(&self) -> Result<StoredQueues, ServiceError> {
        let mut stored = self.repository.queues(self.runtime.clock.now()).await?;
        stored.retain(|queue| !self.limits.queues.contains(&queue.name));
        let is_empty = |queue: &StoredQueue| !queue.is_paused && queue.counts == StatusCounts::default();
        Ok(StoredQueues {
            is_any_empty: stored.iter().any(is_empty),
            names: stored.into_iter().map(|queue| queue.name).collect(),
        })
    }
}

/// True if the request exceeds a limit that a repeated request does not use.
fn is_limit(error: &ServiceError) -> bool {
    matches!(
        error,
        ServiceError::QueueFull { .. }
            | ServiceError::CallerLimit { .. }
            | ServiceError::OverCallerLimit { .. }
            | ServiceError::Invalid { field: "queue", .. }
    )
}
