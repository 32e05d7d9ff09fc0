//! Bodies of requests.

use std::time::Instant;

use reqwest::{Method, StatusCode};
use serde_json::json;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use super::{connect, graphql};
use crate::harness::client::{ApiResponse, Client};
use crate::harness::server::Server;
use crate::harness::{TIMEOUT, eventually};

#[tokio::test]
async fn unfinished_bodies_are_bounded_together() {
    let config = "[server]\nmax_request_body = \"1MiB\"\nmax_batch_body = \"1MiB\"\nmax_body_memory = \"2MiB\"\n";
    let (_site, server) = Server::with_config(config);
    let client = server.client();
    let body = format!("{{\"type\":\"Remote\",\"parameters\":\"{}\"}}", "x".repeat(700_000));
    let head = |path: &str| {
        format!(
            "POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            body.len()
        )
    };
    for path in [
        "/api/tickerq/jobs",
        "/graphql",
        "/api/tickerq/jobs/batch",
        "/api/tickerq/workers",
    ] {
        let mut stream = unfinished_body(&server, &head(path), &body).await;
        let end = Instant::now() + TIMEOUT;
        let refused = loop {
            let response = create_from(&client, &body).await;
            if response.status == StatusCode::SERVICE_UNAVAILABLE {
                break response;
            }
            assert!(Instant::now() < end, "a body for {path} leaves memory for another");
            // A body that arrives before the bytes of the request before it are released is refused itself.
            if stream.try_read(&mut [0]).is_ok() {
                stream = unfinished_body(&server, &head(path), &body).await;
            }
        };
        let problem = refused.problem(503);
        assert_eq!(problem["type"], "urn:tickerq:problem:busy");
        assert!(refused.header("retry-after").is_some());
        let detail = problem["detail"].as_str().unwrap_or_default();
        assert!(detail.contains("server.max_body_memory"), "{path}: {detail}");
        // Small ones need none of it.
        client.create(json!({"type": "Unhandled"})).await;
        drop(stream);
        eventually("memory is free again", async || {
            let response = create_from(&client, &body).await;
            (response.status == StatusCode::CREATED).then_some(())
        })
        .await;
    }
}

/// A request of which all but the last bytes of its body are sent.
async fn unfinished_body(server: &Server, head: &str, body: &str) -> TcpStream {
    let mut stream = connect(server).await;
    stream.write_all(head.as_bytes()).await.expect("the head is sent");
    let part = &body.as_bytes()[..body.len() - 10];
    stream.write_all(part).await.expect("the body is sent");
    stream
}

async fn create_from(client: &Client, body: &str) -> ApiResponse {
    let request = client
        .request(Method::POST, "/jobs")
        .header("content-type", "application/json");
    client.send(request.body(body.to_owned())).await
}

#[tokio::test]
async fn bodies_of_graphql_have_a_limit_of_their_own() {
    let (_site, server) = Server::with_config("");
    let client = server.client();
    let query = |length: usize| {
        let variables = json!({"input": {"type": "Unhandled", "parameters": "x".repeat(length)}});
        let query = "mutation($input: ScheduleJobInput!) { scheduleJob(input: $input) { job { id } } }";
        json!({"query": query, "variables": variables})
    };
    let refused = graphql(&client, &query(1 << 20)).await;
    assert_eq!(refused.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert!(refused.text.contains("graphql.max_body"), "{}", refused.text);
    assert_eq!(graphql(&client, &query(1_000_000)).await.status, StatusCode::OK);
    let (_site, server) = Server::with_config("[graphql]\nmax_body = \"2MiB\"\n");
    assert_eq!(graphql(&server.client(), &query(1 << 20)).await.status, StatusCode::OK);
}
