//! The first start over an empty database: cut off at any moment, by several servers at once, or where nothing can be
//! written.

use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use super::harness::PATIENCE;
use super::harness::server::{Site, Storage};

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
        server.client().create(serde_json::json!({ "type": "UnknownJob" })).await;
    }
}

#[tokio::test]
async fn a_first_start_that_is_cut_off_can_be_repeated_on_postgresql() {
    for round in 1..6 {
        let site = Site::new(Storage::Postgres, CONFIG);
        cut_off(&site, Duration::from_millis(60 * round));
        let server = site.start();
        server.client().create(serde_json::json!({ "type": "UnknownJob" })).await;
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
