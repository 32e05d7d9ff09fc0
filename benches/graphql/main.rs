//! The list of 50 jobs over REST and GraphQL, alternating in one run: the same members of the same jobs over one
//! connection each, so that other load affects both equally.
//!
//! `cargo bench --bench graphql` prints a table; `-- --rounds 5000` sets the number of requests.

#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a benchmark fails by panicking, prints what it measures"
)]

#[path = "../arguments.rs"]
#[expect(dead_code, reason = "this benchmark has no flag without a value")]
mod arguments;
mod repeated_request;

use std::net::SocketAddr;
use std::sync::mpsc;
use std::time::Duration;

use serde_json::{Value, json};
use tickerq::Server;
use tickerq::config::{Sources, load};

use repeated_request::RepeatedRequest;

/// Number of jobs.
const JOBS: usize = 5_000;
/// Number of jobs in a list.
const LIST: usize = 50;
/// The requested fields: those of REST's list.
const FIELDS: &str = "id name type queue status createdAt runAt executedAt completedAt duration priority attempt \
                      retryCount maxRetries error recurringJobId";

fn main() {
    let rounds: usize = arguments::number("--rounds", 3_000);
    rustls::crypto::ring::default_provider().install_default().ok();
    let folder = tempfile::tempdir().expect("a folder");
    let (report, subscribed) = mpsc::channel();
    let file = folder.path().join("tickerq.toml");
    let database = folder.path().join("jobs.db");
    let config = format!(
        "[database]\nurl = \"sqlite:{}\"\n[job_types.NoopJob]\nhandler = \"noop\"\n",
        database.display()
    );
    std::fs::write(&file, config).expect("a configuration");
    // It ends with this process.
    std::thread::spawn(move || {
        actix::System::new().block_on(async move {
            let sources = Sources {
                file: Some(file),
                environment: std::iter::empty(),
                flags: Vec::new(),
            };
            let server = Server::builder()
                .config(load(sources).expect("a sound configuration"))
                .listen("127.0.0.1:0".parse().expect("an address"))
                .start()
                .await
                .expect("a server");
            report.send(server.addresses()[0]).expect("the receiver is alive");
            std::future::pending::<()>().await;
        });
    });
    let address = subscribed.recv().expect("the server starts");
    fill(address);

    let query =
        format!("query {{ jobs(first: {LIST}) {{ totalCount pageInfo {{ hasNextPage }} nodes {{ {FIELDS} }} }} }}");
    let body = json!({ "query": query }).to_string();
    let mut rest = RepeatedRequest::new(address, &format!("GET /api/tickerq/jobs?limit={LIST}"), "");
    let mut graphql = RepeatedRequest::new(address, "POST /graphql", &body);
    let by_rest: Value = serde_json::from_slice(&rest.send()).expect("JSON");
    let by_graphql: Value = serde_json::from_slice(&graphql.send()).expect("JSON");
    let nodes = &by_graphql["data"]["jobs"]["nodes"];
    assert_eq!(nodes.as_array().map(Vec::len), Some(LIST), "{by_graphql}");
    for (one, other) in by_rest["jobs"]
        .as_array()
        .into_iter()
        .flatten()
        .zip(nodes.as_array().into_iter().flatten())
    {
        assert_eq!((&one["id"], &one["duration"]), (&other["id"], &other["duration"]));
    }
    // Warm-up, not counted: connections, caches and branch prediction.
    for _ in 0..rounds / 10 {
        rest.send();
        graphql.send();
    }
    rest.times.clear();
    graphql.times.clear();
    for _ in 0..rounds {
        rest.send();
        graphql.send();
    }
    println!("the list of {LIST} of {JOBS} jobs, {rounds} times each, alternating\n");
    let (rest_p50, rest_p99) = rest.percentiles();
    let (graphql_p50, graphql_p99) = graphql.percentiles();
    let micros = |time: Duration| time.as_secs_f64() * 1e6;
    println!("           {:>10} {:>10}", "p50", "p99");
    println!("  REST     {:>7.0} µs {:>7.0} µs", micros(rest_p50), micros(rest_p99));
    println!(
        "  GraphQL  {:>7.0} µs {:>7.0} µs",
        micros(graphql_p50),
        micros(graphql_p99)
    );
    println!(
        "\n  GraphQL takes {:.2} times as long (p50)",
        micros(graphql_p50) / micros(rest_p50)
    );
}

/// Runs the jobs.
fn fill(address: SocketAddr) {
    let jobs: Vec<Value> = (0..JOBS)
        .map(|number| json!({"type": "NoopJob", "name": format!("Job number {number}")}))
        .collect();
    let body = json!({ "jobs": jobs }).to_string();
    RepeatedRequest::new(address, "POST /api/tickerq/jobs/batch", &body).send();
    let mut repeated_request = RepeatedRequest::new(address, "GET /api/tickerq/queues/default", "");
    loop {
        let queue: Value = serde_json::from_slice(&repeated_request.send()).expect("JSON");
        if queue["completedJobs"] == JOBS {
            return;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}
