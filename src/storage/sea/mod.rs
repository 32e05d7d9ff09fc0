//! Jobs in SQLite or PostgreSQL, through SeaORM.
//!
//! Only this module imports `sea_orm`, the entities and the migration; a commit writes many rows by few statements.

mod audit;
mod backlog;
pub(crate) mod cluster;
mod commit;
pub(crate) mod connection;
mod error;
pub(crate) mod jobs;
mod labels;
mod mapping;
mod metrics;
mod operations;
pub(crate) mod recurring;
mod repository;
pub(crate) mod webhooks;

pub use self::connection::migrations::{MigrationError, MigrationState};
pub use self::connection::options::{ConnectError, Durability, SeaOptions};
pub use self::repository::SeaRepository;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use self::webhooks::change_feed::FeedJobs;
use super::cluster_message::{Signal, SignalStream};
use super::commit::{Commit, Committed};
use super::outage::StorageOutage;
use super::query::{
    AuditFilter, AuditPage, DeliveryPage, DueCounts, DueRecurring, Facet, FacetCount, FeedPage, JobFilter, JobSummary,
    JobText, Page, PendingJobs, RecurringPage, RecurringSelection, RunningJob, SelectedRecurring, SortedPage,
    StoredEndpoint, StoredNode, StoredTexts, StoredWorker, WorkerPage, WorkerTypes,
};
use super::repository::{ClusterStore, JobStore, Maintenance, RecurringStore, RepositoryError, WebhookStore};
use crate::domain::access::audit::AuditRecord;
use crate::domain::cluster::remote_worker::JobReports;
use crate::domain::cluster::worker_access::WorkerOwner;
use crate::domain::job::Job;
use crate::domain::job::attempt::Attempt;
use crate::domain::queue::StoredQueue;
use crate::domain::recurring::{RecurringId, RecurringJob};
use crate::domain::values::id::{EndpointId, JobId, NodeId};
use crate::domain::values::name::{JobType, QueueName, RecurringKey, UniqueKey};
use crate::domain::webhooks::change_feed::FeedCursor;
use crate::domain::webhooks::delivery::{Delivery, DeliveryId, DueDelivery};

#[async_trait]
impl JobStore for SeaRepository {
    async fn commit(&self, commit: &Commit) -> Result<Committed, RepositoryError> {
        self.commit_changes(commit).await
    }

    async fn job(&self, id: JobId) -> Result<Option<Arc<Job>>, RepositoryError> {
        self.pools.read(Box::pin(self.read_job(id))).await
    }

    async fn jobs_by_id(&self, ids: &[JobId]) -> Result<Vec<Arc<Job>>, RepositoryError> {
        self.pools.read(Box::pin(self.read_jobs_by_id(ids))).await
    }

    async fn job_if_small(&self, id: JobId, bytes_max: u32) -> Result<Option<Arc<Job>>, RepositoryError> {
        self.pools.read(self.read_job_if_small(id, bytes_max)).await
    }

    async fn jobs_in_brief(&self, ids: &[JobId]) -> Result<Vec<Arc<Job>>, RepositoryError> {
        self.pools.read(self.read_jobs_in_brief(ids)).await
    }

    async fn job_texts(&self, text: JobText, ids: &[JobId]) -> Result<Vec<(JobId, Arc<str>)>, RepositoryError> {
        self.pools.read(self.read_job_texts(text, ids)).await
    }

    async fn size_of(&self, texts: StoredTexts<'_>) -> Result<u64, RepositoryError> {
        self.pools.read(Box::pin(self.read_size_of(texts))).await
    }

    async fn attempts(&self, id: JobId) -> Result<Vec<Attempt>, RepositoryError> {
        self.pools.read(self.read_attempts_of(&[id])).await
    }

    async fn attempts_of(&self, ids: &[JobId]) -> Result<Vec<Attempt>, RepositoryError> {
        self.pools.read(self.read_attempts_of(ids)).await
    }

    async fn last_attempts(&self, ids: &[JobId], last: u32) -> Result<Vec<Attempt>, RepositoryError> {
        self.pools.read(self.read_last_attempts(ids, last)).await
    }

    async fn jobs(&self, filter: &JobFilter, page: Page) -> Result<Vec<JobSummary>, RepositoryError> {
        self.pools.read(self.read_jobs(filter, page, &self.readers())).await
    }

    async fn expensive_jobs(&self, filter: &JobFilter, page: Page) -> Result<Vec<JobSummary>, RepositoryError> {
        let scan = self.begin_scan().await?;
        let result = self.pools.scan(self.read_jobs(filter, page, &scan)).await;
        scan.end().await;
        result
    }

    async fn sorted_jobs(
        &self,
        filter: &JobFilter,
        page: SortedPage,
        is_expensive: bool,
    ) -> Result<Option<Vec<JobSummary>>, RepositoryError> {
        if !is_expensive {
            let readers = self.readers();
            let read = self.read_sorted_jobs(filter, page, &readers);
            return self.pools.read(Box::pin(read)).await;
        }
        let scan = self.begin_scan().await?;
        let result = self.pools.scan(self.read_sorted_jobs(filter, page, &scan)).await;
        scan.end().await;
        result
    }

    async fn count(&self, filter: &JobFilter) -> Result<u64, RepositoryError> {
        self.pools.read(self.read_count(filter, None, &self.readers())).await
    }

    async fn expensive_count(&self, filter: &JobFilter) -> Result<u64, RepositoryError> {
        let scan = self.begin_scan().await?;
        let result = self.pools.scan(self.read_count(filter, None, &scan)).await;
        scan.end().await;
        result
    }

    async fn count_up_to(&self, filter: &JobFilter, limit: u64) -> Result<u64, RepositoryError> {
        let scan = self.begin_scan().await?;
        let result = self.pools.scan(self.read_count(filter, Some(limit), &scan)).await;
        scan.end().await;
        result
    }

    async fn facet(&self, filter: &JobFilter, facet: Facet, limit: u32) -> Result<Vec<FacetCount>, RepositoryError> {
        if facet.is_counted(filter) {
            return self
                .pools
                .read(self.read_facet(filter, facet, limit, &self.readers()))
                .await;
        }
        let scan = self.begin_scan().await?;
        let result = self.pools.scan(self.read_facet(filter, facet, limit, &scan)).await;
        scan.end().await;
        result
    }

    async fn queues(&self, now: DateTime<Utc>) -> Result<Vec<StoredQueue>, RepositoryError> {
        self.pools.read(Box::pin(self.read_queues(now))).await
    }

    async fn pending_by_type(&self) -> Result<Vec<PendingJobs>, RepositoryError> {
        self.pools.read(self.read_pending_by_type()).await
    }

    async fn pending_types(&self, queue: &QueueName) -> Result<Vec<(JobType, u64)>, RepositoryError> {
        self.pools.read(self.read_pending_types(queue)).await
    }

    async fn queue_states(&self, names: &[QueueName]) -> Result<Vec<(QueueName, bool)>, RepositoryError> {
        self.pools.read(Box::pin(self.read_queue_states(names))).await
    }

    async fn count_before(&self, job: &Job, now: DateTime<Utc>, limit: u64) -> Result<Option<u64>, RepositoryError> {
        self.pools.read(self.read_count_before(job, now, limit)).await.map(Some)
    }

    async fn count_due_later(
        &self,
        queue: &QueueName,
        job_types: &[JobType],
        now: DateTime<Utc>,
        limit: u64,
    ) -> Result<Option<u64>, RepositoryError> {
        let read = self.read_count_due_later(queue, job_types, now, limit);
        self.pools.read(read).await.map(Some)
    }

    async fn due_counts(
        &self,
        queue: Option<&QueueName>,
        now: DateTime<Utc>,
        limit: u64,
    ) -> Result<Option<Vec<DueCounts>>, RepositoryError> {
        let read = self.read_due_counts(queue, now, limit);
        self.pools.read(Box::pin(read)).await.map(Some)
    }

    async fn all_pending_types(&self) -> Result<Vec<JobType>, RepositoryError> {
        self.pools.read(self.read_all_pending_types()).await
    }

    async fn next_due(&self, after: DateTime<Utc>) -> Result<Vec<(QueueName, DateTime<Utc>)>, RepositoryError> {
        self.pools.read(self.read_next_due(after)).await
    }

    async fn due_computed_after(&self, after: DateTime<Utc>, limit: u32) -> Result<Vec<Arc<Job>>, RepositoryError> {
        self.pools.read(self.read_due_computed_after(after, limit)).await
    }

    async fn due_types(&self, now: DateTime<Utc>) -> Result<Vec<(QueueName, JobType)>, RepositoryError> {
        self.pools.read(self.read_due_types(now)).await
    }

    async fn orphans(&self, observer: NodeId, limit: u32) -> Result<Vec<Arc<Job>>, RepositoryError> {
        self.pools.read_from_writer(self.read_orphans(observer, limit)).await
    }

    async fn running_on(&self, node: NodeId) -> Result<Vec<RunningJob>, RepositoryError> {
        self.pools.read(self.read_running_on(node)).await
    }

    async fn reports(&self, id: JobId) -> Result<JobReports, RepositoryError> {
        self.pools.read(self.read_reports(id)).await
    }

    async fn audit(&self, filter: &AuditFilter, page: AuditPage) -> Result<Vec<AuditRecord>, RepositoryError> {
        self.pools
            .read(Box::pin(self.read_audit(filter, page, &self.readers())))
            .await
    }

    async fn expensive_audit(
        &self,
        filter: &AuditFilter,
        page: AuditPage,
    ) -> Result<Vec<AuditRecord>, RepositoryError> {
        let scan = self.begin_scan().await?;
        let result = self.pools.scan(self.read_audit(filter, page, &scan)).await;
        scan.end().await;
        result
    }

    async fn taken_unique_keys(&self, keys: &[UniqueKey]) -> Result<HashSet<UniqueKey>, RepositoryError> {
        self.pools.read(self.read_taken_unique_keys(keys)).await
    }

    async fn is_known_request(&self, key: &str) -> Result<bool, RepositoryError> {
        self.pools.read(self.read_is_known_request(key)).await
    }

    async fn ping(&self) -> Result<(), RepositoryError> {
        self.ping_storage().await
    }

    fn fault(&self) -> Option<RepositoryError> {
        self.known_fault()
    }

    fn outage(&self) -> Option<&StorageOutage> {
        Some(&self.outage)
    }

    async fn maintain(&self) -> Result<Maintenance, RepositoryError> {
        self.checkpoint_now_and_then().await
    }

    async fn close(&self) {
        self.close_all().await;
    }

    fn is_shared(&self) -> bool {
        self.is_postgres()
    }

    fn claims_ahead(&self) -> bool {
        true
    }
}

#[async_trait]
impl RecurringStore for SeaRepository {
    async fn recurring(&self, id: RecurringId) -> Result<Option<Arc<RecurringJob>>, RepositoryError> {
        self.pools.read(Box::pin(self.read_recurring(id))).await
    }

    async fn recurring_by_key(&self, key: &RecurringKey) -> Result<Option<Arc<RecurringJob>>, RepositoryError> {
        self.pools.read(Box::pin(self.read_recurring_by_key(key))).await
    }

    async fn recurring_page(&self, page: RecurringPage) -> Result<Vec<Arc<RecurringJob>>, RepositoryError> {
        self.pools.read(self.read_recurring_page(page)).await
    }

    async fn select_recurring(&self, selection: &RecurringSelection) -> Result<SelectedRecurring, RepositoryError> {
        self.pools
            .read(Box::pin(self.read_recurring_selection(selection)))
            .await
    }

    async fn recurring_by_id(&self, ids: &[RecurringId]) -> Result<Vec<Arc<RecurringJob>>, RepositoryError> {
        self.pools.read(Box::pin(self.read_recurring_by_id(ids))).await
    }

    async fn recurring_after(
        &self,
        after: Option<RecurringId>,
        limit: u32,
    ) -> Result<Vec<Arc<RecurringJob>>, RepositoryError> {
        self.pools.read(self.read_recurring_after(after, limit)).await
    }

    async fn recurring_count(&self) -> Result<u64, RepositoryError> {
        self.pools.read(self.read_recurring_count()).await
    }

    async fn due_recurring(&self, now: DateTime<Utc>, limit: u32) -> Result<DueRecurring, RepositoryError> {
        self.pools.read_from_writer(self.read_due_recurring(now, limit)).await
    }

    async fn next_recurring(&self, after: DateTime<Utc>) -> Result<Option<DateTime<Utc>>, RepositoryError> {
        self.pools.read(self.read_next_recurring(after)).await
    }

    async fn unfinished_occurrences(&self, ids: &[RecurringId]) -> Result<HashMap<RecurringId, u64>, RepositoryError> {
        self.pools.read_from_writer(self.read_unfinished(ids)).await
    }
}

#[async_trait]
impl ClusterStore for SeaRepository {
    fn database(&self) -> &'static str {
        if self.is_postgres() { "postgresql" } else { "sqlite" }
    }

    async fn workers(&self) -> Result<Vec<StoredWorker>, RepositoryError> {
        self.pools.read(self.read_workers()).await
    }

    async fn worker_page(&self, page: WorkerPage) -> Result<Vec<StoredWorker>, RepositoryError> {
        self.pools.read(self.read_worker_page(page)).await
    }

    async fn worker_types(&self) -> Result<Vec<WorkerTypes>, RepositoryError> {
        self.pools.read(self.read_worker_types()).await
    }

    async fn count_workers(&self, owner: &WorkerOwner) -> Result<u64, RepositoryError> {
        self.pools.read(self.read_worker_count(owner)).await
    }

    async fn worker(&self, id: NodeId) -> Result<Option<StoredWorker>, RepositoryError> {
        self.pools.read(self.read_worker(id)).await
    }

    async fn nodes(&self) -> Result<Vec<StoredNode>, RepositoryError> {
        self.pools.read(self.read_nodes()).await
    }

    async fn signal(&self, from: NodeId, signals: &[Signal]) -> Result<(), RepositoryError> {
        self.pools.read(self.notify(from, signals)).await
    }

    async fn signals(&self, own: NodeId) -> Result<Option<SignalStream>, RepositoryError> {
        self.pools.read(Box::pin(self.listen(own))).await
    }
}

#[async_trait]
impl WebhookStore for SeaRepository {
    async fn endpoints(&self) -> Result<Vec<StoredEndpoint>, RepositoryError> {
        self.pools.read(self.read_endpoints()).await
    }

    async fn due_deliveries(
        &self,
        endpoint: EndpointId,
        now: DateTime<Utc>,
        limit: u32,
    ) -> Result<Vec<DueDelivery>, RepositoryError> {
        self.pools.read(self.read_due_deliveries(endpoint, now, limit)).await
    }

    async fn deliveries(&self, endpoint: EndpointId, page: DeliveryPage) -> Result<Vec<Delivery>, RepositoryError> {
        self.pools.read(self.read_deliveries(endpoint, page)).await
    }

    async fn delivery(&self, id: DeliveryId) -> Result<Option<Delivery>, RepositoryError> {
        self.pools.read(Box::pin(self.read_delivery(id))).await
    }

    async fn feed(&self, after: FeedCursor, limit: u32) -> Result<FeedPage, RepositoryError> {
        self.pools
            .read(Box::pin(self.read_feed(after, limit, FeedJobs::Whole)))
            .await
    }

    async fn feed_in_brief(&self, after: FeedCursor, limit: u32) -> Result<FeedPage, RepositoryError> {
        self.pools
            .read(Box::pin(self.read_feed(after, limit, FeedJobs::InBrief)))
            .await
    }

    async fn feed_end(&self) -> Result<FeedCursor, RepositoryError> {
        self.pools.read(self.read_feed_end()).await
    }
}
