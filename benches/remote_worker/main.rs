//! Throughput of one remote worker over HTTP.
//!
//! `cargo bench --bench remote_worker` starts the server as a separate process (SQLite, full durability), stores
//! noop jobs and runs them in this process like a worker: it leases and completes batches on a few concurrent
//! connections. Goal: 8,000 jobs/s in batches of 100 on one machine. `-- --jobs 20000 --loops 2` changes the run.

#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a benchmark fails by panicking, prints what it measures, and builds its server outside of cargo's environment"
)]

#[path = "../arguments.rs"]
#[expect(dead_code, reason = "this benchmark has no flag without a value")]
mod arguments;
#[path = "../program.rs"]
mod program;
#[path = "../fanout/server.rs"]
#[expect(dead_code, reason = "this benchmark measures no memory")]
mod server;

use std::time::{Duration, Instant};

use reqwest::{Client, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};

use server::{Server, processor_time};

const BATCH: usize = 100;
const GOAL: f64 = 8_000.0;

#[derive(Deserialize)]
struct Leased {
    jobs: Vec<LeasedJob>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct LeasedJob {
    job_id: String,
    lease_token: String,
}

fn main() {
    let (jobs, loops) = (arguments::number("--jobs", 100_000), arguments::number("--loops", 4));
    rustls::crypto::ring::default_provider().install_default().ok();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(measure(jobs, loops));
}

async fn measure(jobs: usize, loops: usize) {
    let server = Server::start();
    let base = format!("http://{}/api/tickerq", server.address);
    let client = Client::builder().no_proxy().build().expect("a client");
    let declaration = json!({ "name": "bench", "types": ["RemoteJob"], "concurrency": 1_000 });
    let worker = post(&client, &format!("{base}/workers"), &declaration).await;
    let id = worker["id"].as_str().expect("an id");
    let batch: Vec<Value> = (0..1_000)
        .map(|number| json!({ "type": "RemoteJob", "parameters": { "number": number } }))
        .collect();
    for _ in 0..jobs / batch.len() {
        post(&client, &format!("{base}/jobs/batch"), &json!({ "jobs": batch })).await;
    }
    let before = processor_time(server.pid());
    let start = Instant::now();
    let beating = {
        let (client, url) = (client.clone(), format!("{base}/workers/{id}/heartbeat"));
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(Duration::from_secs(5)).await;
                post(&client, &url, &json!({})).await;
            }
        })
    };
    let working: Vec<_> = (0..loops)
        .map(|_| tokio::spawn(work(client.clone(), format!("{base}/workers/{id}"))))
        .collect();
    let mut done = 0;
    for work in working {
        done += work.await.expect("a worker");
    }
    let took = start.elapsed();
    beating.abort();
    assert_eq!(done, jobs / 1_000 * 1_000, "every job is run once");
    let queue = client
        .get(format!("{base}/queues/default"))
        .send()
        .await
        .expect("a response");
    let queue: Value = queue.json().await.expect("a queue");
    assert_eq!(queue["completedJobs"], json!(done), "and completed");
    let per_second = done as f64 / took.as_secs_f64();
    let busy = (processor_time(server.pid()) - before).as_secs_f64() / took.as_secs_f64() * 100.0;
    println!(
        "one remote worker, {loops} connections, {done} noop jobs in batches of {BATCH}: {per_second:.0} jobs/s \
         ({:.2} s, the server took {busy:.0} % of a core); goal {GOAL}: {}",
        took.as_secs_f64(),
        if per_second >= GOAL { "met" } else { "MISSED" }
    );
}

/// Leases and completes until no jobs are left.
async fn work(client: Client, worker: String) -> usize {
    let (lease, complete) = (format!("{worker}/lease"), format!("{worker}/complete"));
    let mut done = 0;
    loop {
        let response = client
            .post(&lease)
            .json(&json!({ "max": BATCH }))
            .send()
            .await
            .expect("a response");
        let Leased { jobs } = response.json().await.expect("jobs");
        if jobs.is_empty() {
            return done;
        }
        let ended: Vec<Value> = jobs
            .iter()
            .map(|job| json!({ "jobId": job.job_id, "leaseToken": job.lease_token }))
            .collect();
        let response = client
            .post(&complete)
            .json(&json!({ "jobs": ended }))
            .send()
            .await
            .expect("a response");
        assert_eq!(response.status(), StatusCode::OK);
        response.bytes().await.expect("a body");
        done += jobs.len();
    }
}

async fn post(client: &Client, url: &str, body: &Value) -> Value {
    let response = client.post(url).json(body).send().await.expect("a response");
    assert!(response.status().is_success(), "{url}: {}", response.status());
    response.json().await.expect("JSON")
}
