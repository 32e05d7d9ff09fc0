//! Jobs in memory, lost when the process ends: the reference implementation of
//! [`JobRepository`](super::repository::JobRepository).
//!
//! It is written for readability: one lock, no optimization, each guarantee of [`super::change`] in one place. It is
//! the starting point for other storages and the storage of tests above the repository. It serves one server.

mod activity;
mod apply;
mod attempts;
mod audit;
mod backlog;
mod failures;
mod feed;
mod metrics;
mod operations;
#[cfg(test)]
mod protocol_model;
mod recurring;
mod rollups;
mod tables;
mod webhooks;
mod workers;

use std::cmp::Reverse;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};

use self::tables::Tables;
use super::commit::{Commit, Committed};
use super::query::{
    AuditFilter, AuditPage, DeliveryPage, DueCounts, DueRecurring, FeedPage, FilterParts, JobFilter, JobSummary, Order,
    Page, PendingJobs, RecurringPage, RunningJob, StoredEndpoint, StoredNode, StoredWorker,
};
use super::repository::{ClusterStore, JobStore, RecurringStore, RepositoryError, WebhookStore};
use crate::domain::access::audit::AuditRecord;
use crate::domain::cluster::remote_worker::JobReports;
use crate::domain::job::Job;
use crate::domain::job::attempt::Attempt;
use crate::domain::job::priority::Priority;
use crate::domain::job::status::JobStatus;
use crate::domain::queue::{StoredQueue, Throughput};
use crate::domain::recurring::{RecurringId, RecurringJob};
use crate::domain::values::id::{EndpointId, JobId, NodeId};
use crate::domain::values::name::{JobType, QueueName, UniqueKey};
use crate::domain::values::timestamp;
use crate::domain::webhooks::change_feed::FeedCursor;
use crate::domain::webhooks::delivery::{Delivery, DeliveryId, DueDelivery};

/// Jobs in memory. See the module.
#[derive(Debug, Default)]
pub struct MemoryRepository {
    tables: Mutex<Tables>,
}

impl MemoryRepository {
    /// Without jobs.
    pub fn new() -> Self {
        Self::default()
    }

    fn tables(&self) -> MutexGuard<'_, Tables> {
        // Nothing between two writes that belong together can panic, so the tables are whole even then.
        self.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The clock of this storage, by which leases end.
#[expect(
    clippy::disallowed_methods,
    reason = "leases are measured by the storage's own clock, and this storage has no other"
)]
fn now() -> DateTime<Utc> {
    timestamp::truncate_to_micros(Utc::now())
}

#[async_trait]
impl JobStore for MemoryRepository {
    async fn commit(&self, commit: &Commit) -> Result<Committed, RepositoryError> {
        // The lock is the transaction: a read returns all of a commit or nothing.
        Ok(self.tables().apply(commit, now()))
    }

    async fn job(&self, id: JobId) -> Result<Option<Arc<Job>>, RepositoryError> {
        Ok(self.tables().job(id).cloned())
    }

    async fn attempts(&self, id: JobId) -> Result<Vec<Attempt>, RepositoryError> {
        Ok(self.tables().attempts(id).cloned().collect())
    }

    async fn jobs(&self, filter: &JobFilter, page: Page) -> Result<Vec<JobSummary>, RepositoryError> {
        let Page {
            limit,
            offset,
            after,
            order,
        } = page;
        let is_behind = |job: &Job| {
            after.is_none_or(|after| match order {
                Order::NewestFirst => job.id < after,
                Order::OldestFirst => job.id > after,
            })
        };
        let tables = self.tables();
        let jobs: Box<dyn Iterator<Item = &Arc<Job>>> = match order {
            Order::NewestFirst => Box::new(tables.jobs().rev()),
            Order::OldestFirst => Box::new(tables.jobs()),
        };
        Ok(jobs
            .filter(|job| is_behind(job) && filter.matches(job))
            .skip(usize::try_from(offset).unwrap_or(usize::MAX))
            .take(usize::try_from(limit).unwrap_or(usize::MAX))
            .map(|job| JobSummary::from(&**job))
            .collect())
    }

    async fn count(&self, filter: &JobFilter) -> Result<u64, RepositoryError> {
        let tables = self.tables();
        let parts = FilterParts::of(filter);
        if parts.is_counted() {
            return Ok(tables.count(&parts));
        }
        let found = tables.jobs().filter(|job| filter.matches(job)).count();
        Ok(u64::try_from(found).unwrap_or(u64::MAX))
    }

    async fn pending_by_type(&self) -> Result<Vec<PendingJobs>, RepositoryError> {
        Ok(self.tables().pending_by_type())
    }

    async fn queues(&self, now: DateTime<Utc>) -> Result<Vec<StoredQueue>, RepositoryError> {
        let tables = self.tables();
        Ok(tables
            .queues()
            .map(|(name, is_paused)| StoredQueue {
                name: name.clone(),
                is_paused,
                counts: tables.status_counts(name),
                throughput: Throughput {
                    last_minute: tables.completed_since(name, now - TimeDelta::minutes(1)),
                    last_hour: tables.completed_since(name, now - TimeDelta::hours(1)),
                },
            })
            .collect())
    }

    async fn count_before(&self, job: &Job, now: DateTime<Utc>, limit: u64) -> Result<Option<u64>, RepositoryError> {
        let tables = self.tables();
        let starts_before = |other: &Job| {
            let place = |job: &Job| (Reverse(job.priority), job.due_at, job.id);
            other.due_at <= now && place(other) < place(job)
        };
        let pending = tables.unclaimed().filter(|other| other.queue == job.queue);
        let count = pending.filter(|other| starts_before(other)).count();
        Ok(Some(u64::try_from(count).unwrap_or(u64::MAX).min(limit)))
    }

    async fn count_due_later(
        &self,
        queue: &QueueName,
        job_types: &[JobType],
        now: DateTime<Utc>,
        limit: u64,
    ) -> Result<Option<u64>, RepositoryError> {
        let tables = self.tables();
        let mut counts: HashMap<(Option<&JobType>, Priority), u64> = HashMap::new();
        for job in tables
            .unclaimed()
            .filter(|job| job.queue == *queue && job.due_at > now)
            .filter(|job| job_types.is_empty() || job_types.contains(&job.job_type))
        {
            let count = counts
                .entry(((!job_types.is_empty()).then_some(&job.job_type), job.priority))
                .or_default();
            *count = limit.min(*count + 1);
        }
        Ok(Some(counts.values().sum()))
    }

    async fn due_counts(
        &self,
        queue: Option<&QueueName>,
        now: DateTime<Utc>,
        limit: u64,
    ) -> Result<Option<Vec<DueCounts>>, RepositoryError> {
        Ok(Some(self.tables().due_counts(queue, now, limit)))
    }

    async fn next_due(&self, after: DateTime<Utc>) -> Result<Vec<(QueueName, DateTime<Utc>)>, RepositoryError> {
        let tables = self.tables();
        let first_of = |queue: &QueueName| {
            tables
                .jobs()
                .filter(|job| job.status == JobStatus::Pending && job.claimed_by.is_none())
                .filter(|job| job.queue == *queue && job.due_at > after)
                .map(|job| job.due_at)
                .min()
        };
        Ok(tables
            .queues()
            .filter_map(|(queue, _)| Some((queue.clone(), first_of(queue)?)))
            .collect())
    }

    async fn due_computed_after(&self, after: DateTime<Utc>, limit: u32) -> Result<Vec<Arc<Job>>, RepositoryError> {
        let tables = self.tables();
        let found = tables.jobs().filter(|job| {
            job.status == JobStatus::Pending
                && job.due_at > after
                && job.due_computed_from().is_some_and(|from| from > after)
        });
        Ok(found
            .take(usize::try_from(limit).unwrap_or(usize::MAX))
            .cloned()
            .collect())
    }

    async fn due_types(&self, now: DateTime<Utc>) -> Result<Vec<(QueueName, JobType)>, RepositoryError> {
        let tables = self.tables();
        let due = tables
            .jobs()
            .filter(|job| job.status == JobStatus::Pending && job.claimed_by.is_none() && job.due_at <= now);
        let found: BTreeSet<(QueueName, JobType)> = due.map(|job| (job.queue.clone(), job.job_type.clone())).collect();
        Ok(found.into_iter().collect())
    }

    async fn orphans(&self, observer: NodeId, limit: u32) -> Result<Vec<Arc<Job>>, RepositoryError> {
        let (tables, now) = (self.tables(), now());
        Ok(tables
            .orphans(observer, now)
            .take(usize::try_from(limit).unwrap_or(usize::MAX))
            .cloned()
            .collect())
    }

    async fn running_on(&self, node: NodeId) -> Result<Vec<RunningJob>, RepositoryError> {
        Ok(self
            .tables()
            .jobs()
            .filter(|job| job.claimed_by.or(job.node) == Some(node))
            .filter_map(|job| Some((job, job.held_attempt()?)))
            .map(|(job, (id, attempt))| RunningJob {
                id,
                queue: job.queue.clone(),
                attempt,
                started_at: job
                    .started_at
                    .filter(|_| job.claimed_by.is_none())
                    .unwrap_or(job.due_at),
                timeout: job.timeout,
                cancel_requested: job.cancel_requested,
            })
            .collect())
    }

    async fn audit(&self, filter: &AuditFilter, page: AuditPage) -> Result<Vec<AuditRecord>, RepositoryError> {
        Ok(self.tables().audit_page(filter, page))
    }

    async fn reports(&self, id: JobId) -> Result<JobReports, RepositoryError> {
        Ok(self.tables().reports.get(&id).cloned().unwrap_or_default())
    }

    async fn taken_unique_keys(&self, keys: &[UniqueKey]) -> Result<HashSet<UniqueKey>, RepositoryError> {
        let tables = self.tables();
        let unfinished = tables.jobs().filter(|job| !job.status.is_finished());
        let taken = unfinished.filter_map(|job| job.unique_key.clone());
        Ok(taken.filter(|key| keys.contains(key)).collect())
    }

    async fn is_known_request(&self, key: &str) -> Result<bool, RepositoryError> {
        Ok(self.tables().idempotency.contains_key(key))
    }

    async fn ping(&self) -> Result<(), RepositoryError> {
        Ok(())
    }

    fn is_shared(&self) -> bool {
        false
    }

    fn claims_ahead(&self) -> bool {
        true
    }
}

#[async_trait]
impl RecurringStore for MemoryRepository {
    async fn recurring(&self, id: RecurringId) -> Result<Option<Arc<RecurringJob>>, RepositoryError> {
        Ok(self.tables().recurring.get(&id).cloned())
    }

    async fn recurring_page(&self, page: RecurringPage) -> Result<Vec<Arc<RecurringJob>>, RepositoryError> {
        let RecurringPage { limit, offset } = page;
        Ok(self
            .tables()
            .recurring
            .values()
            .rev()
            .skip(usize::try_from(offset).unwrap_or(usize::MAX))
            .take(usize::try_from(limit).unwrap_or(usize::MAX))
            .cloned()
            .collect())
    }

    async fn recurring_count(&self) -> Result<u64, RepositoryError> {
        Ok(u64::try_from(self.tables().recurring.len()).unwrap_or(u64::MAX))
    }

    async fn due_recurring(&self, now: DateTime<Utc>, limit: u32) -> Result<DueRecurring, RepositoryError> {
        let tables = self.tables();
        let is_due = |recurring: &RecurringJob| {
            recurring.next_run_at.is_some_and(|next| next <= now)
                || (!recurring.waiting.is_empty() && tables.unfinished_of(recurring.id) == 0)
        };
        let mut due = tables.recurring.values().filter(|recurring| is_due(recurring)).cloned();
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        Ok(DueRecurring {
            recurring_jobs: due.by_ref().take(limit).collect(),
            has_more: due.next().is_some(),
        })
    }

    async fn next_recurring(&self, after: DateTime<Utc>) -> Result<Option<DateTime<Utc>>, RepositoryError> {
        let tables = self.tables();
        Ok(tables
            .recurring
            .values()
            .filter_map(|recurring| recurring.next_run_at)
            .filter(|next| *next > after)
            .min())
    }

    async fn unfinished_occurrences(&self, ids: &[RecurringId]) -> Result<HashMap<RecurringId, u64>, RepositoryError> {
        let tables = self.tables();
        let count = |id: &RecurringId| u64::try_from(tables.unfinished_of(*id)).unwrap_or(u64::MAX);
        Ok(ids.iter().map(|id| (*id, count(id))).collect())
    }
}

#[async_trait]
impl ClusterStore for MemoryRepository {
    fn database(&self) -> &'static str {
        "memory"
    }

    async fn workers(&self) -> Result<Vec<StoredWorker>, RepositoryError> {
        let now = now();
        let mut workers = self.tables().stored_workers(now);
        workers.retain(|worker| worker.lease_until >= now - TimeDelta::hours(1));
        Ok(workers)
    }

    async fn worker(&self, id: NodeId) -> Result<Option<StoredWorker>, RepositoryError> {
        let workers = self.tables().stored_workers(now());
        Ok(workers.into_iter().find(|worker| worker.id == id))
    }

    async fn nodes(&self) -> Result<Vec<StoredNode>, RepositoryError> {
        Ok(self.tables().stored_nodes(now()))
    }
}

#[async_trait]
impl WebhookStore for MemoryRepository {
    async fn endpoints(&self) -> Result<Vec<StoredEndpoint>, RepositoryError> {
        Ok(self.tables().stored_endpoints(now()))
    }

    async fn due_deliveries(
        &self,
        endpoint: EndpointId,
        now: DateTime<Utc>,
        limit: u32,
    ) -> Result<Vec<DueDelivery>, RepositoryError> {
        Ok(self.tables().due_deliveries(endpoint, now, limit))
    }

    async fn deliveries(&self, endpoint: EndpointId, page: DeliveryPage) -> Result<Vec<Delivery>, RepositoryError> {
        Ok(self.tables().delivery_page(endpoint, page))
    }

    async fn delivery(&self, id: DeliveryId) -> Result<Option<Delivery>, RepositoryError> {
        Ok(self.tables().deliveries.get(&id).cloned())
    }

    async fn feed(&self, after: FeedCursor, limit: u32) -> Result<FeedPage, RepositoryError> {
        Ok(self.tables().feed_page(after, limit))
    }

    async fn feed_end(&self) -> Result<FeedCursor, RepositoryError> {
        Ok(self.tables().feed_end())
    }
}
