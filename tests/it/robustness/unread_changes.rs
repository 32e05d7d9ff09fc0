//! Clients that do not read responses to their changes: the memory of these responses is bounded, too.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpSocket;
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::auth::KEYS;
use crate::harness::client::Client;
use crate::harness::server::{Server, Site, Storage};
use crate::harness::{TIMEOUT, eventually};

/// A caller's share is half of the memory: two responses of this size fit, three do not.
const SIZE: usize = 5_000_000;

const CONFIG: &str = "[server]\nmax_response_memory = \"24MiB\"\nmax_response = \"16MiB\"\nrequest_body_bytes_max = \"16MiB\"\n\
     [graphql]\nmax_body = \"16MiB\"\n[jobs]\nparameters_bytes_max = \"8MiB\"\n";

fn config() -> String {
    format!("{KEYS}{CONFIG}")
}

fn large_job() -> Value {
    json!({"type": "Unhandled", "parameters": "x".repeat(SIZE)})
}

/// A connection whose client reads almost nothing, and the status and length of its response.
struct Unread {
    stream: TcpStream,
    status: u16,
    length: usize,
    head: String,
}

/// Sends a request with the key of `all` and reads only the head of the response.
async fn send_unread(server: &Server, method: &str, path: &str, body: &Value) -> Unread {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.set_recv_buffer_size(4_096).expect("a small buffer");
    let address = server.url.trim_start_matches("http://");
    let mut stream = socket
        .connect(address.parse().expect("an address"))
        .await
        .expect("a connection");
    let body = body.to_string();
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer tq_all-key-for-tests\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await.expect("it is sent");
    stream.write_all(body.as_bytes()).await.expect("it is sent");
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let byte = timeout(TIMEOUT, stream.read_u8()).await;
        head.push(byte.expect("a response in time").expect("a response"));
    }
    let head = String::from_utf8_lossy(&head).to_ascii_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    Unread {
        status: head[9..12].parse().expect("a status"),
        length: length.map_or(0, |length| length.trim().parse().expect("a length")),
        stream,
        head,
    }
}

async fn jobs_of(client: &Client) -> usize {
    let list = client.get("/jobs?limit=1000").await.json();
    list["jobs"].as_array().expect("jobs").len()
}

fn with_key(server: &Server, name: &str) -> Client {
    server.client().with_token(&format!("tq_{name}-key-for-tests"))
}

async fn changes_are_refused_over(storage: Storage) {
    let site = Site::new(storage, &config());
    let server = site.start();
    let all = with_key(&server, "all");
    let worker = all
        .post("/workers", json!({"name": "w", "types": ["Other"]}))
        .await
        .json();
    let heartbeat = format!("/workers/{}/heartbeat", worker["id"].as_str().expect("an id"));
    let mut unread = Vec::new();
    for _ in 0..2 {
        let response = send_unread(&server, "POST", "/api/tickerq/jobs", &large_job()).await;
        assert_eq!(response.status, 201);
        assert!(response.length > SIZE);
        unread.push(response);
    }
    for _ in 0..6 {
        let refused = send_unread(&server, "POST", "/api/tickerq/jobs", &large_job()).await;
        assert_eq!(refused.status, 503, "{}", refused.head);
        assert!(refused.head.contains("\r\nretry-after: "), "{}", refused.head);
    }
    let problem = all.post("/jobs", large_job()).await.problem(503);
    assert_eq!(problem["type"], "urn:tickerq:problem:busy");
    let detail = problem["detail"].as_str().expect("a detail");
    assert!(detail.contains("server.max_response_memory"), "{detail}");
    let query =
        "mutation($p: JSON!) { createJob(input: {type: \"Unhandled\", parameters: $p}) { job { id parameters } } }";
    let mutation = json!({"query": query, "variables": {"p": "x".repeat(SIZE)}});
    let refused = all.send(all.at_root(Method::POST, "/graphql").json(&mutation)).await;
    assert_eq!(refused.status, StatusCode::SERVICE_UNAVAILABLE, "{:.500}", refused.text);
    assert!(refused.header("retry-after").is_some());
    assert_eq!(refused.json()["errors"][0]["extensions"]["code"], "busy");
    assert_eq!(jobs_of(&all).await, 2, "nothing was carried out that was refused");
    // Other callers still have memory, and the worker keeps its lease.
    let created = with_key(&server, "writer").post("/jobs", large_job()).await;
    assert_eq!(created.status, StatusCode::CREATED, "{:.500}", created.text);
    assert_eq!(all.post_empty(&heartbeat).await.status, StatusCode::OK);
    drop(unread);
    eventually("the memory is free again", async || {
        let created = all.post("/jobs", large_job()).await;
        (created.status == StatusCode::CREATED).then_some(())
    })
    .await;
}

#[tokio::test]
async fn changes_are_rejected_while_their_caller_leaves_responses_unread_on_sqlite() {
    changes_are_refused_over(Storage::Sqlite).await;
}

#[tokio::test]
async fn changes_are_rejected_while_their_caller_leaves_responses_unread_on_postgresql() {
    changes_are_refused_over(Storage::Postgres).await;
}

#[tokio::test]
async fn a_small_request_with_a_large_response_gets_ids_when_nothing_more_fits() {
    let (_site, server) = Server::with_config(&config());
    let all = with_key(&server, "all");
    let mut paths = Vec::new();
    for _ in 0..6 {
        let created = all.create(large_job()).await;
        paths.push(format!("/api/tickerq/jobs/{}", created["id"].as_str().expect("an id")));
    }
    let mut unread = Vec::new();
    for path in &paths {
        let response = send_unread(&server, "PATCH", path, &json!({"priority": "high"})).await;
        assert_eq!(response.status, 200, "{}", response.head);
        unread.push(response);
    }
    let whole = unread.iter().filter(|response| response.length > SIZE).count();
    assert_eq!(whole, 2, "as many as fit into a share");
    let reduced = unread.iter_mut().filter(|response| response.length < SIZE);
    for response in reduced {
        let mut body = vec![0; response.length];
        response.stream.read_exact(&mut body).await.expect("a body");
        let body: Value = serde_json::from_slice(&body).expect("JSON");
        assert_eq!(body["status"], "pending", "{body}");
        assert!(body["id"].is_string() && body.get("parameters").is_none(), "{body}");
    }
    drop(unread);
    for path in &paths {
        let path = path.trim_start_matches("/api/tickerq");
        let job = eventually("the memory is free again", async || {
            let response = all.get(path).await;
            (response.status == StatusCode::OK).then(|| response.json())
        });
        assert_eq!(job.await["priority"], "high", "each change took effect");
    }
}
