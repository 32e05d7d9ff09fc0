//! SQLite files that are damaged, removed or replaced under a running server, and readers that keep its WAL from being

use std::fs::{self, OpenOptions, Permissions};
use std::io::{Seek, SeekFrom, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use reqwest::{Method, StatusCode};
use sea_orm::{ConnectOptions, ConnectionTrait, Database, DatabaseConnection};
use serde_json::{Value, json};

use crate::harness::client::Client;
use crate::harness::eventually;
use crate::harness::server::{Server, Site, Storage};

/// Disables the check of free disk space, which depends on the machine.
const CONFIG: &str = r#"
[realtime]
queue_metrics_interval = "00:00:00.2"
system_metrics_interval = "00:00:00.2"
[health]
min_disk_free = 0
max_wal_size = "256KiB"
alert_after = "00:00:00"
resolve_after = "00:00:00.3"
unhandled_type_after = "01:00:00"
max_queue_latency = "01:00:00"
"#;

fn started() -> (Site, Server) {
    let site = Site::new(Storage::Sqlite, CONFIG);
    let server = site.start();
    (site, server)
}

fn file(site: &Site, suffix: &str) -> PathBuf {
    site.path().join(format!("tickerq.db{suffix}"))
}

async fn post(client: &Client) -> StatusCode {
    client.post("/jobs", json!({ "type": "UnknownJob" })).await.status
}

async fn ready(client: &Client) -> (StatusCode, Value) {
    let response = client.send(client.at_root(Method::GET, "/readyz")).await;
    (response.status, response.json())
}

async fn code(client: &Client) -> Option<String> {
    let system = client.get("/metrics/system").await;
    if system.status != StatusCode::OK {
        return None;
    }
    let code = system.json()["healthReasons"][0]["code"].clone();
    code.as_str().map(str::to_owned)
}

/// All health reports contain this fault.
async fn is_unhealthy(server: &Server, expected: &str, word: &str) {
    let client = server.client();
    let (status, problem) = ready(&client).await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "at once");
    let detail = problem["detail"].as_str().expect("a detail");
    assert!(detail.contains(word), "{detail}");
    eventually("/metrics/system reports the same", || async {
        (code(&client).await.as_deref() == Some(expected)).then_some(())
    })
    .await;
    assert_eq!(client.get("/metrics/system").await.json()["systemHealth"], "unhealthy");
    eventually("the log has the same", || async {
        server.log().contains(word).then_some(())
    })
    .await;
    let log = server.log();
    let lines = log
        .lines()
        .filter(|line| line.contains("ERROR") || line.contains("WARN"));
    // Other health reasons: the options of the server, and jobs without a handler.
    let others = [
        "health changed to ",
        "no handler and no worker",
        "authentication is disabled",
    ];
    let lines = lines.filter(|line| !others.iter().any(|other| line.contains(other)));
    assert_eq!(lines.count(), 1, "{log}");
}

async fn is_ready_again(client: &Client) {
    eventually("the server is ready again", || async {
        (ready(client).await.0 == StatusCode::OK).then_some(())
    })
    .await;
    assert_eq!(post(client).await, StatusCode::CREATED);
}

#[tokio::test]
async fn nothing_is_accepted_while_a_database_file_is_missing() {
    for suffix in ["", "-wal", "-shm"] {
        let (site, server) = started();
        let client = server.client();
        assert_eq!(post(&client).await, StatusCode::CREATED);
        assert_eq!(ready(&client).await.0, StatusCode::OK);
        let aside = site.path().join("aside");
        fs::rename(file(&site, suffix), &aside).expect("the file is renamed");
        let refused = client.post("/jobs", json!({ "type": "UnknownJob" })).await;
        assert_eq!(refused.status, StatusCode::SERVICE_UNAVAILABLE, "{suffix}");
        assert!(refused.text.contains("removed or renamed"), "{}", refused.text);
        is_unhealthy(&server, "storage-file-missing", "removed or renamed").await;
        fs::rename(&aside, file(&site, suffix)).expect("the file is back");
        is_ready_again(&client).await;
        assert!(server.stop().success());
    }
}

#[tokio::test]
async fn a_removed_database_is_found_without_a_request() {
    let (site, server) = started();
    let client = server.client();
    assert_eq!(post(&client).await, StatusCode::CREATED);
    for suffix in ["", "-wal", "-shm"] {
        fs::remove_file(file(&site, suffix)).expect("the file is removed");
    }
    eventually("the log has it", || async {
        server.log().contains("removed or renamed").then_some(())
    })
    .await;
    assert_eq!(post(&client).await, StatusCode::SERVICE_UNAVAILABLE);
    is_unhealthy(&server, "storage-file-missing", "removed or renamed").await;
    assert!(server.stop().success());
    assert!(!file(&site, "").exists(), "a server that stops makes no new file");
}

#[tokio::test]
async fn another_file_in_the_place_of_the_database_is_not_written() {
    let (site, server) = started();
    let client = server.client();
    assert_eq!(post(&client).await, StatusCode::CREATED);
    let other = site.path().join("other.db");
    fs::copy(file(&site, ""), &other).expect("a copy");
    let before = fs::read(&other).expect("its bytes");
    fs::rename(&other, file(&site, "")).expect("it takes the place");
    assert_eq!(post(&client).await, StatusCode::SERVICE_UNAVAILABLE);
    is_unhealthy(&server, "storage-file-replaced", "replaced by another").await;
    assert!(server.stop().success());
    assert_eq!(fs::read(file(&site, "")).expect("its bytes"), before);
}

#[tokio::test]
async fn a_database_that_was_made_read_only_is_unhealthy_until_it_is_not() {
    for suffix in ["", "-wal"] {
        let (site, server) = started();
        let client = server.client();
        fs::set_permissions(file(&site, suffix), Permissions::from_mode(0o444)).expect("read-only");
        is_unhealthy(&server, "storage-read-only", "read-only").await;
        fs::set_permissions(file(&site, suffix), Permissions::from_mode(0o644)).expect("writable");
        is_ready_again(&client).await;
        eventually("the outage has ended", || async {
            server.log().contains("available again").then_some(())
        })
        .await;
        assert!(server.stop().success());
    }
}

async fn other_program(file: &Path) -> DatabaseConnection {
    let mut options = ConnectOptions::new(format!("sqlite:{}", file.display()));
    options.max_connections(1);
    Database::connect(options).await.expect("the database opens")
}

#[tokio::test]
async fn a_malformed_image_is_unhealthy_from_the_first_call_that_finds_it() {
    let (site, server) = started();
    let client = server.client();
    for _ in 0..20 {
        assert_eq!(post(&client).await, StatusCode::CREATED);
    }
    eventually("numbers are known", || async {
        (client.get("/metrics/system").await.json()["totalJobs"] == 20).then_some(())
    })
    .await;
    let other = other_program(&file(&site, "")).await;
    other
        .execute_unprepared("PRAGMA wal_checkpoint(TRUNCATE)")
        .await
        .expect("a checkpoint");
    other.close().await.expect("closed");
    let mut image = OpenOptions::new().write(true).open(file(&site, "")).expect("the file");
    let pages = image.metadata().expect("its size").len() / 4096;
    for page in 1..pages {
        image.seek(SeekFrom::Start(page * 4096)).expect("a place");
        image.write_all(&[0xa5; 200]).expect("bytes are flipped");
    }
    drop(image);
    eventually("the log has it", || async {
        post(&client).await;
        server.log().contains("is corrupt").then_some(())
    })
    .await;
    is_unhealthy(&server, "storage-corrupt", "is corrupt").await;
    for _ in 0..50 {
        assert_eq!(post(&client).await, StatusCode::SERVICE_UNAVAILABLE);
    }
    is_unhealthy(&server, "storage-corrupt", "is corrupt").await;
    let logged = std::fs::metadata(file(&site, "-wal")).map_or(0, |log| log.len());
    assert!(server.stop().success());
    assert!(
        logged == 0 || file(&site, "-wal").exists(),
        "the log may hold the only good pages"
    );
}

#[tokio::test]
async fn a_log_that_grows_under_a_long_reader_is_reported_until_the_reader_ends() {
    let (site, server) = started();
    let client = server.client();
    let reader = other_program(&file(&site, "")).await;
    reader
        .execute_unprepared("BEGIN; SELECT count(*) FROM jobs")
        .await
        .expect("it reads");
    let large = json!({ "type": "UnknownJob", "parameters": "x".repeat(900_000) });
    for _ in 0..12 {
        client.create(large.clone()).await;
    }
    eventually("it is reported", || async {
        (code(&client).await.as_deref() == Some("wal-grows")).then_some(())
    })
    .await;
    let (status, body) = ready(&client).await;
    assert_eq!((status, &body["systemHealth"]), (StatusCode::OK, &json!("degraded")));
    reader.execute_unprepared("COMMIT").await.expect("it ends");
    eventually("it has ended", || async { code(&client).await.is_none().then_some(()) }).await;
}

#[tokio::test]
async fn another_program_that_closes_the_database_does_not_take_its_log_along() {
    let (site, server) = started();
    let client = server.client();
    assert_eq!(post(&client).await, StatusCode::CREATED);
    // Each checks the files.
    assert_eq!(ready(&client).await.0, StatusCode::OK);
    client.get("/metrics/system").await;
    let other = other_program(&file(&site, "")).await;
    other
        .execute_unprepared("SELECT count(*) FROM jobs")
        .await
        .expect("it reads");
    other.close().await.expect("closed");
    assert!(file(&site, "-wal").exists());
    assert_eq!(post(&client).await, StatusCode::CREATED);
    assert_eq!(ready(&client).await.0, StatusCode::OK);
}

#[tokio::test]
async fn a_stopped_server_leaves_one_file_with_all_its_jobs() {
    let (site, server) = started();
    for _ in 0..20 {
        assert_eq!(post(&server.client()).await, StatusCode::CREATED);
    }
    assert!(server.stop().success());
    assert!(!file(&site, "-wal").exists() && !file(&site, "-shm").exists());
    let copy = Site::new(Storage::Sqlite, CONFIG);
    fs::copy(file(&site, ""), file(&copy, "")).expect("a copy");
    let server = copy.start();
    let jobs = server.client().get("/jobs?limit=1").await.json();
    assert_eq!(jobs["totalCount"], 20);
}

#[tokio::test]
async fn a_reader_that_stays_does_not_keep_a_server_from_stopping() {
    let (site, server) = started();
    let reader = other_program(&file(&site, "")).await;
    reader
        .execute_unprepared("BEGIN; SELECT count(*) FROM jobs")
        .await
        .expect("it reads");
    assert_eq!(post(&server.client()).await, StatusCode::CREATED);
    let url = server.url.clone();
    server.signal(rustix::process::Signal::TERM);
    eventually("the log names the file to be copied, too", || async {
        server.log().contains("tickerq.db-wal").then_some(())
    })
    .await;
    assert!(server.wait().success(), "{url}");
}
