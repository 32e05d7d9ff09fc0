//! The WebSocket API: subscribers receive events, and invalid messages end no connection.

use std::process::Command;
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use rustix::process::Signal;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use crate::harness::client::Client;
use crate::harness::server::{Server, Site, Storage, postgres_url};
use crate::harness::socket::Socket;

const CONFIG: &str = r#"
[job_types.NoopJob]
handler = "noop"

[job_types.OtherJob]
handler = "noop"

[job_types.FailingJob]
max_retries = 0
handler = { command = { program = "false" } }

[job_types.ShortJob]
handler = { command = { program = "sleep", args = ["0.5"] } }
"#;

fn status_of(message: &Value) -> (&str, &str, &str) {
    let text = |name: &str| message["data"][name].as_str().unwrap_or_default();
    (text("jobId"), text("event"), text("status"))
}

#[tokio::test]
async fn events_of_a_job_arrive_in_order() {
    let (_site, server) = Server::with_config(CONFIG);
    let mut socket = Socket::open(&server.url, "/ws").await;
    socket
        .send_json(json!({ "action": "subscribe", "topics": ["job-status"] }))
        .await;
    let subscribed = socket.next_of("subscribed").await;
    assert_eq!(subscribed["data"], json!({ "topics": ["job-status"] }));
    assert!(subscribed["timestamp"].as_str().is_some_and(|time| time.ends_with('Z')));
    for (job_type, end) in [("NoopJob", "completed"), ("FailingJob", "failed")] {
        let id = server.client().create_of_type(job_type).await;
        for (event, status) in [
            ("job.created", "pending"),
            ("job.started", "running"),
            (&format!("job.{end}"), end),
        ] {
            let message = socket.next_of("job-status-changed").await;
            assert_eq!(status_of(&message), (id.as_str(), event, status), "{message}");
            let job = server.client().job(&id).await;
            for member in ["name", "type", "queue", "priority", "createdAt", "maxRetries"] {
                assert_eq!(message["data"][member], job[member], "{member}");
            }
        }
        server.client().wait_finished(&id).await;
    }
}

#[tokio::test]
async fn deleted_and_changed_jobs_have_their_own_events() {
    let (_site, server) = Server::with_config(CONFIG);
    let client = server.client();
    let mut socket = Socket::open(&server.url, "/v1/ws").await;
    socket.subscribe(json!("job-status"), Value::Null).await;
    let job = client.create(json!({ "type": "NoopJob", "delay": "01:00:00" })).await;
    let id = job["id"].as_str().expect("an id");
    let patch = client
        .request(reqwest::Method::PATCH, &format!("/jobs/{id}"))
        .json(&json!({ "priority": "high" }));
    client.send(patch).await;
    client.post_empty(&format!("/jobs/{id}/cancel")).await;
    client
        .send(client.request(reqwest::Method::DELETE, &format!("/jobs/{id}")))
        .await;
    for (event, status) in [
        ("job.created", "pending"),
        ("job.changed", "pending"),
        ("job.cancelled", "cancelled"),
        ("job.deleted", "deleted"),
    ] {
        let message = socket.next_of("job-status-changed").await;
        assert_eq!(status_of(&message), (id, event, status));
    }
}

#[tokio::test]
async fn filters_by_job_queue_and_type_deliver_only_matching_events() {
    let (_site, server) = Server::with_config(CONFIG);
    let client = server.client();
    let job = |job_type: &str, queue: &str| json!({ "type": job_type, "queue": queue, "delay": "01:00:00" });
    let one = client.create(job("NoopJob", "a")).await["id"].clone();
    let mut of_job = Socket::open(&server.url, "/ws").await;
    of_job.subscribe(json!(["job-status"]), json!({ "jobId": one })).await;
    let mut of_queue = Socket::open(&server.url, "/ws").await;
    of_queue
        .subscribe(json!(["job-status"]), json!({ "queue": ["b", "c"] }))
        .await;
    let mut of_type = Socket::open(&server.url, "/ws").await;
    of_type
        .subscribe(json!(["job-status"]), json!({ "type": "OtherJob", "queue": "c" }))
        .await;

    let in_b = client.create(job("NoopJob", "b")).await["id"].clone();
    let in_c = client.create(job("OtherJob", "c")).await["id"].clone();
    client.create(job("OtherJob", "a")).await;
    client
        .post_empty(&format!("/jobs/{}/cancel", one.as_str().expect("an id")))
        .await;

    assert_eq!(of_job.next_of("job-status-changed").await["data"]["jobId"], one);
    assert_eq!(of_queue.next_of("job-status-changed").await["data"]["jobId"], in_b);
    assert_eq!(of_queue.next_of("job-status-changed").await["data"]["jobId"], in_c);
    assert_eq!(of_type.next_of("job-status-changed").await["data"]["jobId"], in_c);
}

#[tokio::test]
async fn after_unsubscribing_no_event_of_the_topic_arrives() {
    let (_site, server) = Server::with_config(CONFIG);
    let mut socket = Socket::open(&server.url, "/ws").await;
    for queue in ["a", "b"] {
        socket.subscribe(json!(["job-status"]), json!({ "queue": queue })).await;
    }
    socket
        .send_json(json!({ "action": "unsubscribe", "topics": ["job-status"], "filter": { "queue": "a" } }))
        .await;
    let response = socket.next_of("unsubscribed").await;
    assert_eq!(response["data"], json!({ "topics": ["job-status"] }));
    let client = server.client();
    client
        .create(json!({ "type": "NoopJob", "queue": "a", "delay": "01:00:00" }))
        .await;
    let wanted = client
        .create(json!({ "type": "NoopJob", "queue": "b", "delay": "01:00:00" }))
        .await;
    assert_eq!(
        socket.next_of("job-status-changed").await["data"]["jobId"],
        wanted["id"]
    );
}

#[tokio::test]
async fn invalid_messages_get_an_error_and_the_connection_stays_open() {
    let (_site, server) = Server::with_config(CONFIG);
    let mut socket = Socket::open(&server.url, "/ws").await;
    for text in [
        "hello",
        "[]",
        "{\"action\":\"subscribe\"}",
        "{\"action\":\"shout\",\"topics\":[\"job-status\"]}",
    ] {
        socket.send_text(text).await;
        let error = socket.next_of("error").await;
        for member in ["code", "message"] {
            assert!(
                error["data"][member].as_str().is_some_and(|text| !text.is_empty()),
                "{error}"
            );
        }
    }
    socket.send(Message::binary(vec![1, 2, 3])).await;
    assert_eq!(socket.next_of("error").await["data"]["code"], "malformed");
    socket
        .send_json(json!({ "action": "subscribe", "topics": ["job-status", "weather"] }))
        .await;
    let error = socket.next_of("error").await;
    assert!(
        error["data"]["message"]
            .as_str()
            .is_some_and(|text| text.contains("weather")),
        "{error}"
    );
    // The rejected request has no effect, and the connection stays usable.
    socket.subscribe(json!(["job-status"]), json!({ "queue": "a" })).await;
    let client = server.client();
    client.create_of_type("NoopJob").await;
    let wanted = client.create(json!({ "type": "NoopJob", "queue": "a" })).await;
    assert_eq!(
        socket.next_of("job-status-changed").await["data"]["jobId"],
        wanted["id"]
    );
}

#[tokio::test]
async fn a_request_without_an_upgrade_gets_a_problem() {
    let (_site, server) = Server::with_config("");
    let client = server.client();
    let response = client.get("/ws").await;
    response.problem(426);
    assert_eq!(
        (response.header("upgrade"), response.header("sec-websocket-version")),
        (Some("websocket"), Some("13"))
    );
    client.post_empty("/ws").await.problem(405);
}

/// Reads queue metrics until a queue has this number of completed jobs; returns all messages with their times of
/// receipt.
async fn metrics_until(socket: &mut Socket, queue: &str, completed: u64) -> Vec<(DateTime<Utc>, Value)> {
    let mut seen = Vec::new();
    loop {
        let message = socket.next_of("queue-metrics-updated").await;
        let data = message["data"].clone();
        let is_last = data["name"] == queue && data["completedJobs"] == completed;
        let read_at = message["timestamp"].as_str().and_then(|text| text.parse().ok());
        seen.push((read_at.expect("a time"), data));
        if is_last {
            return seen;
        }
    }
}

#[tokio::test]
async fn queue_metrics_arrive_at_most_once_an_interval_and_only_on_change() {
    let interval = TimeDelta::milliseconds(300);
    let (_site, server) = Server::with_config(&format!(
        "{CONFIG}\n[realtime]\nqueue_metrics_interval = \"00:00:00.3\"\n"
    ));
    let client = server.client();
    let mut first = Socket::open(&server.url, "/ws").await;
    first.subscribe(json!(["queue-metrics"]), Value::Null).await;
    let initial = first.next_of("queue-metrics-updated").await;
    assert_eq!(initial["data"], client.queue("default").await, "the same as over REST");
    let mut late = Socket::open(&server.url, "/ws").await;
    late.subscribe(json!(["queue-metrics"]), json!({ "queue": "default" }))
        .await;
    let late_state = late.next_of("queue-metrics-updated").await;
    assert_eq!(
        late_state["data"], initial["data"],
        "a later subscriber receives the current state"
    );

    for _ in 0..40 {
        client.create_of_type("NoopJob").await;
        // Spread over several intervals.
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let seen = metrics_until(&mut first, "default", 40).await;
    for pair in seen.windows(2) {
        assert_ne!(pair[0].1, pair[1].1, "nothing has changed");
    }
    for pair in seen.windows(2) {
        let pause = pair[1].0 - pair[0].0;
        assert!(pause >= interval, "two messages within {pause}");
    }
    client.post_empty("/queues/default/pause").await;
    let paused = first.next_of("queue-metrics-updated").await;
    assert_eq!(paused["data"]["status"], "paused");
}

#[tokio::test]
async fn the_servers_metrics_arrive_at_once_and_then_periodically() {
    let (_site, server) = Server::with_config(&format!(
        "{CONFIG}\n[realtime]\nsystem_metrics_interval = \"00:00:00.5\"\n"
    ));
    let id = server.client().create_of_type("NoopJob").await;
    server.client().wait_finished(&id).await;
    let mut socket = Socket::open(&server.url, "/ws").await;
    let start = Instant::now();
    socket.subscribe(json!(["system-metrics"]), Value::Null).await;
    let first = socket.next_of("system-metrics-updated").await["data"].clone();
    assert_eq!(first["totalJobs"], 1);
    assert_eq!(first["systemHealth"], "healthy");
    assert!(
        first["memoryUsage"]["percentage"]
            .as_f64()
            .is_some_and(|share| share > 0.0),
        "{first}"
    );
    assert!(
        first["cpuUsage"]["cores"].as_u64().is_some_and(|cores| cores > 0),
        "{first}"
    );
    for _ in 0..3 {
        let next = socket.next_of("system-metrics-updated").await;
        assert_ne!(next["data"]["timestamp"], first["timestamp"]);
    }
    assert!(start.elapsed() >= Duration::from_secs(1), "they come too often");
}

/// Runs SQL on the test cluster.
fn on_cluster(sql: &str) {
    let output = Command::new("psql")
        .args([postgres_url().as_str(), "-q", "-c", sql])
        .output();
    let output = output.expect("psql runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[tokio::test]
async fn health_is_reported_when_storage_fails_and_when_it_recovers() {
    let site = Site::new(
        Storage::Postgres,
        "[realtime]\nsystem_metrics_interval = \"00:00:00.2\"\n[health]\nresolve_after = \"00:00:00.2\"\n",
    );
    let server = site.start();
    let database = site.database_url().rsplit('/').next().expect("a database").to_owned();
    let mut socket = Socket::open(&server.url, "/ws").await;
    socket.subscribe(json!(["system-health"]), Value::Null).await;
    on_cluster(&format!("ALTER DATABASE {database} ALLOW_CONNECTIONS false"));
    on_cluster(&format!(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{database}'"
    ));
    let alert = socket.next_of("system-health-alert").await["data"].clone();
    assert_eq!(alert["status"], "unhealthy", "{alert}");
    assert_eq!(alert["previousStatus"], "healthy");
    assert_eq!(alert["reasons"][0]["code"], "storage-unavailable");
    // A new subscriber receives it as well.
    let mut late = Socket::open(&server.url, "/ws").await;
    late.subscribe(json!(["system-health"]), Value::Null).await;
    assert_eq!(late.next_of("system-health-alert").await["data"], alert);

    on_cluster(&format!("ALTER DATABASE {database} ALLOW_CONNECTIONS true"));
    for socket in [&mut socket, &mut late] {
        let recovery = socket.next_of("system-health-alert").await["data"].clone();
        assert_eq!(recovery["status"], "healthy", "{recovery}");
        assert_eq!(recovery["previousStatus"], "unhealthy");
        assert_eq!(recovery["reasons"], json!([]));
    }
}

#[tokio::test]
async fn a_stopping_server_sends_the_last_jobs_end_and_closes_properly() {
    let (_site, server) = Server::with_config(CONFIG);
    let mut socket = Socket::open(&server.url, "/ws").await;
    let mut silent = Socket::open(&server.url, "/ws").await;
    socket.subscribe(json!(["job-status"]), Value::Null).await;
    let id = server.client().create_of_type("ShortJob").await;
    server.client().wait_for(&id, &["running"]).await;
    server.signal(Signal::TERM);
    for status in ["pending", "running", "completed"] {
        let event = socket.next_of("job-status-changed").await;
        assert_eq!(event["data"]["status"], status);
    }
    for socket in [&mut socket, &mut silent] {
        assert_eq!(socket.close_frame().await, (1001, "the server is stopping".to_owned()));
    }
    assert!(server.wait().success());
}

#[tokio::test]
async fn every_node_publishes_the_events_of_all() {
    let site = Site::new(Storage::Postgres, CONFIG);
    let (first, second) = (site.start(), site.start());
    let mut here = Socket::open(&first.url, "/ws").await;
    let mut there = Socket::open(&second.url, "/ws").await;
    here.subscribe(json!(["job-status"]), Value::Null).await;
    there.subscribe(json!(["job-status"]), Value::Null).await;
    let client = Client::new(&first.url);
    // The other node receives events once this node knows of its subscription. Those of jobs that it runs itself arrive
    // before: only the creation is an event of this node.
    let events_arrive = async { while there.next_of("job-status-changed").await["data"]["event"] != "job.created" {} };
    let jobs_are_created = async {
        loop {
            client.create_of_type("NoopJob").await;
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::select! {
        () = events_arrive => {}
        () = jobs_are_created => {}
    }
    let id = client.create_of_type("NoopJob").await;
    for socket in [&mut here, &mut there] {
        for status in ["pending", "running", "completed"] {
            let event = loop {
                let event = socket.next_of("job-status-changed").await;
                if event["data"]["jobId"] == json!(id) {
                    break event;
                }
            };
            assert_eq!(event["data"]["status"], status);
        }
    }
}
