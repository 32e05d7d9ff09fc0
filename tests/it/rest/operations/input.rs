//! Bad input: each problem states what is wrong and what is possible.

use serde_json::{Value, json};

use super::{WAITS, create, preview};
use crate::harness::client::Client;
use crate::harness::server::Server;

const AUTH: &str = r#"
[[api.keys]]
name = "first"
key = "tq_first-key-for-tests"
scopes = ["tickerq:read", "tickerq:write"]
[[api.keys]]
name = "second"
key = "tq_second-key-for-tests"
scopes = ["tickerq:read", "tickerq:write"]
[[api.keys]]
name = "writer"
key = "tq_writer-key-for-tests"
scopes = ["tickerq:write"]
"#;

/// The pointer and the detail of the one invalid field.
async fn refused(client: &Client, request: Value) -> (String, String) {
    let problem = client.post("/operations/preview", request).await.problem(400);
    let error = &problem["errors"][0];
    let text = |name: &str| error[name].as_str().unwrap_or_default().to_owned();
    (text("pointer"), text("detail"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_preview_is_rejected_with_what_is_possible() {
    let (_site, server) = Server::with_config("");
    let client = server.client();
    for (request, pointer, detail) in [
        (
            json!({}),
            "kind",
            "allowed are cancel, retry, execute, delete, move and priority",
        ),
        (
            json!({ "kind": "explode", "filter": "type:A" }),
            "kind",
            "'explode' is not a kind of operation",
        ),
        (
            json!({ "kind": "undo", "filter": "type:A" }),
            "kind",
            "'undo' is not a kind of operation",
        ),
        (
            json!({ "kind": "cancel" }),
            "filter",
            "the filter is empty and matches every job",
        ),
        (json!({ "kind": "cancel", "filter": " " }), "filter", "\"all\": true"),
        (json!({ "kind": "cancel", "filter": "colour:red" }), "filter", "colour"),
        (
            json!({ "kind": "cancel", "filter": "x".repeat(64 << 10) }),
            "filter",
            "",
        ),
        (
            json!({ "kind": "move", "filter": "type:A" }),
            "spec/queue",
            "queue is missing",
        ),
        (
            json!({ "kind": "priority", "filter": "type:A" }),
            "spec/priority",
            "priority is missing",
        ),
        (
            json!({ "kind": "cancel", "filter": "type:A", "spec": { "queue": "b" } }),
            "spec/queue",
            "only valid for move",
        ),
    ] {
        let (given, message) = refused(&client, request.clone()).await;
        assert_eq!(given.trim_start_matches(['#', '/']), pointer, "{request}: {message}");
        assert!(message.contains(detail), "{request}: {message}");
    }
    let all = json!({ "kind": "cancel", "all": true });
    let nothing = client.post("/operations/preview", all).await.json();
    assert_eq!((&nothing["total"], &nothing["isExact"]), (&json!(0), &json!(true)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stale_token_starts_nothing() {
    let (_site, server) = Server::with_config(AUTH);
    let first = server.client().with_token("tq_first-key-for-tests");
    let second = server.client().with_token("tq_second-key-for-tests");
    let writer = server.client().with_token("tq_writer-key-for-tests");
    create(&first, WAITS, 20).await;
    let filter = format!("type:{WAITS}");
    writer
        .post("/operations/preview", json!({ "kind": "cancel", "filter": filter }))
        .await
        .problem(403);
    let previewed = preview(&first, "cancel", &filter, json!({})).await;
    let request = json!({ "token": previewed["token"] });
    // Another caller's token is as good as none.
    second.post("/operations", request.clone()).await.problem(410);
    let unknown = json!({ "token": "op_01963b5e7d3a7c1e9f430d2f6b1a9c55" });
    let problem = first.post("/operations", unknown).await.problem(410);
    assert_eq!(
        problem["detail"],
        "this token is unknown or has expired; preview the operation again"
    );
    for wrong in [
        json!({}),
        json!({ "token": "op_1" }),
        json!({ "token": previewed["token"], "grace": "25:00:00" }),
    ] {
        first.post("/operations", wrong).await.problem(400);
    }

    // A tenth may differ; more is another population.
    let list = first.get("/jobs?limit=5").await.json();
    for job in list["jobs"].as_array().expect("jobs") {
        let id = job["id"].as_str().expect("an id");
        assert!(
            first
                .post_empty(&format!("/jobs/{id}/cancel"))
                .await
                .status
                .is_success()
        );
    }
    let problem = first.post("/operations", request).await.problem(409);
    assert!(
        problem["type"]
            .as_str()
            .unwrap_or_default()
            .ends_with("population-changed"),
        "{problem}"
    );
    let detail = "the operation would change 15 jobs, its preview has found 20; preview it again";
    assert_eq!(problem["detail"], detail);
    first
        .get("/operations/01963b5e-7d3a-7c1e-9f43-0d2f6b1a9c55")
        .await
        .problem(404);
    let id = previewed["token"]
        .as_str()
        .expect("a token")
        .trim_start_matches("op_")
        .to_owned();
    first.get(&format!("/operations/{id}")).await.problem(404);
}
