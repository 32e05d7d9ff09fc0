//! Costs of operations against a key's rate limit, for each protocol.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::graphql::socket::Socket as GraphQlSocket;
use crate::harness::client::{ApiResponse, Client};
use crate::harness::hub::Hub;
use crate::harness::server::{Server, Site};
use crate::harness::socket::Socket;

const KEY: &str = "tq_limited-key-for-tests";

fn limited(rate: &str) -> (Site, Server) {
    let key = format!("[[api.keys]]\nname = \"limited\"\nkey = \"{KEY}\"\nscopes = [\"tickerq:read\"]\n");
    Server::with_config(&format!("{key}rate_limit = \"{rate}\"\n"))
}

async fn graphql(client: &Client, request: &Value) -> ApiResponse {
    client
        .send(client.at_root(Method::POST, "/graphql").json(request))
        .await
}

fn aliases(count: usize) -> String {
    let fields: String = (0..count)
        .map(|number| format!("a{number}: queues {{ name }} "))
        .collect();
    format!("{{ {fields} }}")
}

/// Status of a GraphQL request by GET whose streamed response is not read.
async fn stream(server: &Server, query: &str, accept: &str) -> (StatusCode, Option<String>) {
    let client = server.client();
    let request = client
        .at_root(Method::GET, "/graphql")
        .query(&[("query", query), ("access_token", KEY)])
        .header("accept", accept);
    let response = request.send().await.expect("a response");
    let wait = response.headers().get("retry-after");
    let wait = wait.map(|wait| wait.to_str().expect("text").to_owned());
    (response.status(), wait)
}

#[tokio::test]
async fn each_subscription_over_an_event_stream_counts_as_a_request() {
    let (_site, server) = limited("3/h");
    let query = "subscription { systemMetricsUpdated { timestamp } }";
    for _ in 0..3 {
        assert_eq!(stream(&server, query, "text/event-stream").await.0, StatusCode::OK);
    }
    let (status, wait) = stream(&server, query, "text/event-stream").await;
    assert_eq!(status, StatusCode::TOO_MANY_REQUESTS);
    assert!(wait.is_some());
    let client = server.client().with_token(KEY);
    client.get("/jobs").await.problem(429);
}

#[tokio::test]
async fn each_subscription_over_a_websocket_counts_as_a_request() {
    let (_site, server) = limited("3/h");
    let mut socket = Socket::open(&server.url, &format!("/ws?access_token={KEY}")).await;
    for _ in 0..3 {
        socket.subscribe(json!(["job-status"]), json!({})).await;
    }
    let again = json!({"action": "subscribe", "topics": ["job-status"]});
    socket.send_json(again).await;
    let error = socket.next_of("error").await;
    assert_eq!(error["data"]["code"], "too-many-requests", "{error}");
    // The connection stays open, and ending a subscription costs nothing.
    socket
        .send_json(json!({"action": "unsubscribe", "topics": ["job-status"]}))
        .await;
    socket.next_of("unsubscribed").await;
    server.client().with_token(KEY).get("/jobs").await.problem(429);
}

#[tokio::test]
async fn each_group_of_a_hub_counts_as_a_request() {
    let (_site, server) = limited("3/h");
    let socket = Socket::open(&server.url, &format!("/hub?access_token={KEY}")).await;
    let mut hub = Hub::over(socket).await;
    for group in ["queue:a", "queue:b", "queue:a"] {
        hub.join(group).await;
    }
    hub.call("more", "JoinGroup", json!(["queue:c"])).await;
    let refused = loop {
        let record = hub.next().await;
        if record["invocationId"] == "more" {
            break record;
        }
    };
    let error = refused["error"].as_str().expect("an error");
    assert!(error.contains("this caller may make 3 in 3600 s"), "{error}");
    server.client().with_token(KEY).get("/jobs").await.problem(429);
}

#[tokio::test]
async fn a_request_that_costs_more_than_the_limit_is_rejected_permanently() {
    let (_site, server) = limited("5/h");
    let client = server.client().with_token(KEY);
    let six = json!({"query": aliases(6)});
    let batch = json!([{"query": aliases(3)}, {"query": aliases(3)}]);
    for request in [&six, &batch] {
        let refused = graphql(&client, request).await;
        assert_eq!(refused.status, StatusCode::PAYLOAD_TOO_LARGE, "{}", refused.text);
        assert_eq!(refused.header("retry-after"), None, "waiting does not help");
        let error = &refused.json()["errors"][0];
        assert_eq!(error["extensions"]["code"], "too-large", "{error}");
        assert!(error["extensions"].get("retryAfter").is_none(), "{error}");
        let message = error["message"].as_str().expect("a message");
        assert!(message.contains("split") && message.contains("5 at once"), "{message}");
    }
    let refused = stream(&server, &aliases(6), "text/event-stream").await;
    assert_eq!(refused, (StatusCode::PAYLOAD_TOO_LARGE, None));
    let mut socket = GraphQlSocket::open_at(&server.url).await;
    socket
        .send_json(json!({"type": "connection_init", "payload": {"token": KEY}}))
        .await;
    socket.expect_message("connection_ack").await;
    socket.subscribe("1", &aliases(6)).await;
    let error = &socket.expect_message("error").await["payload"][0];
    assert_eq!(error["extensions"]["code"], "too-large", "{error}");
    assert!(error["extensions"].get("retryAfter").is_none(), "{error}");

    // A request at the limit is accepted when no other preceded it.
    let (_site, server) = limited("5/h");
    let client = server.client().with_token(KEY);
    assert_eq!(
        graphql(&client, &json!({"query": aliases(5)})).await.status,
        StatusCode::OK
    );
    let refused = graphql(&client, &json!({"query": aliases(5)})).await;
    assert_eq!(refused.status, StatusCode::TOO_MANY_REQUESTS);
    assert!(refused.header("retry-after").is_some());
}

#[tokio::test]
async fn fields_that_cost_more_together_than_the_limit_are_rejected_permanently() {
    let (_site, server) = limited("12/h");
    let client = server.client().with_token(KEY);
    let search = |name: &str| format!("{name}: jobs(filter: {{ search: \"x\" }}) {{ nodes {{ id }} }} ");
    let query = json!({"query": format!("{{ {} {} }}", search("a"), search("b"))});
    let response = graphql(&client, &query).await.json();
    let error = &response["errors"][0];
    assert_eq!(error["extensions"]["code"], "too-large", "{response}");
    assert!(error["extensions"].get("retryAfter").is_none(), "{response}");
    // One of them alone is accepted, also over REST.
    let (_site, server) = limited("5/h");
    let client = server.client().with_token(KEY);
    assert_eq!(client.get("/jobs?search=x").await.status, StatusCode::OK);
}
