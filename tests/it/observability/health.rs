//! The server's health: reasons, their reports over every facade, and their end.

use serde_json::{Value, json};

use crate::harness::client::Client;
use crate::harness::eventually;
use crate::harness::server::{Site, Storage};
use crate::harness::socket::Socket;

/// Disables the check of free disk space, which depends on the machine.
const QUICK: &str = r#"
[realtime]
system_metrics_interval = "00:00:00.1"
[health]
min_disk_free = 0
max_queue_latency = "00:00:01"
unhandled_type_after = "00:00:00"
min_failures = 3
alert_after = "00:00:00"
resolve_after = "00:00:00.3"
[job_types.Noop]
handler = "noop"
[job_types.Breaks]
max_retries = 0
handler = { command = { program = "false" } }
"#;

async fn codes(client: &Client) -> Vec<String> {
    let system = client.get("/metrics/system").await.json();
    let reasons = system["healthReasons"].as_array().expect("reasons").iter();
    reasons
        .map(|reason| reason["code"].as_str().expect("a code").to_owned())
        .collect()
}

async fn wait_for(client: &Client, expected: &[&str]) {
    eventually(&format!("the server's health has {expected:?}"), || async {
        (codes(client).await == expected).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_job_without_a_handler_is_reported_and_so_is_its_recovery() {
    let site = Site::new(Storage::Sqlite, QUICK);
    let server = site.start();
    let client = server.client();
    let mut socket = Socket::open(&server.url, "/ws").await;
    socket.subscribe(json!(["system-health"]), Value::Null).await;
    let job = client.create(json!({ "type": "NobodyRunsThis" })).await;
    let alert = socket.next_of("system-health-alert").await["data"].clone();
    assert_eq!(
        (&alert["status"], &alert["previousStatus"]),
        (&json!("degraded"), &json!("healthy"))
    );
    assert_eq!(alert["reasons"][0]["code"], "job-types-nobody-runs");
    wait_for(&client, &["queue-latency", "job-types-nobody-runs"]).await;
    // It works nevertheless.
    let ready = client.send(client.at_root(reqwest::Method::GET, "/readyz")).await;
    assert_eq!(ready.status, 200);
    assert_eq!(ready.json()["systemHealth"], "degraded");
    assert_eq!(ready.json()["reasons"][0]["code"], "queue-latency");
    let system = client.get("/metrics/system").await.json();
    assert_eq!(system["systemHealth"], "degraded");

    let id = job["id"].as_str().expect("an id");
    client.post_empty(&format!("/jobs/{id}/cancel")).await;
    wait_for(&client, &[]).await;
    loop {
        let alert = socket.next_of("system-health-alert").await["data"].clone();
        if alert["status"] == "healthy" {
            assert_eq!(alert["reasons"], json!([]));
            break;
        }
    }
}

#[tokio::test]
async fn jobs_of_a_paused_queue_may_wait() {
    let site = Site::new(Storage::Sqlite, QUICK);
    let server = site.start();
    let client = server.client();
    client.post_empty("/queues/default/pause").await;
    client.create(json!({ "type": "Noop" })).await;
    client
        .create(json!({ "type": "NobodyRunsThis", "queue": "other" }))
        .await;
    // Of two queues with due jobs, the one that is not paused is reported.
    wait_for(&client, &["queue-latency", "job-types-nobody-runs"]).await;
    let system = client.get("/metrics/system").await.json();
    let message = system["healthReasons"][0]["message"].as_str().expect("a message");
    assert!(message.contains("'other'"), "{message}");
}

#[tokio::test]
async fn many_failures_are_reported() {
    let site = Site::new(Storage::Sqlite, QUICK);
    let server = site.start();
    let client = server.client();
    for _ in 0..2 {
        client.create(json!({ "type": "Breaks" })).await;
        client.create(json!({ "type": "Noop" })).await;
    }
    for _ in 0..2 {
        client.create(json!({ "type": "Breaks" })).await;
    }
    wait_for(&client, &["failure-rate"]).await;
}

#[tokio::test]
async fn a_dead_server_is_reported_by_the_others_until_it_returns() {
    let named = |name: &str| format!("{QUICK}[cluster]\nnode_name = \"{name}\"\nlease_ttl = \"00:00:03\"\n");
    let site = Site::new(Storage::Postgres, &named("one"));
    let one = site.start();
    site.configure(&named("two"));
    let two = site.start();
    wait_for(&one.client(), &[]).await;
    two.kill();
    wait_for(&one.client(), &["nodes-lost"]).await;
    let system = one.client().get("/metrics/system").await.json();
    let message = system["healthReasons"][0]["message"].as_str().expect("a message");
    assert!(message.contains("two") && !message.contains("one"), "{message}");
    let _two = site.start();
    wait_for(&one.client(), &[]).await;
}

#[tokio::test]
async fn a_disk_without_room_makes_the_server_unready() {
    // Impossible thresholds: a disk without data, and one of a hundred times the size.
    let config = QUICK.replace("min_disk_free = 0", "min_disk_free = 1");
    let site = Site::new(Storage::Sqlite, &config);
    let server = site.start();
    let client = server.client();
    let found = eventually("the disk is reported", || async {
        let found = codes(&client).await;
        (!found.is_empty()).then_some(found)
    })
    .await;
    let ready = client.send(client.at_root(reqwest::Method::GET, "/readyz")).await;
    match found[0].as_str() {
        "disk-nearly-full" => assert_eq!(ready.status, 200),
        "disk-full" => assert!(
            ready.problem(503)["detail"]
                .as_str()
                .is_some_and(|text| text.contains("disk"))
        ),
        other => panic!("{other} is not about the disk"),
    }
}
