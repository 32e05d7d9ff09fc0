//! Use cases of remote workers.
//!
//! A worker belongs to the caller that registered it; other callers are rejected, but administrators may remove it. The
//! id of a server is not that of a worker.

pub(crate) mod access_cache;
mod registration;
mod reported_end;

use std::any::Any;
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};

use self::access_cache::WorkerAccesses;
pub(crate) use self::registration::JOBS_MAX;
use self::registration::Registrations;
pub(crate) use self::reported_end::{Finished, ReportedEnd};
use self::reported_end::{attempt_of, wait_of};
use super::audit_writer;
use super::audit_writer::{AuditWriter, AuditedAction};
use super::error::{ServiceError, reserved_types};
use super::limits::job_limits::check_span;
use crate::domain::access::caller::{Caller, Scope};
use crate::domain::cluster::remote_worker::{LogLine, Progress, WorkerDeclaration, WorkerStatus};
use crate::domain::cluster::worker_access::{LeaseKey, LeaseToken, WorkerAccess, WorkerOwner};
use crate::domain::job::Job;
use crate::domain::values::id::{JobId, NodeId};
use crate::domain::values::name::JobType;
use crate::domain::values::time_span::TimeSpan;
use crate::domain::values::trace_context::TraceParent;
use crate::runtime::RuntimeHandle;
pub(crate) use crate::runtime::remote_workers::HeartbeatResponse;
pub(crate) use crate::runtime::remote_workers::{LeaseMemory, LeaseRoom};
use crate::runtime::remote_workers::{LeaseRequest, LeasedJobs, RemoteWorkerError, ReportedJob, ReportedOutcome};
use crate::storage::change::{Applied, Change, WorkerChange};
use crate::storage::query::{StoredTexts, StoredWorker, WorkerPage};
use crate::storage::repository::JobRepository;

/// Maximum time that a worker may wait for jobs.
pub(crate) const WAIT_MAX: Duration = Duration::from_secs(30);
/// Maximum number of jobs in one heartbeat.
pub(crate) const HELD_MAX: usize = 10_000;

/// Workers send three heartbeats per lease, and at least this often, to receive cancellations soon.
const HEARTBEAT_MAX: TimeSpan = TimeSpan::from_secs(5);

/// A worker, and those of its types that it may not lease.
#[derive(Clone, Debug)]
pub(crate) struct WorkerDetail {
    /// The worker.
    pub worker: StoredWorker,
    /// Types with a handler on servers.
    pub refused: Vec<JobType>,
}

/// Leased jobs.
pub(crate) struct Leased {
    /// The jobs, each with its token.
    pub jobs: Vec<(Arc<Job>, LeaseToken)>,
    /// Types of the worker that it may not lease, because servers have handlers for them.
    pub refused: Vec<JobType>,
    /// Their memory reservation.
    pub held: Box<dyn Any + Send>,
}

/// Response to a heartbeat.
#[derive(Clone, Debug)]
pub(crate) struct HeartbeatResult {
    /// Cancellations and lost jobs.
    pub beat: HeartbeatResponse,
    /// Types of the worker that it may not lease, because servers have handlers for them.
    pub refused: Vec<JobType>,
}

/// An attempt that a worker reports as running.
#[derive(Clone, Debug)]
pub(crate) struct HeldAttempt {
    /// Id of the job.
    pub job_id: JobId,
    /// Token from the lease of the job.
    pub token: LeaseToken,
    /// New progress.
    pub progress: Option<Progress>,
    /// New log lines.
    pub log: Vec<LogLine>,
}

/// Use cases of remote workers.
#[derive(Clone)]
pub(crate) struct Workers {
    repository: Arc<dyn JobRepository>,
    runtime: RuntimeHandle,
    audit: AuditWriter,
    accesses: WorkerAccesses,
    registrations: Registrations,
}

/// A part of the list of workers.
#[derive(Clone, Debug)]
pub(crate) struct WorkersRead {
    /// The workers.
    pub workers: Vec<WorkerDetail>,
    /// `true` if there is a further page.
    pub has_more: bool,
}

impl Workers {
    /// Use cases over this storage and this runtime.
    pub(crate) fn new(repository: Arc<dyn JobRepository>, runtime: RuntimeHandle) -> Self {
        Self {
            accesses: WorkerAccesses::new(Arc::clone(&repository)),
            registrations: Registrations::new(Arc::clone(&repository), u32::MAX),
            repository,
            audit: AuditWriter::new(runtime.clone(), false),
            runtime,
        }
    }

    /// Enables or disables the audit log.
    #[must_use]
    pub(crate) fn audited(self, is_kept: bool) -> Self {
        Self {
            audit: AuditWriter::new(self.runtime.clone(), is_kept),
            ..self
        }
    }

    /// The same use cases with a limit of live workers per caller.
    #[must_use]
    pub(crate) fn with_limit_per_caller(self, max: u32) -> Self {
        Self {
            registrations: Registrations::new(Arc::clone(&self.repository), max),
            ..self
        }
    }

    /// Duration of a worker's lease without a heartbeat.
    pub(crate) fn lease_time(&self) -> TimeSpan {
        self.runtime.remote.lease_time()
    }

    /// Recommended interval of heartbeats.
    pub(crate) fn heartbeat_interval(&self) -> TimeSpan {
        TimeSpan::from_micros(self.lease_time().as_micros() / 3).min(HEARTBEAT_MAX)
    }

    /// The current time of this server.
    pub(crate) fn now(&self) -> DateTime<Utc> {
        self.runtime.clock.now()
    }

    /// A page of the workers that live, and those that were lost in the last hour.
    pub(crate) async fn list(&self, caller: &Caller, page: WorkerPage) -> Result<WorkersRead, ServiceError> {
        caller.require(Scope::Read)?;
        let limit = usize::try_from(page.limit).unwrap_or(usize::MAX);
        let mut workers = self.repository.worker_page(with_next(page)).await?;
        let has_more = workers.len() > limit;
        workers.truncate(limit);
        let mut details = Vec::with_capacity(workers.len());
        for worker in workers {
            details.push(self.details(worker).await?);
        }
        Ok(WorkersRead {
            workers: details,
            has_more,
        })
    }

    /// Memory for the names of types and queues of the page, in bytes.
    pub(crate) async fn size(&self, caller: &Caller, page: WorkerPage) -> Result<u64, ServiceError> {
        caller.require(Scope::Read)?;
        Ok(self.repository.size_of(StoredTexts::OfWorkers(with_next(page))).await?)
    }

    /// One worker. Callers with only the write scope see their own workers.
    pub(crate) async fn get(&self, caller: &Caller, id: NodeId) -> Result<WorkerDetail, ServiceError> {
        caller.require_any(&[Scope::Read, Scope::Write])?;
        let worker = self.read(id).await?;
        if !caller.may(Scope::Read) {
            own(caller, id, worker.access.as_ref())?;
        }
        self.details(worker).await
    }

    async fn details(&self, worker: StoredWorker) -> Result<WorkerDetail, ServiceError> {
        let refused = self.runtime.handled.reserved(&worker.declaration.job_types).await?;
        Ok(WorkerDetail { worker, refused })
    }

    async fn read(&self, id: NodeId) -> Result<StoredWorker, ServiceError> {
        let found = self.repository.worker(id).await?;
        found.ok_or(ServiceError::NoSuchWorker { id })
    }

    /// Registers a worker. Its lease starts.
    pub(crate) async fn register(
        &self,
        caller: &Caller,
        declaration: WorkerDeclaration,
    ) -> Result<WorkerDetail, ServiceError> {
        caller.require(Scope::Write)?;
        registration::check(&declaration)?;
        let _registering = self.registrations.admit(caller, self.lease_time()).await?;
        let refused = self.runtime.handled.reserved(&declaration.job_types).await?;
        if !refused.is_empty() {
            return Err(ServiceError::invalid("types", reserved_types(&refused)));
        }
        let now = self.runtime.clock.now();
        let worker = NodeId::new(now);
        let access = WorkerAccess {
            owner: WorkerOwner::of(caller),
            key: LeaseKey::new(rand::random()),
        };
        let change = Change::Worker(WorkerChange::Register {
            worker,
            declaration: Arc::new(declaration.clone()),
            access: Arc::new(access.clone()),
            registered_at: now,
            lease: self.lease_time(),
        });
        let entry = self.audit.entry(caller, AuditedAction::REGISTER_WORKER);
        let entry = entry.map(|entry| audit_writer::of_worker(entry, worker));
        let applied = self.audit.write(change, entry).await??;
        let Applied::Registered = applied else {
            return Err(ServiceError::unexpected(&applied));
        };
        self.runtime.handled.forget();
        // The registration took effect, even if storage can't be read now.
        let worker = self.read(worker).await.unwrap_or_else(|_| StoredWorker {
            id: worker,
            declaration,
            access: Some(access),
            registered_at: now,
            heartbeat_at: now,
            lease_until: now + self.lease_time().to_delta(),
            is_live: true,
            running_jobs: 0,
        });
        Ok(WorkerDetail { worker, refused })
    }

    /// Leases due jobs to a worker, and waits for some if there are none.
    pub(crate) async fn lease(
        &self,
        caller: &Caller,
        id: NodeId,
        limit: Option<u32>,
        wait: TimeSpan,
        memory: Arc<dyn LeaseMemory>,
    ) -> Result<Leased, ServiceError> {
        caller.require(Scope::Write)?;
        let worker = self.read(id).await?;
        let key = own(caller, id, worker.access.as_ref())?.key.clone();
        match worker.status() {
            WorkerStatus::Left => return Err(ServiceError::NoSuchWorker { id }),
            // Its jobs may have been recovered: a heartbeat renews the lease and lists the lost ones.
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
            return Err(ServiceError::invalid(
                "max",
                format!("max is {limit}; allowed are 1 to {JOBS_MAX}"),
            ));
        }
        if wait.is_negative() || wait.to_std() > WAIT_MAX {
            let max = WAIT_MAX.as_secs();
            return Err(ServiceError::invalid(
                "wait",
                format!("wait is {wait}; allowed are 0 to {max} seconds"),
            ));
        }
        let requested = LeaseRequest {
            job_types,
            queues,
            limit,
            wait: wait.to_std(),
            memory,
        };
        let leased = self.runtime.remote.lease(id, requested).await;
        let LeasedJobs { jobs, refused, held } = leased.map_err(|error| of_remote(error, id))?;
        let with_token = |job: Arc<Job>| {
            let token = key.token(job.id, job.attempt);
            (job, token)
        };
        Ok(Leased {
            jobs: jobs.into_iter().map(with_token).collect(),
            refused,
            held,
        })
    }

    /// Span context of a leased job's attempt, for calls of the worker.
    pub(crate) fn place_in_trace(&self, job: &Job) -> TraceParent {
        self.runtime.traces.run_span_context(job)
    }

    /// Renews a worker's lease and stores the reports about its running jobs. It must contain all of them: a job
    /// missing for the duration of a lease is recovered.
    pub(crate) async fn heartbeat(
        &self,
        caller: &Caller,
        id: NodeId,
        held: Vec<HeldAttempt>,
    ) -> Result<HeartbeatResult, ServiceError> {
        caller.require(Scope::Write)?;
        if held.len() > HELD_MAX {
            let detail = format!("a heartbeat may contain {HELD_MAX} jobs; this one has {}", held.len());
            return Err(ServiceError::invalid("jobs", detail));
        }
        let known = self.accesses.get(id).await?;
        let key = &own(caller, id, known.as_ref().and_then(|known| known.access.as_ref()))?.key;
        let held = held.into_iter().map(|held| {
            let HeldAttempt {
                job_id,
                token,
                progress,
                log,
            } = held;
            ReportedJob {
                job_id,
                attempt: attempt_of(key, job_id, &token),
                progress,
                log,
            }
        });
        let beat = self.runtime.remote.heartbeat(id, held.collect()).await;
        let beat = beat.map_err(|error| of_remote(error, id))?;
        let beat = beat.ok_or(ServiceError::NoSuchWorker { id })?;
        let refused = match &known {
            Some(known) => self.runtime.handled.reserved(&known.job_types).await?,
            None => Vec::new(),
        };
        Ok(HeartbeatResult { beat, refused })
    }

    /// Finishes attempts. Outcomes of attempts that the worker has lost are discarded; if it has lost all of them, that
    /// is an error.
    pub(crate) async fn finish(
        &self,
        caller: &Caller,
        id: NodeId,
        ends: Vec<ReportedEnd>,
    ) -> Result<Finished, ServiceError> {
        caller.require(Scope::Write)?;
        let max = usize::try_from(JOBS_MAX).unwrap_or(usize::MAX);
        if ends.is_empty() || ends.len() > max {
            let detail = format!("a request may finish 1 to {max} jobs; this one has {}", ends.len());
            return Err(ServiceError::invalid("jobs", detail));
        }
        let mut seen: HashSet<JobId> = HashSet::new();
        if let Some(index) = ends.iter().position(|end| !seen.insert(end.job_id)) {
            let detail = format!("job {} is included twice", ends[index].job_id);
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
        let known = self.accesses.get(id).await?;
        let key = &own(caller, id, known.as_ref().and_then(|known| known.access.as_ref()))?.key;
        let jobs: Vec<JobId> = ends.iter().map(|end| end.job_id).collect();
        let ends = ends.into_iter().map(|end| ReportedOutcome {
            job_id: end.job_id,
            attempt: attempt_of(key, end.job_id, &end.token),
            outcome: end.outcome,
        });
        let finished = self.runtime.remote.finish(id, ends.collect()).await;
        let stored = finished.map_err(|error| of_remote(error, id))?;
        let reported = jobs.len();
        let lost = jobs.into_iter().zip(stored).filter(|(_, is_stored)| !is_stored);
        let lost: Vec<JobId> = lost.map(|(id, _)| id).collect();
        if lost.len() == reported {
            return Err(ServiceError::AttemptsLost { jobs: lost });
        }
        Ok(Finished {
            stored: reported - lost.len(),
            lost,
        })
    }

    /// Requeues a worker's running jobs and ends its lease. Administrators may remove workers of other callers: that
    /// does not forge outcomes.
    pub(crate) async fn leave(&self, caller: &Caller, id: NodeId) -> Result<(), ServiceError> {
        caller.require(Scope::Write)?;
        let worker = self.read(id).await?;
        if !caller.may(Scope::Admin) {
            own(caller, id, worker.access.as_ref())?;
        }
        let entry = self.audit.entry(caller, AuditedAction::UNREGISTER_WORKER);
        let entry = entry.map(|entry| audit_writer::of_worker(entry, id));
        let left = self.runtime.remote.leave(id, entry).await;
        self.runtime.handled.forget();
        left.map_err(|error| of_remote(error, id))
    }
}

/// The page with the worker that follows it.
fn with_next(page: WorkerPage) -> WorkerPage {
    WorkerPage {
        limit: page.limit.saturating_add(1),
        ..page
    }
}

/// Access to a worker for the caller that it belongs to. One that an older version registered has to register again.
fn own<'a>(caller: &Caller, id: NodeId, access: Option<&'a WorkerAccess>) -> Result<&'a WorkerAccess, ServiceError> {
    let access = access.ok_or(ServiceError::NoSuchWorker { id })?;
    if access.owner.is(caller) {
        Ok(access)
    } else {
        Err(ServiceError::ForeignWorker { id })
    }
}

fn of_remote(error: RemoteWorkerError, id: NodeId) -> ServiceError {
    match error {
        RemoteWorkerError::NoLease => ServiceError::WorkerLeaseOver { id },
        RemoteWorkerError::NoMemory => ServiceError::NoLeaseMemory,
        RemoteWorkerError::Reserved { types } => ServiceError::ReservedTypes { types },
        RemoteWorkerError::Record(error) => error.into(),
        RemoteWorkerError::Storage(error) => error.into(),
    }
}
