//! Expensive reads do not delay others: they have separate connections, a queue, a timeout and a higher cost.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::future::join_all;
use reqwest::{Method, StatusCode};
use sea_orm::{ConnectOptions, ConnectionTrait, Database};
use serde_json::{Value, json};

use crate::harness::client::{ApiResponse, Client};
use crate::harness::eventually;
use crate::harness::server::{Server, Site, Storage, query_sql};

const KEYS: &str = r#"
[[api.keys]]
name = "searcher"
key = "tq_searcher-key-for-tests"
scopes = ["tickerq:read", "tickerq:write"]
[[api.keys]]
name = "other"
key = "tq_other-key-for-tests"
scopes = ["tickerq:read", "tickerq:write"]
"#;

/// A search for this in names of 2,000 characters takes a third of a millisecond per job, and more in debug builds of
/// SQLite.
fn slow_search() -> String {
    format!("/jobs?search={}b", "a".repeat(150))
}

/// Stores this number of finished jobs with long names in the database of a stopped server.
async fn fill(site: &Site, jobs: u32) {
    site.start().stop();
    let is_postgres = site.database_url().starts_with("postgres");
    let url = match site.database_url().strip_prefix("sqlite:") {
        Some(file) => format!("sqlite:{}", site.path().join(file).display()),
        None => site.database_url().to_owned(),
    };
    let (numbers, id, name) = if is_postgres {
        (
            format!("WITH numbers AS (SELECT n FROM generate_series(1, {jobs}) AS n)"),
            "CAST(lpad(to_hex(1700000000000 + n), 12, '0') || '70008' || lpad(to_hex(n), 15, '0') AS uuid)",
            "repeat('a', 2000)",
        )
    } else {
        (
            format!("WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {jobs})"),
            "unhex(printf('%012x70008%015x', 1700000000000 + n, n))",
            "replace(printf('%2000s', ''), ' ', 'a')",
        )
    };
    let mut options = ConnectOptions::new(url);
    options.max_connections(1).sqlx_logging(false);
    let connection = Database::connect(options).await.expect("a connection");
    let statements = [
        format!(
            "INSERT INTO jobs (id, name, job_type, queue, priority, status, parameters, due_at, finished_at, attempt, \
             max_retries, retry_delay, timeout, revision) {numbers} SELECT {id}, {name}, 'Old', 'default', 1, 2, 'null', 0, \
             1700000000000000, 1, 3, 10000000, 1800000000, 3 FROM numbers"
        ),
        format!(
            "INSERT INTO job_counters (queue, job_type, status, priority, shard, count) VALUES ('default', 'Old', 2, 1, 0, {jobs})"
        ),
        format!(
            "INSERT INTO job_totals (queue, job_type, status, priority, shard, count) VALUES ('default', '', 2, 1, 0, {jobs}), \
             ('', 'Old', 2, 1, 0, {jobs}), ('', '', 2, 1, 0, {jobs})"
        ),
    ];
    for statement in statements {
        connection.execute_unprepared(&statement).await.expect("rows");
    }
    connection.close().await.expect("it closes");
}

fn keep_old_jobs(config: &str) -> String {
    format!("[retention]\ncompleted = \"never\"\n{config}")
}

fn assert_no_outage(server: &Server) {
    let log = server.log();
    assert!(
        !log.contains("storage is unavailable") && !log.contains("unhealthy"),
        "{log}"
    );
}

async fn cheap_reads_do_not_wait(storage: Storage) {
    let config = format!("[database]\nexpensive_read_timeout = \"00:01:00\"\n{KEYS}");
    let site = Site::new(storage, &keep_old_jobs(&config));
    fill(&site, 1_000).await;
    let server = site.start();
    let client = server.client().with_token("tq_searcher-key-for-tests");
    let other = server.client().with_token("tq_other-key-for-tests");
    let job = client.create_of_type("Waits").await;
    let (done, refusals) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let search = slow_search();
    let searches = join_all((0..20).map(|_| async {
        let response = client.get(&search).await;
        let counter = if response.status == StatusCode::OK {
            &done
        } else {
            &refusals
        };
        counter.fetch_add(1, Ordering::Relaxed);
        response
    }));
    let beside = async {
        // Once the queue is full, searches run to their end.
        eventually("one is refused", || async {
            (refusals.load(Ordering::Relaxed) > 0).then_some(())
        })
        .await;
        for path in [
            format!("/jobs/{job}"),
            "/queues".to_owned(),
            "/jobs?status=failed".to_owned(),
            "/metrics/system".to_owned(),
            "/metrics/performance".to_owned(),
        ] {
            assert_eq!(client.get(&path).await.status, StatusCode::OK, "{path}");
        }
        assert_eq!(
            client.post("/jobs", json!({ "type": "Waits" })).await.status,
            StatusCode::CREATED
        );
        let before = done.load(Ordering::Relaxed);
        // Another caller's turn precedes the remaining ones of the first.
        let response = other.get("/jobs?search=aaab").await;
        assert_eq!(response.status, StatusCode::OK, "{}", response.text);
        (before, done.load(Ordering::Relaxed))
    };
    let (responses, (before, after)) = tokio::join!(searches, beside);
    let found = responses
        .iter()
        .filter(|response| response.status == StatusCode::OK)
        .count();
    assert!(found >= 1, "{:?}", responses.first());
    assert!(before < found, "cheap reads came after all {found} searches");
    assert!(after < found, "the other caller came after all {found} searches");
    let refused: Vec<&ApiResponse> = responses
        .iter()
        .filter(|response| response.status != StatusCode::OK)
        .collect();
    assert!(!refused.is_empty());
    for response in refused {
        let problem = response.problem(503);
        assert_eq!(problem["type"], "urn:tickerq:problem:busy");
        let detail = problem["detail"].as_str().expect("a detail");
        assert!(
            detail.starts_with("too many expensive reads") && detail.contains("are running or waiting"),
            "{detail}"
        );
        let seconds: u64 = response.header("retry-after").expect("when").parse().expect("seconds");
        assert!((1..=10).contains(&seconds));
    }
    assert_no_outage(&server);
}

#[tokio::test]
async fn cheap_reads_do_not_wait_for_searches_on_sqlite() {
    cheap_reads_do_not_wait(Storage::Sqlite).await;
}

#[tokio::test]
async fn cheap_reads_do_not_wait_for_searches_on_postgres() {
    cheap_reads_do_not_wait(Storage::Postgres).await;
}

async fn a_search_has_a_time(storage: Storage) {
    let config = "[database]\nexpensive_read_timeout = \"00:00:00.2\"\nmax_expensive_reads = 1\n";
    let site = Site::new(storage, &keep_old_jobs(config));
    fill(&site, 20_000).await;
    let server = site.start();
    let client = server.client();
    for _ in 0..3 {
        let response = client.get(&slow_search()).await;
        let problem = response.problem(503);
        assert_eq!(problem["type"], "urn:tickerq:problem:read-timeout");
        let detail = problem["detail"].as_str().expect("a detail");
        assert!(
            detail.contains("0.2 s") && detail.contains("narrow it by time of creation (from, to)"),
            "{detail}"
        );
    }
    let query = format!(
        "{{ jobs(filter: {{ search: \"{}b\" }}) {{ totalCount }} }}",
        "a".repeat(150)
    );
    let refused = client.graphql(&json!({ "query": query })).await;
    assert_eq!(refused["errors"][0]["extensions"]["code"], "read-timeout", "{refused}");
    // A search without rows is fast: the earlier statements have ended.
    let narrow = eventually("the narrowed search is in time", || async {
        let response = client.get("/jobs?search=x&from=2100-01-01").await;
        (response.status == StatusCode::OK).then_some(response)
    })
    .await;
    assert_eq!(narrow.json()["totalCount"], 0);
    assert_no_outage(&server);
}

#[tokio::test]
async fn a_search_that_takes_too_long_suggests_filters_on_sqlite() {
    a_search_has_a_time(Storage::Sqlite).await;
}

#[tokio::test]
async fn a_search_that_takes_too_long_suggests_filters_on_postgres() {
    a_search_has_a_time(Storage::Postgres).await;
}

async fn a_client_that_goes_away_ends_its_search(storage: Storage) {
    let config = "[database]\nexpensive_read_timeout = \"01:00:00\"\nmax_expensive_reads = 1\n";
    let site = Site::new(storage, &keep_old_jobs(config));
    // A read of minutes whose client disconnects.
    fill(&site, 300_000).await;
    let server = site.start();
    let client = server.client();
    let running = || {
        let sql = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state = 'active' \
                   AND query LIKE '%ESCAPE%' AND pid <> pg_backend_pid()";
        query_sql(site.database_url(), sql)
    };
    let left = client
        .request(Method::GET, &slow_search())
        .timeout(Duration::from_secs(1))
        .send()
        .await;
    assert!(left.expect_err("it leaves").is_timeout());
    if storage == Storage::Postgres {
        eventually("the statement has ended", || async { (running() == "0").then_some(()) }).await;
    }
    // The only connection is free.
    let narrow = client.get("/jobs?search=x&from=2100-01-01").await;
    assert_eq!(narrow.status, StatusCode::OK, "{}", narrow.text);
    assert_no_outage(&server);
}

#[tokio::test]
async fn a_search_is_cancelled_when_its_client_disconnects_on_sqlite() {
    a_client_that_goes_away_ends_its_search(Storage::Sqlite).await;
}

#[tokio::test]
async fn a_search_is_cancelled_when_its_client_disconnects_on_postgres() {
    a_client_that_goes_away_ends_its_search(Storage::Postgres).await;
}

fn limited(rate: &str) -> (Site, Server, Client) {
    let (site, server) = Server::with_config(&format!(
        "[[api.keys]]\nname = \"limited\"\nkey = \"tq_limited-key-for-tests\"\nscopes = [\"tickerq:read\"]\nrate_limit = \"{rate}\"\n"
    ));
    let client = server.client().with_token("tq_limited-key-for-tests");
    (site, server, client)
}

fn remaining(response: &ApiResponse) -> u32 {
    let text = response.header("ratelimit").expect("the remaining quota");
    let left = text.split("r=").nth(1).and_then(|left| left.split(';').next());
    left.expect("a number").parse().expect("a number")
}

#[tokio::test]
async fn an_expensive_read_counts_as_ten_requests() {
    let (_site, _server, client) = limited("25/h");
    assert_eq!(remaining(&client.get("/jobs?status=failed").await), 24);
    assert_eq!(remaining(&client.get("/jobs?search=x").await), 14);
    assert_eq!(remaining(&client.get("/jobs?from=2024-01-01").await), 4);
    let refused = client.get("/jobs?search=x").await;
    let problem = refused.problem(429);
    assert_eq!(problem["type"], "urn:tickerq:problem:too-many-requests");
    assert!(refused.header("retry-after").is_some());
    assert_eq!(client.get("/queues").await.status, StatusCode::OK);

    // With fewer concurrent requests per caller, one read uses the whole allowance.
    let (_site, _server, client) = limited("5/h");
    assert_eq!(remaining(&client.get("/jobs?search=x").await), 0);
}

async fn graphql(client: &Client, request: Value) -> ApiResponse {
    client
        .send(client.at_root(Method::POST, "/graphql").json(&request))
        .await
}

fn aliases(count: usize) -> Value {
    let fields: String = (0..count)
        .map(|number| format!("a{number}: queues {{ name }} "))
        .collect();
    json!({ "query": format!("{{ {fields} }}") })
}

#[tokio::test]
async fn graphql_counts_each_root_field_however_they_are_sent() {
    let (_site, _server, client) = limited("20/h");
    let response = graphql(&client, aliases(8)).await;
    assert_eq!(response.status, StatusCode::OK, "{}", response.text);
    assert_eq!(remaining(&response), 12);
    let batch = json!([aliases(1), aliases(2), aliases(3)]);
    assert_eq!(remaining(&graphql(&client, batch).await), 6);
    let refused = graphql(&client, json!([aliases(4), aliases(3)])).await;
    assert_eq!(refused.status, StatusCode::TOO_MANY_REQUESTS, "{}", refused.text);
    let query = "/graphql?query={a:queues{name}b:queues{name}}";
    let events = client.at_root(Method::GET, query).header("accept", "text/event-stream");
    let streamed = client.send(events).await;
    assert_eq!(streamed.status, StatusCode::OK, "{}", streamed.text);

    // An expensive field costs as much as over REST.
    let (_site, _server, client) = limited("20/h");
    let search = json!({ "query": "{ jobs(filter: { search: \"x\" }) { nodes { id } } }" });
    assert_eq!(remaining(&graphql(&client, search.clone()).await), 10);
    let two = json!({ "query": "{ a: jobs(filter: { search: \"x\" }) { totalCount } b: jobs { nodes { id } } }" });
    let response = graphql(&client, two).await.json();
    assert_eq!(
        response["errors"][0]["extensions"]["code"], "too-many-requests",
        "{response}"
    );
    assert!(
        response["errors"][0]["extensions"]["retryAfter"].is_number(),
        "{response}"
    );
}
