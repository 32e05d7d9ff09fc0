//! PostgreSQL behind PgBouncer.

use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::harness::eventually;
use crate::harness::pooler::Pooler;
use crate::harness::server::{Server, Site, new_postgres_database, query_sql};

const NOOP: &str = "[job_types.Noop]\nhandler = \"noop\"\n";

/// Jobs of several kinds, and other operations with separate statements.
async fn works(servers: &[Server]) {
    let client = servers[0].client();
    let unique = json!({ "type": "Noop", "uniqueKey": "one", "delay": "01:00:00" });
    let unique = client.create(unique).await;
    let id = unique["id"].as_str().expect("an id");
    let cancelled = client.post_empty(&format!("/jobs/{id}/cancel")).await;
    assert_eq!(cancelled.status, StatusCode::OK, "{}", cancelled.text);
    let batch: Vec<_> = (0..500).map(|_| json!({ "type": "Noop" })).collect();
    let stored = client.post("/jobs/batch", json!({ "jobs": batch })).await;
    assert_eq!(stored.status, StatusCode::CREATED, "{}", stored.text);
    let posts = (0..40).map(|number| {
        let client = servers[number % servers.len()].client();
        async move {
            let id = client.create_of_type("Noop").await;
            client.wait_for(&id, &["completed"]).await;
        }
    });
    futures_util::future::join_all(posts).await;
    let recurring = json!({ "type": "Noop", "cronExpression": "* * * * * *" });
    let recurring = client.post("/jobs/recurring", recurring).await.json();
    let path = format!("/jobs?recurringJobId={}", recurring["id"].as_str().expect("an id"));
    eventually("an occurrence has run", || async {
        let jobs = client.get(&path).await.json();
        (jobs["jobs"][0]["status"] == "completed").then_some(())
    })
    .await;
    eventually("all jobs have run", || async {
        let open = client.get("/jobs?status=running&limit=1").await.json();
        (open["totalCount"] == 0).then_some(())
    })
    .await;
    for server in servers {
        let client = server.client();
        let ready = client.send(client.at_root(Method::GET, "/readyz")).await;
        assert_eq!(ready.status, StatusCode::OK, "{}", ready.text);
        assert!(!server.log().contains("ERROR"), "{}", server.log());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_share_a_database_through_a_pooler_in_transaction_mode() {
    let (database, pooler) = (new_postgres_database(""), Pooler::start("transaction", 3));
    let config = format!("[database]\npgbouncer = true\n[cluster]\nlease_ttl = \"00:00:06\"\n{NOOP}");
    let site = Site::over(pooler.url_of(&database), &config);
    let servers = [site.start(), site.start()];
    works(&servers).await;
    let log = servers[0].log();
    assert!(log.contains("found by polling"), "{log}");
    // Other clients find neither prepared statements nor settings on the pooler's connections.
    let through = pooler.url_of(&database);
    for _ in 0..4 {
        let found = query_sql(&through, "SELECT count(*) FROM pg_prepared_statements");
        assert_eq!(found, "0", "statements have no names");
        assert_eq!(query_sql(&through, "SHOW enable_seqscan"), "on");
        assert_eq!(query_sql(&through, "SHOW statement_timeout"), "0");
    }
    // A job that runs on one node is cancelled on the other, without a notification.
    let client = servers[1].client();
    client.post_empty("/queues/default/pause").await;
    eventually("the other node has paused, too", || async {
        let queue = servers[0].client().queue("default").await;
        (queue["status"] == "paused").then_some(())
    })
    .await;
    for server in servers {
        assert!(server.stop().success());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pooled_server_listens_at_a_url_of_its_own() {
    let (database, pooler) = (new_postgres_database(""), Pooler::start("transaction", 3));
    let config = format!("[database]\npgbouncer = true\nlisten_url = \"{database}\"\n{NOOP}");
    let site = Site::over(pooler.url_of(&database), &config);
    let server = site.start();
    eventually("the server listens", || async {
        let listening =
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN%'";
        (query_sql(&database, listening) == "1").then_some(())
    })
    .await;
    assert!(!server.log().contains("polling"), "{}", server.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pooler_in_session_mode_needs_no_setting() {
    let (database, pooler) = (new_postgres_database(""), Pooler::start("session", 40));
    let site = Site::over(pooler.url_of(&database), NOOP);
    let servers = [site.start(), site.start()];
    works(&servers).await;
}

#[tokio::test]
async fn a_pooler_in_transaction_mode_without_the_setting_is_named_as_the_cause() {
    let (database, pooler) = (new_postgres_database(""), Pooler::start("transaction", 1));
    let site = Site::over(pooler.url_of(&database), NOOP);
    let printed = eventually("statements collide", || async {
        let mut command = site.command(&["migrate", "up", "--database-url", site.database_url()]);
        let output = command.output().expect("the binary runs");
        let printed = String::from_utf8_lossy(&output.stderr).into_owned();
        (!output.status.success()).then_some(printed)
    })
    .await;
    assert!(printed.contains("database.pgbouncer = true"), "{printed}");
}
