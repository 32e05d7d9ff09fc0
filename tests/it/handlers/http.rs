//! The HTTP handler, from the job to the endpoint and back.

use std::fmt::Write;

use chrono::{DateTime, TimeDelta, Utc};
use hmac::{Hmac, Mac};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::harness::client::Client;
use crate::harness::latch::Latch;
use crate::harness::server::{Server, Site};

/// A server whose type `Call` calls the latch, with additional settings of the type and of `[jobs]`.
async fn server_that_calls(settings: &str, jobs: &str) -> (Latch, Site, Server) {
    let latch = Latch::open().await;
    let (site, server) = Server::with_config(&format!(
        "[jobs]\n{jobs}\n[job_types.Call]\nmax_retries = 1\nretry_delay = \"00:00:00\"\n\
         [job_types.Call.handler.http]\nurl = \"{}?key=s3cret\"\n{settings}",
        latch.url()
    ));
    (latch, site, server)
}

fn time(value: &Value) -> DateTime<Utc> {
    let text = value.as_str().unwrap_or_else(|| panic!("{value} is no time"));
    DateTime::parse_from_rfc3339(text).expect("RFC 3339").to_utc()
}

/// Delay between a job's first two attempts.
fn wait(job: &Value) -> TimeDelta {
    let history = &job["executionHistory"];
    time(&history[1]["startedAt"]) - time(&history[0]["completedAt"])
}

async fn create(client: &Client, parameters: Value) -> String {
    let job = json!({ "type": "Call", "name": "Rechnung № 7", "queue": "billing", "priority": "high", "parameters": parameters });
    client.create(job).await["id"].as_str().expect("an id").to_owned()
}

#[tokio::test]
async fn the_endpoint_receives_the_complete_job_and_can_verify_it() {
    let settings = "secret = \"wh-s3cret ü and more\"\nheaders = { Authorization = \"Bearer abc\", X-Team = \"blue\" }";
    let (mut latch, _site, server) = server_that_calls(settings, "").await;
    let client = server.client();
    let id = create(&client, json!({ "to": "ann" })).await;
    let visit = latch.visit().await;
    assert!(
        visit.head.starts_with("POST /run?key=s3cret HTTP/1.1\r\n"),
        "{}",
        visit.head
    );
    let job = client.job(&id).await;
    let created_at = job["createdAt"].as_str().expect("a time");
    // Members and their order are a contract with external endpoints.
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
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice("wh-s3cret ü and more".as_bytes()).expect("a key");
    mac.update(visit.body.as_bytes());
    let mut signature = "sha256=".to_owned();
    for byte in mac.finalize().into_bytes() {
        write!(signature, "{byte:02x}").expect("text");
    }
    assert_eq!(visit.header("x-tickerq-signature"), Some(signature.as_str()));
    assert_eq!(visit.header("accept-encoding"), Some("identity"));
    // Signed as Standard Webhooks: id and time are signed, so that replays are detected.
    let first = (
        visit.header("webhook-id").expect("an id").to_owned(),
        visit.header("webhook-timestamp").expect("a time").to_owned(),
    );
    assert_eq!(first.0, format!("job_{}_1", id.replace('-', "")));
    let age = Utc::now().timestamp() - first.1.parse::<i64>().expect("seconds");
    assert!((-5..=60).contains(&age), "{age}");
    let secret = tickerq::domain::webhooks::endpoint::SigningSecret::new("wh-s3cret ü and more");
    let seconds = first.1.parse().expect("seconds");
    let expected =
        tickerq::domain::webhooks::signature::sign_message(&secret, &first.0, seconds, visit.body.as_bytes());
    assert_eq!(visit.header("webhook-signature"), Some(expected.as_str()));
    visit.respond("500 Internal Server Error", "");
    let visit = latch.visit().await;
    let call = visit.json();
    assert_eq!((&call["attempt"], &call["retryCount"]), (&json!(2), &json!(1)));
    assert_eq!(visit.header("x-tickerq-attempt"), Some("2"));
    assert_ne!(
        visit.header("webhook-id"),
        Some(first.0.as_str()),
        "an attempt has an id of its own"
    );
    assert_ne!(
        visit.header("x-tickerq-signature"),
        Some(signature.as_str()),
        "it is of this body"
    );
    visit.complete();
    let job = client.wait_finished(&id).await;
    let error = job["executionHistory"][0]["error"].as_str().expect("an error");
    assert!(
        error.ends_with("/run responded with 500 Internal Server Error"),
        "what may be secret is not shown: {error}"
    );
}

#[tokio::test]
async fn without_a_secret_nothing_is_signed() {
    let (mut latch, _site, server) = server_that_calls("", "").await;
    create(&server.client(), Value::Null).await;
    let visit = latch.visit().await;
    assert_eq!(visit.header("x-tickerq-signature"), None);
    assert_eq!(visit.header("webhook-signature"), None);
    assert_eq!(visit.json()["parameters"], Value::Null);
    visit.complete();
}

#[tokio::test]
async fn the_response_of_a_success_is_the_result() {
    let (mut latch, _site, server) = server_that_calls("", "").await;
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
        latch.visit().await.respond(status, body);
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
    let (mut latch, _site, server) = server_that_calls("", "").await;
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
        latch.visit().await.respond(status, "no such\r\ncustomer\0");
        let job = client.wait_finished(&id).await;
        assert_eq!(
            (&job["status"], &job["attempt"]),
            (&json!("failed"), &json!(1)),
            "{status}"
        );
        assert!(
            job["error"]
                .as_str()
                .is_some_and(|error| error.ends_with(&format!("responded with {status}"))),
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
        latch.visit().await.respond(status, "");
        latch.visit().await.complete();
        let job = client.wait_finished(&id).await;
        assert_eq!(
            (&job["status"], &job["attempt"]),
            (&json!("completed"), &json!(2)),
            "{status}"
        );
    }
    let id = create(&client, Value::Null).await;
    latch
        .visit()
        .await
        .respond("302 Found\r\nLocation: http://elsewhere.example/x", "");
    let job = client.wait_finished(&id).await;
    assert_eq!((&job["status"], &job["attempt"]), (&json!("failed"), &json!(1)));
    let error = job["error"].as_str().expect("an error");
    assert!(
        error.ends_with("responded with 302 Found, a redirect to elsewhere.example; redirects are not followed"),
        "{error}"
    );
}

#[tokio::test]
async fn retry_after_is_waited_for() {
    let (mut latch, _site, server) = server_that_calls("", "").await;
    let client = server.client();
    // Both forms at once, so that the test waits once.
    let in_seconds = create(&client, json!("seconds")).await;
    let at_a_time = create(&client, json!("time")).await;
    for _ in 0..2 {
        let visit = latch.visit().await;
        if visit.json()["parameters"] == "seconds" {
            visit.respond("429 Too Many Requests\r\nRetry-After: 1", "");
        } else {
            // By the endpoint's clock, which differs from this one.
            let date = "Date: Sun, 06 Nov 1994 08:49:36 GMT\r\nRetry-After: Sun, 06 Nov 1994 08:49:37 GMT";
            visit.respond(&format!("503 Service Unavailable\r\n{date}"), "");
        }
    }
    for _ in 0..2 {
        latch.visit().await.complete();
    }
    for id in [in_seconds, at_a_time] {
        let job = client.wait_finished(&id).await;
        assert_eq!(job["status"], "completed");
        assert!(wait(&job) >= TimeDelta::seconds(1), "it came back after {}", wait(&job));
    }
}

#[tokio::test]
async fn an_unreachable_endpoint_is_retried() {
    // A port that was just free.
    let port = std::net::TcpListener::bind("127.0.0.1:0")
        .and_then(|listener| listener.local_addr())
        .expect("a port")
        .port();
    let mut latch = Latch::open().await;
    let (_site, server) = Server::with_config(&format!(
        "[jobs]\nmax_retries = 1\nretry_delay = \"00:00:00\"\n\
         [job_types.Unhandled]\nhandler = {{ http = {{ url = \"http://127.0.0.1:{port}/\" }} }}\n[job_types.Call]\n{}",
        latch.handler()
    ));
    let client = server.client();
    let id = client.create_of_type("Unhandled").await;
    let job = client.wait_finished(&id).await;
    assert_eq!((&job["status"], &job["attempt"]), (&json!("failed"), &json!(2)));
    assert_eq!(
        job["error"],
        format!("could not connect to 127.0.0.1:{port}: connection refused")
    );
    let id = client.create_of_type("Call").await;
    drop(latch.visit().await);
    latch.visit().await.complete();
    let job = client.wait_finished(&id).await;
    assert_eq!((&job["status"], &job["attempt"]), (&json!("completed"), &json!(2)));
    let error = job["executionHistory"][0]["error"].as_str().expect("an error");
    assert!(error.contains("/run sent no response: "), "{error}");
}

#[tokio::test]
async fn a_result_that_is_too_large_fails_for_good_and_is_not_cut() {
    let (mut latch, _site, server) = server_that_calls("", "max_result_size = \"1KiB\"").await;
    let client = server.client();
    let id = create(&client, Value::Null).await;
    let longest = format!("\"{}\"", "x".repeat(1_022));
    latch.visit().await.respond("200 OK", &longest);
    let job = client.wait_finished(&id).await;
    assert_eq!(job["result"].as_str().map(str::len), Some(1_022));
    for body in [format!("\"{}\"", "x".repeat(1_023)), "x".repeat(3_000_000)] {
        let id = create(&client, Value::Null).await;
        latch.visit().await.respond("200 OK", &body);
        let job = client.wait_finished(&id).await;
        assert_eq!(
            (&job["status"], &job["attempt"], &job["result"]),
            (&json!("failed"), &json!(1), &Value::Null)
        );
        assert_eq!(job["error"], "the result exceeds the maximum size of 1024 bytes");
    }
}

#[tokio::test]
async fn which_refusals_are_permanent_is_a_setting() {
    let (mut latch, _site, server) = server_that_calls("permanent_statuses = [404, 410, 501]\n", "").await;
    let client = server.client();
    for status in ["404 Not Found", "410 Gone", "501 Not Implemented"] {
        let id = create(&client, Value::Null).await;
        latch.visit().await.respond(status, "");
        let job = client.wait_finished(&id).await;
        assert_eq!(
            (&job["status"], &job["attempt"]),
            (&json!("failed"), &json!(1)),
            "{status}"
        );
    }
    for status in [
        "401 Unauthorized",
        "403 Forbidden",
        "400 Bad Request",
        "503 Service Unavailable",
    ] {
        let id = create(&client, Value::Null).await;
        latch.visit().await.respond(status, "");
        latch.visit().await.complete();
        let job = client.wait_finished(&id).await;
        assert_eq!(
            (&job["status"], &job["attempt"]),
            (&json!("completed"), &json!(2)),
            "{status}"
        );
    }
}

#[tokio::test]
async fn an_invalid_permanent_status_is_rejected_at_start() {
    for status in ["200", "302", "399", "600", "\"404\""] {
        let config = format!(
            "[job_types.Call]\nhandler = {{ http = {{ url = \"http://127.0.0.1:9/\", permanent_statuses = [{status}] }} }}\n"
        );
        let site = Site::new(crate::harness::server::Storage::Sqlite, &config);
        let output = site.command(&["config", "check"]).output().expect("the program runs");
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(
            !output.status.success() && stderr.contains("permanent_statuses"),
            "{status}: {stderr}"
        );
    }
}

#[tokio::test]
async fn a_response_that_is_not_text_completes_the_job_with_a_warning() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let bodies: [(&str, &[u8]); 3] = [
        ("Content-Type: text/plain; charset=iso-8859-1", b"gr\xfc\xdfe"),
        ("Content-Encoding: gzip", b"\x1f\x8b\x08\x00\xff"),
        ("Content-Type: application/json", b"{\"name\":\"\xff\"}"),
    ];
    tokio::spawn(async move {
        for (header, body) in bodies {
            let (mut stream, _) = listener.accept().await.expect("a call");
            let mut request = Vec::new();
            while !String::from_utf8_lossy(&request).contains("maxRetries\":1}") {
                stream.read_buf(&mut request).await.expect("a request");
            }
            let head = format!(
                "HTTP/1.1 200 OK\r\n{header}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
                body.len()
            );
            stream.write_all(head.as_bytes()).await.expect("it is read");
            stream.write_all(body).await.expect("it is read");
        }
    });
    let (_site, server) = Server::with_config(&format!(
        "[job_types.Call]\nmax_retries = 1\nhandler = {{ http = {{ url = \"http://127.0.0.1:{port}/\" }} }}\n"
    ));
    let client = server.client();
    for (header, _) in bodies {
        let id = create(&client, Value::Null).await;
        let job = client.wait_finished(&id).await;
        assert_eq!(
            (&job["status"], &job["result"], &job["attempt"]),
            (&json!("completed"), &Value::Null, &json!(1)),
            "{job}"
        );
        let log = job["log"].to_string();
        assert!(log.contains("not UTF-8 text"), "{job}");
        assert_eq!(log.contains("gzip"), header.contains("gzip"), "{log}");
    }
}
