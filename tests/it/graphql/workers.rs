//! Remote workers over GraphQL: the same workers, leases and results as over REST, with the same rules.

use serde_json::{Value, json};

use super::socket::Socket;
use super::{data_of, execute, refused};
use crate::harness::client::Client;
use crate::harness::server::Server;

const WORKER: &str = "id name status types queues concurrency runningJobs registeredAt lastHeartbeatAt leaseUntil lease \
    heartbeatInterval";

const LEASED: &str = "jobId leaseToken name type queue priority attempt retryCount maxRetries parameters createdAt timeout \
    recurringJobId";

async fn register(client: &Client) -> String {
    let query = "mutation { registerWorker(input: {name: \"mailer\", types: [\"MailJob\"], concurrency: 2}) { id } }";
    let made = data_of(client, query).await;
    made["registerWorker"]["id"].as_str().expect("an id").to_owned()
}

async fn lease(client: &Client, worker: &str) -> Vec<Value> {
    let query = format!("mutation {{ leaseJobs(workerId: \"{worker}\", max: 10) {{ {LEASED} }} }}");
    let leased = data_of(client, &query).await;
    leased["leaseJobs"].as_array().cloned().unwrap_or_default()
}

async fn complete(client: &Client, worker: &str, jobs: &Value) -> Value {
    let query = "mutation($worker: ID!, $jobs: [CompletedJobInput!]!) {
        completeJobs(workerId: $worker, jobs: $jobs) { stored lost } }";
    execute(client, query, json!({ "worker": worker, "jobs": jobs })).await
}

fn held(job: &Value) -> Value {
    json!({ "jobId": job["jobId"], "leaseToken": job["leaseToken"] })
}

#[tokio::test]
async fn a_registered_worker_has_the_same_view_as_in_rest() {
    let (_site, server) = Server::with_config("");
    let client = server.client();
    let id = register(&client).await;
    let mut rest = client.get("/workers").await.json()["workers"][0].clone();
    rest["status"] = json!("LIVE");
    let read = data_of(
        &client,
        &format!("{{ workers {{ {WORKER} }} worker(id: \"{id}\") {{ {WORKER} }} }}"),
    )
    .await;
    assert_eq!(read, json!({ "workers": [rest], "worker": rest }));
    let left = data_of(&client, &format!("mutation {{ unregisterWorker(id: \"{id}\") }}")).await;
    assert_eq!(left["unregisterWorker"], json!(id));
    let deleted = "01963b5e-7d3a-7c1e-9f43-0d2f6b1a9c55";
    let none = data_of(&client, &format!("{{ worker(id: \"{deleted}\") {{ id }} }}")).await;
    assert_eq!(none, json!({ "worker": null }));
}

#[tokio::test]
async fn a_job_is_leased_reported_of_and_completed() {
    let (_site, server) = Server::with_config("");
    let client = server.client();
    let id = register(&client).await;
    let created = client
        .create(json!({ "type": "MailJob", "parameters": {"to": "ann"} }))
        .await;
    let mut leased = lease(&client, &id).await;
    assert_eq!(leased.len(), 1);
    let job = leased.remove(0);
    assert_eq!(
        (&job["jobId"], &job["attempt"], &job["parameters"], &job["priority"]),
        (&created["id"], &json!(1), &json!({"to": "ann"}), &json!("NORMAL"))
    );
    assert!(lease(&client, &id).await.is_empty(), "it is given to one worker once");

    let mut socket = Socket::connected_at(&server.url).await;
    socket
        .subscribe(
            "1",
            "subscription { jobReported { jobId attempt progress { percent message } log { level message } } }",
        )
        .await;
    // The response implies that the earlier subscription is active.
    socket.subscribe("2", "{ __typename }").await;
    socket.expect_message("next").await;
    socket.expect_message("complete").await;
    let mut report = held(&job);
    report["progress"] = json!({ "percent": 62.5, "message": "page 5 of 8" });
    report["log"] = json!([{ "message": "sent" }, { "level": "WARNING", "message": "slow" }]);
    let query = "mutation($worker: ID!, $jobs: [HeldJobInput!]) {
        renewWorker(workerId: $worker, jobs: $jobs) { leaseUntil cancelled lost } }";
    let beat = execute(&client, query, json!({ "worker": id, "jobs": [report] })).await["data"]["renewWorker"].clone();
    assert_eq!((&beat["cancelled"], &beat["lost"]), (&json!([]), &json!([])), "{beat}");
    let log = json!([{ "level": "INFO", "message": "sent" }, { "level": "WARNING", "message": "slow" }]);
    let received = socket.expect_message("next").await["payload"]["data"]["jobReported"].clone();
    assert_eq!(
        received,
        json!({ "jobId": created["id"], "attempt": 1, "progress": { "percent": 62.5, "message": "page 5 of 8" }, "log": log })
    );

    let ends = json!([{ "jobId": job["jobId"], "leaseToken": job["leaseToken"], "result": {"n": 1} }]);
    let done = complete(&client, &id, &ends).await;
    assert_eq!(done["data"]["completeJobs"], json!({ "stored": 1, "lost": [] }));
    let query = format!(
        "{{ job(id: {}) {{ status result progress {{ attempt percent }} log {{ level message }} attempts {{ worker {{ name }} }} }} }}",
        created["id"]
    );
    assert_eq!(
        data_of(&client, &query).await["job"],
        json!({
            "status": "COMPLETED", "result": {"n": 1}, "progress": { "attempt": 1, "percent": 62.5 }, "log": log,
            "attempts": [{ "worker": { "name": "mailer" } }],
        })
    );
    // Late: the worker no longer owns it.
    let late = complete(&client, &id, &json!([held(&job)])).await["errors"][0].clone();
    assert_eq!(late["extensions"]["code"], "conflict", "{late}");
    assert_eq!(late["extensions"]["field"], "jobs.0.leaseToken");
}

#[tokio::test]
async fn a_permanent_failure_and_a_returned_job_are_reported_as_such() {
    let (_site, server) = Server::with_config("");
    let client = server.client();
    let id = register(&client).await;
    let job = client.create(json!({ "type": "MailJob" })).await;
    let fail = async |input: Value| {
        let leased = lease(&client, &id).await.remove(0);
        let mut failed = held(&leased);
        for (name, value) in input.as_object().expect("fields") {
            failed[name] = value.clone();
        }
        let query = "mutation($worker: ID!, $jobs: [FailedJobInput!]!) {
            failJobs(workerId: $worker, jobs: $jobs) { stored lost } }";
        let response = execute(&client, query, json!({ "worker": id, "jobs": [failed] })).await;
        assert_eq!(response["data"]["failJobs"]["stored"], 1, "{response}");
    };
    fail(json!({ "outcome": "RELEASED" })).await;
    fail(json!({ "error": "no such mailbox", "retry": false })).await;
    let read = client.job(job["id"].as_str().expect("an id")).await;
    assert_eq!(
        (&read["status"], &read["error"]),
        (&json!("failed"), &json!("no such mailbox"))
    );
    assert_eq!(read["attempt"], 2);
}

#[tokio::test]
async fn errors_name_the_argument_and_allowed_values() {
    let (_site, server) = Server::with_config("");
    let client = server.client();
    let id = register(&client).await;
    let cases = [
        (
            "registerWorker(input: {name: \"\", types: [\"MailJob\"]}) { id }".to_owned(),
            "input.name",
        ),
        (
            "registerWorker(input: {name: \"a\", types: []}) { id }".to_owned(),
            "input.types",
        ),
        (
            "registerWorker(input: {name: \"a\", types: [\"a b\"]}) { id }".to_owned(),
            "input.types.0",
        ),
        (
            "registerWorker(input: {name: \"a\", types: [\"A\"], concurrency: 0}) { id }".to_owned(),
            "input.concurrency",
        ),
        (format!("leaseJobs(workerId: \"{id}\", max: 0) {{ jobId }}"), "max"),
        (
            format!("leaseJobs(workerId: \"{id}\", wait: \"00:00:31\") {{ jobId }}"),
            "wait",
        ),
        ("leaseJobs(workerId: \"7\") { jobId }".to_owned(), "workerId"),
        (
            format!("completeJobs(workerId: \"{id}\", jobs: [{{jobId: \"{id}\", leaseToken: \"x\"}}]) {{ stored }}"),
            "jobs.0.leaseToken",
        ),
        (
            format!("completeJobs(workerId: \"{id}\", jobs: []) {{ stored }}"),
            "jobs",
        ),
        (
            format!(
                "renewWorker(workerId: \"{id}\", jobs: [{{jobId: \"{id}\", leaseToken: \"1.{}\", progress: {{percent: 101}}}}]) \
                 {{ lost }}",
                id.replace('-', "")
            ),
            "jobs.0.progress.percent",
        ),
    ];
    for (field, place) in cases {
        let error = refused(&client, &format!("mutation {{ {field} }}")).await;
        assert_eq!(error["extensions"]["code"], "validation", "{field}: {error}");
        assert_eq!(error["extensions"]["field"], place, "{field}: {error}");
    }
}
