//! The first job of a queue, posted while the server still reads which queues there are.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use serde_json::json;
use tickerq::Server;
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
use tickerq::handlers::noop::NoopHandler;
use tickerq::storage::change::{Applied, Change, ChangeError};
use tickerq::storage::memory::MemoryRepository;
use tickerq::storage::query::{
    AuditFilter, AuditPage, DeliveryPage, Durations, FeedPage, JobFilter, JobSummary, Page, RecurringPage,
    RollupFilter, RunningJob, StoredEndpoint, StoredNode, StoredWorker, TypeRollup,
};
use tickerq::storage::repository::{JobRepository, RepositoryError};
use tickerq::storage::signal::{Signal, SignalStream};
use tokio::sync::watch;

use super::harness::client::Client;
use super::harness::eventually;

/// A storage that takes its time to tell which queues there are when it is asked for the first time: by a server that
/// starts.
struct SlowToStart {
    inner: MemoryRepository,
    is_begun: AtomicBool,
    released: watch::Receiver<bool>,
}

#[actix_web::test]
async fn the_first_job_of_a_queue_runs_though_the_queues_were_read_before_it_came() {
    let (release, released) = watch::channel(false);
    let repository = Arc::new(SlowToStart {
        inner: MemoryRepository::new(),
        is_begun: AtomicBool::new(false),
        released,
    });
    let server = Server::builder()
        .repository(Arc::clone(&repository) as Arc<dyn JobRepository>)
        .listen("127.0.0.1:0".parse().expect("an address"))
        .handler("NoopJob", NoopHandler)
        .start()
        .await
        .expect("the server starts");
    eventually("the server asks which queues there are", || async {
        repository.is_begun.load(Ordering::SeqCst).then_some(())
    })
    .await;
    let client = Client::new(&format!("http://{}", server.addresses()[0]));
    let first = client.create(json!({ "type": "NoopJob", "queue": "new" })).await;
    // Its answer comes after everybody was told of the first one.
    client.create(json!({ "type": "NoopJob", "queue": "another" })).await;
    release.send_replace(true);
    let done = client.wait_finished(first["id"].as_str().expect("an id")).await;
    assert_eq!(done["status"], "completed");
    server.stop().await;
}

#[async_trait]
impl JobRepository for SlowToStart {
    async fn commit(&self, changes: &[Change]) -> Result<Vec<Result<Applied, ChangeError>>, RepositoryError> {
        self.inner.commit(changes).await
    }

    async fn job(&self, id: JobId) -> Result<Option<Arc<Job>>, RepositoryError> {
        self.inner.job(id).await
    }

    async fn jobs_by_id(&self, ids: &[JobId]) -> Result<Vec<Arc<Job>>, RepositoryError> {
        self.inner.jobs_by_id(ids).await
    }

    async fn attempts(&self, id: JobId) -> Result<Vec<Attempt>, RepositoryError> {
        self.inner.attempts(id).await
    }

    async fn jobs(&self, filter: &JobFilter, page: Page) -> Result<Vec<JobSummary>, RepositoryError> {
        self.inner.jobs(filter, page).await
    }

    async fn count(&self, filter: &JobFilter) -> Result<u64, RepositoryError> {
        self.inner.count(filter).await
    }

    async fn queues(&self, now: DateTime<Utc>) -> Result<Vec<StoredQueue>, RepositoryError> {
        let read = self.inner.queues(now).await;
        if !self.is_begun.swap(true, Ordering::SeqCst) {
            // The sender is gone when the test has failed; then nobody waits for this any more.
            self.released.clone().wait_for(|is_released| *is_released).await.ok();
        }
        read
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

    fn is_shared(&self) -> bool {
        self.inner.is_shared()
    }
}
