//! HTTP/1 on the wire: responses of a connection, their order, and its end.

use std::time::Instant;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Duration, timeout};

use crate::auth::KEYS;
use crate::harness::TIMEOUT;
use crate::harness::server::Server;

const NOOP: &str = "[job_types.NoopJob]\nhandler = \"noop\"\n";

async fn connect(server: &Server) -> TcpStream {
    let address = server.url.trim_start_matches("http://");
    TcpStream::connect(address).await.expect("a connection")
}

/// The response bytes to these bytes, until the server closes the connection.
async fn responses(server: &Server, sent: &str) -> String {
    let mut stream = connect(server).await;
    stream.write_all(sent.as_bytes()).await.expect("bytes are sent");
    rest_of(&mut stream).await
}

async fn rest_of(stream: &mut TcpStream) -> String {
    let mut response = Vec::new();
    let end = timeout(TIMEOUT, stream.read_to_end(&mut response)).await;
    end.expect("the connection is closed in time").expect("in order");
    String::from_utf8(response).expect("text")
}

/// Statuses of the responses in order.
fn statuses(responses: &str) -> Vec<&str> {
    let lines = responses.split("HTTP/1.").skip(1);
    let statuses = lines.filter_map(|line| line.get(2..5));
    statuses
        .filter(|status| status.bytes().all(|digit| digit.is_ascii_digit()))
        .collect()
}

fn get(path: &str, headers: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n")
}

fn post(path: &str, headers: &str, body: &str) -> String {
    let length = body.len();
    format!("POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n{headers}\r\n{body}")
}

const CLOSE: &str = "Connection: close\r\n";
const JSON: &str = "Content-Type: application/json\r\n";

#[tokio::test]
async fn no_response_follows_the_request_that_closes_the_connection() {
    let (_site, server) = Server::with_config(NOOP);
    let health = |headers| get("/healthz", headers);
    let jobs = "/api/tickerq/jobs";
    let noop = r#"{"type":"NoopJob"}"#;
    for (sent, expected) in [
        (health(CLOSE) + &health(""), &["200"][..]),
        (health(CLOSE) + &post(jobs, JSON, noop), &["200"]),
        (post(jobs, &format!("{JSON}{CLOSE}"), noop) + &health(""), &["201"]),
        (
            health("") + &health("") + &health(CLOSE) + &health(""),
            &["200", "200", "200"],
        ),
        ("GET /healthz HTTP/1.0\r\n\r\n".to_owned() + &health(""), &["200"]),
        (post("/api/tickerq/queues/x", CLOSE, "body") + &health(""), &["405"]),
    ] {
        let received = responses(&server, &sent).await;
        assert_eq!(statuses(&received), expected, "{sent}\n{received}");
        // HTTP/1.0 closes without a `Connection` header.
        let declared = usize::from(!sent.contains("HTTP/1.0"));
        assert_eq!(
            received.matches("connection: close").count(),
            declared,
            "{sent}\n{received}"
        );
    }
    let total = server.client().get("/jobs").await.json()["totalCount"].clone();
    assert_eq!(total, 1, "requests without a response had no effect");
}

#[tokio::test]
async fn pipelined_requests_get_responses_by_their_own_method_and_version() {
    let (_site, server) = Server::with_config(NOOP);
    let list = get("/api/tickerq/jobs", "");
    let head = list.replacen("GET", "HEAD", 1);
    let sent = format!("{head}{list}{head}{}", get("/healthz", CLOSE));
    let received = responses(&server, &sent).await;
    assert_eq!(statuses(&received), ["200"; 4], "{received}");
    assert_eq!(received.matches("\"totalCount\"").count(), 1, "{received}");
    let parts: Vec<&str> = received.split("HTTP/1.1 200").skip(1).collect();
    for (part, has_body) in parts.iter().zip([false, true, false, true]) {
        assert_eq!(!part.ends_with("\r\n\r\n"), has_body, "{received}");
        assert!(part.contains("content-length"), "{received}");
    }
    // The response to an invalid request follows those to the earlier ones.
    let received = responses(&server, &format!("{list}{list}nonsense\r\n\r\n{list}")).await;
    assert_eq!(statuses(&received), ["200", "200", "400"], "{received}");
}

#[tokio::test]
async fn a_100_continue_is_sent_only_when_the_body_is_needed() {
    let (_site, server) = Server::with_config(KEYS);
    let writer = "Authorization: Bearer tq_writer-key-for-tests\r\n";
    let request = |path: &str, headers: &str, length: &str| {
        format!(
            "POST {path} HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\n{JSON}{headers}Content-Length: {length}\r\n\r\n"
        )
    };
    for (sent, expected) in [
        (request("/api/tickerq/jobs", "", "18"), "401"),
        (
            request(
                "/api/tickerq/jobs",
                "Authorization: Bearer tq_wrong-key-for-tests\r\n",
                "18",
            ),
            "401",
        ),
        (
            request(
                "/api/tickerq/jobs",
                "Authorization: Bearer tq_reader-key-for-tests\r\n",
                "18",
            ),
            "403",
        ),
        (request("/nowhere", writer, "18"), "404"),
        (request("/healthz", writer, "18"), "405"),
        (request("/api/tickerq/jobs", writer, "999999999"), "413"),
    ] {
        let received = responses(&server, &sent).await;
        assert_eq!(statuses(&received), [expected], "{sent}\n{received}");
    }
    let mut stream = connect(&server).await;
    let sent = request("/api/tickerq/jobs", &format!("{writer}{CLOSE}"), "18");
    stream.write_all(sent.as_bytes()).await.expect("a head");
    let mut interim = [0; 25];
    let read = timeout(TIMEOUT, stream.read_exact(&mut interim)).await;
    read.expect("a response in time").expect("a response");
    assert_eq!(&interim, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream.write_all(b"{\"type\":\"NoopJob\"}").await.expect("a body");
    assert_eq!(statuses(&rest_of(&mut stream).await), ["201"]);
    // A body that arrives with its head is not requested with `100 Continue`.
    let head = request("/api/tickerq/jobs", &format!("{writer}{CLOSE}"), "18");
    let received = responses(&server, &format!("{head}{{\"type\":\"NoopJob\"}}")).await;
    assert_eq!(statuses(&received).last(), Some(&"201"), "{received}");
}

#[tokio::test]
async fn a_100_continue_is_sent_while_the_previous_response_is_being_written() {
    let (_site, server) = Server::with_config("");
    let large = json!({ "type": "Unhandled", "parameters": "x".repeat(900_000) });
    let job = server.client().create(large).await;
    let read = get(&format!("/api/tickerq/jobs/{}", job["id"].as_str().expect("an id")), "");
    let create = format!(
        "POST /api/tickerq/jobs HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\n{JSON}{CLOSE}Content-Length: 17\r\n\r\n"
    );
    for reads in [1, 5, 20] {
        let mut stream = connect(&server).await;
        let sent = format!("{}{create}", read.repeat(reads));
        stream.write_all(sent.as_bytes()).await.expect("heads");
        let interim = b"HTTP/1.1 100 Continue\r\n\r\n";
        let mut received = Vec::new();
        while !received.ends_with(interim) {
            let count = timeout(TIMEOUT, stream.read_buf(&mut received)).await;
            assert_ne!(count.expect("the body is requested").expect("in order"), 0);
        }
        stream.write_all(b"{\"type\":\"Remote\"}").await.expect("a body");
        let end = rest_of(&mut stream).await;
        assert_eq!(statuses(&end), ["201"], "{end}");
        let before = String::from_utf8(received).expect("text");
        assert_eq!(statuses(&before), [vec!["200"; reads], vec!["100"]].concat());
    }
}

#[tokio::test]
async fn a_head_that_arrives_byte_by_byte_is_accepted() {
    let (_site, server) = Server::with_config("");
    let request = get("/healthz", &format!("X-Filler: {}\r\n{CLOSE}", "x".repeat(2_000)));
    let mut stream = connect(&server).await;
    stream.set_nodelay(true).expect("bytes are sent at once");
    let whole = format!("{}{request}", get("/healthz", ""));
    for byte in whole.as_bytes() {
        stream.write_all(&[*byte]).await.expect("a byte");
        stream.flush().await.expect("a byte");
    }
    let received = rest_of(&mut stream).await;
    assert_eq!(statuses(&received), ["200", "200"], "{received}");
    // Invalid heads are rejected before they are complete, and lines may end without CR.
    assert_eq!(statuses(&responses(&server, "no request: at all\r\n").await), ["400"]);
    let bare = "GET /healthz HTTP/1.1\nHost: localhost\nConnection: close\n\n";
    let mut stream = connect(&server).await;
    for part in [&bare[..bare.len() - 1], &bare[bare.len() - 1..]] {
        stream.write_all(part.as_bytes()).await.expect("a part");
        // Separate reads of the server, which does not respond to the first part.
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(statuses(&rest_of(&mut stream).await), ["200"]);
}

#[tokio::test]
async fn a_slow_request_gets_408_and_a_silent_connection_is_closed_without_a_response() {
    let (_site, server) = Server::with_config("");
    let start = Instant::now();
    let half = "GET /healthz HTTP/1.1\r\nHost: loc";
    let after_one = get("/healthz", "") + half;
    let (nothing, some, later) = tokio::join!(
        responses(&server, ""),
        responses(&server, half),
        responses(&server, &after_one),
    );
    assert_eq!(nothing, "");
    assert_eq!(statuses(&some), ["408"]);
    assert_eq!(statuses(&later), ["200", "408"]);
    for response in [&some, &later] {
        assert!(
            response.contains("connection: close") && response.contains("urn:tickerq:problem:too-slow"),
            "{response}"
        );
    }
    assert!(start.elapsed() >= Duration::from_secs(4));
}

#[tokio::test]
async fn a_malformed_request_is_a_problem_and_not_logged_as_an_error() {
    let (_site, server) = Server::with_config("");
    for wrong in [
        "nonsense\r\n\r\n".to_owned(),
        "GET / HTTP/1.1\r\n\r\n".to_owned(),
        "GET / HTTP/2.0\r\nHost: localhost\r\n\r\n".to_owned(),
        "\u{16}\u{3}\u{1}\u{2}\r\n\r\n".to_owned(),
        get("/", "Bad Header: x\r\n"),
        get("/", "Content-Length: x\r\n"),
        get("/", "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n"),
        get("/", "Transfer-Encoding: gzip\r\n"),
        get("/\u{1}", ""),
        "! / HTTP/1.1\r\nHost: localhost\r\n\r\n".to_owned(),
    ] {
        let received = responses(&server, &wrong).await;
        assert_eq!(statuses(&received), ["400"], "{wrong:?}\n{received}");
        let (head, body) = received.split_once("\r\n\r\n").expect("a body");
        assert!(
            head.contains("application/problem+json") && head.contains("nosniff"),
            "{head}"
        );
        let problem: Value = serde_json::from_str(body).expect("JSON");
        assert_eq!(problem["type"], "urn:tickerq:problem:malformed");
    }
    let large = get("/", &format!("X: {}\r\n", "x".repeat(200_000)));
    let mut stream = connect(&server).await;
    // The server may respond before the request is complete.
    stream.write_all(large.as_bytes()).await.ok();
    assert_eq!(statuses(&rest_of(&mut stream).await), ["431"]);
    // An invalid chunk is a client error.
    let chunk = format!(
        "POST /api/tickerq/jobs HTTP/1.1\r\nHost: localhost\r\n{JSON}Transfer-Encoding: chunked\r\n\r\nxyz\r\n"
    );
    assert_eq!(statuses(&responses(&server, &chunk).await), ["400"]);
    assert!(!server.log().contains("ERROR"), "{}", server.log());
}

#[tokio::test]
async fn an_ordinary_request_with_upgrade_headers_gets_its_response() {
    let (_site, server) = Server::with_config(NOOP);
    let upgrade = "Upgrade: websocket\r\nConnection: Upgrade\r\n";
    let start = Instant::now();
    let create = post(
        "/api/tickerq/jobs",
        &format!("{JSON}{upgrade}"),
        r#"{"type":"NoopJob"}"#,
    );
    let graphql = post("/graphql", &format!("{JSON}{upgrade}"), r#"{"query":"{ __typename }"}"#);
    let received = responses(&server, &(create + &graphql + &get("/healthz", CLOSE))).await;
    assert_eq!(statuses(&received), ["201", "200", "200"], "{received}");
    let received = responses(
        &server,
        &get("/healthz", &format!("{upgrade}Sec-WebSocket-Version: 13\r\n")),
    )
    .await;
    assert_eq!(statuses(&received), ["200"], "{received}");
    assert!(start.elapsed() < Duration::from_secs(15));
}

#[tokio::test]
async fn a_change_with_if_none_match_is_rejected() {
    let (_site, server) = Server::with_config(NOOP);
    let client = server.client();
    let job = client.create(json!({ "type": "NoopJob", "delay": "01:00:00" })).await;
    let path = format!("/jobs/{}", job["id"].as_str().expect("an id"));
    let patch = |tags: &'static str| {
        let request = client
            .request(reqwest::Method::PATCH, &path)
            .header("If-None-Match", tags);
        client.send(request.json(&json!({ "priority": "high" })))
    };
    patch("*").await.problem(412);
    let tag = client.get(&path).await.header("etag").expect("a tag").to_owned();
    let request = client
        .request(reqwest::Method::DELETE, &path)
        .header("If-None-Match", tag);
    client.send(request).await.problem(412);
    assert_eq!(patch("\"99\"").await.status, 200);
}

#[tokio::test]
async fn the_host_of_an_absolute_target_counts_and_a_request_has_one_host() {
    let (_site, server) = Server::with_config(NOOP);
    let jobs = "/api/tickerq/jobs";
    let absolute = |target: &str, host: &str| format!("GET {target} HTTP/1.1\r\nHost: {host}\r\n{CLOSE}\r\n");
    let with = |host: &str| format!("GET {jobs} HTTP/1.1\r\n{host}{CLOSE}\r\n");
    let body = r#"{"type":"NoopJob"}"#;
    for (sent, expected) in [
        (absolute(&format!("http://localhost{jobs}"), "localhost"), "200"),
        (
            absolute(&format!("http://127.0.0.1:1{jobs}?limit=1"), "evil.example"),
            "200",
        ),
        (absolute(&format!("HTTPS://[::1]:5000{jobs}"), "localhost"), "200"),
        (absolute(&format!("http://evil.example{jobs}"), "localhost"), "403"),
        (absolute(&format!("http://evil.example:80{jobs}"), "127.0.0.1"), "403"),
        (
            absolute(&format!("http://localhost.evil.example{jobs}"), "localhost"),
            "403",
        ),
        (
            post(&format!("http://evil.example{jobs}"), &format!("{JSON}{CLOSE}"), body),
            "403",
        ),
        (
            post(&format!("http://localhost{jobs}"), &format!("{JSON}{CLOSE}"), body),
            "201",
        ),
        (
            absolute("http://evil.example/graphql?query=%7B__typename%7D", "localhost"),
            "403",
        ),
        (
            absolute(&format!("http://localhost@evil.example{jobs}"), "localhost"),
            "400",
        ),
        (absolute(&format!("http://evil@localhost{jobs}"), "localhost"), "400"),
        (absolute(&format!("http://{jobs}"), "localhost"), "400"),
        (absolute(&format!("ftp://localhost{jobs}"), "localhost"), "400"),
        (absolute("localhost:80", "localhost"), "400"),
        (with("Host: localhost\r\n"), "200"),
        (with("Host: evil.example\r\n"), "403"),
        (with(""), "400"),
        (with("Host:\r\n"), "400"),
        (with("Host: localhost\r\nHost: evil.example\r\n"), "400"),
        (with("Host: localhost\r\nhost: localhost\r\n"), "400"),
        (with("Host: localhost, evil.example\r\n"), "400"),
        (with("Host: evil.example,localhost\r\n"), "400"),
        (with("Host: evil.example@localhost\r\n"), "400"),
        (with("Host: localhost:80:80\r\n"), "400"),
        (with("Host: localhost/\r\n"), "400"),
        (with(":authority: localhost\r\n"), "400"),
        (with("Host: localhost\r\n:authority: localhost\r\n"), "400"),
    ] {
        let received = responses(&server, &sent).await;
        assert_eq!(statuses(&received), [expected], "{sent}\n{received}");
    }
    // HTTP/2 is not supported, with or without an upgrade.
    for (sent, expected) in [
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned(), "400"),
        (
            get(
                "/healthz",
                &format!("Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n{CLOSE}"),
            ),
            "200",
        ),
    ] {
        let received = responses(&server, &sent).await;
        assert_eq!(statuses(&received), [expected], "{sent}\n{received}");
    }
    let total = server.client().get("/jobs").await.json()["totalCount"].clone();
    assert_eq!(total, 1, "rejected requests had no effect");
}
