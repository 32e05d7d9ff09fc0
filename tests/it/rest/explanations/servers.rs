//! Reasons in servers and storage: draining and lost servers, and storage that can't be written.

use reqwest::StatusCode;
use sea_orm::{ConnectOptions, ConnectionTrait, Database};
use serde_json::json;

use super::{CONFIG, codes, create, explain, literal, micros, run_on, until_codes};
use crate::harness::eventually;
use crate::harness::server::{Site, Storage, run_sql};

async fn drained(storage: Storage) {
    let site = Site::new(storage, CONFIG);
    let server = site.start();
    let client = server.client();
    let own = client.get("/nodes").await.json()["nodes"][0]["id"].clone();
    let own = own.as_str().expect("an id");
    client.post_empty(&format!("/nodes/{own}/drain")).await;
    let id = create(&client, json!({ "type": "NoopJob" })).await;
    let explanation = until_codes(&client, &id, &["node-draining"]).await;
    assert_eq!(
        explanation["summary"],
        "all servers that run its type drain or stop: web-1"
    );
    assert_eq!(explanation["reasons"][0]["evidence"]["runners"][0]["isDraining"], true);
    client.post_empty(&format!("/nodes/{own}/resume")).await;
    until_codes(&client, &id, &["ended"]).await;
}

#[tokio::test]
async fn draining_servers_are_found() {
    drained(Storage::Sqlite).await;
}

#[tokio::test]
async fn draining_servers_are_found_on_postgresql() {
    drained(Storage::Postgres).await;
}

async fn lost_twice(storage: Storage) {
    let site = Site::new(
        storage,
        &CONFIG.replace("[cluster]", "[cluster]\nlease_ttl = \"00:00:03\""),
    );
    let server = site.start();
    let client = server.client();
    let id = create(&client, json!({ "type": "MailJob" })).await;
    for losses in 1..=4 {
        let declaration = json!({ "name": "mailer", "types": ["MailJob"] });
        let worker = client.post("/workers", declaration).await.json();
        let worker = worker["id"].as_str().expect("an id");
        eventually("the job is leased", || async {
            let lease = client
                .post(&format!("/workers/{worker}/lease"), json!({ "wait": "00:00:05" }))
                .await;
            assert_eq!(lease.status, StatusCode::OK, "{}", lease.text);
            lease.json()["jobs"].get(0).map(drop)
        })
        .await;
        let ended = format!(
            "UPDATE nodes SET lease_until = {} WHERE id = {}",
            micros(-1),
            literal(storage, worker)
        );
        run_on(&site, storage, &ended).await;
        eventually("the loss is stored", || async {
            (client.job(&id).await["status"] == "pending").then_some(())
        })
        .await;
        if losses == 4 {
            // Eight seconds long.
            let explanation = explain(&client, &id).await;
            let reasons = explanation["reasons"].as_array().expect("reasons");
            let wait = reasons.iter().find(|reason| reason["code"] == "loss-wait");
            let wait = wait.unwrap_or_else(|| panic!("a wait: {explanation}"));
            assert_eq!(
                (&wait["evidence"]["losses"], &wait["evidence"]["attempt"]),
                (&json!(4), &json!(4))
            );
            assert_eq!(wait["until"], client.job(&id).await["runAt"]);
        }
    }
}

#[tokio::test]
async fn a_job_whose_nodes_are_lost_waits_longer() {
    lost_twice(Storage::Sqlite).await;
}

#[tokio::test]
async fn a_job_whose_nodes_are_lost_waits_longer_on_postgresql() {
    lost_twice(Storage::Postgres).await;
}

const QUICK_HEALTH: &str = r#"
[realtime]
queue_metrics_interval = "00:00:00.2"
system_metrics_interval = "00:00:00.2"
[health]
alert_after = "00:00:00"
resolve_after = "00:00:00.3"
"#;

#[tokio::test]
async fn storage_that_cannot_be_written_is_found() {
    let site = Site::new(Storage::Sqlite, &format!("{CONFIG}{QUICK_HEALTH}"));
    let server = site.start();
    let client = server.client();
    let id = create(&client, json!({ "type": "NoopJob", "delay": "01:00:00" })).await;
    let mut options = ConnectOptions::new(format!("sqlite:{}", site.path().join("tickerq.db").display()));
    options.max_connections(1);
    let other = Database::connect(options).await.expect("the database opens");
    eventually("the lock is acquired", || async {
        other.execute_unprepared("BEGIN IMMEDIATE").await.ok()
    })
    .await;
    let explanation = until_codes(&client, &id, &["storage-trouble", "scheduled"]).await;
    assert_eq!(
        explanation["reasons"][0]["evidence"],
        json!({ "problems": ["storage-unavailable"] })
    );
    other
        .execute_unprepared("ROLLBACK")
        .await
        .expect("the lock is released");
    until_codes(&client, &id, &["scheduled"]).await;
}

#[tokio::test]
async fn storage_that_cannot_be_written_is_found_on_postgresql() {
    let site = Site::new(Storage::Postgres, &format!("{CONFIG}{QUICK_HEALTH}"));
    let server = site.start();
    let client = server.client();
    let id = create(&client, json!({ "type": "NoopJob", "delay": "01:00:00" })).await;
    let url = site.database_url().to_owned();
    let (_, name) = url.rsplit_once('/').expect("a database");
    let set = |value: &str| {
        let (admin, _) = url.rsplit_once('/').expect("a database");
        let sql = format!("ALTER DATABASE {name} SET default_transaction_read_only = {value}");
        run_sql(&format!("{admin}/postgres"), &sql);
        let sql = format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'");
        run_sql(&format!("{admin}/postgres"), &sql);
    };
    set("on");
    let explained = |expected: &'static str| {
        let (client, id) = (client.clone(), id.clone());
        async move {
            eventually(expected, || async {
                let response = client.get(&format!("/jobs/{id}/explain")).await;
                (response.status == StatusCode::OK && codes(&response.json()).first() == Some(&expected)).then_some(())
            })
            .await;
        }
    };
    explained("storage-trouble").await;
    set("off");
    explained("scheduled").await;
}

#[tokio::test]
async fn a_server_without_a_lease_is_found_on_postgresql() {
    let site = Site::new(
        Storage::Postgres,
        &CONFIG.replace("[cluster]", "[cluster]\nlease_ttl = \"00:00:03\""),
    );
    let server = site.start();
    let client = server.client();
    let id = create(&client, json!({ "type": "NoopJob", "delay": "01:00:00" })).await;
    let url = site.database_url().to_owned();
    // No heartbeat is stored meanwhile; reads continue.
    let held = std::thread::spawn(move || {
        run_sql(
            &url,
            "BEGIN; LOCK TABLE nodes IN EXCLUSIVE MODE; SELECT pg_sleep(8); COMMIT",
        );
    });
    let found = eventually("no server has a lease", || async {
        let explanation = explain(&client, &id).await;
        codes(&explanation).contains(&"no-node").then_some(explanation)
    })
    .await;
    assert!(!held.is_finished(), "{found}");
    held.join().expect("the lock is released");
    until_codes(&client, &id, &["scheduled"]).await;
}
