//! An operation survives the death of its server and repeats nothing.

use serde_json::json;

use super::{WAITS, audited, count, create, operation, run, until};
use crate::harness::eventually;
use crate::harness::server::{Site, Storage};

const CONFIG: &str = "[audit]\nenable = true\n[cluster]\nlease_ttl = \"00:00:03\"\n";
const JOBS: usize = 6_000;

/// Executing a pending job changes it each time, so a repeated step would show.
async fn goes_on_after_a_kill(storage: Storage) {
    let site = Site::new(storage, CONFIG);
    let server = site.start();
    let client = server.client();
    create(&client, WAITS, JOBS).await;
    let started = run(
        &client,
        "execute",
        &format!("type:{WAITS}"),
        json!({ "priority": "high" }),
    )
    .await;
    let mut server = Some(server);
    let mut done = 0;
    for _ in 0..3 {
        let client = server.as_ref().expect("a server").client();
        done = eventually("it proceeds", || async {
            let now = operation(&client, &started).await["done"].as_u64().expect("a number");
            (now > done).then_some(now)
        })
        .await;
        server.take().expect("a server").kill();
        server = Some(site.start());
    }
    let server = server.expect("a server");
    let client = server.client();
    let completed = until(&client, &started, "completed").await;
    assert_eq!(
        (&completed["done"], &completed["skipped"]),
        (&json!(JOBS), &json!(0)),
        "{completed}"
    );
    let records = audited(&client, "job.execute").await;
    assert_eq!(records.len(), JOBS);
    assert!(records.iter().all(|record| record["operationId"] == started["id"]));
    let [start] = audited(&client, "operation.start")
        .await
        .try_into()
        .expect("one record");
    assert_eq!((&start["jobs"], &start["operationId"]), (&json!(JOBS), &started["id"]));
    assert_eq!(count(&client, "priority=high&status=pending").await, JOBS as u64);
    assert!(server.stop().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operation_goes_on_after_its_server_was_killed_on_sqlite() {
    goes_on_after_a_kill(Storage::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operation_goes_on_after_its_server_was_killed_on_postgresql() {
    goes_on_after_a_kill(Storage::Postgres).await;
}

/// Another server of the same database takes over.
#[tokio::test(flavor = "multi_thread")]
async fn another_server_takes_over_an_operation() {
    let first = Site::new(Storage::Postgres, CONFIG);
    let second = Site::over(first.database_url().to_owned(), CONFIG);
    let (first, second) = (first.start(), second.start());
    let client = second.client();
    create(&client, WAITS, JOBS).await;
    let started = run(&first.client(), "execute", &format!("type:{WAITS}"), json!({})).await;
    eventually("it proceeds", || async {
        let now = operation(&client, &started).await["done"].as_u64().expect("a number");
        (now > 0).then_some(())
    })
    .await;
    first.kill();
    let completed = until(&client, &started, "completed").await;
    assert_eq!(completed["done"], json!(JOBS), "{completed}");
    assert_eq!(audited(&client, "job.execute").await.len(), JOBS);
}
