//! Job types with a handler on this server, on another server or on a remote worker.
//!
//! A job of any other type stays pending. Its caller receives a warning, the log has a line for its type, and health
//! reports it.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::time::Instant;
use tracing::{debug, warn};

use crate::domain::job::Job;
use crate::domain::job::status::JobStatus;
use crate::domain::values::name::{JobType, QueueName};
use crate::storage::query::{StoredNode, WorkerTypes};
use crate::storage::read_lane::ReadLane;
use crate::storage::repository::{JobRepository, RepositoryError};

/// Maximum age of the knowledge about other nodes.
const MAX_AGE: Duration = Duration::from_secs(1);
/// Maximum age of the knowledge that a type has no handler.
const NEGATIVE_MAX_AGE: Duration = Duration::from_millis(200);
/// Maximum time that a caller waits for a read, counted from its start.
const READ_TIMEOUT: Duration = Duration::from_millis(100);
/// Maximum age of the knowledge when a newer read failed.
const STALE_MAX_AGE: Duration = Duration::from_secs(10);
/// Maximum number of reads for one caller that needs a definite result.
const MAX_READS: usize = 3;
/// Maximum number of types that are logged in [`LOG_WINDOW`].
const MAX_LOGGED: usize = 10;
const LOG_WINDOW: Duration = Duration::from_secs(60);
/// Maximum number of logged types that are kept, and of types that wait for a check.
const MAX_REMEMBERED: usize = 1_000;
/// Time for which types of pending jobs are collected before they are checked together.
const COLLECTION_TIME: Duration = Duration::from_millis(300);

/// Job types that other servers and remote workers run.
#[derive(Debug, Default)]
struct Elsewhere {
    /// Queues in which each type runs, as sets shared between types; `None` means all queues.
    types: HashMap<JobType, Option<Vec<Arc<HashSet<QueueName>>>>>,
    /// Types with a handler on a server that remote workers may not lease.
    reserved: HashSet<JobType>,
    /// `true` if a live server does not report its job types.
    is_incomplete: bool,
}

impl Elsewhere {
    fn of(nodes: &[StoredNode], workers: &[WorkerTypes]) -> Self {
        let mut elsewhere = Self::default();
        for node in nodes.iter().filter(|node| node.is_live) {
            match &node.job_types {
                Some(types) => types.iter().for_each(|job_type| elsewhere.add(job_type, None)),
                None => elsewhere.is_incomplete = true,
            }
            // A server of a version without rules for remote workers lets them lease all types.
            if let (Some(types), Some(remote)) = (&node.job_types, &node.remote_types) {
                let reserved = types.iter().filter(|job_type| !remote.contains(job_type));
                elsewhere.reserved.extend(reserved.cloned());
            }
        }
        for WorkerTypes { job_types, queues } in workers {
            let queues = (!queues.is_empty()).then(|| Arc::new(queues.iter().cloned().collect()));
            for job_type in job_types.iter() {
                elsewhere.add(job_type, queues.as_ref());
            }
        }
        elsewhere
    }

    /// Adds a type that runs in these queues; in all if `None`.
    fn add(&mut self, job_type: &JobType, queues: Option<&Arc<HashSet<QueueName>>>) {
        let known = self.types.entry(job_type.clone()).or_insert_with(|| Some(Vec::new()));
        match (known.as_mut(), queues) {
            (Some(known), Some(queues)) => known.push(Arc::clone(queues)),
            (Some(_), None) => *known = None,
            (None, _) => {}
        }
    }

    fn runs_everywhere(&self, job_type: &JobType) -> bool {
        self.is_incomplete || self.types.get(job_type).is_some_and(Option::is_none)
    }

    fn runs(&self, job_type: &JobType, queue: &QueueName) -> bool {
        let is_in = |sets: &Vec<Arc<HashSet<QueueName>>>| sets.iter().any(|queues| queues.contains(queue));
        self.is_incomplete
            || self
                .types
                .get(job_type)
                .is_some_and(|sets| sets.as_ref().is_none_or(is_in))
    }
}

/// Job types that were logged.
#[derive(Debug, Default)]
struct Logged {
    types: HashSet<JobType>,
    window: Option<(Instant, usize)>,
}

impl Logged {
    /// Returns whether to log the type now: once per type, and few at a time.
    fn admits(&mut self, job_type: &JobType, now: Instant) -> bool {
        if self.types.contains(job_type) {
            return false;
        }
        let (started_at, count) = match self.window {
            Some((started_at, count)) if now.duration_since(started_at) < LOG_WINDOW => (started_at, count),
            Some(_) | None => (now, 0),
        };
        self.window = Some((started_at, count + 1));
        if count >= MAX_LOGGED {
            return false;
        }
        if self.types.len() >= MAX_REMEMBERED {
            self.types.clear();
        }
        self.types.insert(job_type.clone())
    }
}

/// Cached knowledge about other nodes, and the read in progress.
#[derive(Debug, Default)]
struct Knowledge {
    known: Option<(Instant, Arc<Elsewhere>)>,
    /// The last successful read, also if a registration has made it outdated.
    last: Option<(Instant, Arc<Elsewhere>)>,
    /// The last failed read, unless one has succeeded since.
    failed: Option<(Instant, RepositoryError)>,
    reading: Option<Reading>,
    /// Incremented on invalidation: the result of an earlier read is not cached.
    generation: u64,
}

/// A read in progress.
#[derive(Clone, Debug)]
struct Reading {
    since: Instant,
    /// Closed when the read finishes in any way.
    end: watch::Receiver<()>,
}

impl Reading {
    fn is_finished(&self) -> bool {
        self.end.has_changed().is_err()
    }
}

struct Shared {
    repository: Arc<dyn JobRepository>,
    own: HashSet<JobType>,
    /// Job types of those that remote workers may lease too.
    remote: HashSet<JobType>,
    elsewhere: Mutex<Knowledge>,
    logged: Mutex<Logged>,
    /// Types of jobs that have become pending and have no handler on this server.
    pending: Mutex<HashSet<(JobType, QueueName)>>,
    has_pending: Notify,
}

impl Shared {
    fn knowledge(&self) -> MutexGuard<'_, Knowledge> {
        // Complete values are replaced under the lock.
        self.elsewhere.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn read(&self) -> Result<Elsewhere, RepositoryError> {
        let workers = self.repository.worker_types().await?;
        let nodes = if self.repository.is_shared() {
            self.repository.nodes().await?
        } else {
            Vec::new()
        };
        Ok(Elsewhere::of(&nodes, &workers))
    }
}

/// Result of a request for a read.
enum Requested {
    Known(Arc<Elsewhere>),
    Failed(RepositoryError),
    Reading(Reading),
}

/// Job types with a handler somewhere. Cheap to clone.
#[derive(Clone)]
pub struct HandledTypes(Arc<Shared>);

impl HandledTypes {
    /// This server has handlers for its `own` types, of which remote workers may lease those of `remote` too. The
    /// types of other nodes are read from storage.
    pub fn new(repository: Arc<dyn JobRepository>, own: &[JobType], remote: &[JobType]) -> Self {
        Self(Arc::new(Shared {
            repository,
            own: own.iter().cloned().collect(),
            remote: remote.iter().cloned().collect(),
            elsewhere: Mutex::default(),
            logged: Mutex::default(),
            pending: Mutex::default(),
            has_pending: Notify::new(),
        }))
    }

    /// The types that this server has a handler for.
    pub fn own_types(&self) -> impl Iterator<Item = &JobType> {
        self.0.own.iter()
    }

    /// `true` if remote workers may lease jobs of the type as far as this server is concerned.
    pub fn is_leased(&self, job_type: &JobType) -> bool {
        !self.is_own(job_type) || self.0.remote.contains(job_type)
    }

    /// `true` if this server has a handler for the type.
    pub fn is_own(&self, job_type: &JobType) -> bool {
        self.0.own.contains(job_type)
    }

    /// Job types of other nodes: at most `max_age` old if the read finishes within `timeout` (without one: whenever
    /// it finishes), otherwise the last known ones.
    async fn elsewhere(
        &self,
        max_age: Duration,
        timeout: Option<Duration>,
    ) -> Result<Option<Arc<Elsewhere>>, RepositoryError> {
        let mut reading = match self.request_read(max_age) {
            Requested::Known(elsewhere) => return Ok(Some(elsewhere)),
            Requested::Failed(failure) => return Err(failure),
            Requested::Reading(reading) => reading,
        };
        let started_at = reading.since;
        // No value is sent: the channel closes when the read finishes.
        let finished = async move { while reading.end.changed().await.is_ok() {} };
        match timeout {
            Some(timeout) => drop(tokio::time::timeout_at(started_at + timeout, finished).await),
            None => finished.await,
        }
        let knowledge = self.0.knowledge();
        if let Some((at, failure)) = &knowledge.failed
            && *at >= started_at
        {
            return Err(failure.clone());
        }
        let known = knowledge.known.as_ref().filter(|(at, _)| at.elapsed() < STALE_MAX_AGE);
        Ok(known.map(|(_, elsewhere)| Arc::clone(elsewhere)))
    }

    /// The same for a caller that needs a definite result: a read that was invalidated is repeated.
    async fn known_elsewhere(&self, max_age: Duration) -> Result<Arc<Elsewhere>, RepositoryError> {
        let since = Instant::now();
        for _ in 0..MAX_READS {
            if let Some(elsewhere) = self.elsewhere(max_age, None).await? {
                return Ok(elsewhere);
            }
            // A registration has invalidated it. A read since the call is recent enough for its caller.
            if let Some((at, elsewhere)) = &self.0.knowledge().last
                && *at >= since
            {
                return Ok(Arc::clone(elsewhere));
            }
        }
        Err(RepositoryError::Unavailable {
            reason: "timed out reading the job types of other servers".to_owned(),
        })
    }

    /// The cached value if it is recent enough; otherwise the read in progress, which starts now if there is none.
    fn request_read(&self, max_age: Duration) -> Requested {
        let mut knowledge = self.0.knowledge();
        if let Some((at, elsewhere)) = &knowledge.known
            && at.elapsed() < max_age
        {
            return Requested::Known(Arc::clone(elsewhere));
        }
        if let Some(reading) = knowledge.reading.as_ref().filter(|reading| !reading.is_finished()) {
            return Requested::Reading(reading.clone());
        }
        if let Some((at, failure)) = &knowledge.failed
            && at.elapsed() < NEGATIVE_MAX_AGE
        {
            return Requested::Failed(failure.clone());
        }
        let (sender, end) = watch::channel(());
        let since = Instant::now();
        let reading = Reading { since, end };
        knowledge.reading = Some(reading.clone());
        let generation = knowledge.generation;
        drop(knowledge);
        let shared = Arc::clone(&self.0);
        // A separate task: it continues when its callers have stopped waiting.
        tokio::spawn(async move {
            let read = ReadLane::Internal.scope(shared.read()).await;
            let mut knowledge = shared.knowledge();
            match read {
                Ok(elsewhere) => {
                    let read = (since, Arc::new(elsewhere));
                    if knowledge.generation == generation {
                        knowledge.known = Some(read.clone());
                        knowledge.failed = None;
                    }
                    knowledge.last = Some(read);
                }
                Err(failure) => knowledge.failed = Some((Instant::now(), failure)),
            }
            drop(knowledge);
            drop(sender);
        });
        Requested::Reading(reading)
    }

    /// A node or worker has registered or left: the cached value is outdated.
    pub fn forget(&self) {
        let mut knowledge = self.0.knowledge();
        knowledge.known = None;
        knowledge.reading = None;
        knowledge.generation += 1;
    }

    /// `true` if any node or worker runs jobs of the type in the queue.
    pub async fn runs(&self, job_type: &JobType, queue: &QueueName) -> Result<bool, RepositoryError> {
        self.runs_within(job_type, queue, None).await
    }

    /// `true` if jobs of the type run in any queue.
    pub async fn runs_everywhere(&self, job_type: &JobType) -> Result<bool, RepositoryError> {
        if self.is_own(job_type) {
            return Ok(true);
        }
        let elsewhere = self.elsewhere(MAX_AGE, None).await?;
        let runs = elsewhere.is_none_or(|elsewhere| elsewhere.runs_everywhere(job_type));
        if runs {
            self.logged().types.remove(job_type);
        }
        Ok(runs)
    }

    async fn runs_within(
        &self,
        job_type: &JobType,
        queue: &QueueName,
        timeout: Option<Duration>,
    ) -> Result<bool, RepositoryError> {
        if self.is_own(job_type) {
            return Ok(true);
        }
        let mut runs = false;
        for max_age in [MAX_AGE, NEGATIVE_MAX_AGE] {
            // An unknown node may run it.
            let Some(elsewhere) = self.elsewhere(max_age, timeout).await? else {
                return Ok(true);
            };
            runs = runs || elsewhere.runs(job_type, queue);
        }
        let mut logged = self.logged();
        if runs {
            logged.types.remove(job_type);
        } else if logged.admits(job_type, Instant::now()) {
            warn!(job.type = %job_type, "no handler and no worker for job type '{job_type}'; its jobs stay pending");
        }
        Ok(runs)
    }

    /// The given types that remote workers may not lease, because a server reserves them for itself.
    pub async fn reserved(&self, job_types: &[JobType]) -> Result<Vec<JobType>, RepositoryError> {
        let elsewhere = if self.0.repository.is_shared() {
            self.known_elsewhere(MAX_AGE).await?
        } else {
            Arc::default()
        };
        let is_reserved = |job_type: &&JobType| {
            (self.is_own(job_type) && !self.0.remote.contains(*job_type)) || elsewhere.reserved.contains(*job_type)
        };
        Ok(job_types.iter().filter(is_reserved).cloned().collect())
    }

    /// Records a job that has become pending. [`check_pending`](Self::check_pending) checks whether its type has a
    /// handler.
    pub fn record_pending(&self, job: &Job) {
        // Logged types are checked together with health.
        if self.is_own(&job.job_type) || self.logged().types.contains(&job.job_type) {
            return;
        }
        let mut pending = self.0.pending.lock().unwrap_or_else(PoisonError::into_inner);
        if pending.len() < MAX_REMEMBERED && pending.insert((job.job_type.clone(), job.queue.clone())) {
            self.0.has_pending.notify_one();
        }
    }

    /// Logs the recorded types without a handler, until it is dropped.
    pub async fn check_pending(self) {
        loop {
            self.0.has_pending.notified().await;
            tokio::time::sleep(COLLECTION_TIME).await;
            let recorded = std::mem::take(&mut *self.0.pending.lock().unwrap_or_else(PoisonError::into_inner));
            for (job_type, queue) in recorded {
                if let Err(failure) = self.runs(&job_type, &queue).await {
                    debug!("failed to read what runs jobs of type '{job_type}': {failure}");
                    break;
                }
            }
        }
    }

    fn logged(&self) -> MutexGuard<'_, Logged> {
        // The set is consistent after a panic of a thread that held the lock.
        self.0.logged.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The warning for the caller of a type; `None` if the type has a handler or storage is unavailable.
    pub async fn warning(&self, job_type: &JobType, queue: &QueueName) -> Option<String> {
        // The job is stored already: its caller does not wait for storage again.
        match self.runs_within(job_type, queue, Some(READ_TIMEOUT)).await {
            Ok(true) | Err(_) => None,
            Ok(false) => Some(format!(
                "no handler and no worker for type '{job_type}' in queue '{queue}'; its jobs stay pending until there is \
                 one"
            )),
        }
    }

    /// The warnings for the caller of a job.
    pub async fn warnings(&self, job: &Job) -> Vec<String> {
        if job.status != JobStatus::Pending || self.is_own(&job.job_type) {
            return Vec::new();
        }
        self.warning(&job.job_type, &job.queue).await.into_iter().collect()
    }
}

#[cfg(test)]
mod tests;
