//! Limits of new queues and unique keys for each caller.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::{code, config};
use crate::harness::server::Server;

#[tokio::test]
async fn repeated_requests_are_not_counted_again() {
    let config = config().replace(
        "unique_keys_per_caller = \"1000/s\"",
        "unique_keys_per_caller = \"2/h\"",
    );
    let (_site, server) = Server::with_config(&config);
    let client = server.client().with_token("the-secret-key-of-all");
    let post = |idempotency: &str, key: &str| {
        let job = json!({ "type": "Waits", "uniqueKey": key });
        let request = client
            .request(Method::POST, "/jobs")
            .header("idempotency-key", idempotency)
            .json(&job);
        client.send(request)
    };
    let first = post("one", "a").await;
    assert_eq!(first.status, StatusCode::CREATED, "{}", first.text);
    for _ in 0..5 {
        let again = post("one", "a").await;
        assert!(again.status.is_success(), "{}", again.text);
        assert_eq!(again.json()["id"], first.json()["id"]);
    }
    assert_eq!(post("two", "b").await.status, StatusCode::CREATED, "one was counted");
    // The job has finished: only the request's key shows that it is a repetition.
    let id = first.json()["id"].as_str().expect("an id").to_owned();
    client.post_empty(&format!("/jobs/{id}/cancel")).await;
    let again = post("one", "a").await;
    assert!(again.status.is_success(), "{}", again.text);
    post("three", "c").await.problem(429);
}

#[tokio::test]
async fn a_caller_names_a_bounded_number_of_new_queues_and_unique_keys() {
    let config = config().replace(
        "unique_keys_per_caller = \"1000/s\"",
        "unique_keys_per_caller = \"4/h\"\nnew_queues_per_caller = \"3/h\"",
    );
    let (_site, server) = Server::with_config(&config);
    let client = |name: &str| server.client().with_token(&format!("the-secret-key-of-{name}"));
    let in_queue = |name: &str| json!({ "type": "Waits", "queue": name });
    let (writer, other) = (client("write"), client("read-write"));
    for queue in ["a", "b", "c", "a"] {
        assert_eq!(writer.post("/jobs", in_queue(queue)).await.status, StatusCode::CREATED);
    }
    let refused = writer.post("/jobs", in_queue("d")).await;
    let problem = refused.problem(429);
    let detail = problem["detail"].as_str().expect("a detail");
    assert!(
        detail.contains("3 new queues per hour") && detail.contains("[jobs] new_queues_per_caller"),
        "{detail}"
    );
    assert!(refused.header("retry-after").is_some(), "{}", refused.text);
    let recurring = json!({ "type": "Waits", "queue": "e", "cronExpression": "0 2 * * *" });
    writer.post("/jobs/recurring", recurring).await.problem(429);
    let query = "mutation { scheduleJob(input: {type: \"Waits\", queue: \"f\"}) { isNew } }";
    assert_eq!(
        code(&writer.graphql(&json!({ "query": query })).await),
        Some("too-many-requests")
    );
    let batch = json!([in_queue("a"), in_queue("g")]);
    writer.post("/jobs/batch", batch).await.problem(429);
    let names = client("all").get("/queues").await.json()["queues"].to_string();
    assert!(
        !["\"d\"", "\"e\"", "\"f\"", "\"g\""]
            .iter()
            .any(|name| names.contains(name)),
        "{names}"
    );
    assert_eq!(
        other.post("/jobs", in_queue("d")).await.status,
        StatusCode::CREATED,
        "each has its own share"
    );
    let unique = |number: usize| json!({ "type": "Waits", "uniqueKey": format!("key-{number}") });
    for number in 0..4 {
        assert_eq!(writer.post("/jobs", unique(number)).await.status, StatusCode::CREATED);
    }
    // Existing jobs are not counted again, even at the limit.
    for number in 0..4 {
        assert_eq!(writer.post("/jobs", unique(number)).await.status, StatusCode::OK);
    }
    let batch = json!([unique(0), unique(1), unique(2), unique(3), unique(0)]);
    let again = writer.post("/jobs/batch", batch).await;
    assert!(again.status.is_success(), "{}", again.text);
    let batch: Vec<Value> = (10..15).map(unique).collect();
    let problem = writer.post("/jobs/batch", json!(batch)).await.problem(413);
    assert!(
        problem["detail"]
            .as_str()
            .is_some_and(|text| text.contains("[jobs] unique_keys_per_caller") && text.contains("at most 4")),
        "{problem}"
    );
    let refused = writer.post("/jobs/batch", json!([unique(5), unique(6)])).await;
    refused.problem(429);
    let wait: u64 = refused
        .header("retry-after")
        .and_then(|text| text.parse().ok())
        .expect("seconds");
    assert!((1_700..=1_800).contains(&wait), "the time until both fit: {wait}");
    let problem = writer.post("/jobs", unique(5)).await.problem(429);
    assert!(
        problem["detail"]
            .as_str()
            .is_some_and(|text| text.contains("unique_keys_per_caller")),
        "{problem}"
    );
    assert_eq!(
        writer.post("/jobs", json!({ "type": "Waits" })).await.status,
        StatusCode::CREATED
    );
    let long = json!({ "type": "Waits", "uniqueKey": "x".repeat(201) });
    let problem = other.post("/jobs", long).await.problem(400);
    assert_eq!(problem["errors"][0]["pointer"], "#/uniqueKey", "{problem}");
}
