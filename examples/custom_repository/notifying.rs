//! A storage that keeps its jobs in another one, and tells somebody of every job that it has saved.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use tickerq::domain::attempt::Attempt;
use tickerq::domain::audit::AuditRecord;
use tickerq::domain::change_feed::FeedCursor;
use tickerq::domain::delivery::{Delivery, DeliveryId, DueDelivery};
use tickerq::domain::id::{JobId, NodeId};
use tickerq::domain::job::Job;
use tickerq::domain::name::{JobType, QueueName};
use tickerq::domain::queue::StoredQueue;
use tickerq::domain::recurring::{RecurringId, RecurringJob};
use tickerq::domain::remote_worker::JobReports;
use tickerq::domain::rollup::{RollupCounts, SlotSpan};
use tickerq::domain::webhook::EndpointId;
use tickerq::storage::change::{Applied, Change, ChangeError, Finished, Inserted};
use tickerq::storage::outage::StorageOutage;
use tickerq::storage::query::{
    AuditFilter, AuditPage, DeliveryPage, Durations, FeedPage, JobFilter, JobSummary, Page, PendingJobs, RecurringPage,
    RollupFilter, RunningJob, StoredEndpoint, StoredNode, StoredWorker, TypeRollup,
};
use tickerq::storage::repository::{JobRepository, Maintenance, RepositoryError};
use tickerq::storage::signal::{Signal, SignalStream};

/// Is told of every job as it was saved: when it is new, started, ended, retried, cancelled or changed.
///
/// It is called between two commits, so it must not take long: it hands the job on, and somebody else makes the calls
/// that take time. Nobody hears of a job that was saved right before the process was killed.
pub(crate) type Hook = Box<dyn Fn(&Arc<Job>) + Send + Sync>;

/// See the module.
pub(crate) struct NotifyingRepository {
    inner: Arc<dyn JobRepository>,
    hook: Hook,
}

impl NotifyingRepository {
    /// Keeps jobs in `inner`.
    pub(crate) fn new(inner: Arc<dyn JobRepository>, hook: Hook) -> Self {
        Self { inner, hook }
    }
}

/// The jobs that a change has saved, as it was applied. What is not matched here saves none.
fn saved(change: &Change, applied: &Applied) -> Vec<Arc<Job>> {
    match (change, applied) {
        (Change::Insert { jobs, .. }, Applied::Inserted(inserted)) => {
            // A job whose unique key another one has was not saved.
            let is_new = inserted.iter().map(|inserted| *inserted == Inserted::New);
            chosen(jobs, is_new)
        }
        (Change::Start { jobs }, Applied::Started(started)) => chosen(jobs, started.iter().copied()),
        (Change::Claim(_), Applied::Claimed(jobs)) => jobs.clone(),
        (Change::Finish { job, .. }, Applied::Finished(Finished::Stored))
        | (Change::Update { after: job, .. }, Applied::Updated) => vec![Arc::clone(job)],
        (Change::Fire(fire), Applied::Fired(fired)) => chosen(&fire.occurrences, fired.iter().copied()),
        _ => Vec::new(),
    }
}

fn chosen(jobs: &[Arc<Job>], is_chosen: impl Iterator<Item = bool>) -> Vec<Arc<Job>> {
    let chosen = jobs.iter().zip(is_chosen).filter(|(_, is_chosen)| *is_chosen);
    chosen.map(|(job, _)| Arc::clone(job)).collect()
}

#[async_trait]
impl JobRepository for NotifyingRepository {
    async fn commit(&self, changes: &[Change]) -> Result<Vec<Result<Applied, ChangeError>>, RepositoryError> {
        let results = self.inner.commit(changes).await?;
        // Only now: what was not committed was not saved.
        for (change, result) in changes.iter().zip(&results) {
            if let Ok(applied) = result {
                saved(change, applied).iter().for_each(&self.hook);
            }
        }
        Ok(results)
    }

    // Everything else is the other storage's business. What the trait has a default for is passed on as well: the other
    // storage may do it better, and the signals between servers are among it.

    async fn job(&self, id: JobId) -> Result<Option<Arc<Job>>, RepositoryError> {
        self.inner.job(id).await
    }

    async fn jobs_by_id(&self, ids: &[JobId]) -> Result<Vec<Arc<Job>>, RepositoryError> {
        self.inner.jobs_by_id(ids).await
    }

    async fn attempts(&self, id: JobId) -> Result<Vec<Attempt>, RepositoryError> {
        self.inner.attempts(id).await
    }

    async fn attempts_of(&self, ids: &[JobId]) -> Result<Vec<Attempt>, RepositoryError> {
        self.inner.attempts_of(ids).await
    }

    async fn jobs(&self, filter: &JobFilter, page: Page) -> Result<Vec<JobSummary>, RepositoryError> {
        self.inner.jobs(filter, page).await
    }

    async fn count(&self, filter: &JobFilter) -> Result<u64, RepositoryError> {
        self.inner.count(filter).await
    }

    async fn queues(&self, now: DateTime<Utc>) -> Result<Vec<StoredQueue>, RepositoryError> {
        self.inner.queues(now).await
    }

    async fn next_due(&self, after: DateTime<Utc>) -> Result<Vec<(QueueName, DateTime<Utc>)>, RepositoryError> {
        self.inner.next_due(after).await
    }

    async fn due_types(&self, now: DateTime<Utc>) -> Result<Vec<(QueueName, JobType)>, RepositoryError> {
        self.inner.due_types(now).await
    }

    async fn orphans(&self, observer: NodeId, limit: u32) -> Result<Vec<Arc<Job>>, RepositoryError> {
        self.inner.orphans(observer, limit).await
    }

    async fn running_on(&self, node: NodeId) -> Result<Vec<RunningJob>, RepositoryError> {
        self.inner.running_on(node).await
    }

    async fn recurring(&self, id: RecurringId) -> Result<Option<Arc<RecurringJob>>, RepositoryError> {
        self.inner.recurring(id).await
    }

    async fn recurring_page(&self, page: RecurringPage) -> Result<Vec<Arc<RecurringJob>>, RepositoryError> {
        self.inner.recurring_page(page).await
    }

    async fn recurring_count(&self) -> Result<u64, RepositoryError> {
        self.inner.recurring_count().await
    }

    async fn due_recurring(&self, now: DateTime<Utc>, limit: u32) -> Result<Vec<Arc<RecurringJob>>, RepositoryError> {
        self.inner.due_recurring(now, limit).await
    }

    async fn next_recurring(&self, after: DateTime<Utc>) -> Result<Option<DateTime<Utc>>, RepositoryError> {
        self.inner.next_recurring(after).await
    }

    async fn unfinished_occurrences(&self, ids: &[RecurringId]) -> Result<HashMap<RecurringId, u64>, RepositoryError> {
        self.inner.unfinished_occurrences(ids).await
    }

    async fn audit(&self, filter: &AuditFilter, page: AuditPage) -> Result<Vec<AuditRecord>, RepositoryError> {
        self.inner.audit(filter, page).await
    }

    async fn workers(&self) -> Result<Vec<StoredWorker>, RepositoryError> {
        self.inner.workers().await
    }

    async fn worker(&self, id: NodeId) -> Result<Option<StoredWorker>, RepositoryError> {
        self.inner.worker(id).await
    }

    async fn reports(&self, id: JobId) -> Result<JobReports, RepositoryError> {
        self.inner.reports(id).await
    }

    async fn rollups(&self, filter: &RollupFilter, spans: &[SlotSpan]) -> Result<Vec<RollupCounts>, RepositoryError> {
        self.inner.rollups(filter, spans).await
    }

    async fn busiest_hour(&self, filter: &RollupFilter, span: SlotSpan) -> Result<u64, RepositoryError> {
        self.inner.busiest_hour(filter, span).await
    }

    async fn durations(&self, filter: &RollupFilter, span: SlotSpan) -> Result<Durations, RepositoryError> {
        self.inner.durations(filter, span).await
    }

    async fn type_rollups(
        &self,
        filter: &RollupFilter,
        span: SlotSpan,
    ) -> Result<BTreeMap<JobType, TypeRollup>, RepositoryError> {
        self.inner.type_rollups(filter, span).await
    }

    async fn nodes(&self) -> Result<Vec<StoredNode>, RepositoryError> {
        self.inner.nodes().await
    }

    async fn endpoints(&self) -> Result<Vec<StoredEndpoint>, RepositoryError> {
        self.inner.endpoints().await
    }

    async fn due_deliveries(
        &self,
        endpoint: EndpointId,
        now: DateTime<Utc>,
        limit: u32,
    ) -> Result<Vec<DueDelivery>, RepositoryError> {
        self.inner.due_deliveries(endpoint, now, limit).await
    }

    async fn deliveries(&self, endpoint: EndpointId, page: DeliveryPage) -> Result<Vec<Delivery>, RepositoryError> {
        self.inner.deliveries(endpoint, page).await
    }

    async fn delivery(&self, id: DeliveryId) -> Result<Option<Delivery>, RepositoryError> {
        self.inner.delivery(id).await
    }

    async fn feed(&self, after: FeedCursor, limit: u32) -> Result<FeedPage, RepositoryError> {
        self.inner.feed(after, limit).await
    }

    async fn feed_end(&self) -> Result<FeedCursor, RepositoryError> {
        self.inner.feed_end().await
    }

    async fn ping(&self) -> Result<(), RepositoryError> {
        self.inner.ping().await
    }

    async fn signal(&self, from: NodeId, signals: &[Signal]) -> Result<(), RepositoryError> {
        self.inner.signal(from, signals).await
    }

    async fn signals(&self, own: NodeId) -> Result<Option<SignalStream>, RepositoryError> {
        self.inner.signals(own).await
    }

    async fn pending_by_type(&self) -> Result<Vec<PendingJobs>, RepositoryError> {
        self.inner.pending_by_type().await
    }

    fn fault(&self) -> Option<RepositoryError> {
        self.inner.fault()
    }

    fn outage(&self) -> Option<&StorageOutage> {
        self.inner.outage()
    }

    async fn maintain(&self) -> Result<Maintenance, RepositoryError> {
        self.inner.maintain().await
    }

    async fn close(&self) {
        self.inner.close().await;
    }

    fn is_shared(&self) -> bool {
        self.inner.is_shared()
    }
}
