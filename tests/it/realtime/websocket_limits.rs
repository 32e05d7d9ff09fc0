//! Violations by WebSocket clients, and their consequences.

use futures_util::StreamExt;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::Frame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};

use crate::harness::TIMEOUT;
use crate::harness::server::Server;
use crate::harness::socket::Socket;

const NOOP: &str = "[job_types.NoopJob]\nhandler = \"noop\"\n";

const KEY: &str = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==";

fn part(text: &'static [u8], opcode: Data, is_last: bool) -> Message {
    Message::Frame(Frame::message(text, OpCode::Data(opcode), is_last))
}

#[tokio::test]
async fn a_fragmented_message_has_the_same_size_limit() {
    let (_site, server) = Server::with_config("[realtime]\nmax_message_size = \"1KiB\"\n");
    let mut socket = Socket::open(&server.url, "/ws").await;
    socket
        .send(part(b"{\"action\":\"subscribe\",", Data::Text, false))
        .await;
    socket.send(Message::Ping("still there".into())).await;
    socket.send(part(b"\"topics\":", Data::Continue, false)).await;
    socket.send(part(b"[\"job-status\"]}", Data::Continue, true)).await;
    assert_eq!(
        socket.next_of_any_kind().await,
        Some(Message::Pong("still there".into())),
        "a ping between the parts gets a pong"
    );
    socket.next_of("subscribed").await;
    socket.send(part(&[b' '; 600], Data::Text, false)).await;
    socket.send(part(&[b' '; 600], Data::Continue, true)).await;
    assert_eq!(
        socket.close_frame().await,
        (1009, "message size limit (1024 bytes) exceeded".to_owned())
    );
    let mut socket = Socket::open(&server.url, "/ws").await;
    socket.send_text(&" ".repeat(1_025)).await;
    assert_eq!(socket.close_frame().await.0, 1009);
}

/// A client frame with this first byte and a zero mask.
fn raw_frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let length = u8::try_from(payload.len()).expect("a short payload");
    [&[first, 0x80 | length, 0, 0, 0, 0], payload].concat()
}

/// Messages of a connection until its end.
async fn rest_of(mut stream: TcpStream) -> Vec<u8> {
    let mut rest = Vec::new();
    let end = tokio::time::timeout(TIMEOUT, stream.read_to_end(&mut rest)).await;
    end.expect("it is closed").expect("in order");
    rest
}

/// Code of the close frame, which must be the rest.
async fn close_code(stream: TcpStream) -> Option<u16> {
    let rest = rest_of(stream).await;
    match rest.as_slice() {
        [0x88, 0] => None,
        [0x88, length, first, second, reason @ ..] => {
            assert_eq!(usize::from(*length), reason.len() + 2, "{rest:?}");
            Some(u16::from_be_bytes([*first, *second]))
        }
        _ => panic!("no close frame but {rest:?}"),
    }
}

#[tokio::test]
async fn frames_that_break_the_protocol_end_every_kind_of_connection_with_the_right_code() {
    let (_site, server) = Server::with_config("");
    let euro = "€".as_bytes();
    let cases = [
        (raw_frame(0xc1, b"{}"), 1002),
        (raw_frame(0xa1, b"{}"), 1002),
        (raw_frame(0x99, b""), 1002),
        (raw_frame(0x83, b""), 1002),
        (raw_frame(0x80, b"x"), 1002),
        (raw_frame(0x09, b""), 1002),
        (vec![0x81, 2, b'{', b'}'], 1002),
        (raw_frame(0x88, b"x"), 1002),
        (raw_frame(0x88, &1005_u16.to_be_bytes()), 1002),
        (raw_frame(0x88, b"\x03\xe8\xff"), 1007),
        (raw_frame(0x81, b"\xff\xfe"), 1007),
        ([raw_frame(0x01, &euro[..1]), raw_frame(0x80, b"x")].concat(), 1007),
        ([raw_frame(0x01, b"x"), raw_frame(0x00, b"\xff")].concat(), 1007),
    ];
    for path in ["/api/tickerq/ws", "/api/tickerq/hub", "/graphql"] {
        for (sent, expected) in &cases {
            let mut stream = raw_connection(&server, path, None).await;
            stream.write_all(sent).await.expect("frames");
            assert_eq!(close_code(stream).await, Some(*expected), "{path} {sent:?}");
        }
    }
}

#[tokio::test]
async fn a_close_is_confirmed_with_its_own_code() {
    let (_site, server) = Server::with_config("");
    for path in ["/api/tickerq/ws", "/api/tickerq/hub", "/graphql"] {
        for code in [1000_u16, 1001, 1014, 3000, 4999] {
            let mut stream = raw_connection(&server, path, None).await;
            let close_frame = [&code.to_be_bytes(), "auf Wiedersehen".as_bytes()].concat();
            stream
                .write_all(&raw_frame(0x88, &close_frame))
                .await
                .expect("a close frame");
            assert_eq!(close_code(stream).await, Some(code), "{path}");
        }
        let mut stream = raw_connection(&server, path, None).await;
        stream.write_all(&raw_frame(0x88, b"")).await.expect("a close frame");
        assert_eq!(close_code(stream).await, None, "{path}");
    }
}

#[tokio::test]
async fn an_invalid_handshake_is_rejected() {
    let (_site, server) = Server::with_config("");
    let right = [
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Version: 13",
        KEY,
    ];
    let with = |place: usize, line: &'static str| {
        let mut lines = right;
        lines[place] = line;
        lines.join("\r\n")
    };
    for path in ["/api/tickerq/ws", "/api/tickerq/hub", "/graphql"] {
        for (version, lines, expected) in [
            ("1.1", with(0, "Upgrade: websocket, foo"), "400"),
            ("1.1", with(1, "Connection: keep-alive"), "400"),
            ("1.1", with(2, "Sec-WebSocket-Version: 8"), "426"),
            ("1.1", with(3, "Sec-WebSocket-Key: c2hvcnQ="), "400"),
            ("1.1", with(3, "X-Nothing: at all"), "400"),
            (
                "1.0",
                right.join("\r\n"),
                if path.ends_with("/ws") { "426" } else { "400" },
            ),
        ] {
            let address = server.url.trim_start_matches("http://");
            let mut stream = TcpStream::connect(address).await.expect("a connection");
            let request = format!("GET {path} HTTP/{version}\r\nHost: localhost\r\n{lines}\r\n\r\n");
            stream.write_all(request.as_bytes()).await.expect("a request");
            stream.shutdown().await.ok();
            let response = String::from_utf8_lossy(&rest_of(stream).await).into_owned();
            assert_eq!(response.get(9..12), Some(expected), "{request}{response}");
            assert_eq!(
                response.contains("sec-websocket-version: 13"),
                expected == "426",
                "{response}"
            );
        }
    }
}

/// A connection that opens and then sends nothing, not even pongs.
async fn raw_connection(server: &Server, path: &str, receive_buffer: Option<u32>) -> TcpStream {
    let address = server.url.trim_start_matches("http://").parse().expect("an address");
    let socket = TcpSocket::new_v4().expect("a socket");
    if let Some(size) = receive_buffer {
        socket.set_recv_buffer_size(size).expect("a receive buffer");
    }
    let mut stream = socket.connect(address).await.expect("a connection");
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: graphql-transport-ws\r\n{KEY}\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await.expect("a request");
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.expect("a response"));
    }
    assert!(head.starts_with(b"HTTP/1.1 101"), "{}", String::from_utf8_lossy(&head));
    stream
}

#[tokio::test]
async fn a_silent_client_is_pinged_and_then_disconnected() {
    let (_site, server) =
        Server::with_config("[realtime]\nping_interval = \"00:00:00.2\"\nclient_timeout = \"00:00:00.6\"\n");
    // A client that reads, and thereby responds to pings, stays connected.
    let mut living = Socket::open(&server.url, "/ws").await;
    let mut silent = raw_connection(&server, "/api/tickerq/ws", None).await;
    let mut received = Vec::new();
    {
        let mut cut_off = std::pin::pin!(tokio::time::timeout(TIMEOUT, silent.read_to_end(&mut received)));
        let end = loop {
            tokio::select! {
                end = &mut cut_off => break end,
                ping = living.next_of_any_kind() => assert!(matches!(ping, Some(Message::Ping(_))), "{ping:?}"),
            }
        };
        end.expect("it is cut off in time").expect("it is closed in order");
    }
    let (mut pings, mut rest) = (0, received.as_slice());
    while let Some(after) = rest.strip_prefix(&[0x89, 0x00]) {
        (pings, rest) = (pings + 1, after);
    }
    assert!(pings >= 2, "{received:?}");
    let reason = b"no message from the client for too long";
    assert_eq!(rest[..2], [0x88, 2 + reason.len() as u8], "{received:?}");
    assert_eq!(rest[2..4], 1008_u16.to_be_bytes(), "{received:?}");
    assert_eq!(&rest[4..], reason);
    living.subscribe(json!(["job-status"]), Value::Null).await;
}

#[tokio::test]
async fn a_frame_that_is_too_large_is_rejected_by_its_header() {
    let (_site, server) = Server::with_config("");
    let mut stream = raw_connection(&server, "/api/tickerq/ws", None).await;
    let mut header = vec![0x81, 0xff];
    header.extend_from_slice(&100_000_000_000_u64.to_be_bytes());
    header.extend_from_slice(&[0; 4]);
    stream.write_all(&header).await.expect("a header");
    let mut received = Vec::new();
    let end = tokio::time::timeout(TIMEOUT, stream.read_to_end(&mut received)).await;
    end.expect("it is closed").expect("in order");
    assert_eq!(
        (received[0], &received[2..4]),
        (0x88, 1009_u16.to_be_bytes().as_slice()),
        "{received:?}"
    );
}

#[tokio::test]
async fn connections_and_subscriptions_have_a_maximum() {
    let (_site, server) = Server::with_config("[realtime]\nmax_connections = 2\nmax_subscriptions = 2\n");
    let mut first = Socket::open(&server.url, "/ws").await;
    let second = Socket::open(&server.url, "/ws").await;
    assert_eq!(Socket::try_open(&server.url, "/ws").await.err(), Some(503));
    drop(second);
    crate::harness::eventually("a place is free again", || async {
        Socket::try_open(&server.url, "/ws").await.ok()
    })
    .await;
    for queue in ["a", "b"] {
        first.subscribe(json!(["job-status"]), json!({ "queue": queue })).await;
    }
    first
        .send_json(json!({ "action": "subscribe", "topics": ["job-status"], "filter": { "queue": "c" } }))
        .await;
    assert_eq!(first.next_of("error").await["data"]["code"], "too-many-subscriptions");
}

#[tokio::test]
async fn live_updates_can_be_turned_off() {
    let (_site, server) = Server::with_config("[realtime]\nenable = false\n");
    assert_eq!(Socket::try_open(&server.url, "/ws").await.err(), Some(404));
    server.client().post_empty("/hub/negotiate").await.problem(404);
}

#[tokio::test]
async fn a_slow_client_receives_the_number_of_dropped_events() {
    const JOBS: usize = 6_000;
    let config = format!("[realtime]\nevent_buffer = 50\n{NOOP}");
    let (_site, server) = Server::with_config(&config);
    let stream = raw_connection(&server, "/api/tickerq/ws", Some(8 * 1024)).await;
    let mut socket = tokio_tungstenite::WebSocketStream::from_raw_socket(
        stream,
        tokio_tungstenite::tungstenite::protocol::Role::Client,
        None,
    )
    .await;
    futures_util::SinkExt::send(
        &mut socket,
        Message::text(r#"{"action":"subscribe","topics":["job-status"]}"#),
    )
    .await
    .expect("a subscription");
    let subscribed = socket.next().await.expect("a response").expect("a response");
    assert!(subscribed.to_text().expect("text").contains("subscribed"));

    // Unread: far more than all buffers between the two can hold.
    let client = server.client();
    let name = "a job with a name as long as it may be ".repeat(5);
    let jobs: Vec<Value> = (0..JOBS / 2)
        .map(|_| json!({ "type": "NoopJob", "name": name }))
        .collect();
    for _ in 0..2 {
        let response = client.post("/jobs/batch", json!({ "jobs": jobs })).await;
        assert_eq!(response.status, 201, "{}", response.text);
    }
    crate::harness::eventually("all jobs are completed", || async {
        let queue = client.queue("default").await;
        (queue["completedJobs"] == JOBS).then_some(())
    })
    .await;

    let (mut delivered, mut missed) = (0_u64, 0_u64);
    let end = tokio::time::Instant::now() + TIMEOUT;
    while delivered + missed < 3 * JOBS as u64 {
        let message = tokio::time::timeout_at(end, socket.next()).await.expect("in time");
        let Message::Text(text) = message.expect("a message").expect("a message") else {
            continue;
        };
        let message: Value = serde_json::from_str(&text).expect("JSON");
        match message["type"].as_str() {
            Some("job-status-changed") => delivered += 1,
            Some("lagged") => missed += message["data"]["missed"].as_u64().expect("a number"),
            other => panic!("unexpected: {other:?}"),
        }
    }
    assert_eq!(delivered + missed, 3 * JOBS as u64, "each event was sent or counted");
    assert!(missed > 0, "nothing was missed: the test proves nothing");
}
