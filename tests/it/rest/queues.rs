//! `/queues`: counters, pausing, resuming and clearing.

use std::collections::HashSet;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::harness::client::Client;
use crate::harness::latch::Latch;
use crate::harness::server::{Server, Site, Storage};

const TYPES: &str = r#"
[job_types.Noop]
handler = "noop"
[job_types.Breaks]
max_retries = 0
handler = { command = { program = "false" } }
"#;

async fn create_in(client: &Client, job_type: &str, queue: &str) -> String {
    let job = client.create(json!({ "type": job_type, "queue": queue })).await;
    job["id"].as_str().expect("an id").to_owned()
}

fn counts(queue: &Value) -> [u64; 5] {
    [
        "pendingJobs",
        "runningJobs",
        "completedJobs",
        "failedJobs",
        "cancelledJobs",
    ]
    .map(|name| queue[name].as_u64().unwrap_or_else(|| panic!("no {name} in {queue}")))
}

async fn counting(storage: Storage) {
    let mut latch = Latch::open().await;
    let site = Site::new(
        storage,
        &format!(
            "{TYPES}[job_types.Work]\n{}\n[[queues]]\nname = \"mail\"\nconcurrency = 3\n",
            latch.handler()
        ),
    );
    let server = site.start();
    let client = server.client();
    // Configured queues exist before their first job.
    let list = client.get("/queues").await.json();
    let names: Vec<&str> = list["queues"]
        .as_array()
        .expect("queues")
        .iter()
        .filter_map(|queue| queue["name"].as_str())
        .collect();
    assert_eq!(names, ["default", "mail"]);
    assert_eq!(
        (&list["queues"][0]["workers"], &list["queues"][1]["workers"]),
        (&json!(10), &json!(3))
    );
    assert_eq!(counts(&client.queue("mail").await), [0; 5]);

    for _ in 0..3 {
        let id = create_in(&client, "Noop", "mail").await;
        client.wait_finished(&id).await;
    }
    for _ in 0..2 {
        let id = create_in(&client, "Breaks", "mail").await;
        assert_eq!(client.wait_finished(&id).await["status"], "failed");
    }
    let cancelled = create_in(&client, "Waits", "mail").await;
    client.post_empty(&format!("/jobs/{cancelled}/cancel")).await;
    for _ in 0..4 {
        create_in(&client, "Waits", "mail").await;
    }
    let running = create_in(&client, "Work", "mail").await;
    let visit = latch.visit().await;
    let queue = client.queue("mail").await;
    assert_eq!(counts(&queue), [4, 1, 3, 2, 1], "{queue}");
    // Only completed jobs count as throughput.
    assert_eq!(queue["throughput"], json!({ "jobsPerMinute": 3, "jobsPerHour": 3 }));
    visit.complete();
    client.wait_finished(&running).await;
    let queue = client.queue("mail").await;
    assert_eq!(counts(&queue), [4, 0, 4, 2, 1], "{queue}");
    assert_eq!(queue["throughput"], json!({ "jobsPerMinute": 4, "jobsPerHour": 4 }));
    assert_eq!(counts(&client.queue("default").await), [0; 5]);
    // A queue exists once a job names it.
    create_in(&client, "Waits", "Other.Queue:1").await;
    let list = client.get("/queues").await.json();
    let names: Vec<&str> = list["queues"]
        .as_array()
        .expect("queues")
        .iter()
        .filter_map(|queue| queue["name"].as_str())
        .collect();
    let expected: HashSet<&str> = ["default", "mail", "Other.Queue:1"].into();
    assert_eq!(names.iter().copied().collect::<HashSet<_>>(), expected);
    assert_eq!(client.queue("Other.Queue:1").await["workers"], 10);
    // Deleted jobs are no longer counted, but remain in the metrics.
    let id = create_in(&client, "Noop", "Other.Queue:1").await;
    client.wait_finished(&id).await;
    client
        .send(client.request(reqwest::Method::DELETE, &format!("/jobs/{id}")))
        .await;
    let queue = client.queue("Other.Queue:1").await;
    assert_eq!(
        (counts(&queue), &queue["throughput"]["jobsPerHour"]),
        ([1, 0, 0, 0, 0], &json!(1))
    );
}

#[tokio::test]
async fn a_queue_counts_its_jobs_and_completions_on_sqlite() {
    counting(Storage::Sqlite).await;
}

#[tokio::test]
async fn a_queue_counts_its_jobs_and_completions_on_postgres() {
    counting(Storage::Postgres).await;
}

#[tokio::test]
async fn a_paused_queue_starts_nothing_until_it_is_resumed() {
    let mut latch = Latch::open().await;
    let site = Site::new(
        Storage::Sqlite,
        &format!("{TYPES}[job_types.Work]\n{}", latch.handler()),
    );
    let server = site.start();
    let client = server.client();
    let running = create_in(&client, "Work", "mail").await;
    let visit = latch.visit().await;
    for _ in 0..2 {
        let response = client.post_empty("/queues/mail/pause").await;
        assert_eq!(
            (response.status, &response.json()["status"]),
            (StatusCode::OK, &json!("paused")),
            "pausing twice is fine"
        );
    }
    let waiting = create_in(&client, "Noop", "mail").await;
    // Running jobs continue.
    visit.complete();
    assert_eq!(client.wait_finished(&running).await["status"], "completed");
    // Other queues continue. Once one of their jobs has completed, the paused queue would have started one too.
    let other = create_in(&client, "Noop", "default").await;
    client.wait_finished(&other).await;
    assert_eq!(client.job(&waiting).await["status"], "pending");
    assert_eq!(
        client.post(&format!("/jobs/{waiting}/execute"), json!({})).await.status,
        200
    );
    assert_eq!(client.get("/queues").await.json()["queues"][1]["status"], "paused");

    // The pause is stored and survives a restart.
    server.stop();
    let server = site.start();
    let client = server.client();
    assert_eq!(client.queue("mail").await["status"], "paused");
    let other = create_in(&client, "Noop", "default").await;
    client.wait_finished(&other).await;
    assert_eq!(client.job(&waiting).await["status"], "pending");
    for _ in 0..2 {
        let response = client.post("/queues/mail/resume", json!({})).await;
        assert_eq!(
            (response.status, &response.json()["status"]),
            (StatusCode::OK, &json!("running"))
        );
    }
    assert_eq!(client.wait_finished(&waiting).await["status"], "completed");
}

#[tokio::test]
async fn clearing_a_queue_deletes_only_the_requested_jobs() {
    let mut latch = Latch::open().await;
    let (_site, server) = Server::with_config(&format!("{TYPES}[job_types.Work]\n{}", latch.handler()));
    let client = server.client();
    let fill = || async {
        let mut ids = Vec::new();
        for job_type in ["Waits", "Waits", "Noop", "Breaks"] {
            let id = create_in(&client, job_type, "mail").await;
            if job_type != "Waits" {
                client.wait_finished(&id).await;
            }
            ids.push(id);
        }
        ids
    };
    let ids = fill().await;
    let running = create_in(&client, "Work", "mail").await;
    let visit = latch.visit().await;
    let elsewhere = create_in(&client, "Waits", "default").await;
    assert_eq!(counts(&client.queue("mail").await), [2, 1, 1, 1, 0]);

    // The sample of the dashboard API.
    let response = client
        .post(
            "/queues/mail/clear",
            json!({ "clearPending": true, "clearFailed": false }),
        )
        .await;
    assert_eq!(response.status, StatusCode::OK, "{}", response.text);
    let cleared = response.json();
    assert_eq!(
        (&cleared["clearedPending"], &cleared["clearedFailed"]),
        (&json!(2), &json!(0))
    );
    assert_eq!(counts(&cleared), [0, 1, 1, 1, 0]);
    client.get(&format!("/jobs/{}", ids[0])).await.problem(404);
    assert_eq!(client.job(&elsewhere).await["status"], "pending");

    let cleared = client
        .post("/queues/mail/clear", json!({ "clearFailed": true }))
        .await
        .json();
    assert_eq!(
        (&cleared["clearedPending"], &cleared["clearedFailed"]),
        (&json!(0), &json!(1))
    );
    fill().await;
    let cleared = client.post_empty("/queues/mail/clear").await.json();
    assert_eq!(
        (&cleared["clearedPending"], &cleared["clearedFailed"]),
        (&json!(2), &json!(0)),
        "pending jobs by default"
    );
    fill().await;
    let cleared = client
        .post(
            "/queues/mail/clear",
            json!({ "clearPending": true, "clearFailed": true }),
        )
        .await
        .json();
    assert_eq!(
        (&cleared["clearedPending"], &cleared["clearedFailed"]),
        (&json!(2), &json!(2))
    );
    assert_eq!(counts(&cleared), [0, 1, 3, 0, 0]);
    let problem = client
        .post("/queues/mail/clear", json!({ "clearPending": false }))
        .await
        .problem(400);
    assert_eq!(problem["errors"][0]["pointer"], "#/clearPending");
    visit.complete();
    assert_eq!(client.wait_finished(&running).await["status"], "completed");
    let list = client.get("/jobs?queue=mail").await.json();
    assert_eq!(list["totalCount"], 4);
}

#[tokio::test]
async fn thousands_of_jobs_are_cleared_at_once() {
    let (_site, server) = Server::with_config("");
    let client = server.client();
    let jobs: Vec<Value> = (0..2_500).map(|_| json!({ "type": "Waits" })).collect();
    assert_eq!(client.post("/jobs/batch", json!(jobs)).await.status, 201);
    let cleared = client.post_empty("/queues/default/clear").await.json();
    assert_eq!(
        (&cleared["clearedPending"], &cleared["pendingJobs"]),
        (&json!(2_500), &json!(0))
    );
}

#[tokio::test]
async fn every_route_reports_a_missing_queue() {
    let (_site, server) = Server::with_config("");
    let client = server.client();
    let problem = client.get("/queues/missing").await.problem(404);
    assert_eq!(problem["detail"], "queue 'missing' not found");
    for action in ["pause", "resume", "clear"] {
        let problem = client
            .post_empty(&format!("/queues/missing/{action}"))
            .await
            .problem(404);
        assert_eq!(problem["type"], "urn:tickerq:problem:not-found");
        let problem = client
            .post(&format!("/queues/default/{action}"), json!({ "colour": 1 }))
            .await
            .problem(400);
        assert_eq!(problem["errors"][0]["pointer"], "#/colour");
        client.post_empty(&format!("/queues/a%20b/{action}")).await.problem(404);
    }
    assert_eq!(
        client.get("/queues").await.json()["queues"].as_array().map(Vec::len),
        Some(1)
    );
}

#[tokio::test]
async fn a_queue_is_deleted_unless_it_is_configured_or_has_unfinished_jobs() {
    let (_site, server) =
        Server::with_config("[[queues]]\nname = \"kept\"\n[job_types.Noop]\nhandler = \"noop\"\nqueue = \"typed\"\n");
    let client = server.client();
    let delete = |name: &str| client.send(client.request(Method::DELETE, &format!("/queues/{name}")));
    let problem = delete("default").await.problem(409);
    assert_eq!(problem["detail"], "the default queue can't be deleted");
    for name in ["kept", "typed"] {
        let problem = delete(name).await.problem(409);
        assert_eq!(
            problem["detail"],
            format!("queue '{name}' is configured; remove it from the configuration instead")
        );
    }
    delete("unknown").await.problem(404);
    let job = client.create(json!({ "type": "Waits", "queue": "old" })).await;
    let problem = delete("old").await.problem(409);
    assert_eq!(
        problem["detail"],
        "queue 'old' has 1 unfinished jobs; wait for them, cancel them or clear the queue first"
    );
    let id = job["id"].as_str().expect("an id");
    client.post_empty(&format!("/jobs/{id}/cancel")).await;
    assert_eq!(delete("old").await.status, 204);
    client.get("/queues/old").await.problem(404);
    delete("old").await.problem(404);
    // It exists again once a job names it, including an existing job.
    assert_eq!(client.post(&format!("/jobs/{id}/retry"), json!({})).await.status, 200);
    assert_eq!(client.queue("old").await["pendingJobs"], 1);
    client.post_empty(&format!("/jobs/{id}/cancel")).await;
    let deleted = client
        .graphql(&json!({ "query": "mutation { deleteQueue(name: \"old\") }" }))
        .await;
    assert_eq!(deleted["data"]["deleteQueue"], "old", "{deleted}");
    let refused = client
        .graphql(&json!({ "query": "mutation { deleteQueue(name: \"kept\") }" }))
        .await;
    assert_eq!(refused["errors"][0]["extensions"]["code"], "conflict", "{refused}");
}
