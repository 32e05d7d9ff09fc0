//! The first job of a queue, posted while the server still reads which queues there are.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use serde_json::json;
use tickerq::Server;
use tickerq::domain::queue::StoredQueue;
use tickerq::handlers::NoopHandler;
use tickerq::storage::delegating::{
    DelegatingCluster, DelegatingJobs, DelegatingMetrics, DelegatingOperations, DelegatingRecurring,
    DelegatingRepository, DelegatingWebhooks,
};
use tickerq::storage::memory::MemoryRepository;
use tickerq::storage::repository::{JobRepository, JobStore, RepositoryError};
use tokio::sync::watch;

use crate::harness::client::Client;
use crate::harness::eventually;

/// A storage whose first read of the queues is slow: by a server that
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
    eventually("the server reads its queues", || async {
        repository.is_begun.load(Ordering::SeqCst).then_some(())
    })
    .await;
    let client = Client::new(&format!("http://{}", server.addresses()[0]));
    let first = client.create(json!({ "type": "NoopJob", "queue": "new" })).await;
    // Its response comes after the first one was published.
    client.create(json!({ "type": "NoopJob", "queue": "another" })).await;
    release.send_replace(true);
    let done = client.wait_finished(first["id"].as_str().expect("an id")).await;
    assert_eq!(done["status"], "completed");
    server.stop().await;
}

impl DelegatingRepository for SlowToStart {
    fn inner(&self) -> &dyn JobRepository {
        &self.inner
    }
}

#[async_trait]
impl DelegatingJobs for SlowToStart {
    async fn queues(&self, now: DateTime<Utc>) -> Result<Vec<StoredQueue>, RepositoryError> {
        let read = self.inner.queues(now).await;
        if !self.is_begun.swap(true, Ordering::SeqCst) {
            // The sender is dropped when the test has failed.
            self.released.clone().wait_for(|is_released| *is_released).await.ok();
        }
        read
    }
}

impl DelegatingRecurring for SlowToStart {}
impl DelegatingCluster for SlowToStart {}
impl DelegatingWebhooks for SlowToStart {}
impl DelegatingMetrics for SlowToStart {}
impl DelegatingOperations for SlowToStart {}
