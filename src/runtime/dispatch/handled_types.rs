//! Which job types something runs: this server, the other servers, the remote workers.
//!
//! A job of any other type stays pending. Its caller is warned, the log has a line for its type, and the health says so.

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
use crate::storage::repository::{JobRepository, RepositoryError};

/// How long it is known what runs elsewhere.
const KNOWN_FOR: Duration = Duration::from_secs(1);
/// How old this may be where it says that nothing runs a type.
const NEGATIVE_FOR: Duration = Duration::from_millis(200);
/// How long a caller waits for what runs elsewhere to be read, counted from when the reading began.
const PATIENCE: Duration = Duration::from_millis(100);
/// How old what is known may be where nothing newer could be read.
const STALE_FOR: Duration = Duration::from_secs(10);
/// How often it is read for a caller who must know it.
const READINGS_MAX: usize = 3;
/// How many types the log names in [`LOG_WINDOW`].
const LOGGED_MAX: usize = 10;
const LOG_WINDOW: Duration = Duration::from_secs(60);
/// How many types that were logged are remembered, and how many wait for a check.
const REMEMBERED_MAX: usize = 1_000;
/// How long types of pending jobs are gathered before they are checked together.
const GATHERED_FOR: Duration = Duration::from_millis(300);

/// What runs elsewhere.
#[derive(Debug, Default)]
struct Elsewhere {
    /// Where each type runs: in the queues of these sets, which types share; `None` is every queue.
    types: HashMap<JobType, Option<Vec<Arc<HashSet<QueueName>>>>>,
    /// Types that a server runs and does not leave to workers.
    reserved: HashSet<JobType>,
    /// Whether a server lives that does not say what it runs.
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
            // A server without a rule for remote workers is of a version that leaves them every type.
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

    /// The type runs in these queues; in all without them.
    fn add(&mut self, job_type: &JobType, queues: Option<&Arc<HashSet<QueueName>>>) {
        let known = self.types.entry(job_type.clone()).or_insert_with(|| Some(Vec::new()));
        match (known.as_mut(), queues) {
            (Some(known), Some(queues)) => known.push(Arc::clone(queues)),
            (Some(_), None) => *known = None,
            (None, _) => {}
        }
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

/// Which types were logged.
#[derive(Debug, Default)]
struct Logged {
    types: HashSet<JobType>,
    window: Option<(Instant, usize)>,
}

impl Logged {
    /// Whether the log names the type now: once, and not too many types at a time.
    fn admits(&mut self, job_type: &JobType, now: Instant) -> bool {
        if self.types.contains(job_type) {
            return false;
        }
        let (began, count) = match self.window {
            Some((began, count)) if now.duration_since(began) < LOG_WINDOW => (began, count),
            Some(_) | None => (now, 0),
        };
        self.window = Some((began, count + 1));
        if count >= LOGGED_MAX {
            return false;
        }
        if self.types.len() >= REMEMBERED_MAX {
            self.types.clear();
        }
        self.types.insert(job_type.clone())
    }
}

/// What is known of what runs elsewhere, and whether it is being read.
#[derive(Debug, Default)]
struct Knowledge {
    known: Option<(Instant, Arc<Elsewhere>)>,
    /// The last reading that ended well, also when something registered meanwhile.
    last: Option<(Instant, Arc<Elsewhere>)>,
    /// The last reading that failed, unless one has succeeded since.
    failed: Option<(Instant, RepositoryError)>,
    reading: Option<Reading>,
    /// Grows when what is known is to be forgotten: what was read before is not kept.
    generation: u64,
}

/// A reading that has begun.
#[derive(Clone, Debug)]
struct Reading {
    since: Instant,
    /// Closed when it ends, however it ends.
    end: watch::Receiver<()>,
}

impl Reading {
    fn is_over(&self) -> bool {
        self.end.has_changed().is_err()
    }
}

struct Shared {
    repository: Arc<dyn JobRepository>,
    own: HashSet<JobType>,
    /// Those of them that remote workers may lease too.
    remote: HashSet<JobType>,
    elsewhere: Mutex<Knowledge>,
    logged: Mutex<Logged>,
    /// Types of jobs that have become pending and are not this server's.
    pending: Mutex<HashSet<(JobType, QueueName)>>,
    has_pending: Notify,
}

impl Shared {
    fn knowledge(&self) -> MutexGuard<'_, Knowledge> {
        // Whole values are replaced under the lock.
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

/// What a caller has to wait for.
enum Begun {
    Known(Arc<Elsewhere>),
    Failed(RepositoryError),
    Reading(Reading),
}

/// Which job types something runs. See the module. Cheap to copy.
#[derive(Clone)]
pub struct HandledTypes(Arc<Shared>);

impl HandledTypes {
    /// This server runs its `own` types, of which remote workers may lease those of `remote` too; what the others run is in
    /// storage.
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

    /// Whether this server has a handler for the type.
    fn is_own(&self, job_type: &JobType) -> bool {
        self.0.own.contains(job_type)
    }

    /// What runs elsewhere: not older than `max_age` if it can be read within `patience` (without one: however long that
    /// takes), otherwise as it was known last.
    async fn elsewhere(
        &self,
        max_age: Duration,
        patience: Option<Duration>,
    ) -> Result<Option<Arc<Elsewhere>>, RepositoryError> {
        let mut reading = match self.begin_reading(max_age) {
            Begun::Known(elsewhere) => return Ok(Some(elsewhere)),
            Begun::Failed(failure) => return Err(failure),
            Begun::Reading(reading) => reading,
        };
        let began = reading.since;
        // Nothing is sent: the channel is closed when the reading is over.
        let over = async move { while reading.end.changed().await.is_ok() {} };
        match patience {
            Some(patience) => drop(tokio::time::timeout_at(began + patience, over).await),
            None => over.await,
        }
        let knowledge = self.0.knowledge();
        if let Some((at, failure)) = &knowledge.failed
            && *at >= began
        {
            return Err(failure.clone());
        }
        let known = knowledge.known.as_ref().filter(|(at, _)| at.elapsed() < STALE_FOR);
        Ok(known.map(|(_, elsewhere)| Arc::clone(elsewhere)))
    }

    /// The same for who must know it: what is forgotten while it is read is read again.
    async fn known_elsewhere(&self, max_age: Duration) -> Result<Arc<Elsewhere>, RepositoryError> {
        let since = Instant::now();
        for _ in 0..READINGS_MAX {
            if let Some(elsewhere) = self.elsewhere(max_age, None).await? {
                return Ok(elsewhere);
            }
            // Something registered meanwhile. What was read since the call is new enough for its caller.
            if let Some((at, elsewhere)) = &self.0.knowledge().last
                && *at >= since
            {
                return Ok(Arc::clone(elsewhere));
            }
        }
        Err(RepositoryError::Unavailable {
            reason: "what other servers run could not be read in time".to_owned(),
        })
    }

    /// What is known, if it is new enough; otherwise the reading that is going on, which begins now if there is none.
    fn begin_reading(&self, max_age: Duration) -> Begun {
        let mut knowledge = self.0.knowledge();
        if let Some((at, elsewhere)) = &knowledge.known
            && at.elapsed() < max_age
        {
            return Begun::Known(Arc::clone(elsewhere));
        }
        if let Some(reading) = knowledge.reading.as_ref().filter(|reading| !reading.is_over()) {
            return Begun::Reading(reading.clone());
        }
        if let Some((at, failure)) = &knowledge.failed
            && at.elapsed() < NEGATIVE_FOR
        {
            return Begun::Failed(failure.clone());
        }
        let (sender, end) = watch::channel(());
        let since = Instant::now();
        let reading = Reading { since, end };
        knowledge.reading = Some(reading.clone());
        let generation = knowledge.generation;
        drop(knowledge);
        let shared = Arc::clone(&self.0);
        // A task of its own: it goes on when no caller waits for it any more.
        tokio::spawn(async move {
            let read = shared.read().await;
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
        Begun::Reading(reading)
    }

    /// Something has registered or left: what is known is read again.
    pub fn forget(&self) {
        let mut knowledge = self.0.knowledge();
        knowledge.known = None;
        knowledge.reading = None;
        knowledge.generation += 1;
    }

    /// Whether something runs jobs of the type in the queue.
    pub async fn runs(&self, job_type: &JobType, queue: &QueueName) -> Result<bool, RepositoryError> {
        self.runs_within(job_type, queue, None).await
    }

    async fn runs_within(
        &self,
        job_type: &JobType,
        queue: &QueueName,
        patience: Option<Duration>,
    ) -> Result<bool, RepositoryError> {
        if self.is_own(job_type) {
            return Ok(true);
        }
        let mut runs = false;
        for max_age in [KNOWN_FOR, NEGATIVE_FOR] {
            // What is not known may run it.
            let Some(elsewhere) = self.elsewhere(max_age, patience).await? else {
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

    /// Those of these types that remote workers may not lease, because a server runs them and does not leave them to workers.
    pub async fn reserved(&self, job_types: &[JobType]) -> Result<Vec<JobType>, RepositoryError> {
        let elsewhere = if self.0.repository.is_shared() {
            self.known_elsewhere(KNOWN_FOR).await?
        } else {
            Arc::default()
        };
        let is_reserved = |job_type: &&JobType| {
            (self.is_own(job_type) && !self.0.remote.contains(*job_type)) || elsewhere.reserved.contains(*job_type)
        };
        Ok(job_types.iter().filter(is_reserved).cloned().collect())
    }

    /// Notes a job that has become pending, however that came about. [`check_pending`](Self::check_pending) finds out whether
    /// something runs its type.
    pub fn note_pending(&self, job: &Job) {
        // What was logged is checked with the health.
        if self.is_own(&job.job_type) || self.logged().types.contains(&job.job_type) {
            return;
        }
        let mut pending = self.0.pending.lock().unwrap_or_else(PoisonError::into_inner);
        if pending.len() < REMEMBERED_MAX && pending.insert((job.job_type.clone(), job.queue.clone())) {
            self.0.has_pending.notify_one();
        }
    }

    /// Logs the types of noted jobs that nothing runs, until it is dropped.
    pub async fn check_pending(self) {
        loop {
            self.0.has_pending.notified().await;
            tokio::time::sleep(GATHERED_FOR).await;
            let noted = std::mem::take(&mut *self.0.pending.lock().unwrap_or_else(PoisonError::into_inner));
            for (job_type, queue) in noted {
                if let Err(failure) = self.runs(&job_type, &queue).await {
                    debug!("failed to read what runs jobs of type '{job_type}': {failure}");
                    break;
                }
            }
        }
    }

    fn logged(&self) -> MutexGuard<'_, Logged> {
        // A set stays whole when a thread panics that holds it.
        self.0.logged.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the caller of a type should know: nothing where something runs it, and where storage does not say.
    pub async fn warning(&self, job_type: &JobType, queue: &QueueName) -> Option<String> {
        // The job is stored already: its caller does not wait for storage again.
        match self.runs_within(job_type, queue, Some(PATIENCE)).await {
            Ok(true) | Err(_) => None,
            Ok(false) => Some(format!(
                "nothing runs jobs of type '{job_type}' in queue '{queue}': no server has a handler for it and no worker \
                 is registered for it; its jobs stay pending until one is"
            )),
        }
    }

    /// What the caller of a job should know.
    pub async fn warnings(&self, job: &Job) -> Vec<String> {
        if job.status != JobStatus::Pending || self.is_own(&job.job_type) {
            return Vec::new();
        }
        self.warning(&job.job_type, &job.queue).await.into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job_type(name: &str) -> JobType {
        JobType::parse(name).expect("a type")
    }

    fn queue(name: &str) -> QueueName {
        QueueName::parse(name).expect("a queue")
    }

    #[test]
    fn a_worker_of_some_queues_runs_its_types_there_alone() {
        let mut elsewhere = Elsewhere::default();
        let (a, b) = (job_type("A"), job_type("B"));
        let only = |name: &str| Arc::new(HashSet::from([queue(name)]));
        elsewhere.add(&a, Some(&only("one")));
        elsewhere.add(&a, Some(&only("two")));
        assert!(elsewhere.runs(&a, &queue("one")) && elsewhere.runs(&a, &queue("two")));
        assert!(!elsewhere.runs(&a, &queue("three")) && !elsewhere.runs(&b, &queue("one")));
        elsewhere.add(&a, None);
        elsewhere.add(&a, Some(&only("one")));
        assert!(elsewhere.runs(&a, &queue("three")));
        elsewhere.is_incomplete = true;
        assert!(
            elsewhere.runs(&b, &queue("one")),
            "a server that does not say may run it"
        );
    }

    #[test]
    fn the_log_names_a_type_once_and_few_at_a_time() {
        let mut logged = Logged::default();
        let start = Instant::now();
        assert!(logged.admits(&job_type("A"), start));
        assert!(!logged.admits(&job_type("A"), start));
        let admitted = (0..50).filter(|number| logged.admits(&job_type(&format!("T{number}")), start));
        assert_eq!(admitted.count(), LOGGED_MAX - 1);
        let later = start + LOG_WINDOW;
        assert!(!logged.admits(&job_type("A"), later));
        assert!(logged.admits(&job_type("T49"), later));
    }
}
