//! The seam between the server and its storage.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::cluster_message::{Signal, SignalStream};
use super::commit::{Commit, Committed};
use super::outage::StorageOutage;
use super::query::{
    AuditFilter, AuditPage, DeliveryPage, DueRecurring, Durations, FeedPage, JobFilter, JobSummary, JobText, Page,
    PendingJobs, RecurringPage, RollupFilter, RunningJob, StoredEndpoint, StoredNode, StoredTexts, StoredWorker,
    TypeRollup, WorkerPage, WorkerTypes,
};
use crate::domain::access::audit::AuditRecord;
use crate::domain::cluster::remote_worker::JobReports;
use crate::domain::cluster::worker_access::WorkerOwner;
use crate::domain::job::Job;
#[cfg(doc)]
use crate::domain::job::attempt::ATTEMPTS_KEPT;
use crate::domain::job::attempt::Attempt;
use crate::domain::metrics::rollup::{RollupCounts, TimeBucketRange};
use crate::domain::queue::StoredQueue;
use crate::domain::recurring::{RecurringId, RecurringJob};
use crate::domain::values::id::{JobId, NodeId};
use crate::domain::values::name::{JobType, QueueName, RecurringKey, UniqueKey};
use crate::domain::webhooks::change_feed::FeedCursor;
use crate::domain::webhooks::delivery::{Delivery, DeliveryId, DueDelivery};
use crate::domain::webhooks::endpoint::EndpointId;

pub use super::error::RepositoryError;

/// What a storage found when it did the work that it needs now and then.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Maintenance {
    /// How many bytes of a write-ahead log could not be moved into the database.
    pub wal_kept: u64,
}

/// Keeps jobs. Implement it to keep them somewhere else: start from `storage::memory`, which is written to be copied, and
/// run `storage::conformance` (with the feature of that name), which tells whether you did it right.
///
/// One writer calls [`commit`](Self::commit), one call after the other; reads come from anywhere at the
/// same time and see what has been committed. When `commit` returns, what it applied is durable.
///
/// Values come back as they were given: texts to the byte, an empty one as an empty one; times and time spans to the
/// microsecond; counts up to 2,147,483,647. A storage whose texts can't hold the character NUL refuses the change that has
/// one ([`ChangeError::Rejected`]); the server lets none through.
#[async_trait]
pub trait JobRepository: Send + Sync + 'static {
    /// Applies the changes of a commit in one transaction, and writes their audit records and outbox entries in it. A change
    /// that can't be applied fails alone, without its record; an `Err` means that nothing is known to be applied.
    async fn commit(&self, commit: &Commit) -> Result<Committed, RepositoryError>;

    /// One job.
    async fn job(&self, id: JobId) -> Result<Option<Arc<Job>>, RepositoryError>;

    /// One job, without its large texts ([`Job::is_brief`]) if they have more than `bytes_max` bytes together. A storage that
    /// has jobs in memory returns them whole.
    async fn job_if_small(&self, id: JobId, bytes_max: u32) -> Result<Option<Arc<Job>>, RepositoryError> {
        let _ = bytes_max;
        self.job(id).await
    }

    /// Those of these jobs that exist, in any order.
    async fn jobs_by_id(&self, ids: &[JobId]) -> Result<Vec<Arc<Job>>, RepositoryError> {
        let mut jobs = Vec::with_capacity(ids.len());
        for id in ids {
            jobs.extend(self.job(*id).await?);
        }
        Ok(jobs)
    }

    /// Those of these jobs that exist, in any order, without the texts that can be large ([`JobText`]). A storage that would
    /// have to read them leaves them out and marks the jobs ([`Job::is_brief`]); one that has them in memory may give them.
    async fn jobs_in_brief(&self, ids: &[JobId]) -> Result<Vec<Arc<Job>>, RepositoryError> {
        self.jobs_by_id(ids).await
    }

    /// A text of each of these jobs that has it, in any order.
    async fn job_texts(&self, text: JobText, ids: &[JobId]) -> Result<Vec<(JobId, Arc<str>)>, RepositoryError> {
        let jobs = self.jobs_by_id(ids).await?;
        let texts = jobs.iter().map(|job| (job.id, text.of(job)));
        Ok(texts.filter_map(|(id, text)| Some((id, text?))).collect())
    }

    /// How many bytes the texts have that a read would bring into memory. The server asks before it reads what could be more
    /// than it may hold. A storage that shares what is in memory anyway brings none.
    async fn size_of(&self, texts: StoredTexts<'_>) -> Result<u64, RepositoryError> {
        let _ = texts;
        Ok(0)
    }

    /// The attempts of a job that have ended, the first one first: the last [`ATTEMPTS_KEPT`], or fewer while one runs.
    async fn attempts(&self, id: JobId) -> Result<Vec<Attempt>, RepositoryError>;

    /// The same of these jobs: in any order, but those of one job the first one first.
    async fn attempts_of(&self, ids: &[JobId]) -> Result<Vec<Attempt>, RepositoryError> {
        let mut attempts = Vec::new();
        for id in ids {
            attempts.extend(self.attempts(*id).await?);
        }
        Ok(attempts)
    }

    /// Of these jobs the attempts that have ended, except those that have `last` or more attempts after them, in the same order.
    /// The texts of their errors may be missing: a storage that would have to read them leaves them out.
    async fn last_attempts(&self, ids: &[JobId], last: u32) -> Result<Vec<Attempt>, RepositoryError> {
        let _ = last;
        self.attempts_of(ids).await
    }

    /// A page of the jobs that a filter means.
    async fn jobs(&self, filter: &JobFilter, page: Page) -> Result<Vec<JobSummary>, RepositoryError>;

    /// How many jobs a filter means. Without dates and search it costs the same however many there are.
    async fn count(&self, filter: &JobFilter) -> Result<u64, RepositoryError>;

    /// The same page, by a read that may take long: storage keeps it apart from other reads, and stops it when the future is
    /// dropped.
    async fn expensive_jobs(&self, filter: &JobFilter, page: Page) -> Result<Vec<JobSummary>, RepositoryError> {
        self.jobs(filter, page).await
    }

    /// The same number, by a read that may take long.
    async fn expensive_count(&self, filter: &JobFilter) -> Result<u64, RepositoryError> {
        self.count(filter).await
    }

    /// All queues, in the order of their names' bytes: paused or not, how many jobs by status, how many completed lately
    /// (as seen from `now`, and to a few seconds: completions may be counted in steps of that size).
    async fn queues(&self, now: DateTime<Utc>) -> Result<Vec<StoredQueue>, RepositoryError>;

    /// How many jobs are pending, by type and queue; those of which there are none are left out. A storage without these
    /// counts leaves types that nothing runs out of the server's health.
    async fn pending_by_type(&self) -> Result<Vec<PendingJobs>, RepositoryError> {
        Ok(Vec::new())
    }

    /// For each queue that has pending jobs due after `after`: when the first of them is due.
    async fn next_due(&self, after: DateTime<Utc>) -> Result<Vec<(QueueName, DateTime<Utc>)>, RepositoryError>;

    /// Up to `limit` pending jobs that are due after `after`, by a due time that was reckoned from a time after `after`:
    /// [`Job::due_from`], or its creation for a new job without a wait. Storage that nodes share counts no time that its
    /// own clock has reached. Such jobs were stored while the clock was ahead. They may be brief.
    async fn reckoned_after(&self, after: DateTime<Utc>, limit: u32) -> Result<Vec<Arc<Job>>, RepositoryError>;

    /// For each queue that has due pending jobs: the types of its pending jobs. Every type of a due job is among them; a
    /// type whose jobs are all due later may be.
    async fn due_types(&self, now: DateTime<Utc>) -> Result<Vec<(QueueName, JobType)>, RepositoryError>;

    /// Up to `limit` running jobs whose node has no lease: it never had one, has left, or its lease has expired. None of
    /// them runs on `observer`, the server that asks. An empty list if the observer's last heartbeat is older than half of
    /// its lease: it was paused, or the clock was set, and the others may have been waiting for it. They may be brief.
    async fn orphans(&self, observer: NodeId, limit: u32) -> Result<Vec<Arc<Job>>, RepositoryError>;

    /// The jobs that a node, or a remote worker, runs.
    async fn running_on(&self, node: NodeId) -> Result<Vec<RunningJob>, RepositoryError>;

    /// One recurring job.
    async fn recurring(&self, id: RecurringId) -> Result<Option<Arc<RecurringJob>>, RepositoryError>;

    /// The recurring job that has this key.
    async fn recurring_by_key(&self, key: &RecurringKey) -> Result<Option<Arc<RecurringJob>>, RepositoryError> {
        let total = self.recurring_count().await?;
        for offset in (0..total).step_by(1_000) {
            let page = self.recurring_page(RecurringPage { limit: 1_000, offset }).await?;
            let found = page.into_iter().find(|recurring| recurring.key.as_ref() == Some(key));
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    }

    /// A page of the recurring jobs, the newest first. One that can't be read takes its place in the page and is left out.
    async fn recurring_page(&self, page: RecurringPage) -> Result<Vec<Arc<RecurringJob>>, RepositoryError>;

    /// Up to `limit` enabled recurring jobs in the order of their ids, those whose ids are greater than `after`. Fewer mean
    /// that no more follow; those that can't be read are left out.
    async fn recurring_after(
        &self,
        after: Option<RecurringId>,
        limit: u32,
    ) -> Result<Vec<Arc<RecurringJob>>, RepositoryError> {
        let mut all = Vec::new();
        let total = self.recurring_count().await?;
        for offset in (0..total).step_by(1_000) {
            all.extend(self.recurring_page(RecurringPage { limit: 1_000, offset }).await?);
        }
        all.retain(|recurring| recurring.is_enabled && after.is_none_or(|after| recurring.id > after));
        all.sort_by_key(|recurring| recurring.id);
        all.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        Ok(all)
    }

    /// How many recurring jobs there are.
    async fn recurring_count(&self) -> Result<u64, RepositoryError>;

    /// Up to `limit` recurring jobs whose next due time has come at `now`, or that have due times waiting while none of
    /// their occurrences is unfinished. Their parameters have [`DUE_RECURRING_BYTES_MAX`](super::query::DUE_RECURRING_BYTES_MAX)
    /// bytes at most, unless it is only one; storage that has them in memory ignores this limit.
    async fn due_recurring(&self, now: DateTime<Utc>, limit: u32) -> Result<DueRecurring, RepositoryError>;

    /// The earliest next due time of a recurring job that is later than `after`.
    async fn next_recurring(&self, after: DateTime<Utc>) -> Result<Option<DateTime<Utc>>, RepositoryError>;

    /// How many occurrences of each of these recurring jobs have not ended; those that have none may be left out.
    async fn unfinished_occurrences(&self, ids: &[RecurringId]) -> Result<HashMap<RecurringId, u64>, RepositoryError>;

    /// The nodes that live, and those that died lately, by the time of their start.
    async fn nodes(&self) -> Result<Vec<StoredNode>, RepositoryError>;

    /// The remote workers that live, and those that were lost lately, by the time of their coming.
    async fn workers(&self) -> Result<Vec<StoredWorker>, RepositoryError>;

    /// A page of [`workers`](Self::workers), in the same order.
    async fn worker_page(&self, page: WorkerPage) -> Result<Vec<StoredWorker>, RepositoryError> {
        let mut workers = self.workers().await?;
        if let Some(after) = page.after {
            let place = workers.iter().position(|worker| worker.id == after);
            workers.drain(..place.map_or(workers.len(), |place| place + 1));
        }
        workers.truncate(usize::try_from(page.limit).unwrap_or(usize::MAX));
        Ok(workers)
    }

    /// What the remote workers that live run, each answer once.
    async fn worker_types(&self) -> Result<Vec<WorkerTypes>, RepositoryError> {
        let workers = self.workers().await?.into_iter().filter(|worker| worker.is_live);
        let types = workers.map(|worker| WorkerTypes {
            job_types: worker.declaration.job_types,
            queues: worker.declaration.queues,
        });
        Ok(types.collect())
    }

    /// How many remote workers of an owner live.
    async fn count_workers(&self, owner: &WorkerOwner) -> Result<u64, RepositoryError> {
        let workers = self.workers().await?.into_iter().filter(|worker| worker.is_live);
        let own = workers.filter(|worker| worker.access.as_ref().is_some_and(|access| access.owner == *owner));
        Ok(u64::try_from(own.count()).unwrap_or(u64::MAX))
    }

    /// One remote worker, also one that was lost or has left within the last days.
    async fn worker(&self, id: NodeId) -> Result<Option<StoredWorker>, RepositoryError>;

    /// What the attempts of a job have reported.
    async fn reports(&self, id: JobId) -> Result<JobReports, RepositoryError>;

    /// A page of the records of who has changed what that a filter means, the newest first.
    async fn audit(&self, filter: &AuditFilter, page: AuditPage) -> Result<Vec<AuditRecord>, RepositoryError>;

    /// The same page, by a read that may take long.
    async fn expensive_audit(
        &self,
        filter: &AuditFilter,
        page: AuditPage,
    ) -> Result<Vec<AuditRecord>, RepositoryError> {
        self.audit(filter, page).await
    }

    /// Those of these unique keys that unfinished jobs have. Only asked when a caller has used up its share of new ones, so
    /// that jobs that exist are not counted again; a storage that can not tell names none.
    async fn taken_unique_keys(&self, _keys: &[UniqueKey]) -> Result<HashSet<UniqueKey>, RepositoryError> {
        Ok(HashSet::new())
    }

    /// Whether a request was made before under this idempotency key. Only asked in the same case.
    async fn is_known_request(&self, _key: &str) -> Result<bool, RepositoryError> {
        Ok(false)
    }

    /// All webhook endpoints, by their ids.
    async fn endpoints(&self) -> Result<Vec<StoredEndpoint>, RepositoryError>;

    /// Up to `limit` deliveries of an endpoint that are due at `now`, those that wait the longest first: of each lane only
    /// the first one that is pending, so that none overtakes another.
    async fn due_deliveries(
        &self,
        endpoint: EndpointId,
        now: DateTime<Utc>,
        limit: u32,
    ) -> Result<Vec<DueDelivery>, RepositoryError>;

    /// A page of an endpoint's deliveries, the newest first.
    async fn deliveries(&self, endpoint: EndpointId, page: DeliveryPage) -> Result<Vec<Delivery>, RepositoryError>;

    /// One delivery.
    async fn delivery(&self, id: DeliveryId) -> Result<Option<Delivery>, RepositoryError>;

    /// Up to `limit` changes of the feed after a place in it. A change may be told a moment after its commit, where one that
    /// is not committed yet could come before it. Changes that were committed at the same time may come in any
    /// order; none comes before one that was committed earlier, and none is left out.
    async fn feed(&self, after: FeedCursor, limit: u32) -> Result<FeedPage, RepositoryError>;

    /// The same with the jobs as [`jobs_in_brief`](Self::jobs_in_brief) has them.
    async fn feed_in_brief(&self, after: FeedCursor, limit: u32) -> Result<FeedPage, RepositoryError> {
        self.feed(after, limit).await
    }

    /// The end of what the feed tells now: whatever is committed later comes after it.
    async fn feed_end(&self) -> Result<FeedCursor, RepositoryError>;
    /// For each of these spans, in their order: what is summed up of jobs in it, those of all queues and types that the
    /// filter means together. It costs the same however many jobs there are.
    async fn rollups(
        &self,
        filter: &RollupFilter,
        spans: &[TimeBucketRange],
    ) -> Result<Vec<RollupCounts>, RepositoryError>;

    /// How many jobs have completed or failed for good in that hour of the span in which most have. Hours begin when
    /// those of UTC do; of the first and the last one only what is in the span counts.
    async fn busiest_hour(&self, filter: &RollupFilter, span: TimeBucketRange) -> Result<u64, RepositoryError>;

    /// How long jobs have run and waited in the hours of which the span has a part. Days that are kept by days count
    /// whole if their first hour is among them, and otherwise not.
    async fn durations(&self, filter: &RollupFilter, span: TimeBucketRange) -> Result<Durations, RepositoryError>;

    /// What is summed up of each job type in the span, for steps of time and reasons as [`durations`](Self::durations)
    /// says.
    async fn type_rollups(
        &self,
        filter: &RollupFilter,
        span: TimeBucketRange,
    ) -> Result<BTreeMap<JobType, TypeRollup>, RepositoryError>;

    /// Whether storage can be reached and written.
    async fn ping(&self) -> Result<(), RepositoryError>;

    /// A fault that can be found without a call: a removed file, or one that an earlier call has found. Asked often.
    fn fault(&self) -> Option<RepositoryError> {
        None
    }

    /// Where this storage notes its failed calls and logs them; `None` when it leaves that to the server.
    fn outage(&self) -> Option<&StorageOutage> {
        None
    }

    /// Does what storage needs now and then, such as a checkpoint. Called every few seconds; it must not hold up commits.
    async fn maintain(&self) -> Result<Maintenance, RepositoryError> {
        Ok(Maintenance::default())
    }

    /// Closes storage: called once, when the server that has opened it has stopped. Whatever is called later may fail. Not
    /// called for a storage that the program gives the server.
    async fn close(&self) {}

    /// Tells the other nodes that share this storage. A storage that serves one node alone has nobody to tell.
    async fn signal(&self, from: NodeId, signals: &[Signal]) -> Result<(), RepositoryError> {
        let (_, _) = (from, signals);
        Ok(())
    }

    /// Listens to what nodes other than `own` say; `None` where there are no others.
    async fn signals(&self, own: NodeId) -> Result<Option<SignalStream>, RepositoryError> {
        let _ = own;
        Ok(None)
    }

    /// Whether other servers may use the same storage at the same time. If not, whatever runs when a server starts is
    /// left from one that died.
    fn is_shared(&self) -> bool;
}
