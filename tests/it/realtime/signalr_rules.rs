//! A SignalR client that violates the protocol.

use std::time::{Duration, Instant};

use reqwest::{Method, StatusCode};
use serde_json::json;
use tokio_tungstenite::tungstenite::Message;

use crate::harness::client::Client;
use crate::harness::hub::{Hub, RS, negotiate, records};
use crate::harness::server::Server;
use crate::harness::socket::Socket;

const HANDSHAKE: &str = "{\"protocol\":\"json\",\"version\":1}\u{1e}";

/// Response to these first bytes: an error and then nothing else.
async fn refusal(server: &Server, first: &str) -> String {
    let mut socket = Socket::open(&server.url, "/hub").await;
    socket.send_text(first).await;
    let response = records(&socket.next_text().await);
    let [refused] = response.as_slice() else {
        panic!("{response:?}");
    };
    assert!(matches!(socket.next().await, Some(Message::Close(_))));
    refused["error"].as_str().expect("an error").to_owned()
}

#[tokio::test]
async fn invalid_handshakes_get_an_error_and_a_close() {
    let (_site, server) = Server::with_config("");
    let unknown = refusal(&server, &format!("{{\"protocol\":\"xml\",\"version\":1}}{RS}")).await;
    assert_eq!(unknown, "The protocol 'xml' is not supported.");
    refusal(&server, &format!("{{\"protocol\":\"json\",\"version\":3}}{RS}")).await;
    refusal(&server, &format!("{{\"protocol\":\"json\",\"version\":\"1\"}}{RS}")).await;
    refusal(&server, &format!("{{\"protocol\":\"json\"}}{RS}")).await;
    refusal(&server, &format!("hello{RS}")).await;
    refusal(&server, &format!("{{\"type\":6}}{RS}")).await;
    refusal(&server, &" ".repeat(40_000)).await;
    // The versions that the official server accepts.
    for version in [-1, 0, 1, 2] {
        let mut socket = Socket::open(&server.url, "/hub").await;
        let handshake = format!("{{\"protocol\":\"json\",\"version\":{version}}}{RS}");
        socket.send_text(&handshake).await;
        assert_eq!(socket.next_text().await, format!("{{}}{RS}"), "{handshake}");
    }
    // The end of a record arrives in the next frame.
    let mut socket = Socket::open(&server.url, "/hub").await;
    socket.send_text(&HANDSHAKE[..12]).await;
    socket.send_text(&HANDSHAKE[12..]).await;
    assert_eq!(socket.next_text().await, format!("{{}}{RS}"));
}

#[tokio::test]
async fn clients_without_a_handshake_or_pings_are_disconnected() {
    let (_site, server) = Server::with_config(
        "[realtime]\nhandshake_timeout = \"00:00:00.5\"\nping_interval = \"00:00:00.3\"\nclient_timeout = \"00:00:01\"\n",
    );
    let mut socket = Socket::open(&server.url, "/hub").await;
    assert_eq!(
        socket.next_text().await,
        format!("{{\"error\":\"Handshake was canceled.\"}}{RS}")
    );

    let mut hub = Hub::open(&server.url).await;
    let start = Instant::now();
    let mut pings = 0;
    let closed = loop {
        let text = hub.socket.next_text().await;
        match records(&text).as_slice() {
            [record] if record["type"] == 6 => pings += 1,
            [record] => break record.clone(),
            other => panic!("{other:?}"),
        }
    };
    assert!(pings >= 2, "the server was silent");
    assert_eq!(closed["type"], 7);
    assert!(
        closed["error"].is_string() && closed.get("allowReconnect").is_none(),
        "{closed}"
    );
    assert!(start.elapsed() >= Duration::from_secs(1));
    // A client that only sends pings stays connected for several timeouts.
    let mut hub = Hub::open(&server.url).await;
    while start.elapsed() < Duration::from_secs(4) {
        hub.send(json!({ "type": 6 })).await;
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    hub.join("job-updates").await;
    // An unused token expires. Any use of it would end the wait.
    let token = negotiate(&server.client()).await;
    tokio::time::sleep(Duration::from_millis(700)).await;
    assert_eq!(
        Socket::try_open(&server.url, &format!("/hub?id={token}")).await.err(),
        Some(404)
    );
}

#[tokio::test]
async fn invalid_calls_get_an_error_and_the_connection_stays_open() {
    let (_site, server) = Server::with_config("[realtime]\nmax_subscriptions = 2\n");
    let mut hub = Hub::open(&server.url).await;
    for (method, arguments) in [
        ("Foo", json!([])),
        ("JoinGroup", json!([])),
        ("JoinGroup", json!(["job-updates", "job-updates"])),
        ("JoinGroup", json!([7])),
        ("JoinGroup", json!(["weather"])),
        ("JoinGroup", json!(["job:7"])),
        ("JoinGroup", json!(["queue:a b"])),
    ] {
        hub.call("0", method, arguments.clone()).await;
        let response = hub.next().await;
        assert_eq!((&response["type"], &response["invocationId"]), (&json!(3), &json!("0")));
        assert!(
            response["error"].is_string() && response.get("result").is_none(),
            "{method} {arguments}: {response}"
        );
    }
    hub.call("0", "Foo", json!([])).await;
    assert_eq!(hub.next().await["error"], "Unknown hub method 'Foo'");
    hub.send(json!({ "type": 4, "invocationId": "s", "target": "JoinGroup", "arguments": ["job-updates"] }))
        .await;
    assert!(hub.next().await["error"].is_string(), "it does not stream");
    hub.send(json!({ "type": 1, "invocationId": "t", "target": "JoinGroup", "arguments": [], "streamIds": ["1"] }))
        .await;
    assert!(hub.next().await["error"].is_string(), "it takes no streams");
    // No response: a non-blocking call, a cancellation of an unknown stream, and an unknown message type.
    hub.send(json!({ "type": 1, "target": "Foo", "arguments": [] })).await;
    hub.send(json!({ "type": 5, "invocationId": "none" })).await;
    hub.send(json!({ "type": 3, "invocationId": "none" })).await;
    hub.send(json!({ "type": 99, "anything": null })).await;
    hub.join("queue:a").await;
    hub.join("queue:b").await;
    hub.call("full", "JoinGroup", json!(["queue:c"])).await;
    assert!(
        hub.next().await["error"].is_string(),
        "it is in as many groups as it may be"
    );
    // The responses to two calls in one frame are in order, with their own ids.
    let calls = ["0", "zwölf"].map(|id| {
        let call = json!({ "type": 1, "invocationId": id, "target": "LeaveGroup", "arguments": ["queue:a"] });
        format!("{call}{RS}")
    });
    hub.socket.send_text(&calls.concat()).await;
    for id in ["0", "zwölf"] {
        assert_eq!(
            hub.next().await,
            json!({ "type": 3, "invocationId": id, "result": null })
        );
    }
}

#[tokio::test]
async fn an_invalid_message_closes_the_connection_with_the_reason() {
    let (_site, server) = Server::with_config("");
    let too_large = format!("{{\"type\":6,\"x\":\"{}\"}}{RS}", "x".repeat(33_000));
    for wrong in [
        format!("hello{RS}"),
        format!("{{\"type\":1,\"arguments\":[]}}{RS}"),
        format!("{{\"type\":1,\"invocationId\":7,\"target\":\"JoinGroup\",\"arguments\":[]}}{RS}"),
        too_large,
        "x".repeat(33_000),
    ] {
        let mut hub = Hub::open(&server.url).await;
        hub.socket.send_text(&wrong).await;
        let close = hub.closed().await;
        assert!(
            close["error"].is_string() && close.get("allowReconnect").is_none(),
            "{close}"
        );
    }
    // A frame far beyond the limit is not read.
    let mut hub = Hub::open(&server.url).await;
    hub.socket.send_text(&"x".repeat(1 << 20)).await;
    assert_eq!(hub.socket.close_frame().await.0, 1009);
    // A client may send the close message.
    let mut hub = Hub::open(&server.url).await;
    hub.send(json!({ "type": 7 })).await;
    assert!(matches!(hub.socket.next().await, Some(Message::Close(_))));
}

#[tokio::test]
async fn a_token_opens_one_connection_over_one_transport() {
    let (_site, server) = Server::with_config("");
    let client = server.client();
    let get = |token: &str| client.request(Method::GET, &format!("/hub?id={token}"));
    let events = |token: &str| get(token).header("Accept", "text/event-stream");
    let post = |token: &str| {
        client
            .request(Method::POST, &format!("/hub?id={token}"))
            .body(HANDSHAKE)
    };
    let delete = |token: &str| client.request(Method::DELETE, &format!("/hub?id={token}"));
    // A missing one, and one that was never issued.
    for request in [
        client.request(Method::GET, "/hub"),
        client.request(Method::POST, "/hub"),
        client.request(Method::DELETE, "/hub?id="),
    ] {
        client.send(request).await.problem(400);
    }
    for request in [get("x"), events("x"), post("x"), delete("x")] {
        client.send(request).await.problem(404);
    }
    assert_eq!(Socket::try_open(&server.url, "/hub?id=x").await.err(), Some(404));

    let token = negotiate(&client).await;
    // Data sent before the connection is open is buffered up to a limit.
    assert_eq!(client.send(post(&token)).await.status, StatusCode::OK);
    client.send(post(&token).body("x".repeat(5_000))).await.problem(413);
    client.send(get(&token)).await;
    assert_eq!(client.send(get(&token)).await.text, format!("{{}}{RS}"));

    let token = negotiate(&client).await;
    let path = format!("/hub?id={token}");
    let socket = Socket::open(&server.url, &path).await;
    assert_eq!(Socket::try_open(&server.url, &path).await.err(), Some(409));
    for request in [get(&token), events(&token), delete(&token)] {
        client.send(request).await.problem(400);
    }
    client.send(post(&token)).await.problem(405);
    drop(socket);
    crate::harness::eventually("the token has expired", || async {
        (client.send(get(&token)).await.status == StatusCode::NOT_FOUND).then_some(())
    })
    .await;

    let token = negotiate(&client).await;
    let stream = events(&token).send().await.expect("a stream");
    client.send(events(&token)).await.problem(409);
    for request in [get(&token), delete(&token)] {
        client.send(request).await.problem(400);
    }
    assert_eq!(
        Socket::try_open(&server.url, &format!("/hub?id={token}")).await.err(),
        Some(400)
    );
    // MessagePack requires a binary transport.
    let handshake = format!("{{\"protocol\":\"messagepack\",\"version\":1}}{RS}");
    client.send(post(&token).body(handshake)).await;
    let printed = stream.text().await.expect("the stream ends");
    assert!(
        printed.contains("\"error\":") && printed.contains("'messagepack'"),
        "{printed:?}"
    );

    let token = negotiate(&client).await;
    client.send(get(&token)).await;
    client.send(events(&token)).await.problem(400);
}

#[tokio::test]
async fn negotiations_take_no_place_of_a_connection() {
    let (_site, server) = Server::with_config("[realtime]\nmax_connections = 1\n");
    let client = server.client();
    for _ in 0..60 {
        negotiate(&client).await;
    }
    let token = negotiate(&client).await;
    let socket = Socket::open(&server.url, &format!("/hub?id={token}")).await;
    let socket = Hub::over(socket).await;
    // The only place is taken: a new and an earlier negotiation both report it.
    client
        .post_empty("/hub/negotiate?negotiateVersion=1")
        .await
        .problem(503);
    assert_eq!(Socket::try_open(&server.url, "/ws").await.err(), Some(503));
    drop(socket);
    crate::harness::eventually("the place is free again", || async {
        Socket::try_open(&server.url, "/ws").await.ok()
    })
    .await;
}

#[tokio::test]
async fn a_connection_belongs_to_the_caller_that_negotiated_it() {
    let (_site, server) = Server::with_config(crate::auth::KEYS);
    let owner = server.client().with_token("tq_reader-key-for-tests");
    let other = server.client().with_token("tq_all-key-for-tests");
    let path = |token: &str| format!("/hub?id={token}");
    let requests = |client: &Client, token: &str| {
        let of = |method| client.request(method, &path(token));
        [
            of(Method::GET),
            of(Method::GET).header("Accept", "text/event-stream"),
            of(Method::POST).body(HANDSHAKE),
            of(Method::DELETE),
        ]
    };
    let socket = |token: &str, key: &str| {
        let path = format!("/hub?id={token}&access_token={key}");
        let url = server.url.clone();
        async move { Socket::try_open(&url, &path).await }
    };
    let token = negotiate(&owner).await;
    for request in requests(&other, &token) {
        other.send(request).await.problem(403);
    }
    assert_eq!(socket(&token, "tq_all-key-for-tests").await.err(), Some(403));
    assert_eq!(
        owner.get(&path(&token)).await.status,
        StatusCode::OK,
        "it is still the owner's"
    );
    for request in requests(&other, &token) {
        other.send(request).await.problem(403);
    }
    assert_eq!(
        owner.send(owner.request(Method::DELETE, &path(&token))).await.status,
        StatusCode::ACCEPTED
    );

    let token = negotiate(&owner).await;
    let open = socket(&token, "tq_reader-key-for-tests").await.expect("a connection");
    assert_eq!(socket(&token, "tq_all-key-for-tests").await.err(), Some(403));
    drop(open);
}

#[tokio::test]
async fn a_long_polling_client_that_polls_no_more_is_forgotten() {
    let (_site, server) =
        Server::with_config("[realtime]\nping_interval = \"00:00:00.3\"\nclient_timeout = \"00:00:00.6\"\n");
    let client = server.client();
    let token = negotiate(&client).await;
    let path = format!("/hub?id={token}");
    let poll = || client.get(&path);
    poll().await;
    client
        .send(
            client
                .request(Method::POST, &format!("/hub?id={token}"))
                .body(HANDSHAKE),
        )
        .await;
    assert_eq!(poll().await.text, format!("{{}}{RS}"));
    // An open poll outlasts the client timeout of 0.6 s.
    let call = format!("{{\"type\":1,\"invocationId\":\"0\",\"target\":\"Foo\",\"arguments\":[]}}{RS}");
    let (parked, _) = tokio::join!(poll(), async {
        tokio::time::sleep(Duration::from_millis(1_500)).await;
        client.send(client.request(Method::POST, &path).body(call)).await
    });
    assert_eq!(records(&parked.text)[0]["invocationId"], "0");
    crate::harness::eventually("it is forgotten", || async {
        let response = client
            .send(client.request(Method::POST, &format!("/hub?id={token}")))
            .await;
        (response.status == StatusCode::NOT_FOUND).then_some(())
    })
    .await;
}
