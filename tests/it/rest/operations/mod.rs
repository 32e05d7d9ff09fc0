//! Bulk operations: previews, steps, pausing, undo, and what a crash leaves.

mod crash;
mod input;
mod lifecycle;
mod live;
mod preview;
mod undo;

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::harness::client::Client;
use crate::harness::eventually;

/// Jobs of this type have no handler and stay pending.
const WAITS: &str = "WaitingJob";

/// Creates this number of pending jobs of a type.
async fn create(client: &Client, job_type: &str, count: usize) {
    for first in (0..count).step_by(500) {
        let jobs: Vec<Value> = (first..count.min(first + 500))
            .map(|number| json!({ "type": job_type, "parameters": { "number": number } }))
            .collect();
        let created = client.post("/jobs/batch", json!({ "jobs": jobs })).await;
        assert_eq!(created.status, StatusCode::CREATED, "{}", created.text);
    }
}

/// Previews an operation.
async fn preview(client: &Client, kind: &str, filter: &str, spec: Value) -> Value {
    let request = json!({ "kind": kind, "filter": filter, "spec": spec });
    let preview = client.post("/operations/preview", request).await;
    assert_eq!(preview.status, StatusCode::OK, "{}", preview.text);
    preview.json()
}

/// Starts a previewed operation and returns it.
async fn start(client: &Client, preview: &Value, grace: Option<&str>) -> Value {
    let mut request = json!({ "token": preview["token"] });
    if let Some(grace) = grace {
        request["grace"] = json!(grace);
    }
    let started = client.post("/operations", request).await;
    assert_eq!(started.status, StatusCode::ACCEPTED, "{}", started.text);
    started.json()
}

/// Previews an operation and starts it at once.
async fn run(client: &Client, kind: &str, filter: &str, spec: Value) -> Value {
    let preview = preview(client, kind, filter, spec).await;
    start(client, &preview, Some("00:00:00")).await
}

/// The operation as it is now.
async fn operation(client: &Client, started: &Value) -> Value {
    let id = started["id"].as_str().expect("an id");
    let response = client.get(&format!("/operations/{id}")).await;
    assert_eq!(response.status, StatusCode::OK, "{}", response.text);
    response.json()
}

/// Waits until an operation has this status.
async fn until(client: &Client, started: &Value, status: &str) -> Value {
    eventually(&format!("an operation is {status}"), || async {
        let operation = operation(client, started).await;
        assert_ne!(operation["status"], "failed", "{operation}");
        (operation["status"] == status).then_some(operation)
    })
    .await
}

/// Changes an operation: pause, resume, cancel or undo.
async fn change(client: &Client, started: &Value, change: &str) -> crate::harness::client::ApiResponse {
    let id = started["id"].as_str().expect("an id");
    client.post_empty(&format!("/operations/{id}/{change}")).await
}

/// Number of jobs that a query selects.
async fn count(client: &Client, query: &str) -> u64 {
    let list = client.get(&format!("/jobs?limit=1&{query}")).await.json();
    list["totalCount"]
        .as_u64()
        .unwrap_or_else(|| panic!("no count in {list}"))
}

/// All audit records of an action.
async fn audited(client: &Client, action: &str) -> Vec<Value> {
    let mut records: Vec<Value> = Vec::new();
    loop {
        let after = records.last().map_or_else(String::new, |last| {
            format!("&after={}", last["id"].as_str().expect("an id"))
        });
        let page = client
            .get(&format!("/audit?action={action}&limit=1000{after}"))
            .await
            .json();
        let page = page["records"].as_array().expect("records").clone();
        if page.is_empty() {
            return records;
        }
        records.extend(page);
    }
}
