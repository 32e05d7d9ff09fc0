//! A server that is killed in the middle of its work loses nothing that was acknowledged.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::harness::client::Client;
use crate::harness::eventually;
use crate::harness::server::{Site, Storage};

const CONFIG: &str = r#"
[[queues]]
name = "default"
concurrency = 20

[cluster]
lease_ttl = "00:00:03"

[job_types.QuickJob]
handler = "noop"

[job_types.SlowJob]
handler = { command = { program = "sleep", args = ["0.03"] } }

[job_types.FlakyJob]
max_retries = 1
retry_delay = "00:00:00.05"
handler = { command = { program = "false" } }
"#;

const ROUNDS: u64 = 6;
const CLIENTS: usize = 6;

/// Posts jobs until the server is gone, and notes those that it has acknowledged.
async fn post_until_gone(client: Client, acknowledged: Arc<Mutex<BTreeSet<String>>>, first: usize) {
    for number in first.. {
        let job_type = ["QuickJob", "SlowJob", "QuickJob", "FlakyJob"][number % 4];
        let is_batch = number.is_multiple_of(7);
        let request = if is_batch {
            let jobs: Vec<Value> = (0..20).map(|_| json!({ "type": job_type })).collect();
            client
                .request(Method::POST, "/jobs/batch")
                .json(&json!({ "jobs": jobs }))
        } else {
            client
                .request(Method::POST, "/jobs")
                .json(&json!({ "type": job_type, "parameters": { "number": number } }))
        };
        let Ok(response) = request.send().await else { return };
        let status = response.status();
        let Ok(body) = response.json::<Value>().await else {
            return;
        };
        if status == StatusCode::SERVICE_UNAVAILABLE {
            continue;
        }
        assert_eq!(status, StatusCode::CREATED, "{body}");
        let jobs = if is_batch {
            body["jobs"].as_array().cloned().unwrap_or_default()
        } else {
            vec![body]
        };
        let ids = jobs.iter().filter_map(|job| job["id"].as_str().map(str::to_owned));
        acknowledged.lock().expect("ids").extend(ids);
    }
}

/// Number of jobs by status: counted while they were written, and counted now.
async fn counted(client: &Client, status: &str) -> (Value, Value) {
    let kept = client.get(&format!("/jobs?status={status}&limit=1")).await.json();
    // A filter by date can't use the counters.
    let recount = client
        .get(&format!("/jobs?status={status}&limit=1&from=2000-01-01"))
        .await
        .json();
    (kept["totalCount"].clone(), recount["totalCount"].clone())
}

async fn killed_again_and_again(storage: Storage) {
    let site = Site::new(storage, CONFIG);
    let acknowledged = Arc::new(Mutex::new(BTreeSet::new()));
    for round in 0..ROUNDS {
        let server = site.start();
        let clients: Vec<_> = (0..CLIENTS)
            .map(|number| {
                tokio::spawn(post_until_gone(
                    server.client(),
                    Arc::clone(&acknowledged),
                    number * 1_000,
                ))
            })
            .collect();
        // The time of the kill is the subject and differs in each round.
        tokio::time::sleep(Duration::from_millis(60 + 53 * round)).await;
        server.kill();
        for client in clients {
            client.await.expect("a client that ends with the server");
        }
    }
    let acknowledged = acknowledged.lock().expect("ids").clone();
    assert!(acknowledged.len() > 100, "only {} jobs were posted", acknowledged.len());

    let server = site.start();
    let client = server.client();
    eventually("nothing is pending or running", || async {
        let open = client.get("/jobs?status=pending,running&limit=1").await.json();
        (open["totalCount"] == 0).then_some(())
    })
    .await;
    for id in &acknowledged {
        let job = client.job(id).await;
        let expected = if job["type"] == "FlakyJob" {
            "failed"
        } else {
            "completed"
        };
        assert_eq!(job["status"], expected, "{job}");
        let attempts = job["executionHistory"].as_array().expect("attempts");
        let numbers: Vec<Option<u64>> = attempts.iter().map(|attempt| attempt["attempt"].as_u64()).collect();
        let counted: Vec<Option<u64>> = (1..=job["attempt"].as_u64().expect("a number")).map(Some).collect();
        assert_eq!(numbers, counted, "every attempt is on record: {job}");
        let ended: Vec<&str> = attempts
            .iter()
            .filter_map(|attempt| attempt["status"].as_str())
            .collect();
        let lost = ended.iter().filter(|status| **status == "lost").count();
        let needed = if expected == "failed" { 2 } else { 1 };
        assert_eq!(
            ended.len(),
            needed + lost,
            "a run more than needed is one that was lost: {job}"
        );
    }
    for status in ["pending", "running", "completed", "failed", "cancelled"] {
        let (kept, recount) = counted(&client, status).await;
        assert_eq!(kept, recount, "the count of {status} jobs");
    }
    let queue = client.queue("default").await;
    assert_eq!(queue["completedJobs"], counted(&client, "completed").await.1);
    assert!(server.stop().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_server_loses_nothing_on_sqlite() {
    killed_again_and_again(Storage::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_server_loses_nothing_on_postgresql() {
    killed_again_and_again(Storage::Postgres).await;
}
