//! A process that is stopped for longer than its lease and then continues.

use std::time::Duration;

use reqwest::StatusCode;
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::harness::eventually;
use crate::harness::server::{Server, Site, Storage};

const CONFIG: &str = r#"
[cluster]
lease_ttl = "00:00:03"

[log]
level = "info,tickerq::runtime=trace"

[job_types.LongJob]
max_retries = 0
handler = { command = { program = "sh", args = ["-c", "echo $TICKERQ_JOB_ID >> runs; sleep 6"] } }
"#;

/// Log text of a round of orphan recovery.
const ROUND: &str = "orphan recovery finished";

/// Stops the process for this number of seconds: nothing can be awaited in it, and its lease must expire.
async fn pause(server: &Server, seconds: u64) {
    server.signal(Signal::STOP);
    tokio::time::sleep(Duration::from_secs(seconds)).await;
    server.signal(Signal::CONT);
}

async fn a_paused_server_goes_on_with_what_it_runs(storage: Storage) {
    let site = Site::new(storage, CONFIG);
    let server = site.start();
    let client = server.client();
    let ids = [
        client.create_of_type("LongJob").await,
        client.create_of_type("LongJob").await,
    ];
    for id in &ids {
        client.wait_for(id, &["running"]).await;
    }
    pause(&server, 5).await;
    for id in &ids {
        let ended = client.wait_finished(id).await;
        assert_eq!(ended["status"], "completed", "{ended}");
        assert_eq!(ended["attempt"], 1, "{ended}\n{}", server.log());
        assert_eq!(ended["executionHistory"].as_array().map(Vec::len), Some(1), "{ended}");
    }
    let runs = std::fs::read_to_string(site.path().join("runs")).expect("the jobs ran");
    assert_eq!(runs.lines().count(), 2, "each once: {runs}");
    // It runs jobs as before.
    let next = client.create_of_type("LongJob").await;
    client.wait_for(&next, &["running"]).await;
}

#[tokio::test]
async fn a_paused_server_on_sqlite_continues_its_jobs() {
    a_paused_server_goes_on_with_what_it_runs(Storage::Sqlite).await;
}

#[tokio::test]
async fn a_paused_single_server_on_postgresql_continues_its_jobs() {
    a_paused_server_goes_on_with_what_it_runs(Storage::Postgres).await;
}

/// A worker's id and a job that it reports as running.
async fn worker_with_a_job(server: &Server) -> (String, Value) {
    let client = server.client();
    let registration = json!({ "name": "w", "types": ["RemoteJob"] });
    let worker = client.post("/workers", registration).await;
    assert_eq!(worker.status, StatusCode::CREATED, "{}", worker.text);
    let id = worker.json()["id"].as_str().expect("an id").to_owned();
    client.create_of_type("RemoteJob").await;
    let wait = json!({ "wait": "00:00:10" });
    let leased = client.post(&format!("/workers/{id}/lease"), wait).await;
    let job = &leased.json()["jobs"][0];
    assert!(job["leaseToken"].is_string(), "{}", leased.text);
    (id, json!({ "jobId": job["jobId"], "leaseToken": job["leaseToken"] }))
}

async fn the_worker_completes(server: &Server, worker: &str, job: &Value) {
    let client = server.client();
    let held = json!({ "jobs": [job] });
    let beat = client.post(&format!("/workers/{worker}/heartbeat"), held.clone()).await;
    assert_eq!(beat.status, StatusCode::OK, "{}\n{}", beat.text, server.log());
    let done = client.post(&format!("/workers/{worker}/complete"), held).await;
    assert_eq!(done.status, StatusCode::OK, "{}", done.text);
    let stored = client.job(job["jobId"].as_str().expect("an id")).await;
    assert_eq!(stored["status"], "completed", "{stored}\n{}", server.log());
    assert_eq!(stored["attempt"], 1, "{stored}");
}

#[tokio::test]
async fn a_worker_whose_server_was_paused_keeps_its_job() {
    let (_site, server) = Server::with_config(CONFIG);
    let (worker, job) = worker_with_a_job(&server).await;
    pause(&server, 5).await;
    let rounds = server.logged(ROUND);
    server.until_logged(ROUND, rounds + 2).await;
    the_worker_completes(&server, &worker, &job).await;
}

#[tokio::test]
async fn a_worker_keeps_its_job_when_its_server_restarts_and_loses_it_without_heartbeats() {
    let site = Site::new(Storage::Sqlite, CONFIG);
    let server = site.start();
    let (worker, job) = worker_with_a_job(&server).await;
    server.kill();
    // The worker's lease expires while no server is running.
    tokio::time::sleep(Duration::from_millis(3_500)).await;
    let server = site.start();
    the_worker_completes(&server, &worker, &job).await;
    let (_, job) = worker_with_a_job(&server).await;
    eventually("a worker without heartbeats loses its job", || async {
        let id = job["jobId"].as_str().expect("an id");
        (server.client().job(id).await["status"] == "pending").then_some(())
    })
    .await;
}
