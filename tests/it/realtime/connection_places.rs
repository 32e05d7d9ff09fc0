//! Limits of live connections: unconfirmed ones take no place, and each caller has a share.

use reqwest::Method;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use crate::auth::KEYS;
use crate::graphql::socket;
use crate::harness::eventually;
use crate::harness::hub::{Hub, negotiate};
use crate::harness::server::Server;
use crate::harness::socket::Socket;

#[tokio::test]
async fn a_client_connects_after_ten_thousand_negotiations() {
    let (_site, server) = Server::with_config("[realtime]\nmax_connections = 1\n");
    let negotiating: Vec<_> = (0..10)
        .map(|_| {
            let client = server.client();
            tokio::spawn(async move {
                for _ in 0..1_000 {
                    negotiate(&client).await;
                }
            })
        })
        .collect();
    for task in negotiating {
        task.await.expect("all have a response");
    }
    let token = negotiate(&server.client()).await;
    let socket = Socket::open(&server.url, &format!("/hub?id={token}")).await;
    let mut hub = Hub::over(socket).await;
    hub.join("queue:c").await;
}

#[tokio::test]
async fn connections_without_a_handshake_occupy_no_place_and_the_oldest_are_evicted() {
    let config = "[realtime]\nmax_connections = 1\nhandshake_timeout = \"00:02:00\"\n";
    let (_site, server) = Server::with_config(config);
    let client = server.client();
    let mut sockets = Vec::new();
    let mut streams = Vec::new();
    for number in 0..540 {
        match number % 3 {
            0 => sockets.push(Socket::open(&server.url, "/hub").await),
            1 => {
                let token = negotiate(&client).await;
                assert_eq!(client.get(&format!("/hub?id={token}")).await.status, 200);
            }
            _ => {
                let token = negotiate(&client).await;
                let events = client.request(Method::GET, &format!("/hub?id={token}"));
                let events = events.header("Accept", "text/event-stream").send().await;
                streams.push(events.expect("a stream"));
            }
        }
    }
    let close_frame = sockets[0].next().await;
    assert!(
        matches!(&close_frame, Some(Message::Close(Some(frame))) if u16::from(frame.code) == 1013),
        "{close_frame:?}"
    );
    let mut hub = Hub::open(&server.url).await;
    hub.join("queue:c").await;
    // Now the only place is taken.
    assert_eq!(Socket::try_open(&server.url, "/ws").await.err(), Some(503));
    drop(hub);
    eventually("the place is free again", || async {
        Socket::try_open(&server.url, "/ws").await.ok()
    })
    .await;
}

#[tokio::test]
async fn graphql_sockets_take_a_place_with_connection_init() {
    let config = format!("[realtime]\nmax_connections = 1\n[graphql]\nconnection_init_timeout = \"00:02:00\"\n{KEYS}");
    let (_site, server) = Server::with_config(&config);
    let mut waiting = Vec::new();
    for _ in 0..520 {
        waiting.push(socket::Socket::open_at(&server.url).await);
    }
    assert_eq!(waiting[0].close_frame().await.0, 1013);
    let init = json!({"type": "connection_init", "payload": {"Authorization": "Bearer tq_reader-key-for-tests"}});
    let mut first = socket::Socket::open_at(&server.url).await;
    first.send_json(init.clone()).await;
    first.expect_message("connection_ack").await;
    let last = waiting.last_mut().expect("a connection");
    last.send_json(init).await;
    assert_eq!(last.close_frame().await.0, 1013, "the place is taken");
}

#[tokio::test]
async fn one_caller_has_a_share_of_the_places_over_all_protocols() {
    let config = format!("[realtime]\nmax_connections = 20\n{KEYS}");
    let (_site, server) = Server::with_config(&config);
    let reader = server.client().with_token("tq_reader-key-for-tests");
    let path = |key: &str| format!("/ws?access_token=tq_{key}-key-for-tests");
    let mut open = Vec::new();
    for _ in 0..8 {
        open.push(Socket::open(&server.url, &path("reader")).await);
    }
    let hub = Socket::open(&server.url, "/hub?access_token=tq_reader-key-for-tests").await;
    let hub = Hub::over(hub).await;
    let query = json!({"query": "subscription { jobStatusChanged { event } }"});
    let subscribe = || {
        let request = reader
            .at_root(Method::POST, "/graphql")
            .header("Accept", "text/event-stream");
        request.json(&query).send()
    };
    let events = subscribe().await.expect("a stream");
    assert_eq!(events.status(), 200);
    let refused = subscribe().await.expect("a response");
    assert_eq!(refused.status(), 503);
    assert!(refused.headers().contains_key("retry-after"));
    assert_eq!(Socket::try_open(&server.url, &path("reader")).await.err(), Some(503));
    let refused = reader.post_empty("/hub/negotiate?negotiateVersion=1").await;
    let problem: Value = refused.problem(503);
    assert!(
        problem["detail"].as_str().expect("a detail").contains("one caller"),
        "{problem}"
    );
    // Another key has its own share.
    for _ in 0..10 {
        open.push(Socket::open(&server.url, &path("all")).await);
    }
    assert_eq!(Socket::try_open(&server.url, &path("all")).await.err(), Some(503));
    drop((hub, events));
    eventually("the caller has less again", || async {
        Socket::try_open(&server.url, &path("reader")).await.ok()
    })
    .await;
}
