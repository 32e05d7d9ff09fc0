//! The number of reads does not depend on the number of jobs in a page.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use serde_json::json;
use tickerq::Server;
use tickerq::domain::job::Job;
use tickerq::domain::job::attempt::Attempt;
use tickerq::domain::values::id::JobId;
use tickerq::domain::values::name::QueueName;
use tickerq::storage::delegating::{
    DelegatingCluster, DelegatingJobs, DelegatingMetrics, DelegatingOperations, DelegatingRecurring,
    DelegatingRepository, DelegatingWebhooks,
};
use tickerq::storage::query::StoredWorker;
use tickerq::storage::repository::{ClusterStore, JobRepository, JobStore, RepositoryError};
use tickerq::storage::sea::{SeaOptions, SeaRepository};

use crate::graphql::data_of;
use crate::harness::client::Client;

/// A storage that counts the reads of explanations.
struct Counting {
    inner: SeaRepository,
    reads: AtomicUsize,
}

impl Counting {
    fn count(&self) {
        self.reads.fetch_add(1, Ordering::Relaxed);
    }
}

impl DelegatingRepository for Counting {
    fn inner(&self) -> &dyn JobRepository {
        &self.inner
    }
}

#[async_trait]
impl DelegatingJobs for Counting {
    async fn jobs_in_brief(&self, ids: &[JobId]) -> Result<Vec<Arc<Job>>, RepositoryError> {
        self.count();
        self.inner.jobs_in_brief(ids).await
    }

    async fn last_attempts(&self, ids: &[JobId], last: u32) -> Result<Vec<Attempt>, RepositoryError> {
        self.count();
        self.inner.last_attempts(ids, last).await
    }

    async fn queue_states(&self, names: &[QueueName]) -> Result<Vec<(QueueName, bool)>, RepositoryError> {
        self.count();
        self.inner.queue_states(names).await
    }

    async fn count_before(&self, job: &Job, now: DateTime<Utc>, limit: u64) -> Result<Option<u64>, RepositoryError> {
        self.count();
        self.inner.count_before(job, now, limit).await
    }
}

#[async_trait]
impl DelegatingCluster for Counting {
    async fn workers(&self) -> Result<Vec<StoredWorker>, RepositoryError> {
        self.count();
        self.inner.workers().await
    }
}

impl DelegatingRecurring for Counting {}
impl DelegatingWebhooks for Counting {}
impl DelegatingMetrics for Counting {}
impl DelegatingOperations for Counting {}

#[actix_web::test]
async fn a_page_of_jobs_is_explained_by_few_reads() {
    let folder = tempfile::tempdir().expect("a folder");
    let url = format!("sqlite:{}", folder.path().join("test.db").display());
    let inner = SeaRepository::connect(SeaOptions::new(url)).await.expect("a database");
    inner.migrate_up().await.expect("tables");
    let counting = Arc::new(Counting {
        inner,
        reads: AtomicUsize::new(0),
    });
    let repository: Arc<dyn JobRepository> = Arc::clone(&counting) as Arc<dyn JobRepository>;
    let server = Server::builder()
        .repository(repository)
        .listen("127.0.0.1:0".parse().expect("an address"))
        .start()
        .await
        .expect("the server starts");
    let client = Client::new(&format!("http://{}", server.addresses()[0]));
    for number in 0..100 {
        let queue = format!("queue-{}", number % 4);
        client
            .create(json!({ "type": "Unhandled", "queue": queue, "delay": "01:00:00" }))
            .await;
    }
    let reads = || counting.reads.swap(0, Ordering::Relaxed);
    reads();
    client.get("/jobs?explain=true&limit=2").await;
    let of_two = reads();
    client.get("/jobs?explain=true&limit=100").await;
    assert_eq!(reads(), of_two, "over REST");
    let data = data_of(&client, "{ jobs(first: 100) { nodes { explanation { summary } } } }").await;
    assert_eq!(data["jobs"]["nodes"].as_array().map(Vec::len), Some(100));
    assert_eq!(reads(), of_two, "over GraphQL");
    assert!(of_two <= 4, "{of_two}");
    server.stop().await;
}
