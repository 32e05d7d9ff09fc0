//! The store of jobs and queues, which every storage implements.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use crate::domain::access::audit::AuditRecord;
use crate::domain::cluster::remote_worker::JobReports;
use crate::domain::job::Job;
#[cfg(doc)]
use crate::domain::job::attempt::ATTEMPTS_KEPT;
use crate::domain::job::attempt::Attempt;
use crate::domain::queue::StoredQueue;
use crate::domain::values::id::{JobId, NodeId};
use crate::domain::values::name::{JobType, QueueName, UniqueKey};
#[cfg(doc)]
use crate::storage::change::{ChangeError, Claim};
use crate::storage::commit::{Commit, Committed};
use crate::storage::error::RepositoryError;
use crate::storage::outage::StorageOutage;
use crate::storage::query::{
    AuditFilter, AuditPage, DueCounts, Facet, FacetCount, JobFilter, JobSummary, JobText, Order, Page, PendingJobs,
    RunningJob, SortedPage, StoredTexts,
};

/// The result of maintenance.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Maintenance {
    /// Number of bytes of a write-ahead log that could not be moved into the database.
    pub wal_kept: u64,
}

/// Number of jobs that are read together to count the values of a facet.
const FACET_PAGE: u32 = 1_000;

/// Stores jobs, queues and their history, and applies commits. The methods without a default are what a storage needs;
/// the defaults of the others are slower or leave something out.
///
/// One writer calls [`commit`](Self::commit), one call after the other; reads come from anywhere at the same time and
/// see committed changes only. When `commit` returns, its changes are durable.
///
/// Values are returned as they were given: texts to the byte, an empty one as an empty one; times and time spans to the
/// microsecond; counts up to 2,147,483,647. A storage whose texts can't hold the character NUL rejects the change that
/// has one ([`ChangeError::Rejected`]); the server accepts none.
#[async_trait]
pub trait JobStore: Send + Sync + 'static {
    /// Applies the changes of a commit in one transaction, with their audit records and outbox entries. A change that
    /// can't be applied fails alone, without its record; after an `Err` the outcome is unknown.
    async fn commit(&self, commit: &Commit) -> Result<Committed, RepositoryError>;

    /// One job.
    async fn job(&self, id: JobId) -> Result<Option<Arc<Job>>, RepositoryError>;

    /// One job, without its large texts ([`Job::is_brief`]) if they have more than `bytes_max` bytes together. A
    /// storage that has jobs in memory returns them whole.
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

    /// Those of these jobs that exist, in any order, without their large texts ([`JobText`]). A storage that would have
    /// to read them leaves them out and marks the jobs ([`Job::is_brief`]); one that has them in memory may return
    /// them.
    async fn jobs_in_brief(&self, ids: &[JobId]) -> Result<Vec<Arc<Job>>, RepositoryError> {
        self.jobs_by_id(ids).await
    }

    /// A text of each of these jobs that has it, in any order.
    async fn job_texts(&self, text: JobText, ids: &[JobId]) -> Result<Vec<(JobId, Arc<str>)>, RepositoryError> {
        let jobs = self.jobs_by_id(ids).await?;
        let texts = jobs.iter().map(|job| (job.id, text.of(job)));
        Ok(texts.filter_map(|(id, text)| Some((id, text?))).collect())
    }

    /// Number of bytes that a read of these texts would bring into memory. The server calls it before reads that could
    /// exceed its budget. A storage that shares texts in memory brings none.
    async fn size_of(&self, texts: StoredTexts<'_>) -> Result<u64, RepositoryError> {
        let _ = texts;
        Ok(0)
    }

    /// The ended attempts of a job, the first one first: the last [`ATTEMPTS_KEPT`], or fewer while one runs.
    async fn attempts(&self, id: JobId) -> Result<Vec<Attempt>, RepositoryError>;

    /// The same for these jobs: in any order, but those of one job the first one first.
    async fn attempts_of(&self, ids: &[JobId]) -> Result<Vec<Attempt>, RepositoryError> {
        let mut attempts = Vec::new();
        for id in ids {
            attempts.extend(self.attempts(*id).await?);
        }
        Ok(attempts)
    }

    /// Of these jobs the attempts that have ended, except those that have `last` or more attempts after them, in the
    /// same order. The texts of their errors may be missing: a storage that would have to read them leaves them out.
    async fn last_attempts(&self, ids: &[JobId], last: u32) -> Result<Vec<Attempt>, RepositoryError> {
        let _ = last;
        self.attempts_of(ids).await
    }

    /// A page of the jobs that a filter selects.
    async fn jobs(&self, filter: &JobFilter, page: Page) -> Result<Vec<JobSummary>, RepositoryError>;

    /// Number of jobs that a filter selects. Without dates and search its cost does not depend on their number.
    async fn count(&self, filter: &JobFilter) -> Result<u64, RepositoryError>;

    /// The same page, by a read that may take long: storage keeps it apart from other reads, and stops it when the
    /// future is dropped.
    async fn expensive_jobs(&self, filter: &JobFilter, page: Page) -> Result<Vec<JobSummary>, RepositoryError> {
        self.jobs(filter, page).await
    }

    /// The same number, by a read that may take long.
    async fn expensive_count(&self, filter: &JobFilter) -> Result<u64, RepositoryError> {
        self.count(filter).await
    }

    /// The same number, counted up to a limit.
    async fn count_up_to(&self, filter: &JobFilter, limit: u64) -> Result<u64, RepositoryError> {
        Ok(self.expensive_count(filter).await?.min(limit))
    }

    /// The values of a facet among the jobs that a filter selects, the most frequent first, up to a limit. Values are ordered
    /// by their bytes if they have the same number.
    async fn facet(&self, filter: &JobFilter, facet: Facet, limit: u32) -> Result<Vec<FacetCount>, RepositoryError> {
        let mut counts: BTreeMap<String, u64> = BTreeMap::new();
        let mut after = None;
        loop {
            let page = Page {
                limit: FACET_PAGE,
                offset: 0,
                after,
                order: Order::NewestFirst,
            };
            let jobs = self.jobs(filter, page).await?;
            for value in jobs.iter().flat_map(|job| facet.values_of(job)) {
                *counts.entry(value).or_default() += 1;
            }
            let Some(last) = jobs.last() else { break };
            after = Some(last.id);
        }
        let counts = counts.into_iter().map(|(value, count)| FacetCount { value, count });
        let mut counts: Vec<FacetCount> = counts.collect();
        counts.sort_by_key(|FacetCount { count, .. }| std::cmp::Reverse(*count));
        counts.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        Ok(counts)
    }

    /// All queues, in the order of their names' bytes: paused or not, their jobs by status, and recent completions
    /// (as seen from `now`, and to a few seconds: completions may be counted in steps of that size).
    async fn queues(&self, now: DateTime<Utc>) -> Result<Vec<StoredQueue>, RepositoryError>;

    /// A page of jobs in the order of a value. `None` if more than the maximum match, and no index has the order;
    /// `is_expensive` for a read that may take long.
    async fn sorted_jobs(
        &self,
        filter: &JobFilter,
        page: SortedPage,
        is_expensive: bool,
    ) -> Result<Option<Vec<JobSummary>>, RepositoryError> {
        let SortedPage {
            sort,
            after,
            limit,
            sorted_max,
        } = page;
        let all = Page {
            limit: sorted_max.saturating_add(1),
            offset: 0,
            after: None,
            order: Order::NewestFirst,
        };
        let found = if is_expensive {
            self.expensive_jobs(filter, all).await?
        } else {
            self.jobs(filter, all).await?
        };
        if found.len() > usize::try_from(sorted_max).unwrap_or(usize::MAX) {
            return Ok(None);
        }
        let places = found.into_iter().filter_map(|job| Some((sort.place_of(&job)?, job)));
        let is_behind = |place| after.is_none_or(|after| sort.compare(after, place).is_lt());
        let mut places: Vec<_> = places.filter(|(place, _)| is_behind(*place)).collect();
        places.sort_by(|(one, _), (other, _)| sort.compare(*one, *other));
        places.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        Ok(Some(places.into_iter().map(|(_, job)| job).collect()))
    }

    /// Number of pending jobs by type and queue; those without any are left out. A storage without these
    /// counts leaves job types without handlers out of the server's health.
    async fn pending_by_type(&self) -> Result<Vec<PendingJobs>, RepositoryError> {
        Ok(Vec::new())
    }

    /// Number of pending jobs of a queue by type; those without any are left out.
    async fn pending_types(&self, queue: &QueueName) -> Result<Vec<(JobType, u64)>, RepositoryError> {
        let pending = self.pending_by_type().await?.into_iter();
        let of_queue = pending.filter(|pending| pending.queue == *queue);
        Ok(of_queue.map(|pending| (pending.job_type, pending.count)).collect())
    }

    /// Those of these queues that are stored, and whether they are paused.
    async fn queue_states(&self, names: &[QueueName]) -> Result<Vec<(QueueName, bool)>, RepositoryError> {
        // The throughput does not matter.
        let stored = self.queues(DateTime::UNIX_EPOCH).await?.into_iter();
        let named = stored.filter(|queue| names.contains(&queue.name));
        Ok(named.map(|queue| (queue.name, queue.is_paused)).collect())
    }

    /// Number of due jobs of a job's queue that start before it, by priority, due time and age, counted up to `limit`.
    /// Jobs that are claimed ahead do not count. `None` if storage has no index for it.
    async fn count_before(&self, job: &Job, now: DateTime<Utc>, limit: u64) -> Result<Option<u64>, RepositoryError> {
        let (_, _, _) = (job, now, limit);
        Ok(None)
    }

    /// Number of pending jobs of a queue that are due after `now`, of all types if none is given. Those of each priority,
    /// and of each given type, are counted up to `limit`. `None` if storage has no index for it.
    async fn count_due_later(
        &self,
        queue: &QueueName,
        job_types: &[JobType],
        now: DateTime<Utc>,
        limit: u64,
    ) -> Result<Option<u64>, RepositoryError> {
        let (_, _, _, _) = (queue, job_types, now, limit);
        Ok(None)
    }

    /// The pending jobs of a queue, or of all queues that have some, by their due time. Those of each priority are counted
    /// up to `limit`; a count that reaches it is left out. Jobs that are claimed ahead do not count. `None` if storage has no
    /// index for it.
    async fn due_counts(
        &self,
        queue: Option<&QueueName>,
        now: DateTime<Utc>,
        limit: u64,
    ) -> Result<Option<Vec<DueCounts>>, RepositoryError> {
        let (_, _, _) = (queue, now, limit);
        Ok(None)
    }

    /// The types of pending jobs.
    async fn all_pending_types(&self) -> Result<Vec<JobType>, RepositoryError> {
        let pending = self.pending_by_type().await?.into_iter();
        let job_types: BTreeSet<JobType> = pending.map(|pending| pending.job_type).collect();
        Ok(job_types.into_iter().collect())
    }

    /// The due time of the first pending job after `after`, for each queue that has one.
    async fn next_due(&self, after: DateTime<Utc>) -> Result<Vec<(QueueName, DateTime<Utc>)>, RepositoryError>;

    /// Up to `limit` pending jobs that are due after `after`, by a due time that was computed from a time after
    /// `after`: [`Job::due_from`], or its creation for a new job without a wait. Storage that nodes share counts no
    /// time that its own clock has reached. Such jobs were stored while the clock was ahead. They may be brief.
    async fn due_computed_after(&self, after: DateTime<Utc>, limit: u32) -> Result<Vec<Arc<Job>>, RepositoryError> {
        let (_, _) = (after, limit);
        Ok(Vec::new())
    }

    /// The types of the pending jobs of each queue that has due ones. Every type of a due job is among them; a
    /// type whose jobs are all due later may be.
    async fn due_types(&self, now: DateTime<Utc>) -> Result<Vec<(QueueName, JobType)>, RepositoryError>;

    /// Up to `limit` running jobs whose node has no lease: it never had one, has left, or its lease has expired. None
    /// of them runs on `observer`, the calling server. An empty list if the observer's last heartbeat is older than
    /// half of its lease: it was paused, or the clock was set, and the others may have waited for it. They may be
    /// brief.
    async fn orphans(&self, observer: NodeId, limit: u32) -> Result<Vec<Arc<Job>>, RepositoryError>;

    /// The running jobs of a node or of a remote worker.
    async fn running_on(&self, node: NodeId) -> Result<Vec<RunningJob>, RepositoryError>;

    /// The reports of the attempts of a job.
    async fn reports(&self, id: JobId) -> Result<JobReports, RepositoryError> {
        let _ = id;
        Ok(JobReports::default())
    }

    /// A page of the audit records that a filter selects, the newest first.
    async fn audit(&self, filter: &AuditFilter, page: AuditPage) -> Result<Vec<AuditRecord>, RepositoryError> {
        let (_, _) = (filter, page);
        Ok(Vec::new())
    }

    /// The same page, by a read that may take long.
    async fn expensive_audit(
        &self,
        filter: &AuditFilter,
        page: AuditPage,
    ) -> Result<Vec<AuditRecord>, RepositoryError> {
        self.audit(filter, page).await
    }

    /// Those of these unique keys that unfinished jobs have. Called only when a caller has used up its share of new
    /// ones, so that existing jobs are not counted again; a storage without this lookup returns none.
    async fn taken_unique_keys(&self, _keys: &[UniqueKey]) -> Result<HashSet<UniqueKey>, RepositoryError> {
        Ok(HashSet::new())
    }

    /// Returns whether a request was made before under this idempotency key. Called only in the same case.
    async fn is_known_request(&self, _key: &str) -> Result<bool, RepositoryError> {
        Ok(false)
    }

    /// Checks that storage can be reached and written.
    async fn ping(&self) -> Result<(), RepositoryError>;

    /// A fault that is known without a call: a removed file, or one that an earlier call has found. Called often.
    fn fault(&self) -> Option<RepositoryError> {
        None
    }

    /// The log of failed calls, if this storage keeps one; `None` when the server logs them.
    fn outage(&self) -> Option<&StorageOutage> {
        None
    }

    /// Performs maintenance, such as a checkpoint. Called every few seconds; it must not delay commits.
    async fn maintain(&self) -> Result<Maintenance, RepositoryError> {
        Ok(Maintenance::default())
    }

    /// Closes storage: called once, when the server that has opened it has stopped. Later calls may fail. Not
    /// called for a storage that the program has passed to the server.
    async fn close(&self) {}

    /// Returns whether other servers may use the same storage at the same time. If not, jobs that run when a server
    /// starts are left from one that has died.
    fn is_shared(&self) -> bool;

    /// Returns whether jobs can be claimed ahead of their start ([`Claim::is_ahead`]). Without it a worker waits for a commit
    /// before each job.
    fn claims_ahead(&self) -> bool {
        false
    }
}
