//! Leases of large jobs.

use std::collections::HashSet;

use reqwest::StatusCode;
use serde_json::{Value, json};

use super::{MB, create_large_jobs, graphql, peak};
use crate::harness::client::Client;
use crate::harness::server::{Site, Storage};

/// Registers a worker for the jobs that nothing else runs.
async fn worker(client: &Client) -> String {
    let worker = json!({ "name": "w", "types": ["Unhandled"], "concurrency": 1_000 });
    let registered = client.post("/workers", worker).await.json();
    registered["id"].as_str().expect("an id").to_owned()
}

async fn leases_are_bounded_over(storage: Storage) {
    let site = Site::new(storage, "[server]\nmax_response_memory = \"64MiB\"\n");
    let server = site.start();
    let client = server.client();
    create_large_jobs(&client, 60).await;
    let worker = worker(&client).await;
    let before = peak(&server);
    let lease = format!("/workers/{worker}/lease");
    let mut leased = HashSet::new();
    let mut record = |jobs: &Value| {
        let jobs = jobs.as_array().expect("jobs");
        for job in jobs {
            assert!(
                leased.insert(job["jobId"].as_str().expect("an id").to_owned()),
                "leased twice"
            );
        }
        jobs.len()
    };
    let response = client.post(&lease, json!({ "max": 1_000 })).await;
    assert!(response.text.len() < 8 * MB, "{} bytes", response.text.len());
    let first = record(&response.json()["jobs"]);
    assert!((1..8).contains(&first), "{first} jobs");
    let query = format!(
        "mutation {{ leaseJobs(workerId: \"{worker}\", max: 1000) {{ jobId parameters again: parameters refusedTypes }} }}"
    );
    let response = graphql(&client, &json!({ "query": query })).await;
    assert!(response.text.len() < 16 * MB, "{} bytes", response.text.len());
    assert_eq!(response.json()["data"]["leaseJobs"][0]["refusedTypes"], json!([]));
    assert!((1..8).contains(&record(&response.json()["data"]["leaseJobs"])));
    // Concurrently: each gets some jobs or retries.
    let mut together = tokio::task::JoinSet::new();
    for _ in 0..20 {
        let (client, lease) = (client.clone(), lease.clone());
        together.spawn(async move { client.post(&lease, json!({ "max": 1_000 })).await });
    }
    while let Some(response) = together.join_next().await {
        let response = response.expect("a response");
        if response.status == StatusCode::OK {
            record(&response.json()["jobs"]);
        } else {
            assert_eq!(response.problem(503)["type"], "urn:tickerq:problem:busy");
            assert!(response.header("retry-after").is_some());
        }
    }
    let grown = peak(&server) - before;
    assert!(grown < 200 * MB, "the server has grown by {} MB", grown / MB);
    // Every leased job was in a response.
    loop {
        let response = client.post(&lease, json!({ "max": 1_000 })).await.json();
        if record(&response["jobs"]) == 0 {
            break;
        }
    }
    assert_eq!(leased.len(), 60);
}

#[tokio::test]
async fn leases_of_large_jobs_are_bounded_on_sqlite() {
    leases_are_bounded_over(Storage::Sqlite).await;
}

#[tokio::test]
async fn leases_of_large_jobs_are_bounded_on_postgresql() {
    leases_are_bounded_over(Storage::Postgres).await;
}
