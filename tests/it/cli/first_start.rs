//! The first start on an empty database: killed at any moment, by several servers at once, or without write access
//! to the files.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::symlink;
use std::process::{Child, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use sea_orm::{ConnectionTrait, Database};
use tempfile::TempDir;
use tickerq::storage::sea::{SeaOptions, SeaRepository};

use crate::harness::server::{Server, Site, Storage, postgres_url};
use crate::harness::{TIMEOUT, eventually};

const CONFIG: &str = "[[queues]]\nname = \"default\"\n";

/// Starts the first server and kills it after this time. The times are spread over the duration of a start.
fn cut_off(site: &Site, after: Duration) {
    let mut child = site
        .command(&[
            "serve",
            "--listen",
            "127.0.0.1:0",
            "--database-url",
            site.database_url(),
        ])
        .stderr(Stdio::null())
        .spawn()
        .expect("the binary starts");
    // The time of the kill is the subject.
    std::thread::sleep(after);
    child.kill().expect("the process can be killed");
    child.wait().expect("the process ends");
}

#[tokio::test]
async fn a_first_start_that_is_cut_off_can_be_repeated_on_sqlite() {
    for round in 0..12 {
        let site = Site::new(Storage::Sqlite, CONFIG);
        let file = site.path().join("tickerq.db-wal");
        let mut child: Child = site
            .command(&["migrate", "up", "--database-url", site.database_url()])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the binary starts");
        // It writes once its WAL exists.
        let end = Instant::now() + TIMEOUT;
        while !file.exists() && child.try_wait().expect("a state").is_none() && Instant::now() < end {
            std::hint::spin_loop();
        }
        // The time of the kill is the subject and differs in each round.
        std::thread::sleep(Duration::from_millis(4 * round));
        child.kill().expect("the process can be killed");
        child.wait().expect("the process ends");
        let server = site.start();
        server
            .client()
            .create(serde_json::json!({ "type": "UnknownJob" }))
            .await;
    }
}

#[tokio::test]
async fn a_first_start_that_is_cut_off_can_be_repeated_on_postgresql() {
    for round in 1..6 {
        let site = Site::new(Storage::Postgres, CONFIG);
        cut_off(&site, Duration::from_millis(60 * round));
        let server = site.start();
        server
            .client()
            .create(serde_json::json!({ "type": "UnknownJob" }))
            .await;
    }
}

#[test]
fn servers_that_start_together_on_an_empty_postgresql_all_start() {
    for _ in 0..3 {
        let site = Site::new(Storage::Postgres, CONFIG);
        let mut started = Vec::new();
        std::thread::scope(|scope| {
            let starting: Vec<_> = (0..3).map(|_| scope.spawn(|| site.start())).collect();
            for server in starting {
                started.push(server.join().expect("the server starts"));
            }
        });
        for server in started {
            assert!(server.stop().success());
        }
    }
}

/// Starts a server that must fail, and returns its output.
fn refused(site: &Site, database_url: &str) -> String {
    let arguments = ["serve", "--listen", "127.0.0.1:0", "--database-url", database_url];
    let output = site.command(&arguments).output().expect("the binary runs");
    let printed = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{printed}");
    assert!(!printed.contains("panicked"), "{printed}");
    printed
}

#[actix_web::test]
async fn a_read_only_sqlite_file_is_rejected_at_start() {
    let site = Site::new(Storage::Sqlite, CONFIG);
    assert!(site.start().stop().success());
    // Root ignores permissions. A file format that SQLite can only read has the same effect: byte 18
    // is the write version of the format, of which 2 is the highest known.
    let file = site.path().join("tickerq.db");
    // The WAL would override the file.
    let connection = Database::connect(format!("sqlite:{}", file.display())).await;
    let connection = connection.expect("the database opens");
    let checkpoint = connection.execute_unprepared("PRAGMA wal_checkpoint(TRUNCATE)").await;
    checkpoint.expect("the log is emptied");
    connection.close().await.expect("the database closes");
    let mut bytes = fs::read(&file).expect("the database is read");
    bytes[18] = 3;
    fs::write(&file, bytes).expect("the database is written");
    let printed = refused(&site, site.database_url());
    assert!(printed.contains("'tickerq.db' can't be written"), "{printed}");
}

#[tokio::test]
async fn a_sqlite_file_serves_one_server_under_every_name() {
    let (site, server) = Server::with_config(CONFIG);
    symlink("tickerq.db", site.path().join("link.db")).expect("a link is made");
    let printed = refused(&site, "sqlite:link.db");
    assert!(
        printed.contains("another server uses the database 'link.db'"),
        "{printed}"
    );
    fs::hard_link(site.path().join("tickerq.db"), site.path().join("hard.db")).expect("a link is made");
    let printed = refused(&site, "sqlite:hard.db");
    assert!(printed.contains("'hard.db' has 2 names"), "{printed}");
    server
        .client()
        .create(serde_json::json!({ "type": "UnknownJob" }))
        .await;
    assert!(server.stop().success());
    // A symbolic link alone is accepted, even before its target exists.
    let site = Site::over("sqlite:to_later.db".to_owned(), CONFIG);
    symlink("later.db", site.path().join("to_later.db")).expect("a link is made");
    let server = site.start();
    let printed = refused(&site, "sqlite:later.db");
    assert!(
        printed.contains("another server uses the database 'later.db'"),
        "{printed}"
    );
    assert!(server.stop().success());
}

#[test]
fn a_refusal_by_postgresql_is_reported_at_once() {
    let site = Site::new(Storage::Sqlite, CONFIG);
    let free = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = free.local_addr().expect("an address");
    drop(free);
    let printed = refused(&site, &format!("postgres://me@{address}/jobs"));
    assert!(printed.contains("Connection refused"), "{printed}");
    let url = postgres_url();
    let (server, _) = url.rsplit_once('/').expect("a URL with a database");
    let printed = refused(&site, &format!("{server}/no_such_database"));
    assert!(printed.contains("\"no_such_database\" does not exist"), "{printed}");
}

#[actix_web::test]
async fn a_start_over_a_storage_without_tables_fails_and_can_be_repeated() {
    let folder = TempDir::new().expect("a folder");
    let url = format!("sqlite:{}", folder.path().join("jobs.db").display());
    let open = || async { SeaRepository::connect(SeaOptions::new(url.clone())).await };
    let start = |repository| {
        tickerq::Server::builder()
            .repository(repository)
            .listen("127.0.0.1:0".parse().expect("an address"))
            .start()
    };
    let failed = start(Arc::new(open().await.expect("the database opens"))).await;
    let error = failed.err().expect("there are no tables");
    assert!(error.to_string().contains("no such table"), "{error}");
    let repository = eventually("the database is free again", || async { open().await.ok() }).await;
    repository.migrate_up().await.expect("the tables are made");
    let server = start(Arc::new(repository)).await.expect("the server starts");
    server.stop().await;
}
