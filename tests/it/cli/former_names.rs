//! A configuration with former names of settings works, and each former name is a warning.

use reqwest::StatusCode;
use serde_json::json;

use crate::harness::server::{Server, Site, Storage};

const FORMER: &str = r#"[server]
request_body_bytes_max = "2KiB"
[api]
required_scopes = ["see", "do"]
public_docs = true
[[api.keys]]
name = "caller"
key = "tq_a-key-of-this-test"
scopes = ["see", "do", "tickerq:admin"]
[jobs]
parameters_bytes_max = "100B"
batch_jobs_max = 2
[queue_defaults]
workers = 7
[[queues]]
name = "mail"
workers = 3
[nodes]
name = "old"
lease = "00:00:20"
[health]
disk_free_percent_min = 0
failure_percent_max = 29
[sync]
feed = true
[telemetry]
sample_percent = 7
"#;

/// Each former name with its line and the current name.
const WARNINGS: [&str; 14] = [
    "tickerq.toml:2: server.request_body_bytes_max: is deprecated; use server.max_request_body",
    "tickerq.toml:5: api.public_docs: is deprecated; use api.docs = \"public\"",
    "tickerq.toml:4: api.required_scopes: is deprecated; use api.scopes = { read = \"see\", write = \"do\" }",
    "tickerq.toml:11: jobs.parameters_bytes_max: is deprecated; use jobs.max_parameters_size",
    "tickerq.toml:12: jobs.batch_jobs_max: is deprecated; use jobs.max_batch_size",
    "tickerq.toml:14: queue_defaults.workers: is deprecated; use queue_defaults.concurrency",
    "tickerq.toml:17: queues[0].workers: is deprecated; use queues[0].concurrency",
    "tickerq.toml:20: nodes.lease: is deprecated; use cluster.lease_ttl",
    "tickerq.toml:19: nodes.name: is deprecated; use cluster.node_name",
    "tickerq.toml:23: health.failure_percent_max: is deprecated; use health.max_failure_rate = 0.29",
    "tickerq.toml:22: health.disk_free_percent_min: is deprecated; use health.min_disk_free = 0.0",
    "tickerq.toml:25: sync.feed: is deprecated; use change_feed.enable",
    "tickerq.toml:27: telemetry.sample_percent: is deprecated; use telemetry.trace_sample_ratio = 0.07",
    "TICKERQ_HEALTH__RAISE_AFTER: health.raise_after: is deprecated; use health.alert_after (TICKERQ_HEALTH__ALERT_AFTER)",
];

#[tokio::test]
async fn a_configuration_with_former_names_works_as_before_with_warnings() {
    let (_site, server) = Server::with_config(FORMER);
    let client = server.client().with_token("tq_a-key-of-this-test");
    let queues = client.get("/queues").await.json();
    let workers_of = |name: &str| {
        let queues = queues["queues"]
            .as_array()
            .or_else(|| queues.as_array())
            .expect("queues");
        let queue = queues.iter().find(|queue| queue["name"] == name).expect("a queue");
        queue["workers"].clone()
    };
    assert_eq!((workers_of("mail"), workers_of("default")), (json!(3), json!(7)));
    let long = "x".repeat(200);
    client
        .post("/jobs", json!({"type": "A", "parameters": long}))
        .await
        .problem(400);
    let longer = "x".repeat(3_000);
    client
        .post("/jobs", json!({"type": "A", "parameters": longer}))
        .await
        .problem(413);
    let three = json!({"jobs": [{"type": "A"}, {"type": "A"}, {"type": "A"}]});
    assert!(client.post("/jobs/batch", three).await.status.is_client_error());
    let nodes = client.get("/nodes").await.json().to_string();
    assert!(nodes.contains("\"old\""), "{nodes}");
    assert_eq!(client.get("/jobs/changes").await.status, StatusCode::OK);
    // The OpenAPI document is public.
    assert_eq!(server.client().get("/openapi.json").await.status, StatusCode::OK);
    let log = server.log();
    for warning in &WARNINGS[..13] {
        assert!(log.contains(warning), "{warning}\n{log}");
    }
}

#[test]
fn check_and_show_name_the_current_keys() {
    let site = Site::new(Storage::Sqlite, FORMER);
    let output = |arguments: &[&str]| {
        let mut command = site.command(arguments);
        let output = command
            .env("TICKERQ_HEALTH__RAISE_AFTER", "00:00:07")
            .output()
            .expect("the program runs");
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
        (output.status.success(), text(output.stdout), text(output.stderr))
    };
    let (is_valid, _, warnings) = output(&["config", "check"]);
    assert!(is_valid, "{warnings}");
    for warning in WARNINGS {
        assert!(
            warnings.lines().any(|line| line == format!("warning: {warning}")),
            "{warning}\n{warnings}"
        );
    }
    let (is_valid, printed, _) = output(&["config", "show"]);
    assert!(is_valid);
    for line in [
        "max_request_body = \"2KiB\"  # tickerq.toml:2",
        "docs = \"public\"  # tickerq.toml:5",
        "[api.scopes]",
        "read = \"see\"  # tickerq.toml:4",
        "concurrency = 3  # tickerq.toml:17",
        "node_name = \"old\"  # tickerq.toml:19",
        "max_failure_rate = 0.29  # tickerq.toml:23",
        "alert_after = \"00:00:07\"  # TICKERQ_HEALTH__RAISE_AFTER",
        "trace_sample_ratio = 0.07  # tickerq.toml:27",
    ] {
        assert!(printed.lines().any(|found| found == line), "{line}\n{printed}");
    }
}

#[test]
fn both_names_of_a_setting_are_an_error() {
    let site = Site::new(Storage::Sqlite, "[nodes]\nlease = \"00:00:20\"\n");
    let output = site
        .command(&["serve"])
        .env("TICKERQ_CLUSTER__LEASE_TTL", "00:00:30")
        .output()
        .expect("the program runs");
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(
        String::from_utf8_lossy(&output.stderr),
        "error: tickerq.toml:2: nodes.lease: is the former name of cluster.lease_ttl, which is also set \
         (TICKERQ_CLUSTER__LEASE_TTL); remove nodes.lease\n"
    );
}
