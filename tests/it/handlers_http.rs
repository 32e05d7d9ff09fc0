//! The http handler, from the job to the endpoint and back.

use std::fmt::Write;

use chrono::{DateTime, TimeDelta, Utc};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};

use crate::harness::client::Client;
use crate::harness::gate::Gate;
use crate::harness::server::{Server, Site};

/// A server whose type `Call` calls the gate, with these settings of its own and of `[jobs]`.
async fn server_that_calls(settings: &str, jobs: &str) -> (Gate, Site, Server) {
    let gate = Gate::open().await;
    let (site, server) = Server::with_config(&format!(
        "[jobs]\n{jobs}\n[job_types.Call]\nmax_retries = 1\nretry_delay = \"00:00:00\"\n\
         [job_types.Call.handler.http]\nurl = \"{}?key=s3cret\"\n{settings}",
        gate.url()
    ));
    (gate, site, server)
}

fn time(value: &Value) -> DateTime<Utc> {
    let text = value.as_str().unwrap_or_else(|| panic!("{value} is no time"));
    DateTime::parse_from_rfc3339(text).expect("RFC 3339").to_utc()
}

/// How long a job waited between its first two attempts.
fn wait(job: &Value) -> TimeDelta {
    let history = &job["executionHistory"];
    time(&history[1]["startedAt"]) - time(&history[0]["completedAt"])
}

async fn create(client: &Client, parameters: Value) -> String {
    let job = json!({ "type": "Call", "name": "Rechnung № 7", "queue": "billing", "priority": "high", "parameters": parameters });
    client.create(job).await["id"].as_str().expect("an id").to_owned()
}

#[tokio::test]
async fn the_endpoint_is_told_everything_about_the_job_and_can_verify_it() {
    let settings = "secret = \"wh-s3cret ü\"\nheaders = { Authorization = \"Bearer abc\", X-Team = \"blue\" }";
    let (mut gate, _site, server) = server_that_calls(settings, "").await;
    let client = server.client();
    let id = create(&client, json!({ "to": "ann" })).await;
    let visit = gate.visit().await;
    assert!(
        visit.head.starts_with("POST /run?key=s3cret HTTP/1.1\r\n"),
        "{}",
        visit.head
    );
    let job = client.job(&id).await;
    let created_at = job["createdAt"].as_str().expect("a time");
    // The members and their order are a contract with the endpoints of other people.
    let expected = format!(
        "{{\"jobId\":\"{id}\",\"type\":\"Call\",\"name\":\"Rechnung № 7\",\"queue\":\"billing\",\"attempt\":1,\
         \"parameters\":{{\"to\":\"ann\"}},\"priority\":\"high\",\"createdAt\":\"{created_at}\",\"retryCount\":0,\
         \"maxRetries\":1}}"
    );
    assert_eq!(visit.body, expected);
    for (name, value) in [
        ("content-type", "application/json"),
        ("authorization", "Bearer abc"),
        ("x-team", "blue"),
        ("x-tickerq-job-id", id.as_str()),
        ("x-tickerq-attempt", "1"),
        ("user-agent", concat!("TickerQ/", env!("CARGO_PKG_VERSION"))),
    ] {
        assert_eq!(visit.header(name), Some(value), "{name}");
    }
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice("wh-s3cret ü".as_bytes()).expect("a key");
    mac.update(visit.body.as_bytes());
    let mut signature = "sha256=".to_owned();
    for byte in mac.finalize().into_bytes() {
        write!(signature, "{byte:02x}").expect("text");
    }
    assert_eq!(visit.header("x-tickerq-signature"), Some(signature.as_str()));
    visit.answer("500 Internal Server Error", "");
    let visit = gate.visit().await;
    let call = visit.json();
    assert_eq!((&call["attempt"], &call["retryCount"]), (&json!(2), &json!(1)));
    assert_eq!(visit.header("x-tickerq-attempt"), Some("2"));
    assert_ne!(
        visit.header("x-tickerq-signature"),
        Some(signature.as_str()),
        "it is of this body"
    );
    visit.complete();
    let job = client.wait_finished(&id).await;
    let error = job["executionHistory"][0]["error"].as_str().expect("an error");
    assert!(
        error.ends_with("/run answered 500 Internal Server Error"),
        "what may be secret is not shown: {error}"
    );
}

#[tokio::test]
async fn without_a_secret_nothing_is_signed() {
    let (mut gate, _site, server) = server_that_calls("", "").await;
    create(&server.client(), Value::Null).await;
    let visit = gate.visit().await;
    assert_eq!(visit.header("x-tickerq-signature"), None);
    assert_eq!(visit.json()["parameters"], Value::Null);
    visit.complete();
}

#[tokio::test]
async fn what_a_success_answers_is_the_result() {
    let (mut gate, _site, server) = server_that_calls("", "").await;
    let client = server.client();
    for (status, body, result) in [
        (
            "200 OK",
            r#"{"messageId": "msg-456"}"#,
            json!({ "messageId": "msg-456" }),
        ),
        ("201 Created", "[1, 2]", json!([1, 2])),
        ("202 Accepted", "\"text\"", json!("text")),
        ("200 OK", "sent 3 mails\n", json!("sent 3 mails")),
        ("200 OK", "null", Value::Null),
        ("200 OK", "", Value::Null),
        ("299 Fine", "0", json!(0)),
    ] {
        let id = create(&client, Value::Null).await;
        gate.visit().await.answer(status, body);
        let job = client.wait_finished(&id).await;
        assert_eq!(
            (&job["status"], &job["result"]),
            (&json!("completed"), &result),
            "{status} {body}"
        );
    }
}

#[tokio::test]
async fn a_refusal_fails_for_good_and_trouble_is_tried_again() {
    let (mut gate, _site, server) = server_that_calls("", "").await;
    let client = server.client();
    for status in [
        "400 Bad Request",
        "401 Unauthorized",
        "404 Not Found",
        "409 Conflict",
        "410 Gone",
        "422 Unprocessable Entity",
    ] {
        let id = create(&client, Value::Null).await;
        gate.visit().await.answer(status, "no such\r\ncustomer\0");
        let job = client.wait_finished(&id).await;
        assert_eq!(
            (&job["status"], &job["attempt"]),
            (&json!("failed"), &json!(1)),
            "{status}"
        );
        assert!(
            job["error"]
                .as_str()
                .is_some_and(|error| error.ends_with(&format!("answered {status}"))),
            "{job}"
        );
        assert_eq!(job["errorDetail"], "no such\ncustomer\u{fffd}");
    }
    for status in [
        "408 Request Timeout",
        "425 Too Early",
        "429 Too Many Requests",
        "500 Internal Server Error",
        "503 Service Unavailable",
        "504 Gateway Timeout",
    ] {
        let id = create(&client, Value::Null).await;
        gate.visit().await.answer(status, "");
        gate.visit().await.complete();
        let job = client.wait_finished(&id).await;
        assert_eq!(
            (&job["status"], &job["attempt"]),
            (&json!("completed"), &json!(2)),
            "{status}"
        );
    }
    let id = create(&client, Value::Null).await;
    gate.visit()
        .await
        .answer("302 Found\r\nLocation: http://elsewhere.example/x", "");
    let job = client.wait_finished(&id).await;
    assert_eq!((&job["status"], &job["attempt"]), (&json!("failed"), &json!(1)));
    let error = job["error"].as_str().expect("an error");
    assert!(
        error.ends_with("answered 302 Found, a redirect to elsewhere.example; redirects are not followed"),
        "{error}"
    );
}

#[tokio::test]
async fn retry_after_is_waited_for() {
    let (mut gate, _site, server) = server_that_calls("", "").await;
    let client = server.client();
    // Both forms at once, so that the test waits once.
    let in_seconds = create(&client, json!("seconds")).await;
    let at_a_time = create(&client, json!("time")).await;
    for _ in 0..2 {
        let visit = gate.visit().await;
        if visit.json()["parameters"] == "seconds" {
            visit.answer("429 Too Many Requests\r\nRetry-After: 1", "");
        } else {
            // By the endpoint's own clock, which is not this one.
            let date = "Date: Sun, 06 Nov 1994 08:49:36 GMT\r\nRetry-After: Sun, 06 Nov 1994 08:49:37 GMT";
            visit.answer(&format!("503 Service Unavailable\r\n{date}"), "");
        }
    }
    for _ in 0..2 {
        gate.visit().await.complete();
    }
    for id in [in_seconds, at_a_time] {
        let job = client.wait_finished(&id).await;
        assert_eq!(job["status"], "completed");
        assert!(wait(&job) >= TimeDelta::seconds(1), "it came back after {}", wait(&job));
    }
}

#[tokio::test]
async fn an_endpoint_that_is_not_there_or_hangs_up_is_tried_again() {
    // A port that was free a moment ago.
    let port = std::net::TcpListener::bind("127.0.0.1:0")
        .and_then(|listener| listener.local_addr())
        .expect("a port")
        .port();
    let mut gate = Gate::open().await;
    let (_site, server) = Server::with_config(&format!(
        "[jobs]\nmax_retries = 1\nretry_delay = \"00:00:00\"\n\
         [job_types.Nobody]\nhandler = {{ http = {{ url = \"http://127.0.0.1:{port}/\" }} }}\n[job_types.Call]\n{}",
        gate.handler()
    ));
    let client = server.client();
    let id = client.create_of_type("Nobody").await;
    let job = client.wait_finished(&id).await;
    assert_eq!((&job["status"], &job["attempt"]), (&json!("failed"), &json!(2)));
    assert_eq!(
        job["error"],
        format!("could not connect to 127.0.0.1:{port}: connection refused")
    );
    let id = client.create_of_type("Call").await;
    drop(gate.visit().await);
    gate.visit().await.complete();
    let job = client.wait_finished(&id).await;
    assert_eq!((&job["status"], &job["attempt"]), (&json!("completed"), &json!(2)));
    let error = job["executionHistory"][0]["error"].as_str().expect("an error");
    assert!(error.contains("/run gave no answer: "), "{error}");
}

#[tokio::test]
async fn a_result_that_is_too_large_fails_for_good_and_is_not_cut() {
    let (mut gate, _site, server) = server_that_calls("", "result_bytes_max = \"1KiB\"").await;
    let client = server.client();
    let id = create(&client, Value::Null).await;
    let longest = format!("\"{}\"", "x".repeat(1_022));
    gate.visit().await.answer("200 OK", &longest);
    let job = client.wait_finished(&id).await;
    assert_eq!(job["result"].as_str().map(str::len), Some(1_022));
    for body in [format!("\"{}\"", "x".repeat(1_023)), "x".repeat(3_000_000)] {
        let id = create(&client, Value::Null).await;
        gate.visit().await.answer("200 OK", &body);
        let job = client.wait_finished(&id).await;
        assert_eq!(
            (&job["status"], &job["attempt"], &job["result"]),
            (&json!("failed"), &json!(1), &Value::Null)
        );
        assert_eq!(job["error"], "the result is larger than the allowed 1024 bytes");
    }
}
