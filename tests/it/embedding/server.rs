//! An embedded server: handlers in Rust, and custom storage.

#[path = "../../../examples/custom_repository/notifying.rs"]
mod notifying;

use std::sync::{Arc, Mutex};

use actix_web::{App, HttpServer, web};
use reqwest::{Method, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};
use tickerq::Server;
use tickerq::domain::job::Job;
use tickerq::domain::job::outcome::Failure;
use tickerq::handlers::{JobContext, in_process};
use tickerq::storage::conformance;
use tickerq::storage::conformance::Subject;
use tickerq::storage::memory::MemoryRepository;
use tickerq::storage::repository::JobRepository;
use tickerq::storage::sea::{SeaOptions, SeaRepository};

use self::notifying::NotifyingRepository;
use crate::harness::client::Client;
use crate::harness::eventually;
use crate::harness::socket::Socket;

/// Jobs that a hook received, in order.
#[derive(Clone, Default)]
struct SavedJobs(Arc<Mutex<Vec<Arc<Job>>>>);

impl SavedJobs {
    /// A storage that wraps another one and calls this hook.
    fn over(&self, inner: Arc<dyn JobRepository>) -> Arc<NotifyingRepository> {
        let saved = self.clone();
        let hook = move |job: &Arc<Job>| saved.0.lock().expect("the lock is not poisoned").push(Arc::clone(job));
        Arc::new(NotifyingRepository::new(inner, Box::new(hook)))
    }

    /// The statuses in which a job was saved.
    fn of(&self, job: &Value) -> Vec<&'static str> {
        let saved = self.0.lock().expect("the lock is not poisoned");
        saved
            .iter()
            .filter(|saved| job["id"] == json!(saved.id.to_string()))
            .map(|saved| saved.status.as_str())
            .collect()
    }

    async fn receive(&self, job: &Value, expected: &[&str]) {
        let what = format!(
            "the hook receives {job} as {expected:?} and received {:?}",
            self.of(job)
        );
        eventually(&what, || async { (self.of(job) == expected).then_some(()) }).await;
    }
}

#[derive(Deserialize)]
struct Sum {
    a: i64,
    b: i64,
}

async fn add(_: JobContext, Sum { a, b }: Sum) -> Result<i64, Failure> {
    a.checked_add(b).ok_or_else(|| Failure::permanent("too large"))
}

/// Panics in its first attempts.
async fn fragile(context: JobContext, panics: u32) -> Result<String, Failure> {
    assert!(
        context.job.attempt > panics,
        "attempt {} fell over",
        context.job.attempt
    );
    Ok(format!("attempt {} stood", context.job.attempt))
}

async fn started(repository: Arc<dyn JobRepository>) -> (Server, Client) {
    let server = Server::builder()
        .repository(repository)
        .listen("127.0.0.1:0".parse().expect("an address"))
        .handler("AddJob", in_process::function(add))
        .handler("FragileJob", in_process::function(fragile))
        .start()
        .await
        .expect("the server starts");
    let client = Client::new(&format!("http://{}", server.addresses()[0]));
    (server, client)
}

fn id_of(job: &Value) -> &str {
    job["id"].as_str().expect("an id")
}

#[actix_web::test]
async fn a_custom_storage_receives_every_saved_job() {
    let folder = tempfile::tempdir().expect("a folder");
    let url = format!("sqlite:{}", folder.path().join("jobs.db").display());
    let database = SeaRepository::connect(SeaOptions::new(url))
        .await
        .expect("the file opens");
    database.migrate_up().await.expect("the tables are made");
    let saved = SavedJobs::default();
    let repository = saved.over(Arc::new(database));
    let (server, client) = started(Arc::clone(&repository) as Arc<dyn JobRepository>).await;

    let job = client
        .create(json!({ "type": "AddJob", "parameters": { "a": 40, "b": 2 } }))
        .await;
    let done = client.wait_finished(id_of(&job)).await;
    assert_eq!((&done["status"], &done["result"]), (&json!("completed"), &json!(42)));
    assert_eq!(done["executionHistory"].as_array().map(Vec::len), Some(1));
    saved.receive(&job, &["pending", "running", "completed"]).await;

    let misfit = client
        .create(json!({ "type": "AddJob", "parameters": { "a": 40, "b": "two" } }))
        .await;
    let failed = client.wait_finished(id_of(&misfit)).await;
    assert_eq!(failed["status"], "failed");
    assert!(
        failed["error"].as_str().is_some_and(|error| error.contains("at b")),
        "{failed}"
    );
    saved.receive(&misfit, &["pending", "running", "failed"]).await;

    let later = json!({ "type": "AddJob", "delay": "01:00:00", "uniqueKey": "once" });
    let waiting = client.create(later.clone()).await;
    let again = client.post("/jobs", later).await.json();
    assert_eq!(again["id"], waiting["id"]);
    client.post_empty(&format!("/jobs/{}/cancel", id_of(&waiting))).await;
    saved.receive(&waiting, &["pending", "cancelled"]).await;
    let all = saved.0.lock().expect("the lock is not poisoned").len();
    assert_eq!(all, 3 + 3 + 2, "and of nothing else");

    // The storage outlives the server.
    server.stop().await;
    let (server, client) = started(repository).await;
    assert_eq!(client.job(id_of(&job)).await, done);
    server.stop().await;
}

#[actix_web::test]
async fn a_handler_that_panics_is_a_failed_attempt_and_the_server_lives_on() {
    let saved = SavedJobs::default();
    let (server, client) = started(saved.over(Arc::new(MemoryRepository::new()))).await;
    let fragile = |panics: u32, max_retries: u32| {
        json!({
            "type": "FragileJob",
            "parameters": panics,
            "maxRetries": max_retries,
            "retryDelay": "00:00:00.001",
        })
    };
    let job = client.create(fragile(9, 0)).await;
    let failed = client.wait_finished(id_of(&job)).await;
    assert_eq!(failed["status"], "failed");
    assert!(
        failed["error"]
            .as_str()
            .is_some_and(|error| error.contains("attempt 1 fell over")),
        "{failed}"
    );

    let job = client.create(fragile(2, 3)).await;
    let done = client.wait_finished(id_of(&job)).await;
    assert_eq!(
        (&done["status"], &done["result"]),
        (&json!("completed"), &json!("attempt 3 stood"))
    );
    let attempts = done["executionHistory"].as_array().cloned().unwrap_or_default();
    let statuses: Vec<&Value> = attempts.iter().map(|attempt| &attempt["status"]).collect();
    assert_eq!(statuses, ["failed", "failed", "completed"]);
    let again = [
        "pending",
        "running",
        "pending",
        "running",
        "pending",
        "running",
        "completed",
    ];
    saved.receive(&job, &again).await;

    let job = client
        .create(json!({ "type": "AddJob", "parameters": { "a": 1, "b": 1 } }))
        .await;
    assert_eq!(client.wait_finished(id_of(&job)).await["result"], 2);
    server.stop().await;
}

#[actix_web::test]
async fn jobs_in_memory_are_run_like_any_others() {
    let (server, client) = started(Arc::new(MemoryRepository::new())).await;
    let jobs: Vec<Value> = (0..500)
        .map(|number| json!({ "type": "AddJob", "queue": format!("q{}", number % 3), "parameters": { "a": number, "b": 1 } }))
        .collect();
    let response = client.post("/jobs/batch", json!({ "jobs": jobs })).await;
    assert_eq!(response.status.as_u16(), 201, "{}", response.text);
    eventually("all jobs are completed", || async {
        let listed = client.get("/jobs?status=completed&limit=1").await.json();
        (listed["totalCount"] == json!(500)).then_some(())
    })
    .await;
    let last = response.json()["jobs"][499].clone();
    assert_eq!(client.job(id_of(&last)).await["result"], 500);
    let mut completed = 0;
    for queue in ["q0", "q1", "q2"] {
        completed += client.queue(queue).await["completedJobs"].as_u64().unwrap_or_default();
    }
    assert_eq!(completed, 500);
    server.stop().await;
}

#[tokio::test]
async fn a_delegating_storage_passes_the_conformance_suite() {
    conformance::run(|| async { Subject::alone(SavedJobs::default().over(Arc::new(MemoryRepository::new()))) }).await;
}

/// State shared by handlers.
#[derive(Clone)]
struct Greetings {
    word: &'static str,
}

async fn greet(greetings: Greetings, _: JobContext, name: String) -> Result<String, Failure> {
    Ok(format!("{} {name}", greetings.word))
}

#[actix_web::test]
async fn facades_work_beside_the_routes_of_a_programs_own_app() {
    let tickerq = Server::builder()
        .repository(Arc::new(MemoryRepository::new()))
        .handler(
            "GreetJob",
            in_process::function_with(Greetings { word: "hello" }, greet),
        )
        .embed()
        .await
        .expect("it starts");
    let facades = tickerq.facades();
    let http = HttpServer::new(move || {
        App::new()
            .configure(|routes| facades.configure(routes))
            .route("/mine", web::get().to(async || "mine"))
    })
    .workers(1)
    .disable_signals()
    .bind("127.0.0.1:0")
    .expect("a free port");
    let address = http.addrs()[0];
    let http = http.run();
    let handle = http.handle();
    let serving = actix_web::rt::spawn(http);

    let client = Client::new(&format!("http://{address}"));
    let mine = client.send(client.at_root(Method::GET, "/mine")).await;
    assert_eq!((mine.status, mine.text.as_str()), (StatusCode::OK, "mine"));
    let job = client.create(json!({ "type": "GreetJob", "parameters": "ann" })).await;
    let done = client.wait_finished(id_of(&job)).await;
    assert_eq!(done["result"], "hello ann");
    let query = format!("{{ job(id: \"{}\") {{ status }} }}", id_of(&job));
    assert_eq!(
        crate::graphql::data_of(&client, &query).await["job"]["status"],
        "COMPLETED"
    );
    let mut socket = Socket::open(&format!("http://{address}"), "/ws").await;
    socket.subscribe(json!(["job-status"]), Value::Null).await;
    let again = client.create(json!({ "type": "GreetJob", "parameters": "bob" })).await;
    let event = socket.next_of("job-status-changed").await;
    assert_eq!(event["data"]["jobId"], again["id"]);
    let ready = client.send(client.at_root(Method::GET, "/readyz")).await;
    assert_eq!(ready.status, StatusCode::OK);
    // Without an owner: the program has no authorization rule for them.
    let unknown = client.send(client.at_root(Method::GET, "/nobodys")).await;
    assert_eq!((unknown.status, unknown.text.as_str()), (StatusCode::NOT_FOUND, ""));

    client.wait_finished(id_of(&again)).await;
    tickerq.stop().await;
    let ready = client.send(client.at_root(Method::GET, "/readyz")).await;
    assert_eq!(ready.status, StatusCode::SERVICE_UNAVAILABLE, "{}", ready.text);
    handle.stop(true).await;
    serving.await.expect("it ends").expect("it ends well");
}
