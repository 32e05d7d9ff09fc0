//! Rows and servers of other versions in the same database do not block this version.

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::harness::eventually;
use crate::harness::receiver::Receiver;
use crate::harness::server::{Site, Storage, query_sql, run_sql};
use crate::webhooks::{endpoint, endpoint_named};

const CONFIG: &str = "[cluster]\nlease_ttl = \"00:00:03\"\n[job_types.NoopJob]\nhandler = \"noop\"\n\
    [webhooks]\nallow_private_networks = true\nremove_unconfigured_after = \"00:00:00\"\n[log]\nlevel = \"info,tickerq::runtime=trace\"\n";

/// Log text of a read of all endpoints.
const READ: &str = "read webhook endpoints";

#[tokio::test(flavor = "multi_thread")]
async fn an_unreadable_endpoint_prevents_no_job() {
    let receiver = Receiver::open().await;
    let site = Site::new(Storage::Postgres, CONFIG);
    let server = site.start();
    let client = server.client();
    let request = json!({ "url": receiver.url(), "events": ["job.completed"] });
    let made = client.post("/webhooks/endpoints", request).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
    let first = client.create_of_type("NoopJob").await;
    receiver.receive_where("the first job", |got| got.job() == first).await;
    // As a node of a later version stores them: with an unknown event and an unknown source.
    let copied = "name, url, secret, max_retries, retry_delay, created_at, updated_at, revision, is_deleted";
    let later = format!(
        "BEGIN; UPDATE webhook_endpoints SET events = 'job.archived,job.completed'; \
         INSERT INTO webhook_endpoints (id, events, source, {copied}) \
         SELECT gen_random_uuid(), 'job.completed', 9, {copied} FROM webhook_endpoints; \
         UPDATE webhook_endpoint_version SET version = version + 1; COMMIT"
    );
    run_sql(site.database_url(), &later);
    for _ in 0..3 {
        let job = client.create_of_type("NoopJob").await;
        client.wait_finished(&job).await;
        receiver
            .receive_where("a job of the known event", |got| got.job() == job)
            .await;
    }
    let list = client.get("/webhooks/endpoints").await;
    assert_eq!(list.status, StatusCode::OK, "{}", list.text);
    let list = list.json();
    let events: Vec<&Value> = list["endpoints"]
        .as_array()
        .expect("endpoints")
        .iter()
        .map(|one| &one["events"])
        .collect();
    assert_eq!(events, [&json!(["job.archived", "job.completed"])]);
    eventually("both are logged", || async {
        let log = server.log();
        (log.contains("has no valid source") && log.contains("the event 'job.archived'")).then_some(())
    })
    .await;
    let lines = server
        .log()
        .lines()
        .filter(|line| line.contains("can't be read"))
        .count();
    assert_eq!(lines, 2, "each once: {}", server.log());
    assert!(server.stop().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invalid_row_of_another_program_prevents_no_other_job() {
    let site = Site::new(Storage::Postgres, CONFIG);
    let server = site.start();
    let client = server.client();
    let ids = [0, 1].map(|_| async {
        let job = json!({ "type": "NoopJob", "delay": "01:00:00" });
        client.create(job).await["id"].as_str().expect("an id").to_owned()
    });
    let ids = futures_util::future::join_all(ids).await;
    let spoil = format!(
        "UPDATE jobs SET due_at = 0, retry_intervals = 'soon', id = gen_random_uuid() WHERE id = '{}'; \
         UPDATE jobs SET due_at = 0, occurrence_at = 9223372036854775807, retry_intervals = 'soon' WHERE id = '{}'",
        ids[0], ids[1]
    );
    run_sql(site.database_url(), &spoil);
    for _ in 0..3 {
        let job = client.create_of_type("NoopJob").await;
        client.wait_finished(&job).await;
    }
    eventually("both run, too", || async {
        let open = client.get("/jobs?status=pending,running&limit=1").await.json();
        (open["totalCount"] == 0).then_some(())
    })
    .await;
    assert!(server.stop().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_remains_while_a_server_does_not_report_its_configuration() {
    let receiver = Receiver::open().await;
    let crm = endpoint("crm", &receiver, "\"job.completed\"", "");
    let site = Site::new(Storage::Postgres, &format!("{CONFIG}{crm}"));
    assert!(site.start().stop().success());
    // A server of the previous release, which stores neither its job types nor its configured endpoints.
    let old = "INSERT INTO nodes (id, name, started_at, heartbeat_at, lease_until) \
               SELECT gen_random_uuid(), 'old', now, now, now + 3600000000 \
               FROM (SELECT CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000000 AS bigint) AS now) AS n";
    run_sql(site.database_url(), old);
    run_sql(site.database_url(), "DELETE FROM webhook_endpoint_names");
    site.configure(CONFIG);
    let server = site.start();
    let client = server.client();
    for _ in 0..2 {
        let job = client.create_of_type("NoopJob").await;
        receiver.receive_where("a job", |got| got.job() == job).await;
        // A later read has found the endpoint, and kept it.
        let reads = server.logged(READ);
        server.until_logged(READ, reads + 2).await;
    }
    assert_eq!(endpoint_named(&client, "crm").await["unconfiguredSince"], Value::Null);
    assert!(
        !server.log().contains("no live node's configuration"),
        "{}",
        server.log()
    );
    run_sql(site.database_url(), "DELETE FROM nodes WHERE name = 'old'");
    eventually("it is retired", || async {
        server.log().contains("removed webhook endpoint 'crm'").then_some(())
    })
    .await;
    // The previous release reads an endpoint without events as corrupt.
    let row = query_sql(site.database_url(), "SELECT events, is_retired FROM webhook_endpoints");
    assert_eq!(row, "job.completed|t");
    assert!(server.stop().success());
}
