//! What remote workers ask for: jobs to run, and what becomes of those that they run.
//!
//! Nothing of a worker is kept here: its lease is in storage, and the jobs that it runs are those that storage says it
//! runs. So it may speak with another node each time, and a node that is restarted knows it as before.

pub mod due_types;
pub mod job_waiters;

use std::any::Any;
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use actix::Addr;
use chrono::{DateTime, Utc};
use tokio::time::Instant;

use self::job_waiters::JobWaiters;
use super::actor::clock::{Clock, draw_jitter};
use super::cluster::node_lease::steady_now;
use super::dispatch::lease_messages::{LeaseError, LeaseFromQueues, LeaseJobs};
use super::dispatch::registry::QueueRegistry;
use super::writer::error::WriteError;
use super::writer::handle::WriterHandle;
use super::writer::messages::WritePriority;
use crate::domain::cluster::node_lease::Moment;
use crate::domain::cluster::remote_worker::{AttemptReport, LogLine, Progress};
use crate::domain::job::Job;
use crate::domain::job::attempt::AttemptKey;
use crate::domain::job::outcome::{Failure, Outcome};
use crate::domain::job::status::JobStatus;
use crate::domain::values::id::{JobId, NodeId};
use crate::domain::values::name::{JobType, QueueName};
use crate::domain::values::time_span::TimeSpan;
use crate::handlers::limits::HandlerLimits;
use crate::runtime::dispatch::handled_types::HandledTypes;
use crate::storage::change::{Applied, ByteLimit, Change, Finished};
use crate::storage::query::RunningJob;
use crate::storage::repository::{JobRepository, RepositoryError};

/// How long a waiting worker's queues are not looked at when nobody says that something has arrived: signals of other
/// nodes may be lost.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// How long a lease waits at least for memory, and how often it tries.
const MEMORY_WAIT: Duration = Duration::from_secs(1);
const MEMORY_LOOK_EVERY: Duration = Duration::from_millis(50);

/// Why a worker did not get what it asked for.
#[derive(Clone, Debug, thiserror::Error)]
pub enum RemoteWorkerError {
    /// Its lease has run out, or it has left.
    #[error("the worker has no lease any more")]
    NoLease,
    /// There is no memory for jobs.
    #[error("no memory is left for leased jobs")]
    NoMemory,
    /// Servers run all of its types themselves.
    #[error("servers run all types of the worker")]
    Reserved {
        /// The types.
        types: Vec<JobType>,
    },
    /// Storage could not be written.
    #[error(transparent)]
    Record(#[from] WriteError),
    /// Storage could not be read.
    #[error(transparent)]
    Storage(#[from] RepositoryError),
}

impl From<LeaseError> for RemoteWorkerError {
    fn from(error: LeaseError) -> Self {
        match error {
            LeaseError::NoLease => Self::NoLease,
            LeaseError::Record(error) => Self::Record(error),
            LeaseError::Storage(error) => Self::Storage(error),
        }
    }
}

/// Memory for leased jobs, which is limited.
pub trait LeaseMemory: Send + Sync {
    /// Reserves memory for so many jobs, or for fewer; `None` while hardly any is left.
    fn reserve(&self, jobs: u32) -> Option<LeaseRoom>;
}

/// Memory that is reserved for leased jobs.
pub struct LeaseRoom {
    /// How large the jobs may be together; one is leased whatever its size is.
    pub bytes: u64,
    /// Gives the memory back when it is dropped.
    pub held: Box<dyn Any + Send>,
}

/// The jobs that a worker has got.
pub struct LeasedJobs {
    /// The most urgent first.
    pub jobs: Vec<Arc<Job>>,
    /// The wanted types that it may not have.
    pub refused: Vec<JobType>,
    /// Their memory.
    pub held: Box<dyn Any + Send>,
}

/// What a worker wants.
#[derive(Clone)]
pub struct LeaseRequest {
    /// Jobs of these types.
    pub job_types: Arc<[JobType]>,
    /// In these queues; none for all.
    pub queues: Arc<[QueueName]>,
    /// How many at the most.
    pub limit: u32,
    /// How long it waits for the first.
    pub wait: Duration,
    /// The memory for them.
    pub memory: Arc<dyn LeaseMemory>,
}

/// How an attempt ended, as the worker says.
#[derive(Clone, Debug)]
pub struct ReportedOutcome {
    /// Which job.
    pub job_id: JobId,
    /// Which attempt.
    pub attempt: u32,
    /// How.
    pub outcome: Outcome,
}

/// An attempt that a worker says it runs, and what it reports of it.
#[derive(Clone, Debug)]
pub struct ReportedJob {
    /// Which job.
    pub job_id: JobId,
    /// Which attempt.
    pub attempt: u32,
    /// How far it has got.
    pub progress: Option<Progress>,
    /// What it has logged; the attempt of a line is this one.
    pub log: Vec<LogLine>,
}

/// What a worker is told that has said that it lives.
#[derive(Clone, Debug)]
pub struct HeartbeatResponse {
    /// Until when its jobs are its own, by storage's clock.
    pub lease_until: DateTime<Utc>,
    /// Attempts that should stop.
    pub cancelled: Vec<JobId>,
    /// Attempts that it runs in vain: the job is not its own any more.
    pub lost: Vec<JobId>,
}

/// What this is made of.
#[derive(Clone)]
pub struct RemoteWorkersDeps {
    /// What runs where.
    pub repository: Arc<dyn JobRepository>,
    /// Where work is recorded.
    pub writer: WriterHandle,
    /// Who gives jobs.
    pub queues: Addr<QueueRegistry>,
    /// Who says that jobs are due.
    pub arrivals: JobWaiters,
    /// Which types servers run themselves.
    pub handled: HandledTypes,
    /// How large results and errors may be.
    pub limits: HandlerLimits,
    /// How long a worker's jobs are its own without a heartbeat.
    pub lease: TimeSpan,
    /// How long a job that was told to stop may take to do so.
    pub cancel_grace: Duration,
    /// Tells the time.
    pub clock: Clock,
}

/// What remote workers ask for. See the module.
#[derive(Clone)]
pub struct RemoteWorkers {
    parts: RemoteWorkersDeps,
    /// Attempts whose worker was told here that they should stop, and when it was first told.
    told: Arc<Mutex<HashMap<AttemptKey, Instant>>>,
    /// When this node last renewed the leases of workers.
    renewed: Arc<Mutex<HashMap<NodeId, Instant>>>,
    /// How old attempts are.
    ages: Arc<Mutex<AttemptAges>>,
}

/// How old the attempts of remote workers are, by the steady clock from when they are first seen here: the time of day may
/// be set while they run.
#[derive(Default)]
struct AttemptAges {
    seen: HashMap<AttemptKey, SeenAttempt>,
    purged_at: Moment,
}

struct SeenAttempt {
    first: Moment,
    last: Moment,
    /// How old it was at first, by the time of day.
    age: Duration,
}

impl AttemptAges {
    /// How old an attempt is `now`, which is `age` old by the time of day.
    fn age_of(&mut self, attempt: AttemptKey, age: Duration, now: Moment) -> Duration {
        let seen = self.seen.entry(attempt).or_insert(SeenAttempt {
            first: now,
            last: now,
            age,
        });
        seen.last = now;
        seen.age + now.saturating_sub(seen.first)
    }

    /// Forgets, now and then, those of which nothing was received for longer than two leases: their worker speaks with
    /// another node, or has died.
    fn purge(&mut self, now: Moment, lease: Duration) {
        let kept = lease * 2;
        if now.saturating_sub(self.purged_at) > kept {
            self.purged_at = now;
            self.seen.retain(|_, seen| now.saturating_sub(seen.last) <= kept);
        }
    }

    /// Forgets attempts that have ended.
    fn forget(&mut self, ended: impl IntoIterator<Item = AttemptKey>) {
        for attempt in ended {
            self.seen.remove(&attempt);
        }
    }
}

impl RemoteWorkers {
    /// Work for workers.
    pub fn new(parts: RemoteWorkersDeps) -> Self {
        Self {
            parts,
            told: Arc::default(),
            renewed: Arc::default(),
            ages: Arc::default(),
        }
    }

    /// How long a worker's jobs are its own without a heartbeat.
    pub fn lease_time(&self) -> TimeSpan {
        self.parts.lease
    }

    /// Starts due jobs for a worker; when there are none, waits until there are. The call renews the worker's lease.
    pub async fn lease(&self, worker: NodeId, wanted: LeaseRequest) -> Result<LeasedJobs, RemoteWorkerError> {
        let LeaseRequest {
            job_types,
            queues,
            limit,
            wait,
            memory,
        } = wanted;
        let mut since = Instant::now();
        let end = since + wait;
        let memory_end = since + wait.max(MEMORY_WAIT);
        // Before storage is looked at, so that nothing arrives in between.
        let waiter = self.parts.arrivals.wait(&job_types, &queues);
        let mut asked = Arc::clone(&queues);
        loop {
            self.keep_lease(worker).await?;
            // Each time: a server may have begun to run a type itself while the worker waited.
            let refused = self.parts.handled.reserved(&job_types).await?;
            let allowed = if refused.is_empty() {
                Arc::clone(&job_types)
            } else {
                let allowed = job_types.iter().filter(|job_type| !refused.contains(job_type));
                allowed.cloned().collect()
            };
            if allowed.is_empty() {
                return Err(RemoteWorkerError::Reserved { types: refused });
            }
            // Only while storage is asked: those that wait hold none.
            let Some(LeaseRoom { bytes, held }) = memory.reserve(limit) else {
                if Instant::now() >= memory_end || self.parts.arrivals.is_closed() {
                    return Err(RemoteWorkerError::NoMemory);
                }
                tokio::time::sleep(MEMORY_LOOK_EVERY).await;
                continue;
            };
            let from = LeaseFromQueues {
                queues: asked,
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
            let began = Instant::now();
            // While QueueRegistry is being restarted there is nothing.
            let leased = self
                .parts
                .queues
                .send(from)
                .await
                .unwrap_or_else(|_| Ok(Default::default()))?;
            if !leased.jobs.is_empty() {
                let (mut ages, now) = (self.ages(), steady_now());
                ages.purge(now, self.parts.lease.to_std());
                for job in &leased.jobs {
                    ages.age_of((job.id, job.attempt), Duration::ZERO, now);
                }
            }
            if !leased.jobs.is_empty() || Instant::now() >= end || self.parts.arrivals.is_closed() {
                return Ok(LeasedJobs {
                    jobs: leased.jobs,
                    refused,
                    held,
                });
            }
            drop(held);
            let pause = leased
                .next_in
                .unwrap_or(LOOK_EVERY)
                .min(LOOK_EVERY)
                .min(self.renewal_interval());
            let next = end.min(Instant::now() + pause);
            (asked, since) = match tokio::time::timeout_at(next, waiter.arrived()).await {
                Ok(arrived) if !arrived.is_empty() => (arrived.into(), Instant::now()),
                // Another worker may have looked meanwhile.
                _ => (Arc::clone(&queues), began),
            };
        }
    }

    /// Ends attempts. Tells for each whether its end is stored; if not, the attempt had been lost, and nothing is changed.
    pub async fn finish(&self, worker: NodeId, ends: Vec<ReportedOutcome>) -> Result<Vec<bool>, RemoteWorkerError> {
        let now = self.parts.clock.now();
        // Attempts count from 1: an invalid lease token means 0, and must not cause a read of another worker's job.
        let verified = ends.iter().filter(|end| end.attempt > 0);
        let ids: Vec<JobId> = verified.map(|end| end.job_id).collect();
        let attempts: Vec<AttemptKey> = ends.iter().map(|end| (end.job_id, end.attempt)).collect();
        let read = self.parts.repository.jobs_by_id(&ids).await?;
        let mut running: HashMap<JobId, Arc<Job>> = read.into_iter().map(|job| (job.id, job)).collect();
        let mut stored = vec![false; ends.len()];
        let mut open: Vec<(usize, Arc<Job>, Outcome)> = Vec::with_capacity(ends.len());
        for (index, end) in ends.into_iter().enumerate() {
            let ReportedOutcome {
                job_id,
                attempt,
                outcome,
            } = end;
            // Taken out: a second end of the same attempt comes too late.
            if let Some(job) = running.remove(&job_id).filter(|job| runs(job, worker, attempt)) {
                open.push((index, job, self.bound(outcome)));
            }
        }
        while !open.is_empty() {
            let changes = open.iter().map(|(_, job, outcome)| finish(job, outcome.clone(), now));
            let results = self
                .parts
                .writer
                .write(changes.collect(), WritePriority::Internal)
                .await?;
            let mut again = Vec::new();
            for ((index, job, outcome), result) in open.into_iter().zip(results) {
                match result {
                    Ok(Applied::Finished(Finished::Stored)) => stored[index] = true,
                    Ok(Applied::Finished(Finished::CancelRequested)) => {
                        again.push((index, asked_to_cancel(&job), outcome));
                    }
                    Ok(_) => {}
                    Err(refused) => return Err(unexpected(refused.to_string())),
                }
            }
            open = again;
        }
        // Stored, or lost before: either way this worker's attempt is over. One whose end could not be stored is named again.
        self.ages().forget(attempts.iter().copied());
        let mut told = lock(&self.told);
        for attempt in &attempts {
            told.remove(attempt);
        }
        Ok(stored)
    }

    fn ages(&self) -> MutexGuard<'_, AttemptAges> {
        self.ages.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn bound(&self, outcome: Outcome) -> Outcome {
        let limits = &self.parts.limits;
        match outcome {
            Outcome::Completed(result) => match limits.bound_result(result) {
                Ok(result) => Outcome::Completed(result),
                Err(failure) => Outcome::Failed(failure),
            },
            Outcome::Failed(failure) => Outcome::Failed(limits.bound_failure(failure)),
            Outcome::Cancelled | Outcome::Interrupted | Outcome::Lost => outcome,
        }
    }

    /// Renews the lease of a worker whose call waits, once a third of it has passed.
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

    fn renewal_interval(&self) -> Duration {
        self.parts.lease.to_std() / 3
    }

    /// The time until which the lease holds; `None` for an unknown worker.
    async fn renew(&self, worker: NodeId) -> Result<Option<DateTime<Utc>>, RemoteWorkerError> {
        let renew = Change::RenewWorker {
            worker,
            lease: self.parts.lease,
        };
        // The lease begins in the commit, which is later.
        let at = Instant::now();
        match self.parts.writer.write_one(renew, WritePriority::Client).await? {
            Ok(Applied::Renewed(Some(until))) => {
                let mut renewed = lock(&self.renewed);
                renewed.retain(|_, at| at.elapsed() < self.renewal_interval());
                renewed.insert(worker, at);
                Ok(Some(until))
            }
            Ok(_) => Ok(None),
            Err(refused) => Err(unexpected(refused.to_string())),
        }
    }

    /// Renews a worker's lease, notes what it reports, and tells it what it can't know. `None`: there is no such worker.
    pub async fn beat(
        &self,
        worker: NodeId,
        held: Vec<ReportedJob>,
    ) -> Result<Option<HeartbeatResponse>, RemoteWorkerError> {
        let Some(lease_until) = self.renew(worker).await? else {
            return Ok(None);
        };
        let running = self.parts.repository.running_on(worker).await?;
        let own: HashSet<(JobId, u32)> = running.iter().map(|job| (job.id, job.attempt)).collect();
        let named: HashSet<(JobId, u32)> = held.iter().map(|held| (held.job_id, held.attempt)).collect();
        let mut lost: Vec<JobId> = named.difference(&own).map(|(id, _)| *id).collect();
        let ended = self.end_overdue(&running, &named).await?;
        lost.extend(ended.iter().filter(|id| held.iter().any(|held| held.job_id == **id)));
        self.note_reports(held, &own).await?;
        let cancelled = running
            .iter()
            .filter(|job| job.cancel_requested && !ended.contains(&job.id))
            .map(|job| job.id);
        Ok(Some(HeartbeatResponse {
            lease_until,
            cancelled: cancelled.collect(),
            lost,
        }))
    }

    /// Ends attempts that should have ended by themselves: their time is up, they were told to stop and have not, or the
    /// worker does not know of them because the answer that gave it the job was lost.
    async fn end_overdue(
        &self,
        running: &[RunningJob],
        named: &HashSet<(JobId, u32)>,
    ) -> Result<HashSet<JobId>, RemoteWorkerError> {
        let now = self.parts.clock.now();
        let mut overdue: HashMap<JobId, (u32, Outcome)> = HashMap::new();
        let steady = steady_now();
        self.ages().purge(steady, self.parts.lease.to_std());
        for job in running {
            let age = TimeSpan::between(job.started_at, now).to_std();
            let age = self.ages().age_of((job.id, job.attempt), age, steady);
            let outcome = if job.cancel_requested && self.has_had_its_grace(job) {
                Outcome::Cancelled
            } else if age > job.timeout.to_std() {
                Outcome::Failed(Failure::new(format!("timed out after {}", job.timeout)))
            } else if !named.contains(&(job.id, job.attempt)) && age > self.parts.lease.to_std() {
                Outcome::Lost
            } else {
                continue;
            };
            overdue.insert(job.id, (job.attempt, outcome));
        }
        if overdue.is_empty() {
            return Ok(HashSet::new());
        }
        let ids: Vec<JobId> = overdue.keys().copied().collect();
        let jobs = self.parts.repository.jobs_by_id(&ids).await?;
        let changes: Vec<Change> = jobs
            .iter()
            .filter_map(|job| {
                let (attempt, outcome) = overdue.get(&job.id)?;
                (job.status == JobStatus::Running && job.attempt == *attempt).then(|| finish(job, outcome.clone(), now))
            })
            .collect();
        // One that was asked to stop a moment ago is ended by the next heartbeat.
        self.parts.writer.write(changes, WritePriority::Internal).await?;
        Ok(overdue.into_keys().collect())
    }

    fn has_had_its_grace(&self, job: &RunningJob) -> bool {
        let mut told = lock(&self.told);
        let now = Instant::now();
        // What was told long ago has ended, one way or another.
        let kept = self.parts.cancel_grace * 2 + self.parts.lease.to_std();
        told.retain(|_, since| now.duration_since(*since) < kept);
        let since = *told.entry((job.id, job.attempt)).or_insert(now);
        now.duration_since(since) > self.parts.cancel_grace
    }

    async fn note_reports(&self, held: Vec<ReportedJob>, own: &HashSet<(JobId, u32)>) -> Result<(), RemoteWorkerError> {
        let at = self.parts.clock.now();
        let limits = &self.parts.limits;
        let mut reports: HashMap<JobId, AttemptReport> = HashMap::new();
        for held in held {
            let ReportedJob {
                job_id,
                attempt,
                progress,
                log,
            } = held;
            if !own.contains(&(job_id, attempt)) || (progress.is_none() && log.is_empty()) {
                continue;
            }
            let message = |text: Arc<str>| Arc::from(limits.bound_line(&text));
            let report = AttemptReport {
                job_id,
                attempt,
                at,
                progress: progress.map(|progress| Progress {
                    basis_points: progress.basis_points,
                    message: progress.message.map(message),
                }),
                log: log
                    .into_iter()
                    .map(|line| LogLine {
                        message: message(line.message),
                        ..line
                    })
                    .collect(),
            };
            reports.insert(job_id, report);
        }
        if reports.is_empty() {
            return Ok(());
        }
        let ids: Vec<JobId> = reports.keys().copied().collect();
        let jobs = self.parts.repository.jobs_by_id(&ids).await?;
        let changes = jobs.into_iter().filter_map(|job| {
            let report = reports.remove(&job.id)?;
            Some(Change::Report {
                job,
                report: Arc::new(report),
            })
        });
        let changes: Vec<Change> = changes.collect();
        self.parts.writer.write(changes, WritePriority::Client).await?;
        Ok(())
    }

    /// Ends a worker's lease, and hands back what it runs.
    pub async fn leave(&self, worker: NodeId) -> Result<(), RemoteWorkerError> {
        lock(&self.renewed).remove(&worker);
        // First of all, so that a call of it that still waits takes nothing of what is handed back.
        let left = self
            .parts
            .writer
            .write_one(Change::Leave { node: worker }, WritePriority::Internal);
        if let Err(refused) = left.await? {
            return Err(unexpected(refused.to_string()));
        }
        let running = self.parts.repository.running_on(worker).await?;
        let ends = running.iter().map(|job| ReportedOutcome {
            job_id: job.id,
            attempt: job.attempt,
            outcome: Outcome::Interrupted,
        });
        self.finish(worker, ends.collect()).await?;
        Ok(())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing that panics runs under the lock.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn runs(job: &Job, worker: NodeId, attempt: u32) -> bool {
    job.status == JobStatus::Running && job.attempt == attempt && job.node == Some(worker)
}

fn finish(job: &Job, outcome: Outcome, now: DateTime<Utc>) -> Change {
    let (job, attempt) = job.finish(outcome, now, draw_jitter());
    Change::Finish {
        job: Arc::new(job),
        attempt: Box::new(attempt),
        if_orphaned: false,
    }
}

fn asked_to_cancel(job: &Job) -> Arc<Job> {
    Arc::new(Job {
        cancel_requested: true,
        ..job.clone()
    })
}

fn unexpected(reason: String) -> RemoteWorkerError {
    RemoteWorkerError::Record(WriteError::Unavailable { reason })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_attempt_ages_by_the_steady_clock_from_when_it_is_first_seen() {
        let attempt = (JobId::new(DateTime::UNIX_EPOCH, 1), 1);
        let seconds = Duration::from_secs;
        let mut ages = AttemptAges::default();
        assert_eq!(ages.age_of(attempt, seconds(3), seconds(100)), seconds(3));
        // The time of day went two hours ahead, and back again.
        assert_eq!(ages.age_of(attempt, seconds(7_208), seconds(105)), seconds(8));
        assert_eq!(ages.age_of(attempt, seconds(0), seconds(110)), seconds(13));
        ages.purge(seconds(140), seconds(10));
        assert!(ages.seen.is_empty(), "nothing was heard of it for three leases");
    }

    #[test]
    fn attempts_that_have_ended_are_forgotten() {
        let attempt = |number| (JobId::new(DateTime::UNIX_EPOCH, number), 1);
        let mut ages = AttemptAges::default();
        for number in 0..1_000 {
            ages.age_of(attempt(number), Duration::ZERO, Duration::from_secs(1));
            ages.forget([attempt(number)]);
        }
        assert!(ages.seen.is_empty());
    }
}
