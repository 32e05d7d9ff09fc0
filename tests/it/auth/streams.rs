//! Streams end once their credentials expire or are revoked.

use std::fs;

use futures_util::StreamExt;
use reqwest::StatusCode;
use serde_json::{Value, json};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;

use crate::harness::client::Client;
use crate::harness::hub::{RS, negotiate, records};
use crate::harness::server::{Server, Site, Storage};
use crate::harness::tokens::{Signer, ed25519_jwk, now, p256_jwk, token_with};
use crate::harness::{TIMEOUT, eventually};

const CONFIG: &str = "[metrics]\nenable_prometheus_export = true\n[api.jwt]\naudience = \"jobs\"\nleeway = \"00:00:00\"\njwks_file = \"keys.json\"\n";
/// Number of streams that [`all_streams_end`] opens.
const STREAMS: u32 = 6;
const HANDSHAKE: &str = "{\"protocol\":\"json\",\"version\":1}\u{1e}";

/// A server that knows the key `old`, and its folder.
fn start() -> (Site, Server) {
    let site = Site::new(Storage::Sqlite, CONFIG);
    write_keys(&site, json!([p256_jwk("old"), ed25519_jwk("other")]));
    let server = site.start();
    (site, server)
}

fn write_keys(site: &Site, keys: Value) {
    fs::write(site.path().join("keys.json"), json!({ "keys": keys }).to_string()).expect("the keys are written");
}

/// A token that is signed by the key `old`.
fn token(subject: &str, valid_for: u64) -> String {
    let claims = json!({"aud": "jobs", "sub": subject, "exp": now() + valid_for, "scope": "tickerq:read"});
    token_with(&json!({"alg": "ES256", "kid": "old"}), &claims, Signer::Es256)
}

/// Messages of a WebSocket until it is closed, and the close.
async fn web_socket(server: &Server, path: &str, token: &str, first: &[String]) -> (Vec<String>, u16, String) {
    let url = format!("{}{path}?access_token={token}", server.url.replacen("http", "ws", 1));
    let mut request = url.into_client_request().expect("an address");
    if path == "/graphql" {
        let protocol = "graphql-transport-ws".parse().expect("a header");
        request.headers_mut().insert("sec-websocket-protocol", protocol);
    }
    let (mut stream, _) = tokio_tungstenite::connect_async(request).await.expect("a connection");
    for message in first {
        let sent = futures_util::SinkExt::send(&mut stream, Message::text(message.as_str()));
        sent.await.expect("the connection is open");
    }
    let mut received = Vec::new();
    loop {
        let message = timeout(TIMEOUT, stream.next()).await.expect("the end in time");
        match message.expect("a close before the end").expect("a message") {
            Message::Text(text) => received.push(text.to_string()),
            Message::Close(Some(CloseFrame { code, reason })) => return (received, code.into(), reason.to_string()),
            Message::Binary(_) | Message::Ping(_) | Message::Pong(_) | Message::Close(None) | Message::Frame(_) => {}
        }
    }
}

async fn graphql_events(server: &Server, token: &str) -> String {
    let query = json!({"query": "subscription { jobStatusChanged { event } }"});
    let client = server.client().with_token(token);
    let request = client
        .at_root(reqwest::Method::POST, "/graphql")
        .header("Accept", "text/event-stream");
    let stream = request.json(&query).send().await.expect("a stream");
    let text = timeout(TIMEOUT, stream.text()).await.expect("the end in time");
    text.expect("text")
}

async fn hub_events(client: &Client) -> String {
    let path = format!("/hub?id={}", negotiate(client).await);
    let request = client.request(reqwest::Method::GET, &path);
    let stream = request
        .header("Accept", "text/event-stream")
        .send()
        .await
        .expect("a stream");
    let handshake = client.request(reqwest::Method::POST, &path).body(HANDSHAKE);
    assert_eq!(client.send(handshake).await.status, StatusCode::OK);
    let text = timeout(TIMEOUT, stream.text()).await.expect("the end in time");
    text.expect("text")
}

/// The last record of a poll.
async fn hub_polls(client: &Client) -> String {
    let path = format!("/hub?id={}", negotiate(client).await);
    client.get(&path).await;
    let handshake = client.request(reqwest::Method::POST, &path).body(HANDSHAKE);
    assert_eq!(client.send(handshake).await.status, StatusCode::OK);
    assert_eq!(client.get(&path).await.text, format!("{{}}{RS}"));
    client.get(&path).await.text
}

/// Opens a stream of every kind and checks how the server ends it.
async fn all_streams_end(server: &Server, token: &str, why: &str, end: impl Future<Output = ()>) {
    let client = server.client().with_token(token);
    let subscribe = [r#"{"action":"subscribe","topics":["job-status"]}"#.to_owned()];
    let begin = [
        r#"{"type":"connection_init"}"#.to_owned(),
        r#"{"type":"subscribe","id":"1","payload":{"query":"subscription { jobStatusChanged { event } }"}}"#.to_owned(),
    ];
    let hub = [HANDSHAKE.to_owned()];
    let (socket, graphql, hub, events, hub_events, polls, ()) = tokio::join!(
        web_socket(server, "/api/tickerq/ws", token, &subscribe),
        web_socket(server, "/graphql", token, &begin),
        web_socket(server, "/api/tickerq/hub", token, &hub),
        graphql_events(server, token),
        hub_events(&client),
        hub_polls(&client),
        end,
    );
    assert_eq!((socket.1, socket.2.as_str()), (1008, why));
    assert!(socket.0[0].contains("subscribed"), "{socket:?}");
    assert_eq!((graphql.1, graphql.2), (4403, format!("Forbidden: {why}")));
    assert!(graphql.0[0].contains("connection_ack"), "{:?}", graphql.0);
    let close = json!({"type": 7, "error": why, "allowReconnect": true});
    assert_eq!(hub.1, 1008);
    assert_eq!(hub.0.last().map(|last| records(last)), Some(vec![close.clone()]));
    assert_eq!(records(&polls), [close]);
    assert!(hub_events.contains(&format!("\"error\":\"{why}\"")), "{hub_events}");
    assert!(
        events.contains("\"code\":\"unauthenticated\"") && events.contains(why),
        "{events}"
    );
    assert!(events.ends_with("event: complete\ndata:\n\n"), "{events}");
}

#[tokio::test]
async fn streams_end_when_their_token_expires() {
    let (_site, server) = start();
    let token = token("ann", 3);
    Box::pin(all_streams_end(&server, &token, "the token has expired", async {})).await;
}

#[tokio::test]
async fn a_removed_key_opens_nothing_and_its_streams_end() {
    let (site, server) = start();
    let token = token("ann", 3_600);
    let client = server.client().with_token(&token);
    let why = "the token is not signed with a known key";
    let remove = async {
        assert_eq!(client.get("/jobs").await.status, StatusCode::OK);
        eventually("all streams are open", || async {
            let metrics = client.send(client.at_root(reqwest::Method::GET, "/metrics")).await.text;
            let counts = metrics
                .lines()
                .filter(|line| line.starts_with("tickerq_connected_clients{"));
            let count: u32 = counts
                .map(|line| {
                    line.rsplit(' ')
                        .next()
                        .and_then(|count| count.parse().ok())
                        .unwrap_or(0)
                })
                .sum();
            (count == STREAMS).then_some(())
        })
        .await;
        write_keys(&site, json!([ed25519_jwk("other")]));
    };
    Box::pin(all_streams_end(&server, &token, why, remove)).await;
    client.get("/jobs").await.problem(401);
    // Nor is a token that was signed later.
    let later = server.client().with_token(&self::token("bob", 60));
    later.get("/jobs").await.problem(401);
    // The key replaces the other one, and then no key is left.
    let claims = json!({"aud": "jobs", "sub": "eve", "exp": now() + 60, "scope": "tickerq:read"});
    let other = token_with(&json!({"alg": "EdDSA", "kid": "other"}), &claims, Signer::EdDsa);
    let other = server.client().with_token(&other);
    assert_eq!(other.get("/jobs").await.status, StatusCode::OK);
    write_keys(&site, json!([p256_jwk("old")]));
    // Requests with an accepted token check the file every ten seconds. Rejected ones would be throttled.
    eventually("the other key is rejected", || async {
        (other.get("/jobs").await.status == StatusCode::UNAUTHORIZED).then_some(())
    })
    .await;
    let is_let_in = || async { client.get("/jobs").await.status == StatusCode::OK };
    assert!(is_let_in().await);
    fs::write(site.path().join("keys.json"), "{\"keys\": [").expect("half a file");
    eventually("half a file is read", || async {
        assert!(is_let_in().await, "half a file changes nothing");
        server.log().contains("failed to reload").then_some(())
    })
    .await;
    assert!(is_let_in().await, "half a file changes nothing");
    write_keys(&site, json!([]));
    eventually("no key is known", || async { (!is_let_in().await).then_some(()) }).await;
}

#[tokio::test]
async fn a_poll_with_a_newer_token_keeps_its_connection_open() {
    let (_site, server) = start();
    let (first, second) = (token("ann", 3), token("ann", 3_600));
    let old = server.client().with_token(&first);
    let path = format!("/hub?id={}", negotiate(&old).await);
    old.get(&path).await;
    let handshake = old.request(reqwest::Method::POST, &path).body(HANDSHAKE);
    old.send(handshake).await;
    let new = server.client().with_token(&second);
    assert_eq!(new.get(&path).await.text, format!("{{}}{RS}"));
    let call = format!("{{\"type\":1,\"invocationId\":\"0\",\"target\":\"Foo\",\"arguments\":[]}}{RS}");
    let (parked, ()) = tokio::join!(new.get(&path), async {
        // A stream with the older token that is opened later ends when the token expires.
        let (_, code, why) = web_socket(&server, "/api/tickerq/ws", &first, &[]).await;
        assert_eq!((code, why.as_str()), (1008, "the token has expired"));
        new.send(new.request(reqwest::Method::POST, &path).body(call)).await;
    });
    assert_eq!(records(&parked.text)[0]["invocationId"], "0");
    old.get(&path).await.problem(401);
}
