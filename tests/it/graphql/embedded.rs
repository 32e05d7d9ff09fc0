//! GraphQL over a storage that counts its calls, that hangs, or that panics.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tickerq::Server;
use tickerq::config::{Sources, load};
use tickerq::domain::events::event::Topic;
use tickerq::domain::job::Job;
use tickerq::domain::job::attempt::Attempt;
use tickerq::domain::values::id::JobId;
use tickerq::storage::delegating::{
    DelegatingCluster, DelegatingJobs, DelegatingMetrics, DelegatingOperations, DelegatingRecurring,
    DelegatingRepository, DelegatingWebhooks,
};
use tickerq::storage::query::{JobFilter, JobSummary, JobText, Page, StoredTexts};
use tickerq::storage::repository::{JobRepository, JobStore, RepositoryError};
use tickerq::storage::sea::{SeaOptions, SeaRepository};

use super::data_of;
use super::socket::Socket;
use crate::harness::client::Client;
use crate::harness::eventually;

/// SQLite with a record of its calls, each of which is one statement.
struct Watched {
    inner: SeaRepository,
    calls: Mutex<Vec<&'static str>>,
    /// `true` if counting panics.
    panics: AtomicBool,
    /// `true` if counting hangs.
    hangs: AtomicBool,
}

impl Watched {
    fn record(&self, what: &'static str) {
        self.calls.lock().expect("the lock is not poisoned").push(what);
    }

    /// Calls since the last read of this list.
    fn calls(&self) -> Vec<&'static str> {
        std::mem::take(&mut *self.calls.lock().expect("the lock is not poisoned"))
    }
}

impl DelegatingRepository for Watched {
    fn inner(&self) -> &dyn JobRepository {
        &self.inner
    }
}

#[async_trait]
impl DelegatingJobs for Watched {
    async fn job(&self, id: JobId) -> Result<Option<Arc<Job>>, RepositoryError> {
        self.record("job");
        self.inner.job(id).await
    }

    async fn jobs_by_id(&self, ids: &[JobId]) -> Result<Vec<Arc<Job>>, RepositoryError> {
        self.record("jobs_by_id");
        self.inner.jobs_by_id(ids).await
    }

    async fn jobs_in_brief(&self, ids: &[JobId]) -> Result<Vec<Arc<Job>>, RepositoryError> {
        self.record("jobs_in_brief");
        self.inner.jobs_in_brief(ids).await
    }

    async fn job_texts(&self, text: JobText, ids: &[JobId]) -> Result<Vec<(JobId, Arc<str>)>, RepositoryError> {
        self.record("job_texts");
        self.inner.job_texts(text, ids).await
    }

    async fn size_of(&self, texts: StoredTexts<'_>) -> Result<u64, RepositoryError> {
        self.record("size_of");
        self.inner.size_of(texts).await
    }

    async fn attempts(&self, id: JobId) -> Result<Vec<Attempt>, RepositoryError> {
        self.record("attempts");
        self.inner.attempts(id).await
    }

    async fn attempts_of(&self, ids: &[JobId]) -> Result<Vec<Attempt>, RepositoryError> {
        self.record("attempts_of");
        self.inner.attempts_of(ids).await
    }

    async fn jobs(&self, filter: &JobFilter, page: Page) -> Result<Vec<JobSummary>, RepositoryError> {
        self.record("jobs");
        self.inner.jobs(filter, page).await
    }

    async fn count(&self, filter: &JobFilter) -> Result<u64, RepositoryError> {
        self.record("count");
        assert!(!self.panics.load(Ordering::Relaxed), "this storage panics on purpose");
        if self.hangs.load(Ordering::Relaxed) {
            std::future::pending::<()>().await;
        }
        self.inner.count(filter).await
    }
}

impl DelegatingRecurring for Watched {}
impl DelegatingCluster for Watched {}
impl DelegatingWebhooks for Watched {}
impl DelegatingMetrics for Watched {}
impl DelegatingOperations for Watched {}

/// A server over such a storage in a separate folder.
struct Embedded {
    _folder: tempfile::TempDir,
    storage: Arc<Watched>,
    server: Server,
    url: String,
    client: Client,
}

impl Embedded {
    async fn start(config: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("tickerq.toml");
        std::fs::write(&file, config).expect("the configuration is written");
        let config = load(Sources {
            file: Some(file),
            environment: std::iter::empty(),
            flags: Vec::new(),
        });
        let url = format!("sqlite:{}", folder.path().join("jobs.db").display());
        let inner = SeaRepository::connect(SeaOptions::new(url))
            .await
            .expect("the file opens");
        inner.migrate_up().await.expect("the tables are made");
        let storage = Arc::new(Watched {
            inner,
            calls: Mutex::default(),
            panics: AtomicBool::new(false),
            hangs: AtomicBool::new(false),
        });
        let starting = Server::builder()
            .config(config.expect("a sound configuration"))
            .repository(Arc::clone(&storage) as Arc<dyn JobRepository>)
            .listen("127.0.0.1:0".parse().expect("an address"))
            .start();
        let server = Box::pin(starting).await.expect("it starts");
        let url = format!("http://{}", server.addresses()[0]);
        Self {
            client: Client::new(&url),
            _folder: folder,
            storage,
            server,
            url,
        }
    }

    async fn listens(&self, expected: bool) {
        let what = format!("a subscription to jobs exists: {expected}");
        let bus = &self.server.runtime().event_bus;
        eventually(&what, || async {
            (bus.is_any_in(Topic::Jobs) == expected).then_some(())
        })
        .await;
    }
}

const NOOP: &str = "[job_types.NoopJob]\nhandler = \"noop\"\n";
const EVENTS: &str = "subscription { jobStatusChanged { event } }";

#[actix_web::test]
async fn a_thousand_jobs_with_their_attempts_take_three_statements() {
    let embedded = Embedded::start(NOOP).await;
    let client = &embedded.client;
    let jobs: Vec<Value> = (0..1_000)
        .map(|_| json!({"type": "NoopJob", "parameters": {"a": 1}}))
        .collect();
    let made = client.post("/jobs/batch", json!({ "jobs": jobs })).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
    eventually("all are completed", || async {
        (client.queue("default").await["completedJobs"] == 1_000).then_some(())
    })
    .await;
    embedded.storage.calls();
    let response = data_of(
        client,
        "{ jobs(first: 1000) { nodes { id attempts { number status } } } }",
    )
    .await;
    let nodes = response["jobs"]["nodes"].as_array().expect("a list");
    assert_eq!(nodes.len(), 1_000);
    assert!(
        nodes
            .iter()
            .all(|node| node["attempts"] == json!([{"number": 1, "status": "COMPLETED"}]))
    );
    // Attempts are read in batches of 500.
    assert_eq!(embedded.storage.calls(), ["jobs", "attempts_of", "attempts_of"]);
    let whole =
        "{ jobs(first: 1000) { totalCount edges { node { parameters attempts { number } timeout revision } } } }";
    let response = data_of(client, whole).await;
    assert_eq!(response["jobs"]["edges"][999]["node"]["parameters"], json!({"a": 1}));
    let mut calls = embedded.storage.calls();
    calls.sort_unstable();
    // Large texts are read separately, after their size.
    assert_eq!(
        calls,
        [
            "attempts_of",
            "attempts_of",
            "count",
            "job_texts",
            "jobs",
            "jobs_in_brief",
            "size_of"
        ]
    );
    embedded.server.stop().await;
}

#[actix_web::test]
async fn a_disconnected_subscriber_is_removed_at_once() {
    // No ping of this test's duration detects the closed connection.
    let embedded = Embedded::start(&format!(
        "{NOOP}[realtime]\nping_interval = \"00:10:00\"\nclient_timeout = \"00:20:00\"\n"
    ))
    .await;
    embedded.listens(false).await;
    let mut socket = Socket::connected_at(&embedded.url).await;
    socket.subscribe("1", EVENTS).await;
    embedded.listens(true).await;
    socket.send_json(json!({"type": "complete", "id": "1"})).await;
    embedded.listens(false).await;
    socket.subscribe("2", EVENTS).await;
    embedded.listens(true).await;
    drop(socket);
    embedded.listens(false).await;
    let request = embedded
        .client
        .at_root(Method::POST, "/graphql")
        .header("accept", "text/event-stream");
    let mut stream = request
        .json(&json!({ "query": EVENTS }))
        .send()
        .await
        .expect("a response");
    assert!(stream.chunk().await.expect("open").is_some());
    embedded.listens(true).await;
    drop(stream);
    embedded.listens(false).await;
    embedded.server.stop().await;
}

#[actix_web::test]
async fn a_fault_is_reported_the_same_over_every_transport() {
    let embedded = Embedded::start(&format!("{NOOP}[graphql]\ntimeout = \"00:00:00.2\"\n")).await;
    let query = "{ jobs { totalCount } }";
    let post = async || {
        let request = embedded.client.at_root(Method::POST, "/graphql");
        embedded.client.send(request.json(&json!({ "query": query }))).await
    };
    embedded.storage.hangs.store(true, Ordering::Relaxed);
    let late = post().await;
    assert_eq!(late.status, StatusCode::SERVICE_UNAVAILABLE, "{}", late.text);
    let extensions = late.json()["errors"][0]["extensions"].clone();
    assert_eq!(
        (&extensions["code"], &extensions["kind"]),
        (&json!("unavailable"), &json!("FAULT"))
    );
    let mut socket = Socket::connected_at(&embedded.url).await;
    socket.subscribe("1", query).await;
    assert_eq!(
        socket.expect_message("error").await["payload"][0]["extensions"]["code"],
        "unavailable"
    );
    embedded.storage.panics.store(true, Ordering::Relaxed);
    let failed = post().await;
    assert_eq!(failed.status, StatusCode::INTERNAL_SERVER_ERROR, "{}", failed.text);
    assert_eq!(failed.json()["errors"][0]["extensions"]["code"], "internal");
    socket.subscribe("1", query).await;
    assert_eq!(socket.close_frame().await, (4500, "Internal server error".to_owned()));
    embedded.storage.panics.store(false, Ordering::Relaxed);
    embedded.storage.hangs.store(false, Ordering::Relaxed);
    assert_eq!(data_of(&embedded.client, query).await["jobs"]["totalCount"], json!(0));
    embedded.server.stop().await;
}

#[actix_web::test]
async fn a_slow_subscriber_receives_the_number_of_dropped_events() {
    let embedded = Embedded::start("[realtime]\nevent_buffer = 1\n").await;
    let mut socket = Socket::connected_at(&embedded.url).await;
    socket.subscribe("1", EVENTS).await;
    embedded.listens(true).await;
    // The events of one commit arrive together, and the buffer holds one.
    let jobs: Vec<Value> = (0..500).map(|_| json!({"type": "Unhandled"})).collect();
    let made = embedded.client.post("/jobs/batch", json!({ "jobs": jobs })).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
    let mut received = 0;
    let mut missed = 0;
    while received + missed < 500 {
        let payload = socket.expect_message("next").await["payload"].clone();
        match payload["errors"][0]["extensions"]["missed"].as_u64() {
            Some(count) => {
                assert_eq!(payload["errors"][0]["extensions"]["code"], "lagged");
                missed += count;
            }
            None => received += 1,
        }
    }
    assert!(missed > 0, "{received} were received");
    assert_eq!(received + missed, 500);
    embedded.server.stop().await;
}
