//! Wire format: every member of REST's responses in order. Values that vary between runs are
//! is replaced.

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::client::ApiResponse;
use crate::harness::latch::Latch;
use crate::harness::server::Server;

/// The text of a response, a member per line, with ids, times and durations replaced.
fn rendered(response: &ApiResponse) -> String {
    let mut text = String::new();
    let mut rest = response.text.as_str();
    while let Some((before, quoted)) = rest.split_once('"') {
        let (inside, after) = quoted
            .split_once('"')
            .expect("no quotes within quotes in these responses");
        text.push_str(before);
        text.push('"');
        text.push_str(&redacted(inside));
        text.push('"');
        rest = after;
    }
    text.push_str(rest);
    text.replace(",\"", ",\n\"")
        .replace("{\"", "{\n\"")
        .replace("},{", "},\n{")
}

fn redacted(text: &str) -> String {
    let is_shaped = |text: &str, shape: &str| {
        text.len() == shape.len()
            && text.bytes().zip(shape.bytes()).all(|(byte, shape)| match shape {
                b'0' => byte.is_ascii_digit(),
                b'x' => byte.is_ascii_hexdigit(),
                other => byte == other,
            })
    };
    let id = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
    if is_shaped(text, id) {
        return "(id)".to_owned();
    }
    if [
        "0000-00-00T00:00:00Z",
        "0000-00-00T00:00:00.000Z",
        "0000-00-00T00:00:00.000000Z",
    ]
    .iter()
    .any(|shape| is_shaped(text, shape))
    {
        return "(time)".to_owned();
    }
    if is_shaped(text, "00:00:00.0000000") {
        return "(duration)".to_owned();
    }
    if text.starts_with('/') {
        let parts: Vec<&str> = text
            .split('/')
            .map(|part| if is_shaped(part, id) { "(id)" } else { part })
            .collect();
        return parts.join("/");
    }
    let Some((before, after)) = text.split_once("127.0.0.1:") else {
        return text.to_owned();
    };
    format!(
        "{before}127.0.0.1:(port){}",
        after.trim_start_matches(|digit: char| digit.is_ascii_digit())
    )
}

#[tokio::test]
async fn a_job_and_its_list_after_completion_and_after_failure() {
    let mut latch = Latch::open().await;
    let (_site, server) = Server::with_config(&format!(
        "[job_types.EmailNotificationJob]\nretry_intervals = [\"00:00:00\"]\n{}",
        latch.handler()
    ));
    let client = server.client();
    let job = |name: &str| {
        json!({ "type": "EmailNotificationJob", "name": name, "maxRetries": 1, "priority": "high",
            "parameters": { "recipientEmail": "user@example.com", "templateId": "welcome-email" } })
    };
    let created = client.post("/jobs", job("Welcome Email")).await;
    let id = created.json()["id"].as_str().expect("an id").to_owned();
    latch
        .visit()
        .await
        .respond("200 OK", r#"{"messageId": "msg-456", "deliveryStatus": "delivered"}"#);
    client.wait_finished(&id).await;
    insta::assert_snapshot!("job_created", rendered(&created));
    insta::assert_snapshot!("job_completed", rendered(&client.get(&format!("/jobs/{id}")).await));
    insta::assert_snapshot!("list_of_a_completed_job", rendered(&client.get("/jobs").await));

    let failing = client.create(job("No Email")).await;
    let id = failing["id"].as_str().expect("an id");
    latch
        .visit()
        .await
        .respond("503 Service Unavailable", "try again later");
    latch.visit().await.respond("404 Not Found", "no such user");
    client.wait_finished(id).await;
    insta::assert_snapshot!("job_failed", rendered(&client.get(&format!("/jobs/{id}")).await));
    insta::assert_snapshot!("list_of_a_failed_job", rendered(&client.get("/jobs?limit=1").await));
}

#[tokio::test]
async fn queues() {
    let (_site, server) = Server::with_config("[job_types.Noop]\nhandler = \"noop\"");
    let client = server.client();
    let id = client.create_of_type("Noop").await;
    client.wait_finished(&id).await;
    client.create_of_type("Waits").await;
    insta::assert_snapshot!("queue", rendered(&client.get("/queues/default").await));
    let paused = client.post_empty("/queues/default/pause").await;
    insta::assert_snapshot!("queue_paused", rendered(&paused));
    insta::assert_snapshot!("list_of_queues", rendered(&client.get("/queues").await));
    insta::assert_snapshot!(
        "queue_cleared",
        rendered(&client.post_empty("/queues/default/clear").await)
    );
}

#[tokio::test]
async fn problems() {
    let (_site, server) = Server::with_config("");
    let client = server.client();
    let problem = client
        .post(
            "/jobs",
            json!({ "type": "Waits", "options": { "maxRetries": "three" } }),
        )
        .await;
    insta::assert_snapshot!(
        "problem_of_one_field",
        rendered(&ApiResponse {
            text: problem.text.replace("\\\"", "'"),
            ..problem
        })
    );
    let batch = json!({ "jobs": [{ "type": "Waits" }, { "type": "Waits", "delay": "soon" }, {}, { "type": "Waits", "colour": "red" }] });
    insta::assert_snapshot!("problem_of_a_batch", rendered(&client.post("/jobs/batch", batch).await));
    insta::assert_snapshot!(
        "problem_of_parameters",
        rendered(&client.get("/jobs?limit=0&status=done").await)
    );
    let id = "01963b5e-7d3a-7c1e-9f43-0d2f6b1a9c55";
    insta::assert_snapshot!(
        "problem_of_what_is_not_there",
        rendered(&client.get(&format!("/jobs/{id}")).await)
    );
    insta::assert_snapshot!(
        "problem_of_a_method",
        rendered(&client.send(client.request(Method::PUT, "/jobs")).await)
    );
    let job = client.create_of_type("Waits").await;
    client.post_empty(&format!("/jobs/{job}/cancel")).await;
    insta::assert_snapshot!(
        "problem_of_a_state",
        rendered(&client.post_empty(&format!("/jobs/{job}/cancel")).await)
    );
}

#[tokio::test]
async fn a_batch() {
    let (_site, server) = Server::with_config("");
    let client = server.client();
    let batch: Value =
        json!([{ "type": "Waits", "name": "one" }, { "type": "Waits", "queue": "mail", "delay": "00:10:00" }]);
    insta::assert_snapshot!("batch_created", rendered(&client.post("/jobs/batch", batch).await));
}
