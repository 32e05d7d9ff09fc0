//! A full disk: nothing is acknowledged that is not stored, and the server recovers once there is space.

use reqwest::{Method, StatusCode};
use rustix::process::{Resource, Rlimit, prlimit};
use sea_orm::{ConnectOptions, ConnectionTrait, Database};
use serde_json::{Value, json};

use crate::harness::client::Client;
use crate::harness::eventually;
use crate::harness::server::{Server, Site, Storage};

/// Limits the size of this server's files; larger writes fail as on a full disk.
fn limit_files(server: &Server, bytes: Option<u64>) {
    let limit = Rlimit {
        current: bytes,
        maximum: None,
    };
    prlimit(Some(server.pid()), Resource::Fsize, limit).expect("the limit is set");
}

/// A server whose files can be limited.
fn started() -> (Site, Server) {
    let site = Site::new(Storage::Sqlite, "[[queues]]\nname = \"default\"\n");
    // A process that ignores the signal gets the error.
    let mut command = std::process::Command::new("sh");
    command
        .args(["-c", "trap '' XFSZ; exec \"$0\" serve --listen 127.0.0.1:0"])
        .arg(crate::harness::program())
        .current_dir(site.path());
    let server = site.start_from(command);
    (site, server)
}

async fn becomes(server: &Server, status: StatusCode) {
    let what = format!("readiness is {status}");
    eventually(&what, || async {
        let response = reqwest::get(format!("{}/readyz", server.url)).await.ok()?;
        (response.status() == status).then_some(())
    })
    .await;
}

/// Posts a large job; returns its id once it is acknowledged.
async fn post(client: &Client) -> Option<String> {
    let job = json!({ "type": "UnknownJob", "parameters": "x".repeat(30_000) });
    let response = client.request(Method::POST, "/jobs").json(&job).send().await;
    let response = response.expect("the server responds");
    let status = response.status();
    let body: Value = response.json().await.expect("JSON");
    if status == StatusCode::SERVICE_UNAVAILABLE {
        return None;
    }
    assert_eq!(status, StatusCode::CREATED, "{body}");
    body["id"].as_str().map(str::to_owned)
}

async fn all_are_stored(client: &Client, ids: &[String]) {
    for id in ids {
        assert_eq!(client.get(&format!("/jobs/{id}")).await.status, StatusCode::OK, "{id}");
    }
}

#[tokio::test]
async fn nothing_is_acknowledged_that_a_full_disk_has_not_stored() {
    let (site, server) = started();
    let client = server.client();
    let mut acknowledged = Vec::new();
    for _ in 0..3 {
        // The log grows to the limit repeatedly, so that first and later commits fail.
        limit_files(&server, Some(3_000_000));
        let mut refused = 0;
        while refused < 12 {
            match post(&client).await {
                Some(id) => acknowledged.push(id),
                None => refused += 1,
            }
        }
        all_are_stored(&client, &acknowledged).await;
        limit_files(&server, None);
        let id = eventually("a job is stored when there is room", || post(&client)).await;
        acknowledged.push(id);
    }
    all_are_stored(&client, &acknowledged).await;
    assert!(server.stop().success());
    let server = site.start();
    all_are_stored(&server.client(), &acknowledged).await;
}

#[tokio::test]
async fn a_server_whose_disk_is_full_is_not_ready() {
    let (_site, server) = started();
    becomes(&server, StatusCode::OK).await;
    // Less than the current size of the log.
    limit_files(&server, Some(1));
    assert_eq!(post(&server.client()).await, None);
    becomes(&server, StatusCode::SERVICE_UNAVAILABLE).await;
    limit_files(&server, None);
    becomes(&server, StatusCode::OK).await;
}

#[tokio::test]
async fn a_server_whose_database_is_locked_by_another_process_is_not_ready() {
    let (site, server) = started();
    becomes(&server, StatusCode::OK).await;
    let mut options = ConnectOptions::new(format!("sqlite:{}", site.path().join("tickerq.db").display()));
    options.max_connections(1);
    let other = Database::connect(options).await.expect("the database opens");
    eventually("the lock is got", || async {
        other.execute_unprepared("BEGIN IMMEDIATE").await.ok()
    })
    .await;
    becomes(&server, StatusCode::SERVICE_UNAVAILABLE).await;
    other
        .execute_unprepared("ROLLBACK")
        .await
        .expect("the lock is released");
    becomes(&server, StatusCode::OK).await;
}
