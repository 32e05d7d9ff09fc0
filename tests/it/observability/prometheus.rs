//! Metrics for Prometheus: their series, `promtool` finds no fault with them, and a real Prometheus scrapes them.

use std::fs;
use std::io::Write;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use reqwest::Method;
use serde_json::{Value, json};
use tickerq::domain::metrics::EXPORTED_NAMES;

use crate::graphql::{data_of, execute};
use crate::harness::client::Client;
use crate::harness::eventually;
use crate::harness::receiver::{Receiver, ScriptedResponse};
use crate::harness::server::{Server, Site, Storage};
use crate::harness::socket::Socket;
use crate::webhooks::endpoint;

const CONFIG: &str = r#"
[metrics]
enable_prometheus_export = true
[job_types.Noop]
handler = "noop"
[job_types.Breaks]
max_retries = 1
retry_delay = "00:00:00.010"
handler = { command = { program = "false" } }
"#;

async fn exposition(client: &Client) -> String {
    let response = client.send(client.at_root(Method::GET, "/metrics")).await;
    assert_eq!(response.status, 200, "{}", response.text);
    assert_eq!(
        response.header("content-type"),
        Some("text/plain; version=0.0.4; charset=utf-8")
    );
    response.text
}

/// The value of a series in the exposition format.
fn value(text: &str, series: &str) -> Option<f64> {
    let line = text
        .lines()
        .find(|line| line.strip_prefix(series).is_some_and(|rest| rest.starts_with(' ')))?;
    line.rsplit(' ').next()?.parse().ok()
}

async fn run_jobs(client: &Client) {
    for _ in 0..5 {
        client.create(json!({ "type": "Noop" })).await;
    }
    let failing = client.create(json!({ "type": "Breaks" })).await;
    client.create(json!({ "type": "NobodyRunsThis" })).await;
    client.wait_finished(failing["id"].as_str().expect("an id")).await;
    eventually("the jobs have completed", || async {
        let list = client.get("/jobs?status=completed").await.json();
        (list["totalCount"] == 5).then_some(())
    })
    .await;
}

#[tokio::test]
async fn jobs_are_counted_under_the_names_of_the_reference() {
    let receiver = Receiver::open().await;
    receiver.script([ScriptedResponse::Status("500 Internal Server Error", "", "")]);
    let endpoint = endpoint("crm", &receiver, "\"job.completed\"", "");
    let (_site, server) = Server::with_config(&format!("{CONFIG}{endpoint}"));
    let client = server.client();
    run_jobs(&client).await;
    data_of(&client, "{ queues { name } }").await;
    let counted = |text: &str| {
        [
            (
                r#"tickerq_jobs_total{queue="default",status="pending",type="Noop"}"#,
                5.0,
            ),
            (
                r#"tickerq_jobs_total{queue="default",status="running",type="Noop"}"#,
                5.0,
            ),
            (
                r#"tickerq_jobs_total{queue="default",status="completed",type="Noop"}"#,
                5.0,
            ),
            (
                r#"tickerq_jobs_total{queue="default",status="failed",type="Breaks"}"#,
                1.0,
            ),
            (r#"tickerq_job_retries_total{queue="default",type="Breaks"}"#, 1.0),
            (
                r#"tickerq_job_duration_seconds_count{queue="default",type="Breaks"}"#,
                2.0,
            ),
            (r#"tickerq_job_wait_seconds_count{queue="default",type="Noop"}"#, 5.0),
            (r#"tickerq_queue_length{queue="default"}"#, 1.0),
            (r#"tickerq_workers{queue="default"}"#, 10.0),
            (
                r#"tickerq_webhook_deliveries_total{endpoint="crm",status="delivered"}"#,
                5.0,
            ),
            (
                r#"tickerq_webhook_deliveries_total{endpoint="crm",status="retrying"}"#,
                1.0,
            ),
            (r#"tickerq_webhook_duration_seconds_count{endpoint="crm"}"#, 6.0),
            ("tickerq_commit_reports_dropped_total", 0.0),
            // Former names, for one release.
            ("tickerq_commits_missed_total", 0.0),
            ("tickerq_unhealthy", 0.0),
            ("tickerq_spans_lost_total", 0.0),
            (
                r#"tickerq_http_requests_total{method="POST",route="/api/tickerq/jobs",status="201"}"#,
                7.0,
            ),
        ]
        .into_iter()
        .find(|(series, expected)| value(text, series) != Some(*expected))
    };
    // Commits are counted asynchronously.
    let text = eventually("everything is counted", || async {
        let text = exposition(&client).await;
        counted(&text).is_none().then_some(text)
    })
    .await;
    for name in EXPORTED_NAMES {
        assert!(text.contains(&format!("# TYPE {name} ")), "{name} is missing:\n{text}");
    }
    let families = text.lines().filter(|line| line.starts_with("# TYPE ")).count();
    assert_eq!(families, EXPORTED_NAMES.len(), "and there are no others:\n{text}");
    assert!(value(&text, "process_resident_memory_bytes").is_some_and(|bytes| bytes > 1e6));
    assert_eq!(value(&text, "tickerq_health_status"), Some(0.0));
    let build = format!("tickerq_build_info{{version=\"{}\"}}", env!("CARGO_PKG_VERSION"));
    assert_eq!(value(&text, &build), Some(1.0));
    assert!(value(&text, "process_cpu_seconds_total").is_some_and(|seconds| seconds > 0.0));
    assert!(value(&text, "process_start_time_seconds").is_some_and(|seconds| seconds > 1.6e9));
    let posts = "http_request_method=\"POST\",http_response_status_code=\"201\",http_route=\"/api/tickerq/jobs\"";
    let count = format!("http_server_request_duration_seconds_count{{{posts},url_scheme=\"http\"}}");
    assert_eq!(value(&text, &count), Some(7.0), "{text}");
    assert!(text.contains(&format!(
        "http_server_request_duration_seconds_bucket{{{posts},url_scheme=\"http\",le=\"0.005\"}}"
    )));

    let mut promtool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("promtool is installed; scripts/test does it");
    promtool
        .stdin
        .take()
        .expect("a pipe")
        .write_all(text.as_bytes())
        .expect("it reads");
    let verdict = promtool.wait_with_output().expect("it ends");
    let printed = [verdict.stdout, verdict.stderr].map(|printed| String::from_utf8_lossy(&printed).into_owned());
    assert!(verdict.status.success() && printed.concat().is_empty(), "{printed:?}");
}

#[tokio::test]
async fn clients_operations_and_mailboxes_are_exported() {
    let (_site, server) = Server::with_config(CONFIG);
    let client = server.client();
    let (one, another) = (
        Socket::open(&server.url, "/ws").await,
        Socket::open(&server.url, "/ws").await,
    );
    let text = exposition(&client).await;
    for (kind, count) in [
        ("websocket", 2.0),
        ("signalr", 0.0),
        ("graphql-ws", 0.0),
        ("graphql-sse", 0.0),
    ] {
        let series = format!("tickerq_connected_clients{{kind=\"{kind}\"}}");
        assert_eq!(value(&text, &series), Some(count), "{text}");
    }
    drop(one);
    eventually("a worker that has left is not counted", || async {
        let text = exposition(&client).await;
        (value(&text, "tickerq_connected_clients{kind=\"websocket\"}") == Some(1.0)).then_some(())
    })
    .await;
    drop(another);
    data_of(&client, "{ queues { name } }").await;
    data_of(&client, "mutation { pauseQueue(name: \"default\") { name } }").await;
    execute(&client, "{ job(id: \"no id\") { id } }", json!({})).await;
    execute(&client, "{ nonsense", json!({})).await;
    let text = exposition(&client).await;
    for (labels, count) in [
        ("operation=\"query\",outcome=\"ok\"", 1.0),
        ("operation=\"query\",outcome=\"errors\"", 1.0),
        ("operation=\"mutation\",outcome=\"ok\"", 1.0),
        ("operation=\"invalid\",outcome=\"errors\"", 1.0),
    ] {
        let series = format!("tickerq_graphql_operations_total{{{labels}}}");
        assert_eq!(value(&text, &series), Some(count), "{text}");
    }
    for actor in [
        "Writer",
        "EventBus",
        "QueueRegistry",
        "QueueDispatcher",
        "Scheduler",
        "RecurringScheduler",
        "OrphanRecovery",
        "Pruner",
    ] {
        let series = format!("tickerq_actor_mailbox_lag_seconds{{actor=\"{actor}\"}}");
        assert!(value(&text, &series).is_some_and(|lag| lag >= 0.0), "{actor}:\n{text}");
    }
}

#[tokio::test]
async fn only_selected_metrics_are_exported_and_none_by_default() {
    let site = Site::new(Storage::Sqlite, "");
    let server = site.start();
    let client = server.client();
    client.send(client.at_root(Method::GET, "/metrics")).await.problem(404);
    server.stop();
    site.configure(
        r#"
[metrics]
enable_prometheus_export = true
prometheus_endpoint = "/numbers"
custom_metrics = ["tickerq_jobs_total", "tickerq_queue_length"]
"#,
    );
    let server = site.start();
    let client = server.client();
    client.create(json!({ "type": "NobodyRunsThis" })).await;
    client.send(client.at_root(Method::GET, "/metrics")).await.problem(404);
    eventually("the job is counted", || async {
        let text = client.send(client.at_root(Method::GET, "/numbers")).await.text;
        let mut types: Vec<&str> = text.lines().filter(|line| line.starts_with("# TYPE ")).collect();
        types.sort_unstable();
        (types == ["# TYPE tickerq_jobs_total counter", "# TYPE tickerq_queue_length gauge"]).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_name_or_a_path_that_is_none_stops_the_start() {
    for (config, expected) in [
        (
            "custom_metrics = [\"tickerq_job_total\"]",
            "unknown metric 'tickerq_job_total'",
        ),
        ("prometheus_endpoint = \"metrics\"", "the form is"),
        ("prometheus_endpoint = \"/healthz\"", "/healthz is already used"),
    ] {
        let site = Site::new(Storage::Sqlite, &format!("[metrics]\n{config}\n"));
        let checked = site.command(&["config", "check"]).output().expect("it runs");
        let printed = String::from_utf8_lossy(&checked.stderr);
        assert!(
            !checked.status.success() && printed.contains(expected),
            "{config}: {printed}"
        );
    }
}

#[tokio::test]
async fn with_authentication_metrics_need_the_read_scope() {
    let keys = r#"
[metrics]
enable_prometheus_export = true
[api]
require_authentication = true
[[api.keys]]
name = "reader"
key = "a-key-for-reading-that-is-long-enough-1"
scopes = ["tickerq:read"]
[[api.keys]]
name = "writer"
key = "a-key-for-writing-that-is-long-enough-1"
scopes = ["tickerq:write"]
"#;
    let site = Site::new(Storage::Sqlite, keys);
    let server = site.start();
    let client = server.client();
    let scrape = async |client: Client| client.send(client.at_root(Method::GET, "/metrics")).await;
    scrape(server.client()).await.problem(401);
    scrape(client.with_token("a-key-for-writing-that-is-long-enough-1"))
        .await
        .problem(403);
    let read = scrape(client.with_token("a-key-for-reading-that-is-long-enough-1")).await;
    assert_eq!(read.status, 200, "{}", read.text);
    server.stop();
    site.configure(&keys.replace("[metrics]", "[metrics]\nrequire_authentication = false"));
    let server = site.start();
    assert_eq!(scrape(server.client()).await.status, 200);
}

#[test]
fn the_alert_rules_are_in_order_and_speak_of_numbers_that_there_are() {
    let contrib = crate::harness::repository().join("contrib");
    let rules = contrib.join("prometheus/tickerq.rules.yml");
    let checked = Command::new("promtool").args(["check", "rules"]).arg(&rules).output();
    let checked = checked.expect("promtool is installed; scripts/test does it");
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
    for file in [rules, contrib.join("grafana/tickerq.json")] {
        let text = fs::read_to_string(&file).expect("a file");
        let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        for word in words.filter(|word| word.starts_with("tickerq_") || word.starts_with("process_")) {
            let base = word
                .trim_end_matches("_bucket")
                .trim_end_matches("_count")
                .trim_end_matches("_sum");
            assert!(EXPORTED_NAMES.contains(&base), "{} refers to {word}", file.display());
        }
    }
    let board: Value =
        serde_json::from_str(&fs::read_to_string(contrib.join("grafana/tickerq.json")).expect("a file")).expect("JSON");
    assert!(board["panels"].as_array().is_some_and(|panels| panels.len() >= 8));
}

/// A Prometheus process that is stopped on drop.
struct Prometheus {
    process: Child,
    url: String,
}

impl Prometheus {
    fn start(folder: &Path, target: &str) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
        let port = port.expect("a free port").port();
        let config = format!(
            "global:\n  scrape_interval: 500ms\nscrape_configs:\n  - job_name: tickerq\n    static_configs:\n      - targets: [\"{target}\"]\n"
        );
        fs::write(folder.join("prometheus.yml"), config).expect("a file");
        let process = Command::new("prometheus")
            .arg(format!("--config.file={}", folder.join("prometheus.yml").display()))
            .arg(format!("--storage.tsdb.path={}", folder.join("prometheus").display()))
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("prometheus is installed; scripts/test does it");
        Self {
            process,
            url: format!("http://127.0.0.1:{port}"),
        }
    }

    async fn value_of(&self, query: &str) -> Option<f64> {
        let request = reqwest::Client::new()
            .get(format!("{}/api/v1/query", self.url))
            .query(&[("query", query)]);
        let response: Value = request.send().await.ok()?.json().await.ok()?;
        response["data"]["result"][0]["value"][1].as_str()?.parse().ok()
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        // It may have exited already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[tokio::test]
async fn a_real_prometheus_reads_the_numbers() {
    let (site, server) = Server::with_config(CONFIG);
    let target = server.url.strip_prefix("http://").expect("a URL").to_owned();
    let prometheus = Prometheus::start(site.path(), &target);
    run_jobs(&server.client()).await;
    for (query, expected) in [
        (
            r#"sum by (status) (tickerq_jobs_total{type="Noop", status="completed"})"#,
            5.0,
        ),
        (r#"tickerq_job_duration_seconds_count{type="Breaks"}"#, 2.0),
        ("tickerq_queue_length", 1.0),
        ("up", 1.0),
    ] {
        eventually(query, || async {
            (prometheus.value_of(query).await == Some(expected)).then_some(())
        })
        .await;
    }
}

#[tokio::test]
async fn series_of_deleted_queues_and_endpoints_disappear() {
    let receiver = Receiver::open().await;
    let (_site, server) = Server::with_config(&format!("{CONFIG}[webhooks]\nallow_private_networks = true\n"));
    let client = server.client();
    let create = async || {
        let request = json!({ "name": "crm", "url": receiver.url(), "events": ["job.completed"] });
        let made = client.post("/webhooks/endpoints", request).await.json();
        let id = client.create_of_type("Noop").await;
        receiver.receive_where("the delivery", |got| got.job() == id).await;
        made["id"].as_str().expect("an id").to_owned()
    };
    let id = create().await;
    let series = "endpoint=\"crm\"";
    eventually("the deliveries are counted", || async {
        exposition(&client).await.contains(series).then_some(())
    })
    .await;
    let delete = client.request(Method::DELETE, &format!("/webhooks/endpoints/{id}"));
    assert_eq!(client.send(delete).await.status, 204);
    let text = exposition(&client).await;
    assert!(!text.contains(series), "{text}");
    // Once its name exists again, the series does too.
    create().await;
    eventually("the deliveries are counted again", || async {
        exposition(&client).await.contains(series).then_some(())
    })
    .await;
}
