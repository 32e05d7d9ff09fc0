//! Request bodies: media type, JSON, depth and size.

use std::io::{Read, Write};

use reqwest::{Method, StatusCode};
use serde_json::json;

use super::protocol::raw;
use crate::harness::TIMEOUT;
use crate::harness::client::{ApiResponse, Client};
use crate::harness::server::Server;

/// Id of no job.
const UNKNOWN_ID: &str = "01963b5e-7d3a-7c1e-9f43-0d2f6b1a9c55";

async fn post_bytes(client: &Client, path: &str, content_type: Option<&str>, body: impl Into<Vec<u8>>) -> ApiResponse {
    let mut request = client.request(Method::POST, path).body(body.into());
    if let Some(content_type) = content_type {
        request = request.header("content-type", content_type);
    }
    client.send(request).await
}

#[tokio::test]
async fn a_body_must_be_json_by_its_own_account() {
    let (_site, server) = Server::with_config("");
    let client = server.client();
    let body = r#"{"type":"Waits"}"#;
    for content_type in [
        "application/json",
        "application/json; charset=utf-8",
        "APPLICATION/JSON;charset=UTF-8",
        "application/json; charset=\"utf-8\"; x=y",
        "application/vnd.tickerq.v1+json",
    ] {
        let response = post_bytes(&client, "/jobs", Some(content_type), body).await;
        assert_eq!(
            response.status,
            StatusCode::CREATED,
            "{content_type}: {}",
            response.text
        );
    }
    for content_type in [
        None,
        Some(""),
        Some("text/plain"),
        Some("application/x-www-form-urlencoded"),
        Some("multipart/form-data"),
        Some("application/json; charset=utf-16"),
        Some("application/jsonp"),
        Some("text/json"),
        Some("application/+json"),
    ] {
        for path in ["/jobs", "/jobs/batch", "/queues/default/pause", "/queues/default/clear"] {
            let problem = post_bytes(&client, path, content_type, body).await.problem(415);
            assert_eq!(
                problem["type"], "urn:tickerq:problem:unsupported-media-type",
                "{content_type:?} {path}"
            );
        }
    }
    let request = client
        .request(Method::POST, "/jobs")
        .header("content-type", "application/json");
    let problem = client
        .send(request.header("content-encoding", "gzip").body(body))
        .await
        .problem(415);
    assert_eq!(
        problem["detail"],
        "content encoding 'gzip' is not supported; send the body without encoding"
    );
    // Optional bodies require no media type.
    assert_eq!(
        post_bytes(&client, "/queues/default/pause", None, "").await.status,
        StatusCode::OK
    );
    assert_eq!(
        post_bytes(&client, "/queues/default/resume", Some("text/plain"), "")
            .await
            .status,
        StatusCode::OK
    );
}

#[tokio::test]
async fn the_position_of_a_json_syntax_error_is_reported() {
    let (_site, server) = Server::with_config("");
    let client = server.client();
    let json = Some("application/json");
    let deep = |open: &str, close: &str| format!("{}1{}", open.repeat(100_000), close.repeat(100_000));
    for (body, detail) in [
        (
            b"{".to_vec(),
            "the body is not JSON: EOF while parsing an object at line 1 column 1",
        ),
        (
            b"{\"type\": \"A\",}".to_vec(),
            "the body is not JSON: trailing comma at line 1 column 14",
        ),
        (b"{'type': 'A'}".to_vec(), "the body is not JSON: key must be a string"),
        (
            b"{\"type\": \"A\"} {}".to_vec(),
            "the body is not JSON: trailing characters",
        ),
        (b"type=A".to_vec(), "the body is not JSON: expected"),
        (
            b"\xef\xbb\xbf{\"type\": \"A\"}".to_vec(),
            "the body is not JSON: expected value at line 1 column 1",
        ),
        (
            b"{\"type\": \"A\", \"maxRetries\": 1e999}".to_vec(),
            "the body is not JSON: number out of range",
        ),
        (
            b"{\"type\": \"A\", \"maxRetries\": NaN}".to_vec(),
            "the body is not JSON: ",
        ),
        (
            b"{\"type\": \"A\", \"name\": \"\\ud800\"}".to_vec(),
            "the body is not JSON: ",
        ),
        (
            b"{\"type\": \"A\", \"name\": \"a\x00b\"}".to_vec(),
            "the body is not JSON: control character",
        ),
        (
            b"{\"type\": \"A\", \"parameters\": \"a\x00b\"}".to_vec(),
            "the body is not JSON: control character",
        ),
        (
            b"{\"type\": \"A\", \"parameters\": 01}".to_vec(),
            "the body is not JSON: invalid number",
        ),
        (
            b"{\"type\": \"\xff\"}".to_vec(),
            "the body is not UTF-8: invalid byte at 10",
        ),
        (
            b"{\"type\": \"A\", \"parameters\": \"\xc3\x28\"}".to_vec(),
            "the body is not UTF-8: invalid byte at 29",
        ),
        (
            b"\xff\xfe{\x00}\x00".to_vec(),
            "the body is not UTF-8: invalid byte at 0",
        ),
    ] {
        let excerpt = String::from_utf8_lossy(&body[..body.len().min(60)]).into_owned();
        let problem = post_bytes(&client, "/jobs", json, body.clone()).await.problem(400);
        let given = problem["detail"].as_str().expect("a detail");
        assert!(given.starts_with(detail), "{excerpt} gives {given}");
        assert_eq!(problem["type"], "urn:tickerq:problem:malformed", "{excerpt}");
        let batch = [b"[".as_slice(), &body, b"]"].concat();
        post_bytes(&client, "/jobs/batch", json, batch).await.problem(400);
    }
    // JSON of any depth is parsed without a stack overflow, and rejected beyond the limit.
    for (body, pointer) in [
        (deep("[", "]"), "#"),
        (deep("{\"a\":", "}"), "#/a"),
        (
            format!("{{\"type\": \"A\", \"parameters\": {}}}", deep("[", "]")),
            "#/parameters",
        ),
        (
            format!("{{\"type\": \"A\", \"name\": {}}}", deep("{\"a\":", "}")),
            "#/name",
        ),
        (
            format!("{{\"type\": \"A\", \"retryIntervals\": {}}}", deep("[", "]")),
            "#/retryIntervals/0",
        ),
        (
            format!("{{\"type\": \"A\", \"colour\": {}}}", deep("{\"a\":", "}")),
            "#/colour",
        ),
    ] {
        let excerpt: String = body.chars().take(60).collect();
        let problem = post_bytes(&client, "/jobs", json, body).await.problem(400);
        assert_eq!(problem["errors"][0]["pointer"], pointer, "{excerpt}");
    }
    let problem = post_bytes(&client, "/jobs", json, deep("{\"options\":", "}"))
        .await
        .problem(400);
    assert!(
        problem["detail"]
            .as_str()
            .is_some_and(|detail| detail.contains("recursion limit exceeded")),
        "{problem}"
    );
    for path in ["/jobs", "/jobs/batch"] {
        post_bytes(&client, path, json, deep("[", "")).await.problem(400);
    }
    let deepest = format!(
        "{{\"type\": \"A\", \"parameters\": {}{}}}",
        "[".repeat(64),
        "]".repeat(64)
    );
    assert_eq!(
        post_bytes(&client, "/jobs", json, deepest).await.status,
        StatusCode::CREATED
    );
    assert_eq!(client.get("/jobs").await.json()["totalCount"], 1);
}

#[tokio::test]
async fn a_body_that_is_too_large_is_rejected_with_any_framing() {
    let (_site, server) = Server::with_config("[server]\nmax_request_body = \"2KiB\"\nmax_batch_body = \"4KiB\"");
    let client = server.client();
    let json = Some("application/json");
    let job = |length: usize| {
        let rest = r#"{"type":"Waits","parameters":""}"#.len();
        format!(r#"{{"type":"Waits","parameters":"{}"}}"#, "x".repeat(length - rest))
    };
    assert_eq!(
        post_bytes(&client, "/jobs", json, job(2_048)).await.status,
        StatusCode::CREATED
    );
    let batch = format!("[{}]", job(4_094));
    assert_eq!(
        post_bytes(&client, "/jobs/batch", json, batch).await.status,
        StatusCode::CREATED
    );
    for (path, body, max) in [
        ("/jobs", job(2_049), 2_048),
        ("/jobs", job(5_000_000), 2_048),
        ("/jobs/batch", format!("[{}]", job(4_095)), 4_096),
        ("/queues/default/pause", " ".repeat(2_049), 2_048),
        (&format!("/jobs/{UNKNOWN_ID}/execute"), " ".repeat(3_000_000), 2_048),
    ] {
        let problem = post_bytes(&client, path, json, body.clone()).await.problem(413);
        assert_eq!(problem["type"], "urn:tickerq:problem:too-large");
        assert_eq!(
            problem["detail"],
            format!("body size limit ({max} bytes) exceeded"),
            "{path}"
        );
        // Chunked, without a known length.
        let chunks = format!(
            "POST /api/tickerq{path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nConnection: close\r\n\
             Transfer-Encoding: chunked\r\n\r\n{:x}\r\n{body}\r\n0\r\n\r\n",
            body.len()
        );
        let (status, problem) = raw(&server, &chunks);
        assert_eq!((status, &problem["status"]), (413, &json!(413)), "{path}");
    }
    assert_eq!(client.get("/jobs").await.json()["totalCount"], 2);
}

#[tokio::test]
async fn a_stalled_body_times_out_and_its_connection_is_closed() {
    let (_site, server) = Server::with_config("");
    // Half of the announced length, and then silence.
    let request = "POST /api/tickerq/jobs HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
                   Content-Length: 100\r\n\r\n{\"type\":";
    let url = server.url.clone();
    let exchange = tokio::task::spawn_blocking(move || {
        let address = url.trim_start_matches("http://");
        let mut stream = std::net::TcpStream::connect(address).expect("a connection");
        stream.set_read_timeout(Some(2 * TIMEOUT)).expect("a time limit");
        stream.write_all(request.as_bytes()).expect("a request");
        let mut response = String::new();
        stream
            .read_to_string(&mut response)
            .expect("a response, and the end of the connection");
        response
    });
    let response = exchange.await.expect("no panic");
    assert!(response.starts_with("HTTP/1.1 408 "), "{response}");
    assert!(response.contains("urn:tickerq:problem:too-slow"), "{response}");
}
