//! A storage of jobs and queues in memory, for one server.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use tickerq::domain::job::Job;
use tickerq::domain::job::attempt::Attempt;
use tickerq::domain::job::status::JobStatus;
use tickerq::domain::queue::{StatusCounts, StoredQueue, Throughput};
use tickerq::domain::values::id::{JobId, NodeId};
use tickerq::domain::values::name::{JobType, QueueName};
use tickerq::storage::change::{
    Applied, ByteLimit, Change, ChangeError, Claim, Finished, Inserted, JobChange, MaintenanceChange, QueueChange,
};
use tickerq::storage::commit::{ChangeResult, Commit, Committed};
use tickerq::storage::query::{JobFilter, JobSummary, Order, Page, RunningJob};
use tickerq::storage::repository::{
    ClusterStore, JobStore, MetricsStore, OperationStore, RecurringStore, RepositoryError, WebhookStore,
};

/// The storage.
#[derive(Default)]
pub(crate) struct JobsOnlyStorage {
    tables: Mutex<Tables>,
}

#[derive(Default)]
struct Tables {
    jobs: BTreeMap<JobId, Arc<Job>>,
    attempts: BTreeMap<JobId, Vec<Attempt>>,
    /// Queues; `true` for a paused one.
    queues: BTreeMap<QueueName, bool>,
    /// Idempotency keys with the fingerprint of the request and the created jobs.
    requests: BTreeMap<String, ([u8; 32], Vec<JobId>)>,
}

impl JobsOnlyStorage {
    fn tables(&self) -> MutexGuard<'_, Tables> {
        self.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Tables {
    fn apply(&mut self, change: &Change) -> ChangeResult {
        match change {
            Change::Job(JobChange::Insert { jobs, idempotency }) => {
                if let Some(idempotency) = idempotency
                    && let Some((fingerprint, ids)) = self.requests.get(&idempotency.key)
                {
                    return if *fingerprint == idempotency.fingerprint {
                        Ok(Applied::Replayed(ids.iter().map(|id| id.as_uuid()).collect()))
                    } else {
                        Err(ChangeError::IdempotencyMismatch)
                    };
                }
                let inserted: Vec<Inserted> = jobs.iter().map(|job| self.insert(job)).collect();
                if let Some(idempotency) = idempotency {
                    let ids = jobs.iter().zip(&inserted).map(|(job, inserted)| match inserted {
                        Inserted::New => job.id,
                        Inserted::Existing(existing) => existing.id,
                    });
                    let request = (idempotency.fingerprint, ids.collect());
                    self.requests.insert(idempotency.key.clone(), request);
                }
                Ok(Applied::Inserted(inserted))
            }
            Change::Job(JobChange::Start { jobs }) => {
                let started = jobs.iter().map(|job| {
                    let stored = self.jobs.get(&job.id);
                    let is_known = stored.is_some_and(|stored| {
                        stored.status == JobStatus::Pending && stored.revision + 1 == job.revision
                    });
                    if is_known {
                        self.jobs.insert(job.id, Arc::clone(job));
                    }
                    is_known
                });
                Ok(Applied::Started(started.collect()))
            }
            Change::Job(JobChange::Claim(claim)) => Ok(Applied::Claimed(self.claim(claim))),
            Change::Job(JobChange::Finish { job, attempt, .. }) => Ok(Applied::Finished(self.finish(job, attempt))),
            Change::Job(JobChange::Update { before, after }) => {
                self.check_revision(before)?;
                if let Some(key) = &after.unique_key
                    && self.holder_of(after).is_some()
                {
                    return Err(ChangeError::UniqueKeyTaken { key: key.to_string() });
                }
                self.queues.entry(after.queue.clone()).or_default();
                self.jobs.insert(after.id, Arc::clone(after));
                Ok(Applied::Updated)
            }
            Change::Job(JobChange::Delete { job }) => {
                self.check_revision(job)?;
                self.remove(job.id);
                Ok(Applied::Deleted)
            }
            Change::Queue(QueueChange::Set { queue, is_paused }) => {
                let stored = self.queues.entry(queue.clone()).or_default();
                let before = std::mem::replace(stored, is_paused.unwrap_or(*stored));
                Ok(Applied::QueueSet {
                    changed: before != *stored,
                })
            }
            Change::Queue(QueueChange::Clear {
                queue,
                status,
                up_to,
                limit,
            }) => Ok(self.remove_up_to(*limit, |job| {
                job.queue == *queue && job.status == *status && job.id <= *up_to
            })),
            Change::Queue(QueueChange::Delete { queue }) => {
                let is_used = self
                    .jobs
                    .values()
                    .any(|job| job.queue == *queue && !job.status.is_finished());
                let removed = if is_used { None } else { self.queues.remove_entry(queue) };
                Ok(Applied::QueuesRemoved(
                    removed.map(|(queue, _)| queue).into_iter().collect(),
                ))
            }
            Change::Maintenance(MaintenanceChange::PruneJobs {
                status,
                finished_before,
                limit,
            }) => Ok(self.remove_up_to(*limit, |job| {
                job.status == *status && job.finished_at.is_some_and(|at| at < *finished_before)
            })),
            // Optional methods.
            Change::Job(JobChange::Report { .. } | JobChange::Release { .. })
            | Change::Recurring(_)
            | Change::Cluster(_)
            | Change::Worker(_)
            | Change::Webhook(_)
            | Change::Feed(_)
            | Change::Operation(_)
            | Change::Maintenance(_) => change.unsupported(),
        }
    }

    fn insert(&mut self, job: &Arc<Job>) -> Inserted {
        if let Some(existing) = self.holder_of(job) {
            return Inserted::Existing(existing);
        }
        self.queues.entry(job.queue.clone()).or_default();
        self.jobs.insert(job.id, Arc::clone(job));
        Inserted::New
    }

    /// The other unfinished job with the same unique key.
    fn holder_of(&self, job: &Job) -> Option<Arc<Job>> {
        let key = job.unique_key.as_ref().filter(|_| !job.status.is_finished())?;
        let mut others = self.jobs.values().filter(|other| other.id != job.id);
        others
            .find(|other| other.unique_key.as_ref() == Some(key) && !other.status.is_finished())
            .cloned()
    }

    fn claim(&mut self, claim: &Claim) -> Vec<Arc<Job>> {
        let mut due: Vec<&Arc<Job>> = self
            .jobs
            .values()
            .filter(|job| job.status == JobStatus::Pending && job.queue == claim.queue && job.due_at <= claim.now)
            .filter(|job| claim.job_types.contains(&job.job_type))
            .collect();
        due.sort_by_key(|job| (Reverse(job.priority), job.due_at, job.id));
        let mut bytes = 0;
        let claimed: Vec<Arc<Job>> = due
            .into_iter()
            .take(usize::try_from(claim.limit).unwrap_or(usize::MAX))
            .enumerate()
            .take_while(|(index, job)| {
                bytes += ByteLimit::bytes_of(job);
                claim
                    .bytes
                    .is_none_or(|limit| bytes <= limit.max || *index == 0 && limit.first_always)
            })
            .map(|(_, job)| Arc::new(job.start(claim.node, claim.now)))
            .collect();
        self.jobs.extend(claimed.iter().map(|job| (job.id, Arc::clone(job))));
        claimed
    }

    fn finish(&mut self, job: &Job, attempt: &Attempt) -> Finished {
        let Some(stored) = self
            .jobs
            .get(&job.id)
            .filter(|stored| stored.status == JobStatus::Running && stored.attempt == attempt.number)
        else {
            return Finished::LeaseLost;
        };
        if job.status == JobStatus::Pending && stored.cancel_requested {
            return Finished::CancelRequested;
        }
        let job = Job {
            revision: stored.revision + 1,
            ..job.clone()
        };
        self.jobs.insert(job.id, Arc::new(job));
        self.attempts.entry(attempt.job_id).or_default().push(attempt.clone());
        Finished::Stored
    }

    fn check_revision(&self, read: &Job) -> Result<(), ChangeError> {
        let stored = self.jobs.get(&read.id);
        match stored.filter(|stored| stored.revision == read.revision) {
            Some(_) => Ok(()),
            None => Err(ChangeError::Conflict),
        }
    }

    fn remove_up_to(&mut self, limit: u32, is_removed: impl Fn(&Job) -> bool) -> Applied {
        let jobs = self.jobs.values().filter(|job| is_removed(job));
        let ids: Vec<JobId> = jobs
            .map(|job| job.id)
            .take(usize::try_from(limit).unwrap_or(usize::MAX))
            .collect();
        ids.iter().for_each(|id| self.remove(*id));
        Applied::Removed(ids.len() as u64)
    }

    fn remove(&mut self, id: JobId) {
        self.jobs.remove(&id);
        self.attempts.remove(&id);
    }

    fn counts_of(&self, queue: &QueueName) -> StatusCounts {
        let mut counts = StatusCounts::default();
        for job in self.jobs.values().filter(|job| job.queue == *queue) {
            *(match job.status {
                JobStatus::Pending => &mut counts.pending,
                JobStatus::Running => &mut counts.running,
                JobStatus::Completed => &mut counts.completed,
                JobStatus::Failed => &mut counts.failed,
                JobStatus::Cancelled => &mut counts.cancelled,
            }) += 1;
        }
        counts
    }
}

#[async_trait]
impl JobStore for JobsOnlyStorage {
    async fn commit(&self, commit: &Commit) -> Result<Committed, RepositoryError> {
        let mut tables = self.tables();
        let mut results: Vec<Option<ChangeResult>> = vec![None; commit.changes.len()];
        // Changes that select jobs follow those that name them.
        for is_selecting in [false, true] {
            for (change, result) in commit.changes.iter().zip(&mut results) {
                if change.selects() == is_selecting {
                    *result = Some(tables.apply(change));
                }
            }
        }
        Ok(Committed {
            results: results.into_iter().flatten().collect(),
            // There are no webhooks and no change feed. Audit records are not kept.
            outbox: None,
        })
    }

    async fn job(&self, id: JobId) -> Result<Option<Arc<Job>>, RepositoryError> {
        Ok(self.tables().jobs.get(&id).cloned())
    }

    async fn attempts(&self, id: JobId) -> Result<Vec<Attempt>, RepositoryError> {
        Ok(self.tables().attempts.get(&id).cloned().unwrap_or_default())
    }

    async fn jobs(&self, filter: &JobFilter, page: Page) -> Result<Vec<JobSummary>, RepositoryError> {
        let tables = self.tables();
        let mut jobs: Vec<&Arc<Job>> = tables.jobs.values().filter(|job| filter.matches(job)).collect();
        match page.order {
            Order::NewestFirst => {
                jobs.reverse();
                jobs.retain(|job| page.after.is_none_or(|after| job.id < after));
            }
            Order::OldestFirst => jobs.retain(|job| page.after.is_none_or(|after| job.id > after)),
        }
        Ok(jobs
            .into_iter()
            .skip(usize::try_from(page.offset).unwrap_or(usize::MAX))
            .take(usize::try_from(page.limit).unwrap_or(usize::MAX))
            .map(|job| JobSummary::from(&**job))
            .collect())
    }

    async fn count(&self, filter: &JobFilter) -> Result<u64, RepositoryError> {
        let tables = self.tables();
        Ok(tables.jobs.values().filter(|job| filter.matches(job)).count() as u64)
    }

    async fn queues(&self, _now: DateTime<Utc>) -> Result<Vec<StoredQueue>, RepositoryError> {
        let tables = self.tables();
        let queues = tables.queues.iter().map(|(name, is_paused)| StoredQueue {
            name: name.clone(),
            is_paused: *is_paused,
            counts: tables.counts_of(name),
            throughput: Throughput::default(),
        });
        Ok(queues.collect())
    }

    async fn next_due(&self, after: DateTime<Utc>) -> Result<Vec<(QueueName, DateTime<Utc>)>, RepositoryError> {
        let mut next: BTreeMap<QueueName, DateTime<Utc>> = BTreeMap::new();
        for job in self.tables().jobs.values() {
            if job.status == JobStatus::Pending && job.due_at > after {
                let first = next.entry(job.queue.clone()).or_insert(job.due_at);
                *first = job.due_at.min(*first);
            }
        }
        Ok(next.into_iter().collect())
    }

    async fn due_types(&self, now: DateTime<Utc>) -> Result<Vec<(QueueName, JobType)>, RepositoryError> {
        let tables = self.tables();
        let due = tables
            .jobs
            .values()
            .filter(|job| job.status == JobStatus::Pending && job.due_at <= now);
        let types: BTreeSet<_> = due.map(|job| (job.queue.clone(), job.job_type.clone())).collect();
        Ok(types.into_iter().collect())
    }

    async fn orphans(&self, observer: NodeId, limit: u32) -> Result<Vec<Arc<Job>>, RepositoryError> {
        let tables = self.tables();
        let orphans = tables
            .jobs
            .values()
            .filter(|job| job.status == JobStatus::Running && job.node != Some(observer));
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        Ok(orphans.take(limit).cloned().collect())
    }

    async fn running_on(&self, node: NodeId) -> Result<Vec<RunningJob>, RepositoryError> {
        let tables = self.tables();
        let running = tables.jobs.values().filter(|job| job.node == Some(node));
        Ok(running
            .filter_map(|job| {
                Some(RunningJob {
                    id: job.id,
                    queue: job.queue.clone(),
                    attempt: job.attempt,
                    started_at: job.started_at.filter(|_| job.status == JobStatus::Running)?,
                    timeout: job.timeout,
                    cancel_requested: job.cancel_requested,
                })
            })
            .collect())
    }

    async fn ping(&self) -> Result<(), RepositoryError> {
        Ok(())
    }

    fn is_shared(&self) -> bool {
        false
    }
}

impl RecurringStore for JobsOnlyStorage {}
impl ClusterStore for JobsOnlyStorage {}
impl WebhookStore for JobsOnlyStorage {}
impl MetricsStore for JobsOnlyStorage {}
impl OperationStore for JobsOnlyStorage {}
