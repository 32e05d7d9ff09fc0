//! `PATCH` and `DELETE /jobs/{id}`, and the conditions `If-Match` and `If-None-Match` on all that read and change a
//! job.

use futures_util::future::join_all;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::harness::client::{ApiResponse, Client};
use crate::harness::latch::Latch;
use crate::harness::server::Server;

async fn patch(client: &Client, id: &str, body: Value) -> ApiResponse {
    client
        .send(client.request(Method::PATCH, &format!("/jobs/{id}")).json(&body))
        .await
}

async fn delete(client: &Client, id: &str) -> ApiResponse {
    client
        .send(client.request(Method::DELETE, &format!("/jobs/{id}")))
        .await
}

async fn with_header(client: &Client, method: Method, path: &str, header: &str, value: &str) -> ApiResponse {
    let mut request = client.request(method.clone(), path).header(header, value);
    if method == Method::PATCH {
        request = request.json(&json!({ "name": "changed" }));
    }
    client.send(request).await
}

#[tokio::test]
async fn every_field_of_a_pending_job_can_be_changed() {
    let (_site, server) = Server::with_config("");
    let client = server.client();
    let job = client
        .create(json!({ "type": "Waits", "delay": "01:00:00", "uniqueKey": "k" }))
        .await;
    let id = job["id"].as_str().expect("an id");
    let mut expected = job.clone();
    for (number, (field, given, becomes)) in [
        ("name", json!("Other"), json!("Other")),
        ("queue", json!("mail"), json!("mail")),
        ("parameters", json!({ "n": 1 }), json!({ "n": 1 })),
        ("priority", json!("Critical"), json!("critical")),
        (
            "runAt",
            json!("2999-01-01T01:00:00+01:00"),
            json!("2999-01-01T00:00:00Z"),
        ),
        ("maxRetries", json!(0), json!(0)),
        ("timeout", json!("PT90S"), json!("00:01:30")),
        ("retryDelay", json!("1.00:00:00"), json!("1.00:00:00")),
        (
            "retryIntervals",
            json!(["PT1S", "00:00:02.5"]),
            json!(["00:00:01", "00:00:02.5000000"]),
        ),
        ("retryIntervals", json!([]), json!([])),
    ]
    .into_iter()
    .enumerate()
    {
        let response = patch(&client, id, json!({ field: given })).await;
        assert_eq!(response.status, StatusCode::OK, "{field}: {}", response.text);
        expected[field] = becomes;
        expected["revision"] = json!(number + 2);
        if field == "queue" {
            expected["warnings"] = response.json()["warnings"].clone();
        }
        assert_eq!(response.json(), expected, "{field}");
        assert_eq!(response.header("etag"), Some(format!("\"{}\"", number + 2).as_str()));
    }
    assert_eq!(client.job(id).await, expected);
    // Counters follow the job.
    assert_eq!(client.queue("mail").await["pendingJobs"], 1);
    assert_eq!(client.queue("default").await["pendingJobs"], 0);
}

#[tokio::test]
async fn a_changed_job_runs_as_it_was_changed() {
    let mut latch = Latch::open().await;
    let (_site, server) = Server::with_config(&format!("[job_types.Work]\n{}", latch.handler()));
    let client = server.client();
    let id = client.create(json!({ "type": "Work", "delay": "01:00:00" })).await["id"]
        .as_str()
        .expect("an id")
        .to_owned();
    let request = client
        .request(Method::PATCH, &format!("/jobs/{id}"))
        .header("content-type", "application/json");
    let body = r#"{"parameters": {"b": 1.10, "a":  1}, "queue": "elsewhere", "delay": "PT0S", "name": null}"#;
    let response = client.send(request.body(body)).await;
    assert_eq!(response.status, StatusCode::OK, "{}", response.text);
    let visit = latch.visit().await;
    assert!(
        visit.body.contains(r#""parameters":{"b": 1.10, "a":  1},"#),
        "{}",
        visit.body
    );
    assert_eq!(
        (&visit.json()["queue"], &visit.json()["name"]),
        (&json!("elsewhere"), &json!("Work"))
    );
    let problem = patch(&client, &id, json!({ "name": "x" })).await.problem(409);
    assert_eq!(
        problem["detail"],
        "a running job can't be changed; only pending jobs can be"
    );
    visit.complete();
    client.wait_finished(&id).await;
    let problem = patch(&client, &id, json!({ "name": "x" })).await.problem(409);
    assert_eq!(
        problem["detail"],
        "a completed job can't be changed; only pending jobs can be"
    );
}

#[tokio::test]
async fn an_empty_or_unknown_change_is_rejected() {
    let (_site, server) = Server::with_config("");
    let client = server.client();
    let id = client.create_of_type("Waits").await;
    for (body, pointer) in [
        (json!({}), "#"),
        (json!({ "name": null, "priority": null }), "#"),
        (json!({ "type": "Other" }), "#/type"),
        (json!({ "uniqueKey": "k" }), "#/uniqueKey"),
        (json!({ "status": "completed" }), "#/status"),
        (json!({ "delay": "PT1S", "runAt": "2030-01-01T00:00:00Z" }), "#/runAt"),
        (json!({ "timeout": "00:00:00" }), "#/timeout"),
        (json!({ "retryDelay": "-00:00:01" }), "#/retryDelay"),
        (json!({ "maxRetries": 1001 }), "#/maxRetries"),
        (json!({ "retryIntervals": vec!["PT1S"; 101] }), "#/retryIntervals"),
        (json!({ "queue": "a b" }), "#/queue"),
        (json!([]), "#"),
    ] {
        let problem = patch(&client, &id, body.clone()).await.problem(400);
        assert_eq!(problem["errors"][0]["pointer"], pointer, "{body}");
    }
    let empty = client.send(client.request(Method::PATCH, &format!("/jobs/{id}"))).await;
    assert_eq!(empty.problem(400)["detail"], "a JSON body is required");
    let missing = "01963b5e-7d3a-7c1e-9f43-0d2f6b1a9c55";
    patch(&client, missing, json!({ "name": "x" })).await.problem(404);
    assert_eq!(client.job(&id).await["revision"], 1);
}

#[tokio::test]
async fn a_finished_job_can_be_deleted_with_its_history() {
    let mut latch = Latch::open().await;
    let (_site, server) = Server::with_config(&format!("[job_types.Work]\n{}", latch.handler()));
    let client = server.client();
    let id = client.create_of_type("Work").await;
    let other = client.create_of_type("Waits").await;
    let visit = latch.visit().await;
    for (id, status) in [(&id, "running"), (&other, "pending")] {
        let problem = delete(&client, id).await.problem(409);
        let detail = format!(
            "a {status} job can't be deleted; only completed, failed and cancelled jobs can be; cancel it first"
        );
        assert_eq!(problem["detail"], detail);
    }
    visit.complete();
    client.wait_finished(&id).await;
    let response = delete(&client, &id).await;
    assert_eq!((response.status, response.text.as_str()), (StatusCode::NO_CONTENT, ""));
    delete(&client, &id).await.problem(404);
    client.get(&format!("/jobs/{id}")).await.problem(404);
    let list = client.get("/jobs").await.json();
    assert_eq!(
        (&list["totalCount"], &list["jobs"][0]["id"]),
        (&json!(1), &json!(other))
    );
    assert_eq!(client.queue("default").await["completedJobs"], 0);
    client.post_empty(&format!("/jobs/{other}/cancel")).await;
    assert_eq!(delete(&client, &other).await.status, StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn a_current_etag_gets_304() {
    let (_site, server) = Server::with_config("");
    let client = server.client();
    let id = client.create_of_type("Waits").await;
    let path = format!("/jobs/{id}");
    let tag = client.get(&path).await.header("etag").expect("a tag").to_owned();
    assert_eq!(tag, "\"1\"");
    for (value, expected) in [
        ("\"1\"", 304),
        ("W/\"1\"", 304),
        ("\"7\", \"1\"", 304),
        ("*", 304),
        ("\"2\"", 200),
        ("\"01\"", 200),
        ("\"abc\"", 200),
        ("\"\"", 200),
    ] {
        let response = with_header(&client, Method::GET, &path, "if-none-match", value).await;
        assert_eq!(response.status.as_u16(), expected, "{value}");
        assert_eq!(response.header("etag"), Some("\"1\""), "{value}");
        assert_eq!(response.text.is_empty(), expected == 304, "{value}");
    }
    assert_eq!(
        patch(&client, &id, json!({ "name": "x" })).await.header("etag"),
        Some("\"2\"")
    );
    let response = with_header(&client, Method::GET, &path, "if-none-match", &tag).await;
    assert_eq!(
        (response.status.as_u16(), response.header("etag")),
        (200, Some("\"2\""))
    );
    for wrong in ["1", "\"1", "\"1\" \"2\"", "", "\"a b\"", "*, \"1\""] {
        let problem = with_header(&client, Method::GET, &path, "if-none-match", wrong)
            .await
            .problem(400);
        assert_eq!(problem["errors"][0]["header"], "if-none-match", "{wrong}");
    }
}

#[tokio::test]
async fn a_change_requires_the_current_revision_of_the_job() {
    let (_site, server) = Server::with_config("");
    let client = server.client();
    for (method, action) in [
        (Method::PATCH, ""),
        (Method::POST, "/execute"),
        (Method::POST, "/cancel"),
        (Method::POST, "/retry"),
        (Method::DELETE, ""),
    ] {
        let id = client.create_of_type("Waits").await;
        let mut revision = 1;
        if action == "/retry" || method == Method::DELETE {
            client.post_empty(&format!("/jobs/{id}/cancel")).await;
            revision = 2;
        }
        let path = format!("/jobs/{id}{action}");
        let before = client.job(&id).await;
        // A weak tag never matches: a conditional change requires byte equality.
        let current = format!("\"{revision}\"");
        for value in ["\"99\"", "\"abc\"", &format!("W/{current}"), "\"98\", \"99\""] {
            let problem = with_header(&client, method.clone(), &path, "if-match", value)
                .await
                .problem(412);
            assert_eq!(problem["type"], "urn:tickerq:problem:precondition-failed");
            assert_eq!(problem["detail"], format!("revision is {revision}"), "{value}");
        }
        let problem = with_header(&client, method.clone(), &path, "if-match", "1")
            .await
            .problem(400);
        assert_eq!(problem["errors"][0]["header"], "if-match");
        assert_eq!(client.job(&id).await, before, "{method} {action}");
        let response = with_header(&client, method.clone(), &path, "if-match", &format!("\"7\", {current}")).await;
        assert!(response.status.is_success(), "{method} {action}: {}", response.text);
        let missing = path.replace(&id, "01963b5e-7d3a-7c1e-9f43-0d2f6b1a9c55");
        for value in ["*", "\"1\""] {
            with_header(&client, method.clone(), &missing, "if-match", value)
                .await
                .problem(404);
        }
    }
}

#[tokio::test]
async fn of_concurrent_changes_to_one_revision_one_is_applied() {
    let (_site, server) = Server::with_config("");
    let client = server.client();
    let id = client.create_of_type("Waits").await;
    let path = format!("/jobs/{id}");
    let responses = join_all((0..20).map(|_| with_header(&client, Method::PATCH, &path, "if-match", "\"1\""))).await;
    let statuses: Vec<u16> = responses.iter().map(|response| response.status.as_u16()).collect();
    assert_eq!(
        statuses.iter().filter(|status| **status == 200).count(),
        1,
        "{statuses:?}"
    );
    assert_eq!(
        statuses.iter().filter(|status| **status == 412).count(),
        19,
        "{statuses:?}"
    );
    assert_eq!(client.job(&id).await["revision"], 2);
    // Without a condition all of them are applied in sequence.
    let responses = join_all((0..8).map(|number| patch(&client, &id, json!({ "name": number.to_string() })))).await;
    for response in &responses {
        assert_eq!(response.status, StatusCode::OK, "{}", response.text);
    }
    assert_eq!(client.job(&id).await["revision"], 10);
}
