//! GraphQL subscriptions beyond the official clients: starts and ends of connections.

use reqwest::Method;
use rustix::process::Signal;
use serde_json::{Value, json};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;

use super::socket::Socket;
use crate::harness::TIMEOUT;
use crate::harness::server::Server;

const NOOP: &str = "[job_types.NoopJob]\nhandler = \"noop\"\n";

const KEYS: &str = "[api]\nrequire_authentication = true\n
    [[api.keys]]\nname = \"reader\"\nkey = \"reader-0123456789abcdef0123456789abcdef\"\nscopes = [\"tickerq:read\"]
    [[api.keys]]\nname = \"rated\"\nkey = \"rated-0123456789abcdef0123456789abcdef\"\nscopes = [\"tickerq:read\"]\nrate_limit = \"2/h\"\n";

const READER: &str = "reader-0123456789abcdef0123456789abcdef";

const EVENTS: &str = "subscription { jobStatusChanged { event } }";

#[tokio::test]
async fn a_violation_of_the_protocol_closes_the_connection_with_its_code() {
    let (_site, server) = Server::with_config(NOOP);
    for (message, reason) in [
        (Message::text("nonsense"), ""),
        (
            Message::text("{\"type\": \"start\", \"id\": \"1\"}"),
            "unknown message 'start'",
        ),
        (Message::text(format!("{{\"type\": \"{}\"}}", "ä".repeat(500))), ""),
        (
            Message::text("{\"type\": \"subscribe\", \"id\": \"1\"}"),
            "'subscribe' has no payload",
        ),
        (
            Message::text("{\"type\": \"subscribe\", \"id\": \"1\", \"payload\": {}}"),
            "the payload of 'subscribe' has no query",
        ),
        (
            Message::text(
                "{\"type\": \"subscribe\", \"id\": \"1\", \"payload\": {\"query\": null, \"extensions\": {}}}",
            ),
            "the payload of 'subscribe' has no query",
        ),
        (
            Message::text("{\"type\": \"subscribe\", \"id\": \"1\", \"payload\": [\"{ __typename }\"]}"),
            "invalid type: sequence",
        ),
        (
            Message::text(
                "{\"type\": \"subscribe\", \"id\": \"1\", \"payload\": {\"query\": \"{ __typename }\", \"variables\": []}}",
            ),
            "[] is not an object",
        ),
        (
            Message::text(
                "{\"type\": \"subscribe\", \"id\": \"1\", \"payload\": {\"query\": \"{ __typename }\", \"operationName\": 1}}",
            ),
            "invalid type: integer",
        ),
        (Message::text("[\"ping\"]"), "invalid type: sequence"),
        (
            Message::text("{\"type\": \"ping\", \"payload\": 1}"),
            "the payload of ping is not an object",
        ),
        (
            Message::binary("{\"type\": \"ping\"}"),
            "messages are JSON texts, not binary",
        ),
    ] {
        let mut socket = Socket::connected(&server).await;
        socket.send(message).await;
        let (code, why) = socket.close_frame().await;
        assert_eq!(code, 4400);
        assert!(!why.is_empty() && why.starts_with(reason), "{why}");
    }
    let mut early = Socket::open(&server).await;
    early.subscribe("1", EVENTS).await;
    assert_eq!(early.close_frame().await, (4401, "Unauthorized".to_owned()));
    let mut twice = Socket::connected(&server).await;
    twice.send_json(json!({"type": "connection_init"})).await;
    assert_eq!(
        twice.close_frame().await,
        (4429, "Too many initialisation requests".to_owned())
    );
    let mut same = Socket::connected(&server).await;
    let id = "é".repeat(100);
    same.subscribe(&id, EVENTS).await;
    same.subscribe(&id, EVENTS).await;
    let (code, why) = same.close_frame().await;
    assert_eq!(code, 4409);
    assert!(why.starts_with("Subscriber for éé") && why.len() <= 123, "{why}");
    let mut without = Socket::try_open(&server.url, "", &[]).await.expect("a connection");
    assert_eq!(
        without.close_frame().await,
        (4406, "Subprotocol not acceptable".to_owned())
    );
}

#[tokio::test]
async fn a_client_that_does_not_initialize_in_time_is_disconnected() {
    let (_site, server) = Server::with_config("[graphql]\nconnection_init_timeout = \"00:00:00.3\"\n");
    let mut slow = Socket::open(&server).await;
    let mut quick = Socket::connected(&server).await;
    assert_eq!(
        slow.close_frame().await,
        (4408, "Connection initialisation timeout".to_owned())
    );
    quick.send_json(json!({"type": "ping", "payload": {"n": 1}})).await;
    assert_eq!(quick.expect_message("pong").await["payload"], json!({"n": 1}));
    quick.send_json(json!({"type": "pong"})).await;
    quick.subscribe("1", "{ __typename }").await;
    quick.expect_message("next").await;
    quick.expect_message("complete").await;
}

#[tokio::test]
async fn an_id_can_be_reused_and_a_stopped_operation_sends_nothing() {
    let (_site, server) = Server::with_config(NOOP);
    let mut socket = Socket::connected(&server).await;
    for _ in 0..3 {
        socket.subscribe("1", "{ __typename }").await;
        assert_eq!(
            socket.expect_message("next").await["payload"],
            json!({"data": {"__typename": "Query"}})
        );
        assert_eq!(socket.expect_message("complete").await["id"], "1");
    }
    // Each of these completes at once and frees its id.
    socket.subscribe("2", EVENTS).await;
    socket.send_json(json!({"type": "complete", "id": "2"})).await;
    socket.send_json(json!({"type": "complete", "id": "never"})).await;
    socket.subscribe("2", "subscription { nonsense }").await;
    let error = socket.expect_message("error").await;
    assert_eq!(
        (&error["id"], &error["payload"][0]["extensions"]["code"]),
        (&json!("2"), &json!("validation"))
    );
    socket.subscribe("2", "{").await;
    assert_eq!(
        socket.expect_message("error").await["payload"][0]["extensions"]["code"],
        "malformed"
    );
    server.client().create_of_type("NoopJob").await;
    socket.subscribe("3", "{ __typename }").await;
    assert_eq!(socket.expect_message("next").await["id"], "3");
}

#[tokio::test]
async fn a_client_shows_its_key_when_it_begins_or_in_a_header() {
    let (_site, server) = Server::with_config(&format!("{NOOP}{KEYS}"));
    let key = format!("Bearer {READER}");
    for payload in [
        json!({"Authorization": key}),
        json!({"authorization": READER}),
        json!({"token": READER}),
    ] {
        let mut socket = Socket::open(&server).await;
        socket
            .send_json(json!({"type": "connection_init", "payload": payload}))
            .await;
        socket.expect_message("connection_ack").await;
        socket.subscribe("1", "{ jobs { totalCount } }").await;
        assert_eq!(
            socket.expect_message("next").await["payload"]["data"]["jobs"]["totalCount"],
            json!(0)
        );
        socket.expect_message("complete").await;
        socket
            .subscribe("2", "mutation { pauseQueue(name: \"default\") { name } }")
            .await;
        assert_eq!(
            socket.expect_message("next").await["payload"]["errors"][0]["extensions"]["code"],
            "forbidden"
        );
    }
    let mut header = Socket::try_open(&server.url, "graphql-transport-ws", &[("authorization", &key)])
        .await
        .expect("a connection");
    header
        .send_json(json!({"type": "connection_init", "payload": null}))
        .await;
    header.expect_message("connection_ack").await;
    for payload in [
        Value::Null,
        json!({"token": "wrong-0123456789abcdef0123456789abcdef"}),
        json!({"token": "a b"}),
    ] {
        let mut socket = Socket::open(&server).await;
        socket
            .send_json(json!({"type": "connection_init", "payload": payload}))
            .await;
        let (code, why) = socket.close_frame().await;
        assert_eq!(code, 4403);
        assert!(why.starts_with("Forbidden: "), "{why}");
    }
    let mut old = Socket::try_open(&server.url, "graphql-ws", &[])
        .await
        .expect("a connection");
    old.send_json(json!({"type": "connection_init", "payload": {}})).await;
    assert!(old.expect_message("connection_error").await["payload"]["message"].is_string());
    assert_eq!(old.close_frame().await.0, 4403);
    let foreign = Socket::try_open(
        &server.url,
        "graphql-transport-ws",
        &[("origin", "https://evil.example")],
    )
    .await;
    assert_eq!(foreign.err(), Some(403));
}

#[tokio::test]
async fn messages_count_against_the_rate_limit_of_a_key() {
    let (_site, server) = Server::with_config(&format!("{NOOP}{KEYS}"));
    let mut socket = Socket::open(&server).await;
    let payload = json!({"token": "rated-0123456789abcdef0123456789abcdef"});
    socket
        .send_json(json!({"type": "connection_init", "payload": payload}))
        .await;
    socket.expect_message("connection_ack").await;
    for _ in 0..2 {
        socket.subscribe("1", "{ __typename }").await;
        socket.expect_message("next").await;
        socket.expect_message("complete").await;
    }
    socket.subscribe("1", "{ __typename }").await;
    let error = socket.expect_message("error").await;
    assert_eq!(
        error["payload"][0]["extensions"]["code"], "too-many-requests",
        "{error}"
    );
}

#[tokio::test]
async fn a_connection_has_so_many_operations_at_a_time() {
    let (_site, server) = Server::with_config(&format!("{NOOP}[realtime]\nmax_subscriptions = 2\n"));
    let mut socket = Socket::connected(&server).await;
    for id in ["1", "2", "3"] {
        socket
            .subscribe(id, "subscription { systemHealthAlert { status } }")
            .await;
    }
    let error = socket.expect_message("error").await;
    assert_eq!(
        (&error["id"], &error["payload"][0]["extensions"]["code"]),
        (&json!("3"), &json!("busy"))
    );
}

#[tokio::test]
async fn connections_end_with_the_server() {
    let (_site, server) = Server::with_config(NOOP);
    let mut socket = Socket::connected(&server).await;
    let client = server.client();
    let stream = client
        .at_root(Method::POST, "/graphql")
        .header("accept", "text/event-stream");
    let mut stream = stream
        .json(&json!({ "query": EVENTS }))
        .send()
        .await
        .expect("a response");
    assert_eq!(stream.headers()["content-type"], "text/event-stream; charset=utf-8");
    assert!(
        stream.chunk().await.expect("open").is_some(),
        "a sign of life comes at once"
    );
    server.signal(Signal::TERM);
    assert_eq!(socket.close_frame().await, (1001, "the server is stopping".to_owned()));
    let ended = timeout(TIMEOUT, async { while let Ok(Some(_)) = stream.chunk().await {} }).await;
    assert!(ended.is_ok(), "the stream ends");
    assert!(server.wait().success());
}

#[tokio::test]
async fn metrics_of_queues_and_of_the_server_are_sent_at_once_and_repeatedly() {
    let (_site, server) = Server::with_config(&format!(
        "{NOOP}[realtime]\nqueue_metrics_interval = \"00:00:00.2\"\nsystem_metrics_interval = \"00:00:00.2\"\n"
    ));
    let mut socket = Socket::connected(&server).await;
    socket
        .subscribe(
            "q",
            "subscription { queueMetricsUpdated(queue: \"default\") { name completedJobs } }",
        )
        .await;
    let first = socket.expect_message("next").await;
    assert_eq!(
        first["payload"]["data"]["queueMetricsUpdated"],
        json!({"name": "default", "completedJobs": 0})
    );
    server.client().create_of_type("NoopJob").await;
    let completed = timeout(TIMEOUT, async {
        while socket.expect_message("next").await["payload"]["data"]["queueMetricsUpdated"]["completedJobs"] != 1 {}
    });
    assert!(completed.await.is_ok());
    socket.send_json(json!({"type": "complete", "id": "q"})).await;
    socket
        .subscribe("m", "subscription { metricsUpdated { totalJobs systemHealth } }")
        .await;
    for _ in 0..2 {
        let event = socket.expect_message("next").await;
        assert_eq!(
            event["payload"]["data"]["metricsUpdated"],
            json!({"totalJobs": 1, "systemHealth": "HEALTHY"}),
            "{event}"
        );
    }
}

#[tokio::test]
async fn a_subscription_has_one_root_field_over_every_transport() {
    let (_site, server) = Server::with_config(NOOP);
    let client = server.client();
    let mut socket = Socket::connected(&server).await;
    for query in [
        "subscription { jobStatusChanged { event } metricsUpdated { totalJobs } }",
        "subscription { a: jobStatusChanged { event } b: jobStatusChanged { event } }",
        "subscription { ...f ... on Subscription { metricsUpdated { totalJobs } } } fragment f on Subscription { jobStatusChanged { event } }",
        "subscription { __typename }",
        "subscription { jobStatusChanged { event } __typename }",
        "subscription { jobStatusChanged @skip(if: false) { event } }",
        "subscription { jobStatusChanged { event } metricsUpdated @skip(if: true) { totalJobs } }",
    ] {
        socket.subscribe("1", query).await;
        let error = socket.expect_message("error").await;
        assert_eq!(
            error["payload"][0]["extensions"]["code"], "validation",
            "{query}: {error}"
        );
        for accept in [
            "text/event-stream",
            "multipart/mixed;subscriptionSpec=1.0, application/json",
        ] {
            let request = client.at_root(Method::POST, "/graphql").header("accept", accept);
            let response = client.send(request.json(&json!({ "query": query }))).await;
            assert!(
                response.text.contains("\"validation\""),
                "{query} {accept}: {}",
                response.text
            );
        }
    }
    // A repeated name is one stream.
    let job = client.create(json!({ "type": "Waits" })).await;
    let id = job["id"].as_str().expect("an id");
    let twice = format!("subscription {{ job(id: \"{id}\") {{ id }} ... {{ job(id: \"{id}\") {{ name }} }} }}");
    socket.subscribe("2", &twice).await;
    let next = socket.expect_message("next").await;
    assert_eq!(next["payload"]["data"], json!({ "job": { "id": id, "name": "Waits" } }));
    client.post_empty(&format!("/jobs/{id}/cancel")).await;
    socket.expect_message("next").await;
    socket.expect_message("complete").await;
}

/// Reads a stream until it has this number of parts.
async fn parts(stream: &mut reqwest::Response, buffer: &mut String, count: usize) -> Vec<Value> {
    loop {
        let parts: Vec<Value> = buffer
            .split("\r\n--graphql")
            .filter_map(|part| part.strip_prefix("\r\ncontent-type: application/json\r\n\r\n"))
            .filter(|json| *json != "{}")
            .filter_map(|json| serde_json::from_str(json).ok())
            .collect();
        if parts.len() >= count {
            return parts;
        }
        let chunk = timeout(TIMEOUT, stream.chunk()).await.expect("a part in time");
        let chunk = chunk.expect("the stream lasts").expect("more of the stream");
        buffer.push_str(std::str::from_utf8(&chunk).expect("text"));
    }
}

#[tokio::test]
async fn a_subscription_is_sent_as_multipart_to_clients_that_accept_it() {
    let (_site, server) = Server::with_config(NOOP);
    let client = server.client();
    let job = client.create(json!({ "type": "Waits" })).await;
    let id = job["id"].as_str().expect("an id");
    let accept = "multipart/mixed;boundary=\"graphql\";subscriptionSpec=1.0,application/json";
    let request = |query: String| {
        let request = client.at_root(Method::POST, "/graphql").header("accept", accept);
        request.json(&json!({ "query": query }))
    };
    let mut stream = request(format!("subscription {{ job(id: \"{id}\") {{ status }} }}"))
        .send()
        .await
        .expect("a response");
    assert_eq!(stream.status(), 200);
    let content_type = stream.headers()["content-type"].to_str().expect("text").to_owned();
    assert_eq!(
        content_type,
        "multipart/mixed; boundary=\"graphql\"; subscriptionSpec=1.0"
    );
    let mut buffer = String::new();
    let first = parts(&mut stream, &mut buffer, 1).await;
    assert_eq!(
        first,
        [json!({ "payload": { "data": { "job": { "status": "PENDING" } } } })]
    );
    assert!(
        buffer.starts_with("\r\n--graphql\r\ncontent-type: application/json\r\n\r\n"),
        "{buffer}"
    );
    client.post_empty(&format!("/jobs/{id}/cancel")).await;
    let second = parts(&mut stream, &mut buffer, 2).await;
    assert_eq!(second[1]["payload"]["data"]["job"]["status"], "CANCELLED");
    while let Some(chunk) = timeout(TIMEOUT, stream.chunk())
        .await
        .expect("in time")
        .expect("the stream")
    {
        buffer.push_str(std::str::from_utf8(&chunk).expect("text"));
    }
    assert!(buffer.ends_with("\r\n--graphql--\r\n"), "{buffer}");
    // Other media types get an ordinary response.
    let query = client.send(request("{ queues { name } }".to_owned())).await;
    assert_eq!(query.header("content-type"), Some("application/json; charset=utf-8"));
    assert!(query.json()["data"]["queues"].is_array());
}
