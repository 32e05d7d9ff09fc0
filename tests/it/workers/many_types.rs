//! Workers with many types and servers with many queues: the cost of a lease depends on the due jobs only.

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::client::Client;
use crate::harness::server::{Site, Storage};
use crate::workers::WAITING;

const CONFIG: &str = "[metrics]\nenable_prometheus_export = true\n[log]\nlevel = \"info,tickerq::runtime=trace\"\n";
const QUEUES: usize = 60;
const TYPES: usize = 40;

/// Number of this server's committed transactions.
pub(super) async fn commits(client: &Client) -> f64 {
    let text = client.send(client.at_root(Method::GET, "/metrics")).await.text;
    let line = text
        .lines()
        .find(|line| line.starts_with("tickerq_commit_duration_seconds_count"))
        .unwrap_or_else(|| panic!("no commits in {text}"));
    let count = line.rsplit(' ').next().expect("a value");
    count.parse().expect("a number")
}

async fn lease(client: &Client, worker: &str, body: Value) -> Vec<Value> {
    let response = client.post(&format!("/workers/{worker}/lease"), body).await;
    assert_eq!(response.status, 200, "{}", response.text);
    response.json()["jobs"].as_array().cloned().expect("jobs")
}

async fn many(storage: Storage) {
    let site = Site::new(storage, CONFIG);
    let server = site.start();
    let client = server.client();
    // Each queue has a due job that no worker runs, and a few have one of the worker's types that is not due yet.
    let mut jobs: Vec<Value> = (0..QUEUES)
        .map(|queue| json!({ "type": "Unhandled", "queue": format!("q{queue}") }))
        .collect();
    jobs.extend((0..3).map(|queue| json!({ "type": "T7", "queue": format!("q{queue}"), "delay": "1h" })));
    client.post("/jobs/batch", json!({ "jobs": jobs })).await;
    let types: Vec<String> = (0..TYPES).map(|number| format!("T{number}")).collect();
    let worker = client
        .post("/workers", json!({ "name": "many", "types": types }))
        .await
        .json();
    let worker = worker["id"].as_str().expect("an id");
    let before = commits(&client).await;
    for _ in 0..10 {
        assert_eq!(lease(&client, worker, json!({ "max": 10 })).await, [] as [Value; 0]);
    }
    assert_eq!(
        lease(&client, worker, json!({ "max": 10, "wait": "3s" })).await,
        [] as [Value; 0]
    );
    let made = commits(&client).await - before;
    assert!(
        made < 100.0,
        "{made} transactions for nothing: more than the few queues that have jobs of its types"
    );
    // A job in any queue is found at once, with and without waiting.
    let create = |queue: &'static str| {
        let client = client.clone();
        async move { client.create(json!({ "type": "T31", "queue": queue })).await["id"].clone() }
    };
    let id = create("q41").await;
    assert_eq!(lease(&client, worker, json!({ "max": 10 })).await[0]["jobId"], id);
    let waits = server.logged(WAITING);
    let creating = async {
        server.until_logged(WAITING, waits + 1).await;
        create("a-new-queue").await
    };
    let (leased, id) = tokio::join!(lease(&client, worker, json!({ "max": 10, "wait": "30s" })), creating);
    assert_eq!(leased[0]["jobId"], id);
    // A backlog of many types in many queues costs no more: a claim for each lease, and some that are late.
    let backlog: Vec<Value> = (0..QUEUES * TYPES)
        .map(|number| json!({ "type": format!("T{}", number % TYPES), "queue": format!("q{}", number / TYPES) }))
        .collect();
    client.post("/jobs/batch", json!({ "jobs": backlog })).await;
    let before = commits(&client).await;
    for _ in 0..50 {
        assert_eq!(lease(&client, worker, json!({ "max": 10 })).await.len(), 10);
    }
    let made = commits(&client).await - before;
    assert!(made < 75.0, "{made} transactions for 50 leases");
}

#[tokio::test]
async fn a_worker_of_many_types_queries_only_queues_with_jobs_for_it() {
    many(Storage::Sqlite).await;
}

#[tokio::test]
async fn a_worker_of_many_types_queries_only_queues_with_jobs_for_it_on_postgresql() {
    many(Storage::Postgres).await;
}
