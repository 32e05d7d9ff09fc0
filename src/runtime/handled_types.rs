//! Which job types something runs: this server, the other servers, the remote workers.
//!
//! A job of any other type stays pending. Its caller is warned, the log has a line for its type, and the health says so.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use tracing::warn;

use crate::domain::job::Job;
use crate::domain::name::{JobType, QueueName};
use crate::domain::status::JobStatus;
use crate::storage::query::{StoredNode, StoredWorker};
use crate::storage::repository::{JobRepository, RepositoryError};

/// How long it is known what runs elsewhere.
const KNOWN_FOR: Duration = Duration::from_secs(1);
/// How old this may be where it says that nothing runs a type.
const NEGATIVE_FOR: Duration = Duration::from_millis(200);
/// How many types the log names in [`LOG_WINDOW`].
const LOGGED_MAX: usize = 10;
const LOG_WINDOW: Duration = Duration::from_secs(60);
/// How many types that were logged are remembered.
const REMEMBERED_MAX: usize = 1_000;

/// What runs elsewhere.
#[derive(Debug, Default)]
struct Elsewhere {
    /// Where each type runs; `None` is every queue.
    types: HashMap<JobType, Option<HashSet<QueueName>>>,
    /// Types that a server runs and does not leave to workers.
    reserved: HashSet<JobType>,
    /// Whether a server lives that does not say what it runs.
    is_incomplete: bool,
}

impl Elsewhere {
    fn of(nodes: &[StoredNode], workers: &[StoredWorker]) -> Self {
        let mut elsewhere = Self::default();
        for node in nodes.iter().filter(|node| node.is_live) {
            match &node.job_types {
                Some(types) => types.iter().for_each(|job_type| elsewhere.add(job_type, &[])),
                None => elsewhere.is_incomplete = true,
            }
            // A server without a rule for remote workers is of a version that leaves them every type.
            if let (Some(types), Some(remote)) = (&node.job_types, &node.remote_types) {
                let reserved = types.iter().filter(|job_type| !remote.contains(job_type));
                elsewhere.reserved.extend(reserved.cloned());
            }
        }
        for worker in workers.iter().filter(|worker| worker.is_live) {
            for job_type in worker.declaration.job_types.iter() {
                elsewhere.add(job_type, &worker.declaration.queues);
            }
        }
        elsewhere
    }

    /// The type runs in these queues; in all when there are none.
    fn add(&mut self, job_type: &JobType, queues: &[QueueName]) {
        let known = self
            .types
            .entry(job_type.clone())
            .or_insert_with(|| Some(HashSet::new()));
        match known {
            Some(known) if !queues.is_empty() => known.extend(queues.iter().cloned()),
            Some(_) => *known = None,
            None => {}
        }
    }

    fn runs(&self, job_type: &JobType, queue: &QueueName) -> bool {
        self.is_incomplete
            || self
                .types
                .get(job_type)
                .is_some_and(|queues| queues.as_ref().is_none_or(|queues| queues.contains(queue)))
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

struct Shared {
    repository: Arc<dyn JobRepository>,
    own: HashSet<JobType>,
    /// Those of them that remote workers may lease too.
    remote: HashSet<JobType>,
    elsewhere: tokio::sync::Mutex<Option<(Instant, Arc<Elsewhere>)>>,
    logged: Mutex<Logged>,
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
            elsewhere: tokio::sync::Mutex::default(),
            logged: Mutex::default(),
        }))
    }

    /// Whether this server has a handler for the type.
    fn is_own(&self, job_type: &JobType) -> bool {
        self.0.own.contains(job_type)
    }

    /// What runs elsewhere, as it was so long ago at the most.
    async fn elsewhere(&self, max_age: Duration) -> Result<Arc<Elsewhere>, RepositoryError> {
        // Held while it is read: those who ask meanwhile get the same answer.
        let mut known = self.0.elsewhere.lock().await;
        if let Some((at, elsewhere)) = &*known
            && at.elapsed() < max_age
        {
            return Ok(Arc::clone(elsewhere));
        }
        let at = Instant::now();
        let workers = self.0.repository.workers().await?;
        let nodes = if self.0.repository.is_shared() {
            self.0.repository.nodes().await?
        } else {
            Vec::new()
        };
        let elsewhere = Arc::new(Elsewhere::of(&nodes, &workers));
        *known = Some((at, Arc::clone(&elsewhere)));
        Ok(elsewhere)
    }

    /// Something has registered or left: what is known is read again.
    pub async fn forget(&self) {
        *self.0.elsewhere.lock().await = None;
    }

    /// Whether something runs jobs of the type in the queue.
    pub async fn runs(&self, job_type: &JobType, queue: &QueueName) -> Result<bool, RepositoryError> {
        if self.is_own(job_type) {
            return Ok(true);
        }
        let runs = self.elsewhere(KNOWN_FOR).await?.runs(job_type, queue)
            || self.elsewhere(NEGATIVE_FOR).await?.runs(job_type, queue);
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
            self.elsewhere(KNOWN_FOR).await?
        } else {
            Arc::default()
        };
        let is_reserved = |job_type: &&JobType| {
            (self.is_own(job_type) && !self.0.remote.contains(*job_type)) || elsewhere.reserved.contains(*job_type)
        };
        Ok(job_types.iter().filter(is_reserved).cloned().collect())
    }

    fn logged(&self) -> MutexGuard<'_, Logged> {
        // A set stays whole when a thread panics that holds it.
        self.0.logged.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the caller of a type should know: nothing where something runs it, and where storage does not say.
    pub async fn warning(&self, job_type: &JobType, queue: &QueueName) -> Option<String> {
        match self.runs(job_type, queue).await {
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
        elsewhere.add(&a, &[queue("one")]);
        elsewhere.add(&a, &[queue("two")]);
        assert!(elsewhere.runs(&a, &queue("one")) && elsewhere.runs(&a, &queue("two")));
        assert!(!elsewhere.runs(&a, &queue("three")) && !elsewhere.runs(&b, &queue("one")));
        elsewhere.add(&a, &[]);
        elsewhere.add(&a, &[queue("one")]);
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
