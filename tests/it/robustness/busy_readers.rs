//! Callers whose reads occupy connections delay neither the server itself nor each other.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::future::join_all;
use reqwest::{Method, StatusCode};
use sea_orm::{ConnectOptions, ConnectionTrait, Database, DatabaseTransaction, TransactionTrait};
use serde_json::json;

use crate::harness::client::Client;
use crate::harness::eventually;
use crate::harness::server::{Server, Site, Storage, query_sql};

const CONFIG: &str = r#"
[realtime]
system_metrics_interval = "00:00:00.1"
[health]
min_disk_free = 0
[job_types.Noop]
handler = "noop"
[[api.keys]]
name = "busy"
key = "tq_busy-key-for-tests"
scopes = ["tickerq:read", "tickerq:write"]
[[api.keys]]
name = "writer"
key = "tq_writer-key-for-tests"
scopes = ["tickerq:write"]
[[api.keys]]
name = "other"
key = "tq_other-key-for-tests"
scopes = ["tickerq:read", "tickerq:write"]
"#;

/// Number of concurrent reads, greater than the number of connections.
const READS: usize = 20;

/// A lock that blocks reads of histories until it is released.
async fn locked_histories(site: &Site) -> DatabaseTransaction {
    let mut options = ConnectOptions::new(site.database_url().to_owned());
    options.max_connections(1).sqlx_logging(false);
    let connection = Database::connect(options).await.expect("a connection");
    let transaction = connection.begin().await.expect("a transaction");
    let lock = "LOCK TABLE attempts IN ACCESS EXCLUSIVE MODE";
    transaction.execute_unprepared(lock).await.expect("a lock");
    transaction
}

/// Number of connections that wait for the lock.
fn waiting(site: &Site) -> usize {
    let sql = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
    query_sql(site.database_url(), sql).parse().expect("a number")
}

fn assert_no_outage(server: &Server) {
    let log = server.log();
    assert!(
        !log.contains("storage is unavailable") && !log.contains("unhealthy"),
        "{log}"
    );
}

#[tokio::test]
async fn the_server_reads_while_callers_occupy_their_connections() {
    let site = Site::new(Storage::Postgres, CONFIG);
    let server = site.start();
    let client = server.client().with_token("tq_busy-key-for-tests");
    let job = client.create_of_type("Noop").await;
    client.wait_finished(&job).await;
    let lock = locked_histories(&site).await;
    let path = format!("/jobs/{job}");
    let reads = join_all((0..READS).map(|_| client.get(&path)));
    let beside = async {
        eventually("reads occupy connections", || async {
            (waiting(&site) >= 2).then_some(())
        })
        .await;
        client.create(json!({ "type": "Noop", "delay": "01:00:00" })).await;
        // Both are read periodically for the server itself.
        eventually("the server's metrics are current", || async {
            let metrics = client.get("/metrics/system").await.json();
            assert_eq!(metrics["systemHealth"], "healthy", "{metrics}");
            (metrics["totalJobs"] == 2).then_some(())
        })
        .await;
        let ready = client.send(client.at_root(Method::GET, "/readyz")).await;
        assert_eq!(ready.status, StatusCode::OK, "{}", ready.text);
        assert!(waiting(&site) >= 2, "the reads wait all the while");
        lock.rollback().await.expect("the lock goes");
    };
    let (responses, ()) = tokio::join!(reads, beside);
    assert!(responses.iter().any(|response| response.status == StatusCode::OK));
    assert_no_outage(&server);
}

#[tokio::test]
async fn a_caller_that_closes_its_connections_leaves_a_connection_to_another_one() {
    let site = Site::new(Storage::Postgres, CONFIG);
    let server = site.start();
    let client = server.client().with_token("tq_busy-key-for-tests");
    let other = server.client().with_token("tq_other-key-for-tests");
    let job = client.create_of_type("Noop").await;
    client.wait_finished(&job).await;
    let lock = locked_histories(&site).await;
    let path = format!("/jobs/{job}");
    let leaving = Duration::from_millis(300);
    for _ in 0..4 {
        let reads = join_all((0..READS).map(|_| tokio::time::timeout(leaving, client.get(&path))));
        assert!(reads.await.iter().all(Result::is_err), "the table is locked");
    }
    assert_eq!(waiting(&site), 2, "of three connections");
    for path in ["/queues", "/jobs", "/metrics/performance"] {
        let response = other.get(path).await;
        assert_eq!(response.status, StatusCode::OK, "{path}: {}", response.text);
    }
    assert_eq!(waiting(&site), 2, "its statements still run");
    lock.rollback().await.expect("the lock goes");
    assert_eq!(client.get(&path).await.status, StatusCode::OK);
    assert_no_outage(&server);
}

#[tokio::test]
async fn a_caller_with_many_reads_leaves_a_connection_to_another_one() {
    let site = Site::new(Storage::Postgres, CONFIG);
    let server = site.start();
    let client = server.client().with_token("tq_busy-key-for-tests");
    let other = server.client().with_token("tq_other-key-for-tests");
    let job = client.create_of_type("Noop").await;
    client.wait_finished(&job).await;
    let lock = locked_histories(&site).await;
    let done = AtomicUsize::new(0);
    let path = format!("/jobs/{job}");
    let query = json!({ "query": format!("{{ job(id: \"{job}\") {{ attempts {{ error }} }} }}") });
    let over_rest = join_all((0..READS).map(|_| async {
        client.get(&path).await;
        done.fetch_add(1, Ordering::Relaxed);
    }));
    let over_graphql = join_all((0..READS).map(|_| async {
        client.graphql(&query).await;
        done.fetch_add(1, Ordering::Relaxed);
    }));
    let beside = async {
        eventually("reads occupy connections", || async {
            (waiting(&site) == 2).then_some(())
        })
        .await;
        for path in ["/queues", "/jobs", "/metrics/performance"] {
            let response = other.get(path).await;
            assert_eq!(response.status, StatusCode::OK, "{path}: {}", response.text);
        }
        assert_eq!(waiting(&site), 2, "of three connections");
        assert_eq!(done.load(Ordering::Relaxed), 0, "the other caller's reads come first");
        lock.rollback().await.expect("the lock goes");
    };
    tokio::join!(over_rest, over_graphql, beside);
    assert_no_outage(&server);
}

#[tokio::test]
async fn changes_of_a_caller_without_the_read_scope_read_no_history() {
    let site = Site::new(Storage::Postgres, CONFIG);
    let server = site.start();
    let client = server.client().with_token("tq_busy-key-for-tests");
    let writer = server.client().with_token("tq_writer-key-for-tests");
    let job = client.create_of_type("Noop").await;
    client.wait_finished(&job).await;
    let delayed = json!({ "delay": "01:00:00" });
    let executed = client.post(&format!("/jobs/{job}/execute"), delayed).await;
    assert_eq!(executed.status, StatusCode::OK, "{}", executed.text);
    let lock = locked_histories(&site).await;
    let path = format!("/jobs/{job}");
    let rename = |client: &Client| client.request(Method::PATCH, &path).json(&json!({ "name": "renamed" }));
    let read = client.send(rename(&client));
    let beside = async {
        eventually("the history is read for a reader", || async {
            (waiting(&site) == 1).then_some(())
        })
        .await;
        let renamed = writer.send(rename(&writer)).await;
        assert_eq!(renamed.status, StatusCode::OK, "{}", renamed.text);
        let update = format!(
            "mutation {{ updateJob(id: \"{job}\", input: {{name: \"again\"}}) {{ id status attempts {{ error }} }} }}"
        );
        let updated = writer.graphql(&json!({ "query": update })).await;
        assert_eq!(updated["errors"][0]["extensions"]["code"], "forbidden", "{updated}");
        let negotiated = writer.post_empty("/hub/negotiate?negotiateVersion=1").await;
        assert_eq!(negotiated.status, StatusCode::FORBIDDEN, "{}", negotiated.text);
        let cancelled = writer.post_empty(&format!("/jobs/{job}/cancel")).await;
        assert_eq!(cancelled.status, StatusCode::OK, "{}", cancelled.text);
        assert_eq!(waiting(&site), 1, "the writer's requests do not wait");
        lock.rollback().await.expect("the lock goes");
    };
    let (read, ()) = tokio::join!(read, beside);
    assert_eq!(read.json()["executionHistory"].as_array().map(Vec::len), Some(1));
}
