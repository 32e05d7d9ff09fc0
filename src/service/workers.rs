//! Use cases of remote workers.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};

use super::error::ServiceError;
use super::jobs::unexpected;
use super::rules::check_span;
use super::trail::{Deed, Trail};
use crate::domain::caller::{Caller, Scope};
use crate::domain::id::{JobId, NodeId};
use crate::domain::job::Job;
use crate::domain::name::is_name_character;
use crate::domain::outcome::{Outcome, RetryAdvice};
use crate::domain::remote_worker::{WorkerDeclaration, WorkerStatus};
use crate::domain::time_span::TimeSpan;
use crate::domain::trace::TraceParent;
use crate::runtime::RuntimeHandle;
use crate::runtime::remote_work::RemoteError;
pub use crate::runtime::remote_work::{Beat, Held, RemoteEnd, Wanted};
use crate::storage::change::{Applied, Change};
use crate::storage::query::StoredWorker;
use crate::storage::repository::JobRepository;

/// How many jobs a worker may run, lease or end at once.
pub const JOBS_MAX: u32 = 1_000;
/// How long a worker may wait for jobs.
pub const WAIT_MAX: Duration = Duration::from_secs(30);
/// How many jobs a worker may report of at once.
pub const HELD_MAX: usize = 10_000;
/// How many types, and how many queues, a worker may name.
pub const NAMES_MAX: usize = 1_000;
/// How long a worker's name may be, in characters.
pub const NAME_LENGTH_MAX: usize = 200;

/// A worker that lives says so three times in its lease, and often enough to hear of cancellations soon.
const HEARTBEAT_MAX: TimeSpan = TimeSpan::from_secs(5);

/// Use cases of remote workers.
#[derive(Clone)]
pub struct Workers {
    repository: Arc<dyn JobRepository>,
    runtime: RuntimeHandle,
    trail: Trail,
}

impl Workers {
    /// Use cases over this storage and this runtime.
    pub fn new(repository: Arc<dyn JobRepository>, runtime: RuntimeHandle) -> Self {
        Self {
            repository,
            trail: Trail::new(runtime.clone(), false),
            runtime,
        }
    }

    /// The same use cases; `is_kept` says whether it is recorded who has changed what.
    #[must_use]
    pub fn audited(self, is_kept: bool) -> Self {
        Self {
            trail: Trail::new(self.runtime.clone(), is_kept),
            ..self
        }
    }

    /// How long a worker's jobs are its own without a heartbeat.
    pub fn lease_time(&self) -> TimeSpan {
        self.runtime.remote.lease_time()
    }

    /// How often a worker should say that it lives.
    pub fn heartbeat_interval(&self) -> TimeSpan {
        TimeSpan::from_micros(self.lease_time().as_micros() / 3).min(HEARTBEAT_MAX)
    }

    /// The time of this server.
    pub fn now(&self) -> DateTime<Utc> {
        self.runtime.clock.now()
    }

    /// The workers that live, and those that were lost in the last hour.
    pub async fn list(&self, caller: &Caller) -> Result<Vec<StoredWorker>, ServiceError> {
        caller.require(Scope::Read)?;
        Ok(self.repository.workers().await?)
    }

    /// One worker.
    pub async fn get(&self, caller: &Caller, id: NodeId) -> Result<StoredWorker, ServiceError> {
        caller.require_any(&[Scope::Read, Scope::Write])?;
        self.read(id).await
    }

    async fn read(&self, id: NodeId) -> Result<StoredWorker, ServiceError> {
        let found = self.repository.worker(id).await?;
        found.ok_or(ServiceError::NoSuchWorker { id })
    }

    /// Makes a worker known. Its lease begins.
    pub async fn register(
        &self,
        caller: &Caller,
        declaration: WorkerDeclaration,
    ) -> Result<StoredWorker, ServiceError> {
        caller.require(Scope::Write)?;
        check(&declaration)?;
        let now = self.runtime.clock.now();
        let worker = NodeId::new(now);
        let change = Change::RegisterWorker {
            worker,
            declaration: Arc::new(declaration),
            registered_at: now,
            lease: self.lease_time(),
        };
        let note = self.trail.note(caller, Deed::REGISTER_WORKER);
        let applied = self.trail.write(change, note).await??;
        let Applied::Registered = applied else {
            return Err(unexpected(&applied));
        };
        self.runtime.handled.forget().await;
        self.read(worker).await
    }

    /// Gives a worker due jobs of its types, running under its lease. When there are none, waits until there are.
    pub async fn lease(
        &self,
        caller: &Caller,
        id: NodeId,
        limit: Option<u32>,
        wait: TimeSpan,
    ) -> Result<Vec<Arc<Job>>, ServiceError> {
        caller.require(Scope::Write)?;
        let worker = self.read(id).await?;
        match worker.status() {
            WorkerStatus::Left => return Err(ServiceError::NoSuchWorker { id }),
            // What it ran may have been given to others: a heartbeat renews the lease and lists what was lost.
            WorkerStatus::Lost => return Err(ServiceError::WorkerLeaseOver { id }),
            WorkerStatus::Live => {}
        }
        let WorkerDeclaration {
            name: _,
            job_types,
            queues,
            concurrency,
        } = worker.declaration;
        let limit = limit.unwrap_or(concurrency.get());
        if limit == 0 || limit > JOBS_MAX {
            return Err(invalid("max", format!("max is {limit}; allowed are 1 to {JOBS_MAX}")));
        }
        if wait.is_negative() || wait.to_std() > WAIT_MAX {
            let max = WAIT_MAX.as_secs();
            return Err(invalid(
                "wait",
                format!("wait is {wait}; allowed are 0 to {max} seconds"),
            ));
        }
        let wanted = Wanted {
            job_types,
            queues,
            limit,
            wait: wait.to_std(),
        };
        let leased = self.runtime.remote.lease(id, wanted).await;
        leased.map_err(|error| of_remote(error, id))
    }

    /// Where a leased job's attempt stands in a trace, for those whom the worker calls.
    pub fn place_in_trace(&self, job: &Job) -> TraceParent {
        self.runtime.traces.place_of_run(job)
    }

    /// Renews a worker's lease and notes what it reports of the jobs that it runs: all of them, since those that it does
    /// not name for as long as a lease are taken from it.
    pub async fn beat(&self, caller: &Caller, id: NodeId, held: Vec<Held>) -> Result<Beat, ServiceError> {
        caller.require(Scope::Write)?;
        if held.len() > HELD_MAX {
            let detail = format!("{HELD_MAX} jobs can be reported of at once; these are {}", held.len());
            return Err(invalid("jobs", detail));
        }
        let beat = self.runtime.remote.beat(id, held).await;
        beat.map_err(|error| of_remote(error, id))?
            .ok_or(ServiceError::NoSuchWorker { id })
    }

    /// Ends attempts. Tells for each whether its end is stored; if not, the attempt had been lost and nothing is changed.
    pub async fn finish(&self, caller: &Caller, id: NodeId, ends: Vec<RemoteEnd>) -> Result<Vec<bool>, ServiceError> {
        caller.require(Scope::Write)?;
        let max = usize::try_from(JOBS_MAX).unwrap_or(usize::MAX);
        if ends.is_empty() || ends.len() > max {
            let detail = format!("1 to {max} jobs can be ended at once; these are {}", ends.len());
            return Err(invalid("jobs", detail));
        }
        let mut seen: HashSet<JobId> = HashSet::new();
        if let Some(index) = ends.iter().position(|end| !seen.insert(end.job_id)) {
            let detail = format!("job {} is there twice", ends[index].job_id);
            return Err(ServiceError::Invalid {
                field: "jobId",
                index: Some(index),
                detail,
            });
        }
        for (index, end) in ends.iter().enumerate() {
            if let Some((field, detail)) = check_span("retryAfter", wait_of(end), true) {
                return Err(ServiceError::Invalid {
                    field,
                    index: Some(index),
                    detail,
                });
            }
        }
        let finished = self.runtime.remote.finish(id, ends).await;
        finished.map_err(|error| of_remote(error, id))
    }

    /// Hands back what a worker runs, and forgets its lease.
    pub async fn leave(&self, caller: &Caller, id: NodeId) -> Result<(), ServiceError> {
        caller.require(Scope::Write)?;
        self.read(id).await?;
        let left = self.runtime.remote.leave(id).await;
        self.runtime.handled.forget().await;
        left.map_err(|error| of_remote(error, id))
    }
}

/// The wait before the next attempt that the end asks for.
fn wait_of(end: &RemoteEnd) -> Option<TimeSpan> {
    match &end.outcome {
        Outcome::Failed(failure) => match failure.retry {
            RetryAdvice::NotBefore(wait) | RetryAdvice::After(wait) => Some(wait),
            RetryAdvice::ByPolicy | RetryAdvice::Never => None,
        },
        Outcome::Completed(_) | Outcome::Cancelled | Outcome::Interrupted | Outcome::Lost => None,
    }
}

fn check(declaration: &WorkerDeclaration) -> Result<(), ServiceError> {
    let WorkerDeclaration {
        name,
        job_types,
        queues,
        concurrency,
    } = declaration;
    let length = name.chars().count();
    if name.trim().is_empty() || length > NAME_LENGTH_MAX || !name.chars().all(is_name_character) {
        let detail =
            format!("name has 1 to {NAME_LENGTH_MAX} characters, one that is no space, and none that can't be printed");
        return Err(invalid("name", detail));
    }
    if job_types.is_empty() || job_types.len() > NAMES_MAX {
        let detail = format!("types names 1 to {NAMES_MAX} job types; these are {}", job_types.len());
        return Err(invalid("types", detail));
    }
    if queues.len() > NAMES_MAX {
        let detail = format!("queues names at most {NAMES_MAX} queues; these are {}", queues.len());
        return Err(invalid("queues", detail));
    }
    if concurrency.get() > JOBS_MAX {
        let detail = format!("concurrency is {concurrency}; allowed are 1 to {JOBS_MAX}");
        return Err(invalid("concurrency", detail));
    }
    Ok(())
}

fn invalid(field: &'static str, detail: String) -> ServiceError {
    ServiceError::Invalid {
        field,
        index: None,
        detail,
    }
}

fn of_remote(error: RemoteError, id: NodeId) -> ServiceError {
    match error {
        RemoteError::NoLease => ServiceError::WorkerLeaseOver { id },
        RemoteError::Record(error) => error.into(),
        RemoteError::Storage(error) => error.into(),
    }
}
