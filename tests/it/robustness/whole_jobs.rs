//! Operations on many large jobs keep no parameters in memory: batches with existing jobs, completions and heartbeats
//! of workers, recovery of orphans, bulk operations.

use std::collections::HashMap;
use std::fs;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::memory::{MB, figure};
use crate::graphql::socket::Socket;
use crate::harness::client::{ApiResponse, Client};
use crate::harness::eventually;
use crate::harness::server::{Server, Site, Storage};

/// Memory that a request without large texts may take.
const GROWTH_MAX: usize = 120 * MB;

/// Number of large jobs.
pub(super) const LARGE: usize = 60;

/// Peak memory of a server from now on.
pub(super) struct Growth<'a> {
    server: &'a Server,
    before: usize,
}

impl<'a> Growth<'a> {
    pub(super) fn of(server: &'a Server) -> Self {
        fs::write(format!("/proc/{}/clear_refs", server.pid()), "5").expect("the peak is set back");
        let before = figure(server, "VmRSS:");
        Self { server, before }
    }

    pub(super) fn assert_small(self, what: &str) {
        let grown = figure(self.server, "VmHWM:").saturating_sub(self.before);
        assert!(grown < GROWTH_MAX, "{what}: the server has grown by {} MB", grown / MB);
    }
}

/// Distinct parameters of 1 MB.
pub(super) fn parameters(number: usize) -> String {
    format!("{number:08}{}", "x".repeat(MB - 10))
}

pub(super) async fn create_large(client: &Client, job_type: &str, more: &Value) -> Vec<String> {
    let mut ids = Vec::with_capacity(LARGE);
    for number in 0..LARGE {
        let mut job =
            json!({ "type": job_type, "parameters": parameters(number), "uniqueKey": format!("key {number}") });
        for (name, value) in more.as_object().expect("fields") {
            job[name] = value.clone();
        }
        ids.push(client.create(job).await["id"].as_str().expect("an id").to_owned());
    }
    ids
}

/// The same request from ten concurrent callers.
async fn ten_times(request: impl Fn() -> reqwest::RequestBuilder, client: &Client) -> Vec<ApiResponse> {
    let mut together = tokio::task::JoinSet::new();
    for _ in 0..10 {
        let (client, request) = (client.clone(), request());
        together.spawn(async move { client.send(request).await });
    }
    together.join_all().await
}

async fn batches_over(storage: Storage) {
    let site = Site::new(storage, "");
    let server = site.start();
    let client = server.client();
    let ids = create_large(&client, "Unhandled", &json!({})).await;

    let growth = Growth::of(&server);
    let taken = vec![json!({ "type": "Unhandled", "uniqueKey": "key 0" }); 10_000];
    let response = client.post("/jobs/batch", json!({ "jobs": taken })).await;
    assert_eq!(response.status, StatusCode::CREATED, "{:.300}", response.text);
    let found = response.json();
    assert_eq!(found["created"], 0);
    let jobs = found["jobs"].as_array().expect("jobs");
    assert!(jobs.len() == 10_000 && jobs.iter().all(|job| job["id"] == *ids[0]));
    let inputs = vec![json!({ "type": "Unhandled", "uniqueKey": "key 1" }); 10_000];
    let query =
        "mutation($i: [ScheduleJobInput!]!) { scheduleJobs(inputs: $i) { created jobs { isNew job { id name } } } }";
    let found = client
        .graphql(&json!({ "query": query, "variables": { "i": inputs } }))
        .await;
    let found = &found["data"]["scheduleJobs"];
    assert_eq!(
        (&found["created"], &found["jobs"][9_999]["job"]["id"]),
        (&json!(0), &json!(ids[1]))
    );
    growth.assert_small("batches with one taken key");

    // A new job, and duplicates of it in the same batch.
    let batch = json!({ "jobs": vec![json!({ "type": "Unhandled", "uniqueKey": "new" }); 3] });
    assert_eq!(client.post("/jobs/batch", batch).await.json()["created"], 1);
    let existing = client
        .post("/jobs", json!({ "type": "Unhandled", "uniqueKey": "key 2" }))
        .await;
    assert_eq!(existing.status, StatusCode::OK);
    assert_eq!(
        (&existing.json()["id"], &existing.json()["parameters"]),
        (&json!(ids[2]), &json!(parameters(2)))
    );
    let query = "mutation { scheduleJobs(inputs: [{type: \"Unhandled\", uniqueKey: \"key 3\"}]) { jobs { job { parameters } } } }";
    let existing = client.graphql(&json!({ "query": query })).await;
    assert_eq!(
        existing["data"]["scheduleJobs"]["jobs"][0]["job"]["parameters"],
        parameters(3)
    );

    let all: Vec<Value> = (0..LARGE)
        .map(|number| json!({ "type": "Unhandled", "uniqueKey": format!("key {number}") }))
        .collect();
    let growth = Growth::of(&server);
    for is_replayed in [false, true] {
        let request = || {
            let request = client
                .request(Method::POST, "/jobs/batch")
                .header("idempotency-key", "\"once\"");
            request.json(&json!({ "jobs": all }))
        };
        let responses = if is_replayed {
            ten_times(request, &client).await
        } else {
            vec![client.send(request()).await]
        };
        for response in responses {
            assert_eq!(response.header("idempotency-replayed").is_some(), is_replayed);
            let jobs = response.json()["jobs"].as_array().cloned().expect("jobs");
            assert!(jobs.iter().zip(&ids).all(|(job, id)| job["id"] == **id) && jobs.len() == LARGE);
        }
    }
    growth.assert_small("a batch of many taken keys and its replays");
}

#[tokio::test]
async fn batches_do_not_read_the_parameters_of_jobs_that_exist_on_sqlite() {
    batches_over(Storage::Sqlite).await;
}

#[tokio::test]
async fn batches_do_not_read_the_parameters_of_jobs_that_exist_on_postgresql() {
    batches_over(Storage::Postgres).await;
}

async fn register(client: &Client) -> String {
    let worker = json!({ "name": "w", "types": ["Remote"], "concurrency": 1_000 });
    let registered = client.post("/workers", worker).await.json();
    registered["id"].as_str().expect("an id").to_owned()
}

/// Leases all large jobs and returns their tokens by job. Their parameters must be complete.
async fn lease_all(client: &Client, worker: &str) -> HashMap<String, Value> {
    let mut tokens = HashMap::new();
    while tokens.len() < LARGE {
        let lease = json!({ "max": 1_000, "wait": "00:00:10" });
        let response = client.post(&format!("/workers/{worker}/lease"), lease).await.json();
        for job in response["jobs"].as_array().expect("jobs") {
            let text = job["parameters"].as_str().expect("parameters");
            assert_eq!(text.len(), MB - 2);
            let known = tokens.insert(
                job["jobId"].as_str().expect("an id").to_owned(),
                json!({ "jobId": job["jobId"], "leaseToken": job["leaseToken"] }),
            );
            assert_eq!(known, None, "leased once");
        }
    }
    tokens
}

fn with(token: &Value, more: &Value) -> Value {
    let mut token = token.clone();
    for (name, value) in more.as_object().expect("fields") {
        token[name] = value.clone();
    }
    token
}

async fn workers_over(storage: Storage) {
    let config = "[nodes]\nlease = \"00:00:10\"\n[job_types.Remote]\nmax_retries = 3\nretry_delay = \"00:00:00.1\"\n\
                  handler = \"remote\"\n[server]\nmax_response_memory = \"64MiB\"\n";
    let site = Site::new(storage, config);
    let server = site.start();
    let client = server.client();
    let ids = create_large(&client, "Remote", &json!({})).await;
    // Subscribers receive brief jobs and read the requested details.
    let mut socket = Socket::connected_at(&server.url).await;
    let query = format!(
        "subscription {{ jobStatusChanged(filter: {{jobId: [\"{}\"], event: [RETRYING]}}) {{ job {{ parameters errorDetail }} }} }}",
        ids[0]
    );
    socket.subscribe("1", &query).await;
    let worker = register(&client).await;
    let of = |worker: &str, what: &str| format!("/workers/{worker}/{what}");

    let held = lease_all(&client, &worker).await;
    let growth = Growth::of(&server);
    let progress = json!({ "progress": { "percent": 50 } });
    let beat: Vec<Value> = held.values().map(|token| with(token, &progress)).collect();
    let request = || {
        client
            .request(Method::POST, &of(&worker, "heartbeat"))
            .json(&json!({ "jobs": beat }))
    };
    for response in ten_times(request, &client).await {
        assert_eq!(response.json()["lost"], json!([]), "{:.300}", response.text);
    }
    growth.assert_small("heartbeats with progress");

    let growth = Growth::of(&server);
    let failure = json!({ "error": "no", "errorDetail": "not at all" });
    let fail: Vec<Value> = held.values().map(|token| with(token, &failure)).collect();
    let request = || {
        client
            .request(Method::POST, &of(&worker, "fail"))
            .json(&json!({ "jobs": fail }))
    };
    let stored = ten_times(request, &client).await;
    let stored: u64 = stored
        .iter()
        .filter_map(|response| response.json()["stored"].as_u64())
        .sum();
    assert_eq!(stored, LARGE as u64);
    growth.assert_small("failures");
    let event = socket.expect_message("next").await;
    let event = &event["payload"]["data"]["jobStatusChanged"]["job"];
    assert_eq!(
        (&event["parameters"], &event["errorDetail"]),
        (&json!(parameters(0)), &json!("not at all"))
    );
    drop(socket);

    // Returned: due again at once, with the detail of the previous failure.
    let held = lease_all(&client, &worker).await;
    let growth = Growth::of(&server);
    let released: Vec<Value> = held
        .values()
        .map(|token| with(token, &json!({ "outcome": "released" })))
        .collect();
    let response = client.post(&of(&worker, "fail"), json!({ "jobs": released })).await;
    assert_eq!(response.json()["stored"], LARGE);
    growth.assert_small("releases");
    assert_eq!(client.job(&ids[1]).await["errorDetail"], "not at all");

    let held = lease_all(&client, &worker).await;
    let growth = Growth::of(&server);
    let left = client
        .send(client.request(Method::DELETE, &format!("/workers/{worker}")))
        .await;
    assert!(left.status.is_success(), "{}", left.text);
    drop(held);
    growth.assert_small("a worker that leaves");

    // Lost: the worker is silent until its lease expires.
    let worker = register(&client).await;
    drop(lease_all(&client, &worker).await);
    let growth = Growth::of(&server);
    eventually("the jobs of a silent worker are due again", async || {
        (client.queue("default").await["pendingJobs"] == LARGE).then_some(())
    })
    .await;
    growth.assert_small("recovery of orphans");
    let job = client.job(&ids[1]).await;
    let history = job["executionHistory"].as_array().expect("attempts");
    let statuses: Vec<&str> = history
        .iter()
        .filter_map(|attempt| attempt["status"].as_str())
        .collect();
    assert_eq!(statuses, ["failed", "interrupted", "interrupted", "lost"]);
    assert_eq!(
        (&job["parameters"], &job["errorDetail"]),
        (&json!(parameters(1)), &json!("not at all"))
    );

    let worker = register(&client).await;
    let held = lease_all(&client, &worker).await;
    let growth = Growth::of(&server);
    let done: Vec<Value> = held
        .values()
        .map(|token| with(token, &json!({ "result": 7 })))
        .collect();
    let response = client.post(&of(&worker, "complete"), json!({ "jobs": done })).await;
    assert_eq!(response.json()["stored"], LARGE);
    growth.assert_small("completions");
    let job = client.job(&ids[1]).await;
    assert_eq!((&job["result"], &job["errorDetail"]), (&json!(7), &Value::Null));
}

#[tokio::test]
async fn ends_and_heartbeats_of_workers_do_not_read_parameters_on_sqlite() {
    workers_over(Storage::Sqlite).await;
}

#[tokio::test]
async fn ends_and_heartbeats_of_workers_do_not_read_parameters_on_postgresql() {
    workers_over(Storage::Postgres).await;
}

#[tokio::test]
async fn bulk_operations_do_not_read_parameters_and_retried_jobs_keep_them() {
    let config = "[job_types.Echo]\nhandler = { command = { program = \"cat\" } }\n";
    let (_site, server) = Server::with_config(config);
    let client = server.client();
    // The queue has run all due jobs and now takes due jobs from memory.
    let first = client.create(json!({ "type": "Echo", "parameters": 1 })).await;
    client.wait_finished(first["id"].as_str().expect("an id")).await;
    let ids = create_large(&client, "Echo", &json!({ "delay": "01:00:00" })).await;
    let filter = "filter: {type: [\"Echo\"]}";
    let growth = Growth::of(&server);
    let cancelled = client
        .graphql(&json!({ "query": format!("mutation {{ cancelJobs({filter}) {{ count }} }}") }))
        .await;
    assert_eq!(cancelled["data"]["cancelJobs"]["count"], LARGE, "{cancelled}");
    growth.assert_small("bulk cancellation");
    client.post_empty("/queues/default/pause").await;
    let growth = Growth::of(&server);
    let retried = client
        .graphql(&json!({ "query": format!("mutation {{ retryJobs({filter}) {{ count }} }}") }))
        .await;
    assert_eq!(retried["data"]["retryJobs"]["count"], LARGE, "{retried}");
    growth.assert_small("bulk retries");
    client.post_empty("/queues/default/resume").await;
    for (number, id) in ids.iter().enumerate() {
        let job = client.wait_finished(id).await;
        assert_eq!(
            (&job["status"], &job["result"]),
            (&json!("completed"), &json!(parameters(number)))
        );
    }
    let growth = Growth::of(&server);
    let deleted = client
        .graphql(&json!({ "query": format!("mutation {{ deleteJobs({filter}) {{ count }} }}") }))
        .await;
    assert_eq!(deleted["data"]["deleteJobs"]["count"], LARGE + 1, "{deleted}");
    growth.assert_small("bulk deletion");
}

#[tokio::test]
async fn the_history_of_a_job_holds_its_last_attempts() {
    let config = "[job_types.Remote]\nmax_retries = 1000\nretry_delay = \"00:00:00\"\nhandler = \"remote\"\n";
    let (_site, server) = Server::with_config(config);
    let client = server.client();
    let id = client.create_of_type("Remote").await;
    let worker = register(&client).await;
    let detail = "x".repeat(16 * 1024);
    for _ in 0..210 {
        let lease = json!({ "max": 1, "wait": "00:00:10" });
        let leased = client.post(&format!("/workers/{worker}/lease"), lease).await.json();
        let token = json!({ "jobId": leased["jobs"][0]["jobId"], "leaseToken": leased["jobs"][0]["leaseToken"] });
        let failure = json!({ "error": "no", "errorDetail": detail, "retryAfter": "00:00:00" });
        let failed = json!({ "jobs": [with(&token, &failure)] });
        let failed = client.post(&format!("/workers/{worker}/fail"), failed).await;
        assert_eq!(failed.json()["stored"], 1, "{}", failed.text);
    }
    let expected: Vec<u64> = (11..=210).collect();
    let job = client.job(&id).await;
    assert_eq!(job["attempt"], 210);
    let numbers = |attempts: &Value, name: &str| -> Vec<u64> {
        let attempts = attempts.as_array().expect("attempts");
        attempts.iter().filter_map(|attempt| attempt[name].as_u64()).collect()
    };
    assert_eq!(numbers(&job["executionHistory"], "attempt"), expected);
    let query = format!("{{ job(id: \"{id}\") {{ attempts {{ number errorDetail }} }} }}");
    let job = client.graphql(&json!({ "query": query })).await;
    let attempts = &job["data"]["job"]["attempts"];
    assert_eq!(numbers(attempts, "number"), expected, "{job:.300}");
    assert_eq!(attempts[199]["errorDetail"], detail);
}
