//! PostgreSQL outages under load.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::harness::client::Client;
use crate::harness::cluster::Cluster;
use crate::harness::eventually;
use crate::harness::receiver::Receiver;
use crate::harness::server::{Server, Site, new_postgres_database};
use crate::harness::tcp_proxy::Line;
use crate::webhooks::endpoint;

/// Each attempt writes a line: job and attempt number.
const CONFIG: &str = r#"
[[queues]]
name = "default"
concurrency = 4

[cluster]
lease_ttl = "00:00:05"

[job_types.NotedJob]
handler = { command = { program = "sh", args = ["-c", "echo $TICKERQ_JOB_ID $TICKERQ_ATTEMPT >> runs; sleep 0.05"] } }
"#;

/// Posts jobs in sequence, each until it is acknowledged: a retry with the same key returns the same job.
async fn post_until(
    client: Client,
    name: usize,
    must_end: Arc<AtomicBool>,
    acknowledged: Arc<AtomicUsize>,
) -> Vec<String> {
    let mut ids = Vec::new();
    let mut number = 0;
    while !must_end.load(Ordering::Relaxed) {
        number += 1;
        let key = format!("{name}-{number}");
        let id = eventually("a job is acknowledged", || async {
            let request = client.request(Method::POST, "/jobs").header("idempotency-key", &key);
            let response = request.json(&json!({ "type": "NotedJob" })).send().await.ok()?;
            let status = response.status();
            let body = response.json::<Value>().await.ok()?;
            if status == StatusCode::SERVICE_UNAVAILABLE {
                return None;
            }
            assert!(status.is_success(), "{status}: {body}");
            body["id"].as_str().map(str::to_owned)
        })
        .await;
        ids.push(id);
        acknowledged.fetch_add(1, Ordering::Relaxed);
    }
    ids
}

async fn ready(server: &Server) -> StatusCode {
    let client = server.client();
    client.send(client.at_root(Method::GET, "/readyz")).await.status
}

/// Every server is ready, and each client has had more jobs acknowledged.
async fn all_work_again(servers: &[Server], acknowledged: &[Arc<AtomicUsize>]) {
    let before: Vec<usize> = acknowledged.iter().map(|count| count.load(Ordering::Relaxed)).collect();
    for server in servers {
        eventually("a server is ready again", || async {
            (ready(server).await == StatusCode::OK).then_some(())
        })
        .await;
    }
    eventually("all servers take jobs", || async {
        let counts = acknowledged.iter().map(|count| count.load(Ordering::Relaxed));
        counts
            .zip(&before)
            .all(|(now, before)| now >= before + 10)
            .then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn three_nodes_lose_nothing_and_recover_when_postgresql_is_restarted() {
    let cluster = Cluster::start_new();
    let site = Site::over(cluster.url(), CONFIG);
    let servers = [site.start(), site.start(), site.start()];
    let first = servers[0].client();
    let recurring = json!({ "type": "NotedJob", "cronExpression": "* * * * * *" });
    let recurring = first.post("/jobs/recurring", recurring).await.json();
    let recurring_id = recurring["id"].as_str().expect("an id").to_owned();

    let must_end = Arc::<AtomicBool>::default();
    let (mut posting, mut acknowledged) = (Vec::new(), Vec::new());
    for (name, server) in servers.iter().enumerate() {
        let count = Arc::<AtomicUsize>::default();
        acknowledged.push(Arc::clone(&count));
        posting.push(tokio::spawn(post_until(
            server.client(),
            name,
            Arc::clone(&must_end),
            count,
        )));
    }
    all_work_again(&servers, &acknowledged).await;
    cluster.crash();
    for server in &servers {
        eventually("a server reports that it can't work", || async {
            (ready(server).await == StatusCode::SERVICE_UNAVAILABLE).then_some(())
        })
        .await;
    }
    cluster.start();
    all_work_again(&servers, &acknowledged).await;
    cluster.stop();
    cluster.start();
    all_work_again(&servers, &acknowledged).await;

    let recurring_path = format!("/jobs/recurring/{recurring_id}");
    let last_run = first.get(&recurring_path).await.json()["lastRunAt"].clone();
    eventually("occurrences are created again", || async {
        let recurring = first.get(&recurring_path).await.json();
        (recurring["lastRunAt"] != last_run).then_some(())
    })
    .await;

    must_end.store(true, Ordering::Relaxed);
    let mut ids = Vec::new();
    for post in posting {
        ids.extend(post.await.expect("the posts end"));
    }
    let disabled = first.post_empty(&format!("{recurring_path}/disable")).await;
    assert_eq!(disabled.status, StatusCode::OK, "{}", disabled.text);
    eventually("nothing is pending or running", || async {
        let open = first.get("/jobs?status=pending,running&limit=1").await.json();
        (open["totalCount"] == 0).then_some(())
    })
    .await;

    let path = format!("/jobs?recurringJobId={recurring_id}&limit=1000");
    let occurrences = first.get(&path).await.json()["jobs"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    let mut due_times = BTreeSet::new();
    for occurrence in &occurrences {
        let id = occurrence["id"].as_str().expect("an id").to_owned();
        let due_at = first.job(&id).await["occurrenceAt"].to_string();
        assert!(
            due_times.insert(due_at),
            "an occurrence that there is twice: {occurrence}"
        );
        ids.push(id);
    }
    assert!(due_times.len() >= 2, "before the outage and after it: {due_times:?}");
    let stored = first.get("/jobs?limit=1").await.json()["totalCount"].clone();
    assert_eq!(stored, ids.len(), "every job that was acknowledged, and no other");

    let mut runs = BTreeMap::<String, Vec<u64>>::new();
    for line in fs::read_to_string(site.path().join("runs")).expect("runs").lines() {
        let (id, attempt) = line.split_once(' ').expect("a job and an attempt");
        runs.entry(id.to_owned())
            .or_default()
            .push(attempt.parse().expect("a number"));
    }
    for id in &ids {
        let job = first.job(id).await;
        assert_eq!(job["status"], "completed", "{job}");
        let history = job["executionHistory"].as_array().cloned().unwrap_or_default();
        let (last, earlier) = history.split_last().expect("an attempt");
        assert_eq!(last["status"], "completed", "{job}");
        // A node whose lease expires during the outage interrupts its attempts itself; others are lost.
        let may_run_again = |attempt: &Value| attempt["status"] == "lost" || attempt["status"] == "interrupted";
        assert!(
            earlier.iter().all(may_run_again),
            "only lost and interrupted attempts run again: {job}"
        );
        let mut attempts = runs.remove(id).unwrap_or_default();
        attempts.sort_unstable();
        let count = attempts.len();
        attempts.dedup();
        assert_eq!(count, attempts.len(), "no attempt runs twice: {attempts:?} of {job}");
        assert!(count <= history.len(), "{attempts:?} of {job}");
    }
    assert!(runs.is_empty(), "no acknowledgement of {runs:?}");
    for server in servers {
        assert!(server.stop().success());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_replaces_connections_that_died_silently() {
    let database = new_postgres_database("");
    let line = Line::to(&database).await;
    // Long enough for it to notice before another node may claim its jobs.
    let config = CONFIG.replace("00:00:05", "00:00:20");
    let site = Site::over(line.url_of(&database), &config);
    let server = site.start();
    let client = server.client();
    let recurring = json!({ "type": "NotedJob", "cronExpression": "* * * * * *" });
    let recurring = client.post("/jobs/recurring", recurring).await.json();
    let path = format!("/jobs/recurring/{}", recurring["id"].as_str().expect("an id"));
    let last_run = async || client.get(&path).await.json()["lastRunAt"].clone();
    eventually("an occurrence is created", || async {
        last_run().await.as_str().map(drop)
    })
    .await;
    line.cut();
    let acknowledged = Arc::<AtomicUsize>::default();
    let must_end = Arc::<AtomicBool>::default();
    let posting = tokio::spawn(post_until(
        client.clone(),
        0,
        Arc::clone(&must_end),
        Arc::clone(&acknowledged),
    ));
    all_work_again(std::slice::from_ref(&server), &[acknowledged]).await;
    must_end.store(true, Ordering::Relaxed);
    let ids = posting.await.expect("the posts end");
    let before = last_run().await;
    eventually("occurrences are created again", || async {
        (last_run().await != before).then_some(())
    })
    .await;
    client.post_empty(&format!("{path}/disable")).await;
    for id in ids {
        let job = eventually("a job is completed", || async {
            let job = client.job(&id).await;
            (job["status"] == "completed").then_some(job)
        })
        .await;
        assert_eq!(job["executionHistory"].as_array().map(Vec::len), Some(1), "{job}");
    }
    assert!(server.stop().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outage_is_logged_once() {
    let receiver = Receiver::open().await;
    let cluster = Cluster::start_new();
    let endpoint = endpoint("crm", &receiver, "\"job.*\", \"system.alert\"", "");
    let health = "[health]\nalert_after = \"00:00:00\"\nresolve_after = \"00:00:00.3\"\n";
    let config = format!("{}{health}{endpoint}", CONFIG.replace("00:00:05", "00:00:30"));
    let site = Site::over(cluster.url(), &config);
    let server = site.start();
    let client = server.client();
    let recurring = json!({ "type": "NotedJob", "cronExpression": "* * * * * *" });
    client.post("/jobs/recurring", recurring).await;
    let jobs = vec![json!({ "type": "NotedJob" }); 100];
    client.post("/jobs/batch", json!({ "jobs": jobs })).await;
    receiver.receive(50).await;
    let before = server.log().lines().count();
    cluster.crash();
    let since = Instant::now();
    // An outage of many retries of every actor, with requests meanwhile.
    while since.elapsed() < Duration::from_secs(8) {
        drop(client.post("/jobs", json!({ "type": "NotedJob" })).await);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    cluster.start();
    eventually("the server is ready again", || async {
        (ready(&server).await == StatusCode::OK).then_some(())
    })
    .await;
    eventually("the end is logged", || async {
        server.log().contains("available again").then_some(())
    })
    .await;
    let log = server.log();
    let lines = log.lines().skip(before);
    let lines: Vec<&str> = lines
        .filter(|line| line.contains("WARN") || line.contains("ERROR"))
        // Other health reasons.
        .filter(|line| !line.contains("health changed to "))
        .collect();
    assert_eq!(lines.len(), 1, "{log}");
}
