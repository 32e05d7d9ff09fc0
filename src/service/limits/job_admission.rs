//! Admission of new jobs by the limits of queues: the number of queues, and their pending jobs.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{Mutex, OwnedRwLockReadGuard, OwnedRwLockWriteGuard, RwLock};

use super::caller_limits::{CallerLimits, SharedResource};
use super::job_limits::JobLimits;
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
    /// Known queues in addition to the configured ones, so that queues are only counted when a new one is used.
    known_queues: std::sync::RwLock<HashSet<QueueName>>,
    caller_limits: Arc<CallerLimits>,
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

/// Permission to write jobs into limited queues, and the unique keys charged for them. Held until the jobs are written.
pub(crate) struct Admitted {
    _reservations: Vec<Reservation>,
    charge: Charge,
}

/// Unique keys charged for a request; unused ones are returned.
struct Charge {
    limits: Arc<CallerLimits>,
    caller: Caller,
    unique_keys: usize,
}

impl Admitted {
    /// Keeps the charge for `count` new jobs with a unique key.
    pub(crate) fn used_unique_keys(&mut self, count: usize) {
        self.charge.unique_keys = self.charge.unique_keys.saturating_sub(count);
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.limits
            .give_back(&self.caller, SharedResource::UniqueKeys, self.unique_keys);
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
            known_queues: std::sync::RwLock::default(),
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

    /// Admits the jobs, or fails with the full queue; `first_index` is their index in a batch. `request` is the
    /// idempotency key in storage.
    pub(crate) async fn admit(
        &self,
        caller: &Caller,
        jobs: &[Arc<Job>],
        request: Option<&str>,
        first_index: Option<usize>,
    ) -> Result<Admitted, ServiceError> {
        let charge = self.charge(caller, jobs, request).await?;
        self.check_queues(caller, jobs.iter().map(|job| &job.queue), first_index)
            .await?;
        let mut reservations = Vec::new();
        if self.pending_limits.is_empty() {
            return Ok(Admitted {
                _reservations: reservations,
                charge,
            });
        }
        // In the order of their names, so that two requests for the same queues can't deadlock.
        let mut wanted: BTreeMap<&QueueName, u64> = BTreeMap::new();
        for job in jobs {
            *wanted.entry(&job.queue).or_default() += 1;
        }
        for (queue, jobs) in wanted {
            if let Some(limit) = self.pending_limits.get(queue) {
                reservations.push(self.reserve(queue, limit, jobs).await?);
            }
        }
        Ok(Admitted {
            _reservations: reservations,
            charge,
        })
    }

    /// Charges the unique keys of new jobs. Existing keys are only looked up if the charge would exceed the limit.
    async fn charge(&self, caller: &Caller, jobs: &[Arc<Job>], request: Option<&str>) -> Result<Charge, ServiceError> {
        let keys: HashSet<&UniqueKey> = jobs.iter().filter_map(|job| job.unique_key.as_ref()).collect();
        let mut count = keys.len();
        let taken = self.caller_limits.take(caller, SharedResource::UniqueKeys, count);
        if let Err(refused) = taken {
            let is_known = match request {
                Some(request) => self.repository.is_known_request(request).await?,
                None => false,
            };
            if is_known {
                count = 0;
            } else {
                let keys: Vec<UniqueKey> = keys.into_iter().cloned().collect();
                let existing = self.repository.taken_unique_keys(&keys).await?.len();
                if existing == 0 {
                    return Err(refused);
                }
                count -= existing.min(count);
                self.caller_limits.take(caller, SharedResource::UniqueKeys, count)?;
            }
        }
        Ok(Charge {
            limits: Arc::clone(&self.caller_limits),
            caller: caller.clone(),
            unique_keys: count,
        })
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
        let filter = JobFilter {
            queue: Some(queue.clone()),
            statuses: vec![JobStatus::Pending],
            ..JobFilter::default()
        };
        Ok(self.repository.count(&filter).await?)
    }

    /// Checks that a queue exists or may be created; `index` is its index in a batch.
    pub(crate) async fn check_queue(
        &self,
        caller: &Caller,
        queue: &QueueName,
        index: Option<usize>,
    ) -> Result<(), ServiceError> {
        self.check_queues(caller, std::iter::once(queue), index).await
    }

    async fn check_queues<'a>(
        &self,
        caller: &Caller,
        queues: impl Iterator<Item = &'a QueueName> + Clone,
        first_index: Option<usize>,
    ) -> Result<(), ServiceError> {
        let are_known = |known: &HashSet<QueueName>| {
            queues
                .clone()
                .all(|queue| known.contains(queue) || self.limits.queues.contains(queue))
        };
        // The set stays consistent if a thread panics while holding the lock.
        if are_known(&self.known_queues.read().unwrap_or_else(PoisonError::into_inner)) {
            return Ok(());
        }
        let max = self.limits.queues_max;
        let is_new = |known: &HashSet<QueueName>, queue: &QueueName| {
            !known.contains(queue) && !self.limits.queues.contains(queue)
        };
        let StoredQueues {
            names: mut known,
            is_any_empty,
        } = self.stored_queues().await?;
        let new: HashSet<&QueueName> = queues.clone().filter(|queue| is_new(&known, queue)).collect();
        self.caller_limits.take(caller, SharedResource::NewQueues, new.len())?;
        if known.len() + new.len() > max {
            // Removing unused queues makes room for new ones.
            if is_any_empty && self.prune_queues().await? {
                known = self.stored_queues().await?.names;
            }
        }
        for (index, queue) in queues.enumerate() {
            if !is_new(&known, queue) {
                continue;
            }
            if known.len() >= max {
                return Err(ServiceError::Invalid {
                    field: "queue",
                    index: first_index.map(|first| first + index),
                    detail: format!(
                        "queue '{queue}' would exceed the limit of {max} queues ([jobs] max_queues); use an existing queue, \
                         or delete one that is not used"
                    ),
                });
            }
            known.insert(queue.clone());
        }
        *self.known_queues.write().unwrap_or_else(PoisonError::into_inner) = known;
        Ok(())
    }

    /// Removes unused queues, unless a recent removal found none. Returns true if there may be fewer queues since this
    /// call.
    async fn prune_queues(&self) -> Result<bool, ServiceError> {
        let asked_at = Instant::now();
        let mut pruned = self.pruned.lock().await;
        if let Some(LastPrune { at, has_removed }) = *pruned {
            if at >= asked_at {
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
