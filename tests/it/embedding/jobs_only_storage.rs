//! A server over a storage that implements jobs only.

#[path = "../../../examples/jobs_only_storage/storage.rs"]
mod storage;

use std::sync::Arc;

use reqwest::StatusCode;
use serde_json::json;
use tickerq::Server;
use tickerq::domain::job::outcome::Failure;
use tickerq::handlers::{JobContext, in_process};

use self::storage::JobsOnlyStorage;
use crate::harness::client::Client;

async fn greet(context: JobContext, name: String) -> Result<String, Failure> {
    if context.job.attempt == 1 {
        return Err(Failure::permanent("not yet"));
    }
    Ok(format!("hello {name}"))
}

async fn started() -> (Server, Client) {
    let server = Server::builder()
        .repository(Arc::new(JobsOnlyStorage::default()))
        .listen("127.0.0.1:0".parse().expect("an address"))
        .handler("GreetJob", in_process::function(greet))
        .start()
        .await
        .expect("the server starts");
    let client = Client::new(&format!("http://{}", server.addresses()[0]));
    (server, client)
}

#[actix_web::test]
async fn jobs_run_and_are_listed_and_retried_and_queues_are_paused() {
    let (server, client) = started().await;
    let job = client.create(json!({ "type": "GreetJob", "parameters": "Ada" })).await;
    let id = job["id"].as_str().expect("an id");
    let failed = client.wait_finished(id).await;
    assert_eq!(
        (&failed["status"], &failed["error"]),
        (&json!("failed"), &json!("not yet"))
    );
    let retried = client.post_empty(&format!("/jobs/{id}/retry")).await;
    assert_eq!(retried.status, StatusCode::OK, "{}", retried.text);
    let done = client.wait_finished(id).await;
    assert_eq!(
        (&done["status"], &done["result"]),
        (&json!("completed"), &json!("hello Ada"))
    );
    assert_eq!(done["executionHistory"].as_array().map(Vec::len), Some(2));
    let paused = client.post_empty("/queues/default/pause").await;
    assert_eq!(paused.status, StatusCode::OK, "{}", paused.text);
    let waiting = client.create(json!({ "type": "GreetJob", "parameters": "Eve" })).await;
    assert_eq!(waiting["status"], "pending");
    let listed = client.get("/jobs?status=completed").await.json();
    assert_eq!(listed["totalCount"], 1, "{listed}");
    server.stop().await;
}

#[actix_web::test]
async fn features_without_storage_are_empty_and_their_changes_are_rejected() {
    let (server, client) = started().await;
    for path in [
        "/jobs/recurring",
        "/webhooks/endpoints",
        "/workers",
        "/nodes",
        "/metrics/performance",
        "/audit",
    ] {
        let response = client.get(path).await;
        assert_eq!(response.status, StatusCode::OK, "{path}: {}", response.text);
    }
    let recurring = json!({ "name": "report", "type": "GreetJob", "cronExpression": "0 8 * * *" });
    let problem = client.post("/jobs/recurring", recurring).await.problem(409);
    assert_eq!(
        problem["detail"],
        "the storage of this server does not support recurring jobs"
    );
    let worker = json!({ "name": "worker", "types": ["OtherJob"] });
    client.post("/workers", worker).await.problem(409);
    server.stop().await;
}
