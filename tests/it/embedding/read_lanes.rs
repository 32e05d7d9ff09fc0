//! Reads of an embedding program count for the callers that it names.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use tickerq::Server;
use tickerq::domain::access::caller::{Caller, CallerKind, Scopes};
use tickerq::domain::job::Job;
use tickerq::domain::values::id::JobId;
use tickerq::storage::delegating::{
    DelegatingCluster, DelegatingJobs, DelegatingMetrics, DelegatingOperations, DelegatingRecurring,
    DelegatingRepository, DelegatingWebhooks,
};
use tickerq::storage::query::{JobFilter, JobSummary, Order, Page};
use tickerq::storage::read_lane::ReadLane;
use tickerq::storage::repository::{JobRepository, JobStore, RepositoryError};
use tickerq::storage::sea::{SeaOptions, SeaRepository};

/// A storage that records the lanes of some reads.
struct Recorded {
    inner: SeaRepository,
    lanes: Mutex<Vec<ReadLane>>,
}

impl Recorded {
    fn record(&self) {
        self.lanes.lock().expect("lanes").push(ReadLane::current());
    }

    fn recorded(&self) -> Vec<ReadLane> {
        std::mem::take(&mut *self.lanes.lock().expect("lanes"))
    }
}

impl DelegatingRepository for Recorded {
    fn inner(&self) -> &dyn JobRepository {
        &self.inner
    }
}

#[async_trait]
impl DelegatingJobs for Recorded {
    async fn jobs(&self, filter: &JobFilter, page: Page) -> Result<Vec<JobSummary>, RepositoryError> {
        self.record();
        self.inner.jobs(filter, page).await
    }

    async fn count(&self, filter: &JobFilter) -> Result<u64, RepositoryError> {
        self.record();
        self.inner.count(filter).await
    }

    async fn job_if_small(&self, id: JobId, bytes_max: u32) -> Result<Option<Arc<Job>>, RepositoryError> {
        self.record();
        self.inner.job_if_small(id, bytes_max).await
    }
}

impl DelegatingRecurring for Recorded {}
impl DelegatingCluster for Recorded {}
impl DelegatingWebhooks for Recorded {}
impl DelegatingMetrics for Recorded {}
impl DelegatingOperations for Recorded {}

#[actix_web::test]
async fn reads_of_a_program_take_the_turns_of_their_caller() {
    let folder = tempfile::tempdir().expect("a folder");
    let url = format!("sqlite:{}", folder.path().join("test.db").display());
    let inner = SeaRepository::connect(SeaOptions::new(url)).await.expect("a database");
    inner.migrate_up().await.expect("tables");
    let recorded = Arc::new(Recorded {
        inner,
        lanes: Mutex::default(),
    });
    let repository: Arc<dyn JobRepository> = Arc::clone(&recorded) as Arc<dyn JobRepository>;
    let server = Server::builder()
        .repository(repository)
        .listen("127.0.0.1:0".parse().expect("an address"))
        .start()
        .await
        .expect("the server starts");
    let scheduled = server.schedule("Unhandled", &1).await.expect("a job");
    let page = Page {
        limit: 10,
        offset: 0,
        after: None,
        order: Order::NewestFirst,
    };
    recorded.recorded();
    for name in ["one", "two"] {
        let caller = Caller::new(name, CallerKind::Key, Scopes::all(), Arc::default());
        let jobs = server.jobs();
        jobs.list(&caller, &JobFilter::default(), page).await.expect("a list");
        jobs.count(&caller, &JobFilter::default()).await.expect("a number");
        jobs.get(&caller, scheduled.id).await.expect("a job");
        jobs.detail(&caller, scheduled.id).await.expect("a job");
        assert_eq!(recorded.recorded(), vec![ReadLane::of(&caller); 5], "{name}");
    }
    server.stop().await;
}
