//! Forwarding of calls about jobs and queues.

use std::collections::HashSet;
use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::inner::DelegatingRepository;
use crate::domain::access::audit::AuditRecord;
use crate::domain::cluster::remote_worker::JobReports;
use crate::domain::job::Job;
use crate::domain::job::attempt::Attempt;
use crate::domain::queue::StoredQueue;
use crate::domain::values::id::{JobId, NodeId};
use crate::domain::values::name::{JobType, QueueName, UniqueKey};
use crate::storage::commit::{Commit, Committed};
use crate::storage::error::RepositoryError;
use crate::storage::outage::StorageOutage;
use crate::storage::query::{
    AuditFilter, AuditPage, DueCounts, Facet, FacetCount, JobFilter, JobSummary, JobText, Page, PendingJobs,
    RunningJob, SortedPage, StoredTexts,
};
use crate::storage::repository::{JobStore, Maintenance};

/// Forwards calls about jobs and queues: see [`DelegatingRepository`].
#[async_trait]
pub trait DelegatingJobs: DelegatingRepository {
    /// See [`JobStore::commit`].
    async fn commit(&self, commit: &Commit) -> Result<Committed, RepositoryError> {
        self.inner().commit(commit).await
    }

    /// See [`JobStore::job`].
    async fn job(&self, id: JobId) -> Result<Option<Arc<Job>>, RepositoryError> {
        self.inner().job(id).await
    }

    /// See [`JobStore::jobs_by_id`].
    async fn jobs_by_id(&self, ids: &[JobId]) -> Result<Vec<Arc<Job>>, RepositoryError> {
        self.inner().jobs_by_id(ids).await
    }

    /// See [`JobStore::job_if_small`].
    async fn job_if_small(&self, id: JobId, bytes_max: u32) -> Result<Option<Arc<Job>>, RepositoryError> {
        self.inner().job_if_small(id, bytes_max).await
    }

    /// See [`JobStore::jobs_in_brief`].
    async fn jobs_in_brief(&self, ids: &[JobId]) -> Result<Vec<Arc<Job>>, RepositoryError> {
        self.inner().jobs_in_brief(ids).await
    }

    /// See [`JobStore::job_texts`].
    async fn job_texts(&self, text: JobText, ids: &[JobId]) -> Result<Vec<(JobId, Arc<str>)>, RepositoryError> {
        self.inner().job_texts(text, ids).await
    }

    /// See [`JobStore::size_of`].
    async fn size_of(&self, texts: StoredTexts<'_>) -> Result<u64, RepositoryError> {
        self.inner().size_of(texts).await
    }

    /// See [`JobStore::attempts`].
    async fn attempts(&self, id: JobId) -> Result<Vec<Attempt>, RepositoryError> {
        self.inner().attempts(id).await
    }

    /// See [`JobStore::attempts_of`].
    async fn attempts_of(&self, ids: &[JobId]) -> Result<Vec<Attempt>, RepositoryError> {
        self.inner().attempts_of(ids).await
    }

    /// See [`JobStore::last_attempts`].
    async fn last_attempts(&self, ids: &[JobId], last: u32) -> Result<Vec<Attempt>, RepositoryError> {
        self.inner().last_attempts(ids, last).await
    }

    /// See [`JobStore::jobs`].
    async fn jobs(&self, filter: &JobFilter, page: Page) -> Result<Vec<JobSummary>, RepositoryError> {
        self.inner().jobs(filter, page).await
    }

    /// See [`JobStore::count`].
    async fn count(&self, filter: &JobFilter) -> Result<u64, RepositoryError> {
        self.inner().count(filter).await
    }

    /// See [`JobStore::expensive_jobs`].
    async fn expensive_jobs(&self, filter: &JobFilter, page: Page) -> Result<Vec<JobSummary>, RepositoryError> {
        self.inner().expensive_jobs(filter, page).await
    }

    /// See [`JobStore::expensive_count`].
    async fn expensive_count(&self, filter: &JobFilter) -> Result<u64, RepositoryError> {
        self.inner().expensive_count(filter).await
    }

    /// See [`JobStore::count_up_to`].
    async fn count_up_to(&self, filter: &JobFilter, limit: u64) -> Result<u64, RepositoryError> {
        self.inner().count_up_to(filter, limit).await
    }

    /// See [`JobStore::facet`].
    async fn facet(&self, filter: &JobFilter, facet: Facet, limit: u32) -> Result<Vec<FacetCount>, RepositoryError> {
        self.inner().facet(filter, facet, limit).await
    }

    /// See [`JobStore::queues`].
    async fn queues(&self, now: DateTime<Utc>) -> Result<Vec<StoredQueue>, RepositoryError> {
        self.inner().queues(now).await
    }

    /// See [`JobStore::pending_by_type`].
    async fn pending_by_type(&self) -> Result<Vec<PendingJobs>, RepositoryError> {
        self.inner().pending_by_type().await
    }

    /// See [`JobStore::pending_types`].
    async fn pending_types(&self, queue: &QueueName) -> Result<Vec<(JobType, u64)>, RepositoryError> {
        self.inner().pending_types(queue).await
    }

    /// See [`JobStore::queue_states`].
    async fn queue_states(&self, names: &[QueueName]) -> Result<Vec<(QueueName, bool)>, RepositoryError> {
        self.inner().queue_states(names).await
    }

    /// See [`JobStore::count_before`].
    async fn count_before(&self, job: &Job, now: DateTime<Utc>, limit: u64) -> Result<Option<u64>, RepositoryError> {
        self.inner().count_before(job, now, limit).await
    }

    /// See [`JobStore::count_due_later`].
    async fn count_due_later(
        &self,
        queue: &QueueName,
        job_types: &[JobType],
        now: DateTime<Utc>,
        limit: u64,
    ) -> Result<Option<u64>, RepositoryError> {
        self.inner().count_due_later(queue, job_types, now, limit).await
    }

    /// See [`JobStore::sorted_jobs`].
    async fn sorted_jobs(
        &self,
        filter: &JobFilter,
        page: SortedPage,
        is_expensive: bool,
    ) -> Result<Option<Vec<JobSummary>>, RepositoryError> {
        self.inner().sorted_jobs(filter, page, is_expensive).await
    }

    /// See [`JobStore::due_counts`].
    async fn due_counts(
        &self,
        queue: Option<&QueueName>,
        now: DateTime<Utc>,
        limit: u64,
    ) -> Result<Option<Vec<DueCounts>>, RepositoryError> {
        self.inner().due_counts(queue, now, limit).await
    }

    /// See [`JobStore::all_pending_types`].
    async fn all_pending_types(&self) -> Result<Vec<JobType>, RepositoryError> {
        self.inner().all_pending_types().await
    }

    /// See [`JobStore::next_due`].
    async fn next_due(&self, after: DateTime<Utc>) -> Result<Vec<(QueueName, DateTime<Utc>)>, RepositoryError> {
        self.inner().next_due(after).await
    }

    /// See [`JobStore::due_computed_after`].
    async fn due_computed_after(&self, after: DateTime<Utc>, limit: u32) -> Result<Vec<Arc<Job>>, RepositoryError> {
        self.inner().due_computed_after(after, limit).await
    }

    /// See [`JobStore::due_types`].
    async fn due_types(&self, now: DateTime<Utc>) -> Result<Vec<(QueueName, JobType)>, RepositoryError> {
        self.inner().due_types(now).await
    }

    /// See [`JobStore::orphans`].
    async fn orphans(&self, observer: NodeId, limit: u32) -> Result<Vec<Arc<Job>>, RepositoryError> {
        self.inner().orphans(observer, limit).await
    }

    /// See [`JobStore::running_on`].
    async fn running_on(&self, node: NodeId) -> Result<Vec<RunningJob>, RepositoryError> {
        self.inner().running_on(node).await
    }

    /// See [`JobStore::reports`].
    async fn reports(&self, id: JobId) -> Result<JobReports, RepositoryError> {
        self.inner().reports(id).await
    }

    /// See [`JobStore::audit`].
    async fn audit(&self, filter: &AuditFilter, page: AuditPage) -> Result<Vec<AuditRecord>, RepositoryError> {
        self.inner().audit(filter, page).await
    }

    /// See [`JobStore::expensive_audit`].
    async fn expensive_audit(
        &self,
        filter: &AuditFilter,
        page: AuditPage,
    ) -> Result<Vec<AuditRecord>, RepositoryError> {
        self.inner().expensive_audit(filter, page).await
    }

    /// See [`JobStore::taken_unique_keys`].
    async fn taken_unique_keys(&self, keys: &[UniqueKey]) -> Result<HashSet<UniqueKey>, RepositoryError> {
        self.inner().taken_unique_keys(keys).await
    }

    /// See [`JobStore::is_known_request`].
    async fn is_known_request(&self, key: &str) -> Result<bool, RepositoryError> {
        self.inner().is_known_request(key).await
    }

    /// See [`JobStore::ping`].
    async fn ping(&self) -> Result<(), RepositoryError> {
        self.inner().ping().await
    }

    /// See [`JobStore::fault`].
    fn fault(&self) -> Option<RepositoryError> {
        self.inner().fault()
    }

    /// See [`JobStore::outage`].
    fn outage(&self) -> Option<&StorageOutage> {
        self.inner().outage()
    }

    /// See [`JobStore::maintain`].
    async fn maintain(&self) -> Result<Maintenance, RepositoryError> {
        self.inner().maintain().await
    }

    /// See [`JobStore::close`].
    async fn close(&self) {
        self.inner().close().await
    }

    /// See [`JobStore::is_shared`].
    fn is_shared(&self) -> bool {
        self.inner().is_shared()
    }

    /// See [`JobStore::claims_ahead`].
    fn claims_ahead(&self) -> bool {
        self.inner().claims_ahead()
    }
}

#[async_trait]
impl<T: DelegatingJobs> JobStore for T {
    async fn commit(&self, commit: &Commit) -> Result<Committed, RepositoryError> {
        DelegatingJobs::commit(self, commit).await
    }

    async fn job(&self, id: JobId) -> Result<Option<Arc<Job>>, RepositoryError> {
        DelegatingJobs::job(self, id).await
    }

    async fn jobs_by_id(&self, ids: &[JobId]) -> Result<Vec<Arc<Job>>, RepositoryError> {
        DelegatingJobs::jobs_by_id(self, ids).await
    }

    async fn job_if_small(&self, id: JobId, bytes_max: u32) -> Result<Option<Arc<Job>>, RepositoryError> {
        DelegatingJobs::job_if_small(self, id, bytes_max).await
    }

    async fn jobs_in_brief(&self, ids: &[JobId]) -> Result<Vec<Arc<Job>>, RepositoryError> {
        DelegatingJobs::jobs_in_brief(self, ids).await
    }

    async fn job_texts(&self, text: JobText, ids: &[JobId]) -> Result<Vec<(JobId, Arc<str>)>, RepositoryError> {
        DelegatingJobs::job_texts(self, text, ids).await
    }

    async fn size_of(&self, texts: StoredTexts<'_>) -> Result<u64, RepositoryError> {
        DelegatingJobs::size_of(self, texts).await
    }

    async fn attempts(&self, id: JobId) -> Result<Vec<Attempt>, RepositoryError> {
        DelegatingJobs::attempts(self, id).await
    }

    async fn attempts_of(&self, ids: &[JobId]) -> Result<Vec<Attempt>, RepositoryError> {
        DelegatingJobs::attempts_of(self, ids).await
    }

    async fn last_attempts(&self, ids: &[JobId], last: u32) -> Result<Vec<Attempt>, RepositoryError> {
        DelegatingJobs::last_attempts(self, ids, last).await
    }

    async fn jobs(&self, filter: &JobFilter, page: Page) -> Result<Vec<JobSummary>, RepositoryError> {
        DelegatingJobs::jobs(self, filter, page).await
    }

    async fn count(&self, filter: &JobFilter) -> Result<u64, RepositoryError> {
        DelegatingJobs::count(self, filter).await
    }

    async fn expensive_jobs(&self, filter: &JobFilter, page: Page) -> Result<Vec<JobSummary>, RepositoryError> {
        DelegatingJobs::expensive_jobs(self, filter, page).await
    }

    async fn expensive_count(&self, filter: &JobFilter) -> Result<u64, RepositoryError> {
        DelegatingJobs::expensive_count(self, filter).await
    }

    async fn count_up_to(&self, filter: &JobFilter, limit: u64) -> Result<u64, RepositoryError> {
        DelegatingJobs::count_up_to(self, filter, limit).await
    }

    async fn facet(&self, filter: &JobFilter, facet: Facet, limit: u32) -> Result<Vec<FacetCount>, RepositoryError> {
        DelegatingJobs::facet(self, filter, facet, limit).await
    }

    async fn queues(&self, now: DateTime<Utc>) -> Result<Vec<StoredQueue>, RepositoryError> {
        DelegatingJobs::queues(self, now).await
    }

    async fn pending_by_type(&self) -> Result<Vec<PendingJobs>, RepositoryError> {
        DelegatingJobs::pending_by_type(self).await
    }

    async fn sorted_jobs(
        &self,
        filter: &JobFilter,
        page: SortedPage,
        is_expensive: bool,
    ) -> Result<Option<Vec<JobSummary>>, RepositoryError> {
        DelegatingJobs::sorted_jobs(self, filter, page, is_expensive).await
    }

    async fn due_counts(
        &self,
        queue: Option<&QueueName>,
        now: DateTime<Utc>,
        limit: u64,
    ) -> Result<Option<Vec<DueCounts>>, RepositoryError> {
        DelegatingJobs::due_counts(self, queue, now, limit).await
    }

    async fn all_pending_types(&self) -> Result<Vec<JobType>, RepositoryError> {
        DelegatingJobs::all_pending_types(self).await
    }

    async fn pending_types(&self, queue: &QueueName) -> Result<Vec<(JobType, u64)>, RepositoryError> {
        DelegatingJobs::pending_types(self, queue).await
    }

    async fn queue_states(&self, names: &[QueueName]) -> Result<Vec<(QueueName, bool)>, RepositoryError> {
        DelegatingJobs::queue_states(self, names).await
    }

    async fn count_before(&self, job: &Job, now: DateTime<Utc>, limit: u64) -> Result<Option<u64>, RepositoryError> {
        DelegatingJobs::count_before(self, job, now, limit).await
    }

    async fn count_due_later(
        &self,
        queue: &QueueName,
        job_types: &[JobType],
        now: DateTime<Utc>,
        limit: u64,
    ) -> Result<Option<u64>, RepositoryError> {
        DelegatingJobs::count_due_later(self, queue, job_types, now, limit).await
    }

    async fn next_due(&self, after: DateTime<Utc>) -> Result<Vec<(QueueName, DateTime<Utc>)>, RepositoryError> {
        DelegatingJobs::next_due(self, after).await
    }

    async fn due_computed_after(&self, after: DateTime<Utc>, limit: u32) -> Result<Vec<Arc<Job>>, RepositoryError> {
        DelegatingJobs::due_computed_after(self, after, limit).await
    }

    async fn due_types(&self, now: DateTime<Utc>) -> Result<Vec<(QueueName, JobType)>, RepositoryError> {
        DelegatingJobs::due_types(self, now).await
    }

    async fn orphans(&self, observer: NodeId, limit: u32) -> Result<Vec<Arc<Job>>, RepositoryError> {
        DelegatingJobs::orphans(self, observer, limit).await
    }

    async fn running_on(&self, node: NodeId) -> Result<Vec<RunningJob>, RepositoryError> {
        DelegatingJobs::running_on(self, node).await
    }

    async fn reports(&self, id: JobId) -> Result<JobReports, RepositoryError> {
        DelegatingJobs::reports(self, id).await
    }

    async fn audit(&self, filter: &AuditFilter, page: AuditPage) -> Result<Vec<AuditRecord>, RepositoryError> {
        DelegatingJobs::audit(self, filter, page).await
    }

    async fn expensive_audit(
        &self,
        filter: &AuditFilter,
        page: AuditPage,
    ) -> Result<Vec<AuditRecord>, RepositoryError> {
        DelegatingJobs::expensive_audit(self, filter, page).await
    }

    async fn taken_unique_keys(&self, keys: &[UniqueKey]) -> Result<HashSet<UniqueKey>, RepositoryError> {
        DelegatingJobs::taken_unique_keys(self, keys).await
    }

    async fn is_known_request(&self, key: &str) -> Result<bool, RepositoryError> {
        DelegatingJobs::is_known_request(self, key).await
    }

    async fn ping(&self) -> Result<(), RepositoryError> {
        DelegatingJobs::ping(self).await
    }

    fn fault(&self) -> Option<RepositoryError> {
        DelegatingJobs::fault(self)
    }

    fn outage(&self) -> Option<&StorageOutage> {
        DelegatingJobs::outage(self)
    }

    async fn maintain(&self) -> Result<Maintenance, RepositoryError> {
        DelegatingJobs::maintain(self).await
    }

    async fn close(&self) {
        DelegatingJobs::close(self).await
    }

    fn is_shared(&self) -> bool {
        DelegatingJobs::is_shared(self)
    }

    fn claims_ahead(&self) -> bool {
        DelegatingJobs::claims_ahead(self)
    }
}
