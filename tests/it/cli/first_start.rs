//! The first start over an empty database: cut off at any moment, by several servers at once, or where nothing can be
//! written.

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
use crate::harness::{PATIENCE, eventually};

const CONFIG: &str = "[[queues]]\nname = \"default\"\n";

/// Starts the first server and kills it after this time. The moments are spread over the time that a start takes.
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
        // It has begun to write when its log is there.
        let end = Instant::now() + PATIENCE;
        while !file.exists() && child.try_wait().expect("a state").is_none() && Instant::now() < end {
            std::hint::spin_loop();
        }
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

/// Starts a server that can't start, and returns its output.
fn refused(site: &Site, database_url: &str) -> String {
    let arguments = ["serve", "--listen", "127.0.0.1:0", "--database-url", database_url];
    let output = site.command(&arguments).output().expect("the binary runs");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(!said.contains("panicked"), "{said}");
    said
}

#[actix_web::test]
async fn a_read_only_sqlite_file_is_rejected_at_start() {
    let site = Site::new(Storage::Sqlite, CONFIG);
    assert!(site.start().stop().success());
    // By permission nothing is kept from root. A file format that SQLite can read and can't write is the same to it: the
    // byte at 18 is the version of the format for who writes, and 2 the last that there is.
    let file = site.path().join("tickerq.db");
    // What stands in the log would be read in place of the file.
    let connection = Database::connect(format!("sqlite:{}", file.display())).await;
    let connection = connection.expect("the database opens");
    let checkpoint = connection.execute_unprepared("PRAGMA wal_checkpoint(TRUNCATE)").await;
    checkpoint.expect("the log is emptied");
    connection.close().await.expect("the database closes");
    let mut bytes = fs::read(&file).expect("the database is read");
    bytes[18] = 3;
    fs::write(&file, bytes).expect("the database is written");
    let said = refused(&site, site.database_url());
    assert!(said.contains("'tickerq.db' can't be written"), "{said}");
}

#[tokio::test]
async fn a_sqlite_file_serves_one_server_by_whatever_name() {
    let (site, server) = Server::with_config(CONFIG);
    symlink("tickerq.db", site.path().join("link.db")).expect("a link is made");
    let said = refused(&site, "sqlite:link.db");
    assert!(said.contains("another server uses the database 'link.db'"), "{said}");
    fs::hard_link(site.path().join("tickerq.db"), site.path().join("hard.db")).expect("a link is made");
    let said = refused(&site, "sqlite:hard.db");
    assert!(said.contains("'hard.db' has 2 names"), "{said}");
    server
        .client()
        .create(serde_json::json!({ "type": "UnknownJob" }))
        .await;
    assert!(server.stop().success());
    // A link by itself is no harm, also when what it leads to is not there yet.
    let site = Site::over("sqlite:to_later.db".to_owned(), CONFIG);
    symlink("later.db", site.path().join("to_later.db")).expect("a link is made");
    let server = site.start();
    let said = refused(&site, "sqlite:later.db");
    assert!(said.contains("another server uses the database 'later.db'"), "{said}");
    assert!(server.stop().success());
}

#[test]
fn a_refusal_by_postgresql_is_reported_at_once() {
    let site = Site::new(Storage::Sqlite, CONFIG);
    let free = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = free.local_addr().expect("an address");
    drop(free);
    let said = refused(&site, &format!("postgres://me@{address}/jobs"));
    assert!(said.contains("Connection refused"), "{said}");
    let url = postgres_url();
    let (server, _) = url.rsplit_once('/').expect("a URL with a database");
    let said = refused(&site, &format!("{server}/no_such_database"));
    assert!(said.contains("\"no_such_database\" does not exist"), "{said}");
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
