//! Whether queues may have more jobs: how many queues there may be, and how many pending jobs each.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{Mutex, OwnedRwLockReadGuard, OwnedRwLockWriteGuard, RwLock};

use super::caller_limits::{CallerLimits, Shared};
use crate::domain::access::caller::Caller;
use crate::domain::job::Job;
use crate::domain::job::status::JobStatus;
use crate::domain::queue::{StatusCounts, StoredQueue};
use crate::domain::values::name::{QueueName, UniqueKey};
use crate::runtime::RuntimeHandle;
use crate::runtime::actor::clock::Clock;
use crate::runtime::writer::handle::WriterHandle;
use crate::runtime::writer::messages::WritePriority;
use crate::service::error::ServiceError;
use crate::service::jobs::job_validation::Rules;
use crate::storage::change::{Applied, Change};
use crate::storage::query::JobFilter;
use crate::storage::repository::JobRepository;

/// How long no unused queues are removed after a removal that has found none: recurring jobs name those that have no jobs.
const FRUITLESS_FOR: Duration = Duration::from_secs(10);

/// The last removal of unused queues.
#[derive(Clone, Copy)]
struct LastPrune {
    at: Instant,
    has_removed: bool,
}

/// The queues that exist beside the configured ones.
struct StoredQueues {
    names: HashSet<QueueName>,
    /// Whether one of them has no jobs.
    is_any_empty: bool,
}

/// Decides about new jobs before they are written: one for all use cases of a node. What it admits is within the limits; nodes that share a
/// database do not know what the others are admitting at the same moment, and may be over a limit together by that much.
pub(crate) struct Admission {
    repository: Arc<dyn JobRepository>,
    writer: WriterHandle,
    clock: Clock,
    rules: Arc<Rules>,
    /// Queues beside the configured ones that are known to exist, so that their number is only counted when a new one is named.
    known_queues: std::sync::RwLock<HashSet<QueueName>>,
    caller_limits: Arc<CallerLimits>,
    /// Held while unused queues are removed.
    pruned: Mutex<Option<LastPrune>>,
    /// The queues whose pending jobs are limited.
    lanes: HashMap<QueueName, Arc<Lane>>,
}

/// What is known of a queue whose pending jobs are limited.
struct Lane {
    pending_max: u64,
    /// Jobs that were admitted and may not be counted in storage yet.
    on_their_way: AtomicU64,
    /// Held by each request while its jobs are on their way: shared as long as there is room, alone near the limit.
    turn: Arc<RwLock<()>>,
}

/// The right to write jobs into limited queues, and the unique keys that were counted for them. To be held until they are
/// written.
pub(crate) struct Admitted {
    _places: Vec<Place>,
    charge: Charge,
}

/// Unique keys that were counted for a request; those that it does not use are given back.
struct Charge {
    limits: Arc<CallerLimits>,
    caller: Caller,
    unique_keys: usize,
}

impl Admitted {
    /// So many of the jobs are new and have a unique key.
    pub(crate) fn used_unique_keys(&mut self, count: usize) {
        self.charge.unique_keys = self.charge.unique_keys.saturating_sub(count);
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.limits
            .give_back(&self.caller, Shared::UniqueKeys, self.unique_keys);
    }
}

/// The right to write jobs into one limited queue.
enum Place {
    /// Beside others.
    Shared {
        lane: Arc<Lane>,
        jobs: u64,
        _turn: OwnedRwLockReadGuard<()>,
    },
    /// While nobody else writes into it.
    Alone { _turn: OwnedRwLockWriteGuard<()> },
}

impl Drop for Place {
    fn drop(&mut self) {
        match self {
            Self::Shared { lane, jobs, _turn } => {
                lane.on_their_way.fetch_sub(*jobs, Ordering::Relaxed);
            }
            Self::Alone { _turn } => {}
        }
    }
}

impl Admission {
    pub(crate) fn new(repository: Arc<dyn JobRepository>, runtime: &RuntimeHandle, rules: Arc<Rules>) -> Self {
        let lane = |(queue, max): (&QueueName, &u64)| {
            let lane = Lane {
                pending_max: *max,
                on_their_way: AtomicU64::new(0),
                turn: Arc::default(),
            };
            (queue.clone(), Arc::new(lane))
        };
        Self {
            repository,
            writer: runtime.writer.clone(),
            clock: runtime.clock.clone(),
            known_queues: std::sync::RwLock::default(),
            caller_limits: Arc::new(CallerLimits::new(
                rules.new_queues_per_caller,
                rules.unique_keys_per_caller,
                runtime.clock.clone(),
            )),
            pruned: Mutex::default(),
            lanes: rules.pending_max.iter().map(lane).collect(),
            rules,
        }
    }

    /// Lets the jobs in, or says which queue may not have them; `first_index` is where they begin in a batch. `request` is
    /// the idempotency key as storage has it.
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
        let mut places = Vec::new();
        if self.lanes.is_empty() {
            return Ok(Admitted {
                _places: places,
                charge,
            });
        }
        // In the order of their names: two requests for the same queues do not wait for each other in a circle.
        let mut wanted: BTreeMap<&QueueName, u64> = BTreeMap::new();
        for job in jobs {
            *wanted.entry(&job.queue).or_default() += 1;
        }
        for (queue, jobs) in wanted {
            if let Some(lane) = self.lanes.get(queue) {
                places.push(self.take_places(queue, lane, jobs).await?);
            }
        }
        Ok(Admitted {
            _places: places,
            charge,
        })
    }

    /// Counts the unique keys of new jobs. What exists already is only looked up when they would be too many.
    async fn charge(&self, caller: &Caller, jobs: &[Arc<Job>], request: Option<&str>) -> Result<Charge, ServiceError> {
        let keys: HashSet<&UniqueKey> = jobs.iter().filter_map(|job| job.unique_key.as_ref()).collect();
        let mut count = keys.len();
        let taken = self.caller_limits.take(caller, Shared::UniqueKeys, count);
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
                self.caller_limits.take(caller, Shared::UniqueKeys, count)?;
            }
        }
        Ok(Charge {
            limits: Arc::clone(&self.caller_limits),
            caller: caller.clone(),
            unique_keys: count,
        })
    }

    async fn take_places(&self, queue: &QueueName, lane: &Arc<Lane>, jobs: u64) -> Result<Place, ServiceError> {
        let turn = Arc::clone(&lane.turn).read_owned().await;
        let on_their_way = lane.on_their_way.fetch_add(jobs, Ordering::Relaxed) + jobs;
        let place = Place::Shared {
            lane: Arc::clone(lane),
            jobs,
            _turn: turn,
        };
        if self.pending(queue).await? + on_their_way <= lane.pending_max {
            return Ok(place);
        }
        // Near the limit it matters that what is on its way may be counted in storage already: this request waits until
        // nothing is.
        drop(place);
        let turn = Arc::clone(&lane.turn).write_owned().await;
        if self.pending(queue).await? + jobs <= lane.pending_max {
            return Ok(Place::Alone { _turn: turn });
        }
        Err(ServiceError::QueueFull {
            queue: queue.to_string(),
            max: lane.pending_max,
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

    /// Checks that a queue exists or may come into being; `index` is its place in a batch.
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
                .all(|queue| known.contains(queue) || self.rules.queues.contains(queue))
        };
        // The set stays whole when somebody panics while holding it.
        if are_known(&self.known_queues.read().unwrap_or_else(PoisonError::into_inner)) {
            return Ok(());
        }
        let max = self.rules.queues_max;
        let is_new = |known: &HashSet<QueueName>, queue: &QueueName| {
            !known.contains(queue) && !self.rules.queues.contains(queue)
        };
        let StoredQueues {
            names: mut known,
            is_any_empty,
        } = self.stored_queues().await?;
        let new: HashSet<&QueueName> = queues.clone().filter(|queue| is_new(&known, queue)).collect();
        self.caller_limits.take(caller, Shared::NewQueues, new.len())?;
        if known.len() + new.len() > max {
            // Queues that are not used any more make room for new ones.
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

    /// Removes unused queues, unless that was in vain a moment ago. Tells whether there may be fewer queues since this call.
    async fn prune_queues(&self) -> Result<bool, ServiceError> {
        let asked_at = Instant::now();
        let mut pruned = self.pruned.lock().await;
        if let Some(LastPrune { at, has_removed }) = *pruned {
            if at >= asked_at {
                return Ok(true);
            }
            if !has_removed && at.elapsed() < FRUITLESS_FOR {
                return Ok(false);
            }
        }
        let removed = self.writer.write_one(Change::PruneQueues, WritePriority::Client);
        let removed = removed.await??;
        let has_removed = matches!(&removed, Applied::QueuesRemoved(queues) if !queues.is_empty());
        *pruned = Some(LastPrune {
            at: Instant::now(),
            has_removed,
        });
        Ok(has_removed)
    }

    async fn stored_queues(&self) -> Result<StoredQueues, ServiceError> {
        let mut stored = self.repository.queues(self.clock.now()).await?;
        stored.retain(|queue| !self.rules.queues.contains(&queue.name));
        let is_empty = |queue: &StoredQueue| !queue.is_paused && queue.counts == StatusCounts::default();
        Ok(StoredQueues {
            is_any_empty: stored.iter().any(is_empty),
            names: stored.into_iter().map(|queue| queue.name).collect(),
        })
    }
}
