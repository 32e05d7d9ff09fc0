//! Wrapping a repository: the calls that matter are written, the others go through.

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
use super::repository::{JobRepository, Maintenance, RepositoryError};
use crate::domain::access::audit::AuditRecord;
use crate::domain::cluster::remote_worker::JobReports;
use crate::domain::cluster::worker_access::WorkerOwner;
use crate::domain::job::Job;
use crate::domain::job::attempt::Attempt;
use crate::domain::metrics::rollup::{RollupCounts, TimeBucketRange};
use crate::domain::queue::StoredQueue;
use crate::domain::recurring::{RecurringId, RecurringJob};
use crate::domain::values::id::{JobId, NodeId};
use crate::domain::values::name::{JobType, QueueName, RecurringKey, UniqueKey};
use crate::domain::webhooks::change_feed::FeedCursor;
use crate::domain::webhooks::delivery::{Delivery, DeliveryId, DueDelivery};
use crate::domain::webhooks::endpoint::EndpointId;

/// A repository that wraps another one, to observe, delay or refuse some of its calls. Implement
/// [`inner`](Self::inner) and the calls that differ; every other call goes to the inner repository. Such a type is a
/// [`JobRepository`].
///
/// The calls keep their meaning: see the method of the same name in [`JobRepository`]. A call that the inner repository
/// answers does not come back to the wrapper: one that observes single jobs also implements
/// [`jobs_by_id`](Self::jobs_by_id).
///
/// ```
/// use std::sync::Arc;
/// use std::sync::atomic::{AtomicU64, Ordering};
///
/// use async_trait::async_trait;
/// use tickerq::storage::commit::{Commit, Committed};
/// use tickerq::storage::delegating::DelegatingRepository;
/// use tickerq::storage::repository::{JobRepository, RepositoryError};
///
/// struct Counting {
///     inner: Arc<dyn JobRepository>,
///     commits: AtomicU64,
/// }
///
/// #[async_trait]
/// impl DelegatingRepository for Counting {
///     fn inner(&self) -> &dyn JobRepository {
///         &*self.inner
///     }
///
///     async fn commit(&self, commit: &Commit) -> Result<Committed, RepositoryError> {
///         self.commits.fetch_add(1, Ordering::Relaxed);
///         self.inner.commit(commit).await
///     }
/// }
/// ```
#[async_trait]
pub trait DelegatingRepository: Send + Sync + 'static {
    /// The repository that answers every call that is not overridden.
    fn inner(&self) -> &dyn JobRepository;

    /// See [`JobRepository::commit`].
    async fn commit(&self, commit: &Commit) -> Result<Committed, RepositoryError> {
        self.inner().commit(commit).await
    }

    /// See [`JobRepository::job`].
    async fn job(&self, id: JobId) -> Result<Option<Arc<Job>>, RepositoryError> {
        self.inner().job(id).await
    }

    /// See [`JobRepository::jobs_by_id`].
    async fn jobs_by_id(&self, ids: &[JobId]) -> Result<Vec<Arc<Job>>, RepositoryError> {
        self.inner().jobs_by_id(ids).await
    }

    /// See [`JobRepository::job_if_small`].
    async fn job_if_small(&self, id: JobId, bytes_max: u32) -> Result<Option<Arc<Job>>, RepositoryError> {
        self.inner().job_if_small(id, bytes_max).await
    }

    /// See [`JobRepository::jobs_in_brief`].
    async fn jobs_in_brief(&self, ids: &[JobId]) -> Result<Vec<Arc<Job>>, RepositoryError> {
        self.inner().jobs_in_brief(ids).await
    }

    /// See [`JobRepository::job_texts`].
    async fn job_texts(&self, text: JobText, ids: &[JobId]) -> Result<Vec<(JobId, Arc<str>)>, RepositoryError> {
        self.inner().job_texts(text, ids).await
    }

    /// See [`JobRepository::size_of`].
    async fn size_of(&self, texts: StoredTexts<'_>) -> Result<u64, RepositoryError> {
        self.inner().size_of(texts).await
    }

    /// See [`JobRepository::attempts`].
    async fn attempts(&self, id: JobId) -> Result<Vec<Attempt>, RepositoryError> {
        self.inner().attempts(id).await
    }

    /// See [`JobRepository::attempts_of`].
    async fn attempts_of(&self, ids: &[JobId]) -> Result<Vec<Attempt>, RepositoryError> {
        self.inner().attempts_of(ids).await
    }

    /// See [`JobRepository::last_attempts`].
    async fn last_attempts(&self, ids: &[JobId], last: u32) -> Result<Vec<Attempt>, RepositoryError> {
        self.inner().last_attempts(ids, last).await
    }

    /// See [`JobRepository::jobs`].
    async fn jobs(&self, filter: &JobFilter, page: Page) -> Result<Vec<JobSummary>, RepositoryError> {
        self.inner().jobs(filter, page).await
    }

    /// See [`JobRepository::count`].
    async fn count(&self, filter: &JobFilter) -> Result<u64, RepositoryError> {
        self.inner().count(filter).await
    }

    /// See [`JobRepository::expensive_jobs`].
    async fn expensive_jobs(&self, filter: &JobFilter, page: Page) -> Result<Vec<JobSummary>, RepositoryError> {
        self.inner().expensive_jobs(filter, page).await
    }

    /// See [`JobRepository::expensive_count`].
    async fn expensive_count(&self, filter: &JobFilter) -> Result<u64, RepositoryError> {
        self.inner().expensive_count(filter).await
    }

    /// See [`JobRepository::queues`].
    async fn queues(&self, now: DateTime<Utc>) -> Result<Vec<StoredQueue>, RepositoryError> {
        self.inner().queues(now).await
    }

    /// See [`JobRepository::pending_by_type`].
    async fn pending_by_type(&self) -> Result<Vec<PendingJobs>, RepositoryError> {
        self.inner().pending_by_type().await
    }

    /// See [`JobRepository::next_due`].
    async fn next_due(&self, after: DateTime<Utc>) -> Result<Vec<(QueueName, DateTime<Utc>)>, RepositoryError> {
        self.inner().next_due(after).await
    }

    /// See [`JobRepository::reckoned_after`].
    async fn reckoned_after(&self, after: DateTime<Utc>, limit: u32) -> Result<Vec<Arc<Job>>, RepositoryError> {
        self.inner().reckoned_after(after, limit).await
    }

    /// See [`JobRepository::due_types`].
    async fn due_types(&self, now: DateTime<Utc>) -> Result<Vec<(QueueName, JobType)>, RepositoryError> {
        self.inner().due_types(now).await
    }

    /// See [`JobRepository::orphans`].
    async fn orphans(&self, observer: NodeId, limit: u32) -> Result<Vec<Arc<Job>>, RepositoryError> {
        self.inner().orphans(observer, limit).await
    }

    /// See [`JobRepository::running_on`].
    async fn running_on(&self, node: NodeId) -> Result<Vec<RunningJob>, RepositoryError> {
        self.inner().running_on(node).await
    }

    /// See [`JobRepository::recurring`].
    async fn recurring(&self, id: RecurringId) -> Result<Option<Arc<RecurringJob>>, RepositoryError> {
        self.inner().recurring(id).await
    }

    /// See [`JobRepository::recurring_by_key`].
    async fn recurring_by_key(&self, key: &RecurringKey) -> Result<Option<Arc<RecurringJob>>, RepositoryError> {
        self.inner().recurring_by_key(key).await
    }

    /// See [`JobRepository::recurring_page`].
    async fn recurring_page(&self, page: RecurringPage) -> Result<Vec<Arc<RecurringJob>>, RepositoryError> {
        self.inner().recurring_page(page).await
    }

    /// See [`JobRepository::recurring_after`].
    async fn recurring_after(
        &self,
        after: Option<RecurringId>,
        limit: u32,
    ) -> Result<Vec<Arc<RecurringJob>>, RepositoryError> {
        self.inner().recurring_after(after, limit).await
    }

    /// See [`JobRepository::recurring_count`].
    async fn recurring_count(&self) -> Result<u64, RepositoryError> {
        self.inner().recurring_count().await
    }

    /// See [`JobRepository::due_recurring`].
    async fn due_recurring(&self, now: DateTime<Utc>, limit: u32) -> Result<DueRecurring, RepositoryError> {
        self.inner().due_recurring(now, limit).await
    }

    /// See [`JobRepository::next_recurring`].
    async fn next_recurring(&self, after: DateTime<Utc>) -> Result<Option<DateTime<Utc>>, RepositoryError> {
        self.inner().next_recurring(after).await
    }

    /// See [`JobRepository::unfinished_occurrences`].
    async fn unfinished_occurrences(&self, ids: &[RecurringId]) -> Result<HashMap<RecurringId, u64>, RepositoryError> {
        self.inner().unfinished_occurrences(ids).await
    }

    /// See [`JobRepository::nodes`].
    async fn nodes(&self) -> Result<Vec<StoredNode>, RepositoryError> {
        self.inner().nodes().await
    }

    /// See [`JobRepository::workers`].
    async fn workers(&self) -> Result<Vec<StoredWorker>, RepositoryError> {
        self.inner().workers().await
    }

    /// See [`JobRepository::worker_page`].
    async fn worker_page(&self, page: WorkerPage) -> Result<Vec<StoredWorker>, RepositoryError> {
        self.inner().worker_page(page).await
    }

    /// See [`JobRepository::worker_types`].
    async fn worker_types(&self) -> Result<Vec<WorkerTypes>, RepositoryError> {
        self.inner().worker_types().await
    }

    /// See [`JobRepository::count_workers`].
    async fn count_workers(&self, owner: &WorkerOwner) -> Result<u64, RepositoryError> {
        self.inner().count_workers(owner).await
    }

    /// See [`JobRepository::worker`].
    async fn worker(&self, id: NodeId) -> Result<Option<StoredWorker>, RepositoryError> {
        self.inner().worker(id).await
    }

    /// See [`JobRepository::reports`].
    async fn reports(&self, id: JobId) -> Result<JobReports, RepositoryError> {
        self.inner().reports(id).await
    }

    /// See [`JobRepository::audit`].
    async fn audit(&self, filter: &AuditFilter, page: AuditPage) -> Result<Vec<AuditRecord>, RepositoryError> {
        self.inner().audit(filter, page).await
    }

    /// See [`JobRepository::expensive_audit`].
    async fn expensive_audit(
        &self,
        filter: &AuditFilter,
        page: AuditPage,
    ) -> Result<Vec<AuditRecord>, RepositoryError> {
        self.inner().expensive_audit(filter, page).await
    }

    /// See [`JobRepository::taken_unique_keys`].
    async fn taken_unique_keys(&self, keys: &[UniqueKey]) -> Result<HashSet<UniqueKey>, RepositoryError> {
        self.inner().taken_unique_keys(keys).await
    }

    /// See [`JobRepository::is_known_request`].
    async fn is_known_request(&self, key: &str) -> Result<bool, RepositoryError> {
        self.inner().is_known_request(key).await
    }

    /// See [`JobRepository::endpoints`].
    async fn endpoints(&self) -> Result<Vec<StoredEndpoint>, RepositoryError> {
        self.inner().endpoints().await
    }

    /// See [`JobRepository::due_deliveries`].
    async fn due_deliveries(
        &self,
        endpoint: EndpointId,
        now: DateTime<Utc>,
        limit: u32,
    ) -> Result<Vec<DueDelivery>, RepositoryError> {
        self.inner().due_deliveries(endpoint, now, limit).await
    }

    /// See [`JobRepository::deliveries`].
    async fn deliveries(&self, endpoint: EndpointId, page: DeliveryPage) -> Result<Vec<Delivery>, RepositoryError> {
        self.inner().deliveries(endpoint, page).await
    }

    /// See [`JobRepository::delivery`].
    async fn delivery(&self, id: DeliveryId) -> Result<Option<Delivery>, RepositoryError> {
        self.inner().delivery(id).await
    }

    /// See [`JobRepository::feed`].
    async fn feed(&self, after: FeedCursor, limit: u32) -> Result<FeedPage, RepositoryError> {
        self.inner().feed(after, limit).await
    }

    /// See [`JobRepository::feed_in_brief`].
    async fn feed_in_brief(&self, after: FeedCursor, limit: u32) -> Result<FeedPage, RepositoryError> {
        self.inner().feed_in_brief(after, limit).await
    }

    /// See [`JobRepository::feed_end`].
    async fn feed_end(&self) -> Result<FeedCursor, RepositoryError> {
        self.inner().feed_end().await
    }

    /// See [`JobRepository::rollups`].
    async fn rollups(
        &self,
        filter: &RollupFilter,
        spans: &[TimeBucketRange],
    ) -> Result<Vec<RollupCounts>, RepositoryError> {
        self.inner().rollups(filter, spans).await
    }

    /// See [`JobRepository::busiest_hour`].
    async fn busiest_hour(&self, filter: &RollupFilter, span: TimeBucketRange) -> Result<u64, RepositoryError> {
        self.inner().busiest_hour(filter, span).await
    }

    /// See [`JobRepository::durations`].
    async fn durations(&self, filter: &RollupFilter, span: TimeBucketRange) -> Result<Durations, RepositoryError> {
        self.inner().durations(filter, span).await
    }

    /// See [`JobRepository::type_rollups`].
    async fn type_rollups(
        &self,
        filter: &RollupFilter,
        span: TimeBucketRange,
    ) -> Result<BTreeMap<JobType, TypeRollup>, RepositoryError> {
        self.inner().type_rollups(filter, span).await
    }

    /// See [`JobRepository::ping`].
    async fn ping(&self) -> Result<(), RepositoryError> {
        self.inner().ping().await
    }

    /// See [`JobRepository::fault`].
    fn fault(&self) -> Option<RepositoryError> {
        self.inner().fault()
    }

    /// See [`JobRepository::outage`].
    fn outage(&self) -> Option<&StorageOutage> {
        self.inner().outage()
    }

    /// See [`JobRepository::maintain`].
    async fn maintain(&self) -> Result<Maintenance, RepositoryError> {
        self.inner().maintain().await
    }

    /// See [`JobRepository::close`].
    async fn close(&self) {
        self.inner().close().await
    }

    /// See [`JobRepository::signal`].
    async fn signal(&self, from: NodeId, signals: &[Signal]) -> Result<(), RepositoryError> {
        self.inner().signal(from, signals).await
    }

    /// See [`JobRepository::signals`].
    async fn signals(&self, own: NodeId) -> Result<Option<SignalStream>, RepositoryError> {
        self.inner().signals(own).await
    }

    /// See [`JobRepository::is_shared`].
    fn is_shared(&self) -> bool {
        self.inner().is_shared()
    }
}

#[async_trait]
impl<T: DelegatingRepository> JobRepository for T {
    async fn commit(&self, commit: &Commit) -> Result<Committed, RepositoryError> {
        DelegatingRepository::commit(self, commit).await
    }

    async fn job(&self, id: JobId) -> Result<Option<Arc<Job>>, RepositoryError> {
        DelegatingRepository::job(self, id).await
    }

    async fn jobs_by_id(&self, ids: &[JobId]) -> Result<Vec<Arc<Job>>, RepositoryError> {
        DelegatingRepository::jobs_by_id(self, ids).await
    }

    async fn job_if_small(&self, id: JobId, bytes_max: u32) -> Result<Option<Arc<Job>>, RepositoryError> {
        DelegatingRepository::job_if_small(self, id, bytes_max).await
    }

    async fn jobs_in_brief(&self, ids: &[JobId]) -> Result<Vec<Arc<Job>>, RepositoryError> {
        DelegatingRepository::jobs_in_brief(self, ids).await
    }

    async fn job_texts(&self, text: JobText, ids: &[JobId]) -> Result<Vec<(JobId, Arc<str>)>, RepositoryError> {
        DelegatingRepository::job_texts(self, text, ids).await
    }

    async fn size_of(&self, texts: StoredTexts<'_>) -> Result<u64, RepositoryError> {
        DelegatingRepository::size_of(self, texts).await
    }

    async fn attempts(&self, id: JobId) -> Result<Vec<Attempt>, RepositoryError> {
        DelegatingRepository::attempts(self, id).await
    }

    async fn attempts_of(&self, ids: &[JobId]) -> Result<Vec<Attempt>, RepositoryError> {
        DelegatingRepository::attempts_of(self, ids).await
    }

    async fn last_attempts(&self, ids: &[JobId], last: u32) -> Result<Vec<Attempt>, RepositoryError> {
        DelegatingRepository::last_attempts(self, ids, last).await
    }

    async fn jobs(&self, filter: &JobFilter, page: Page) -> Result<Vec<JobSummary>, RepositoryError> {
        DelegatingRepository::jobs(self, filter, page).await
    }

    async fn count(&self, filter: &JobFilter) -> Result<u64, RepositoryError> {
        DelegatingRepository::count(self, filter).await
    }

    async fn expensive_jobs(&self, filter: &JobFilter, page: Page) -> Result<Vec<JobSummary>, RepositoryError> {
        DelegatingRepository::expensive_jobs(self, filter, page).await
    }

    async fn expensive_count(&self, filter: &JobFilter) -> Result<u64, RepositoryError> {
        DelegatingRepository::expensive_count(self, filter).await
    }

    async fn queues(&self, now: DateTime<Utc>) -> Result<Vec<StoredQueue>, RepositoryError> {
        DelegatingRepository::queues(self, now).await
    }

    async fn pending_by_type(&self) -> Result<Vec<PendingJobs>, RepositoryError> {
        DelegatingRepository::pending_by_type(self).await
    }

    async fn next_due(&self, after: DateTime<Utc>) -> Result<Vec<(QueueName, DateTime<Utc>)>, RepositoryError> {
        DelegatingRepository::next_due(self, after).await
    }

    async fn reckoned_after(&self, after: DateTime<Utc>, limit: u32) -> Result<Vec<Arc<Job>>, RepositoryError> {
        DelegatingRepository::reckoned_after(self, after, limit).await
    }

    async fn due_types(&self, now: DateTime<Utc>) -> Result<Vec<(QueueName, JobType)>, RepositoryError> {
        DelegatingRepository::due_types(self, now).await
    }

    async fn orphans(&self, observer: NodeId, limit: u32) -> Result<Vec<Arc<Job>>, RepositoryError> {
        DelegatingRepository::orphans(self, observer, limit).await
    }

    async fn running_on(&self, node: NodeId) -> Result<Vec<RunningJob>, RepositoryError> {
        DelegatingRepository::running_on(self, node).await
    }

    async fn recurring(&self, id: RecurringId) -> Result<Option<Arc<RecurringJob>>, RepositoryError> {
        DelegatingRepository::recurring(self, id).await
    }

    async fn recurring_by_key(&self, key: &RecurringKey) -> Result<Option<Arc<RecurringJob>>, RepositoryError> {
        DelegatingRepository::recurring_by_key(self, key).await
    }

    async fn recurring_page(&self, page: RecurringPage) -> Result<Vec<Arc<RecurringJob>>, RepositoryError> {
        DelegatingRepository::recurring_page(self, page).await
    }

    async fn recurring_after(
        &self,
        after: Option<RecurringId>,
        limit: u32,
    ) -> Result<Vec<Arc<RecurringJob>>, RepositoryError> {
        DelegatingRepository::recurring_after(self, after, limit).await
    }

    async fn recurring_count(&self) -> Result<u64, RepositoryError> {
        DelegatingRepository::recurring_count(self).await
    }

    async fn due_recurring(&self, now: DateTime<Utc>, limit: u32) -> Result<DueRecurring, RepositoryError> {
        DelegatingRepository::due_recurring(self, now, limit).await
    }

    async fn next_recurring(&self, after: DateTime<Utc>) -> Result<Option<DateTime<Utc>>, RepositoryError> {
        DelegatingRepository::next_recurring(self, after).await
    }

    async fn unfinished_occurrences(&self, ids: &[RecurringId]) -> Result<HashMap<RecurringId, u64>, RepositoryError> {
        DelegatingRepository::unfinished_occurrences(self, ids).await
    }

    async fn nodes(&self) -> Result<Vec<StoredNode>, RepositoryError> {
        DelegatingRepository::nodes(self).await
    }

    async fn workers(&self) -> Result<Vec<StoredWorker>, RepositoryError> {
        DelegatingRepository::workers(self).await
    }

    async fn worker_page(&self, page: WorkerPage) -> Result<Vec<StoredWorker>, RepositoryError> {
        DelegatingRepository::worker_page(self, page).await
    }

    async fn worker_types(&self) -> Result<Vec<WorkerTypes>, RepositoryError> {
        DelegatingRepository::worker_types(self).await
    }

    async fn count_workers(&self, owner: &WorkerOwner) -> Result<u64, RepositoryError> {
        DelegatingRepository::count_workers(self, owner).await
    }

    async fn worker(&self, id: NodeId) -> Result<Option<StoredWorker>, RepositoryError> {
        DelegatingRepository::worker(self, id).await
    }

    async fn reports(&self, id: JobId) -> Result<JobReports, RepositoryError> {
        DelegatingRepository::reports(self, id).await
    }

    async fn audit(&self, filter: &AuditFilter, page: AuditPage) -> Result<Vec<AuditRecord>, RepositoryError> {
        DelegatingRepository::audit(self, filter, page).await
    }

    async fn expensive_audit(
        &self,
        filter: &AuditFilter,
        page: AuditPage,
    ) -> Result<Vec<AuditRecord>, RepositoryError> {
        DelegatingRepository::expensive_audit(self, filter, page).await
    }

    async fn taken_unique_keys(&self, keys: &[UniqueKey]) -> Result<HashSet<UniqueKey>, RepositoryError> {
        DelegatingRepository::taken_unique_keys(self, keys).await
    }

    async fn is_known_request(&self, key: &str) -> Result<bool, RepositoryError> {
        DelegatingRepository::is_known_request(self, key).await
    }

    async fn endpoints(&self) -> Result<Vec<StoredEndpoint>, RepositoryError> {
        DelegatingRepository::endpoints(self).await
    }

    async fn due_deliveries(
        &self,
        endpoint: EndpointId,
        now: DateTime<Utc>,
        limit: u32,
    ) -> Result<Vec<DueDelivery>, RepositoryError> {
        DelegatingRepository::due_deliveries(self, endpoint, now, limit).await
    }

    async fn deliveries(&self, endpoint: EndpointId, page: DeliveryPage) -> Result<Vec<Delivery>, RepositoryError> {
        DelegatingRepository::deliveries(self, endpoint, page).await
    }

    async fn delivery(&self, id: DeliveryId) -> Result<Option<Delivery>, RepositoryError> {
        DelegatingRepository::delivery(self, id).await
    }

    async fn feed(&self, after: FeedCursor, limit: u32) -> Result<FeedPage, RepositoryError> {
        DelegatingRepository::feed(self, after, limit).await
    }

    async fn feed_in_brief(&self, after: FeedCursor, limit: u32) -> Result<FeedPage, RepositoryError> {
        DelegatingRepository::feed_in_brief(self, after, limit).await
    }

    async fn feed_end(&self) -> Result<FeedCursor, RepositoryError> {
        DelegatingRepository::feed_end(self).await
    }

    async fn rollups(
        &self,
        filter: &RollupFilter,
        spans: &[TimeBucketRange],
    ) -> Result<Vec<RollupCounts>, RepositoryError> {
        DelegatingRepository::rollups(self, filter, spans).await
    }

    async fn busiest_hour(&self, filter: &RollupFilter, span: TimeBucketRange) -> Result<u64, RepositoryError> {
        DelegatingRepository::busiest_hour(self, filter, span).await
    }

    async fn durations(&self, filter: &RollupFilter, span: TimeBucketRange) -> Result<Durations, RepositoryError> {
        DelegatingRepository::durations(self, filter, span).await
    }

    async fn type_rollups(
        &self,
        filter: &RollupFilter,
        span: TimeBucketRange,
    ) -> Result<BTreeMap<JobType, TypeRollup>, RepositoryError> {
        DelegatingRepository::type_rollups(self, filter, span).await
    }

    async fn ping(&self) -> Result<(), RepositoryError> {
        DelegatingRepository::ping(self).await
    }

    fn fault(&self) -> Option<RepositoryError> {
        DelegatingRepository::fault(self)
    }

    fn outage(&self) -> Option<&StorageOutage> {
        DelegatingRepository::outage(self)
    }

    async fn maintain(&self) -> Result<Maintenance, RepositoryError> {
        DelegatingRepository::maintain(self).await
    }

    async fn close(&self) {
        DelegatingRepository::close(self).await
    }

    async fn signal(&self, from: NodeId, signals: &[Signal]) -> Result<(), RepositoryError> {
        DelegatingRepository::signal(self, from, signals).await
    }

    async fn signals(&self, own: NodeId) -> Result<Option<SignalStream>, RepositoryError> {
        DelegatingRepository::signals(self, own).await
    }

    fn is_shared(&self) -> bool {
        DelegatingRepository::is_shared(self)
    }
}
