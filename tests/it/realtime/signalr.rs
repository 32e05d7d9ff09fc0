//! The SignalR hub as a raw client sees it: negotiation, the three transports, groups and their events.

use reqwest::{Method, Response, StatusCode};
use rustix::process::Signal;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use crate::harness::TIMEOUT;
use crate::harness::client::{ApiResponse, Client};
use crate::harness::hub::{Hub, RS, negotiate, records};
use crate::harness::server::Server;
use crate::harness::socket::Socket;

const CONFIG: &str = "[job_types.NoopJob]\nhandler = \"noop\"\n\n\
    [log]\nlevel = \"info,tickerq::api::realtime=trace\"\n\n\
    [realtime]\nsystem_metrics_interval = \"00:00:00.5\"\n";

/// Log text of a waiting poll.
const WAITING: &str = "waiting for messages";
const HANDSHAKE: &str = "{\"protocol\":\"json\",\"version\":1}\u{1e}";

async fn post_records(client: &Client, token: &str, body: &str) -> ApiResponse {
    let post = client
        .request(Method::POST, &format!("/hub?id={token}"))
        .body(body.to_owned());
    client.send(post).await
}

async fn poll(client: &Client, token: &str) -> ApiResponse {
    client.get(&format!("/hub?id={token}&_=1700000000000")).await
}

#[tokio::test]
async fn a_negotiation_returns_a_secret_token_and_the_transports() {
    let (_site, server) = Server::with_config(CONFIG);
    let client = server.client();
    let response = client.post_empty("/hub/negotiate?negotiateVersion=1").await;
    assert_eq!(response.status, StatusCode::OK);
    let mut negotiation = response.json();
    let token = negotiation["connectionToken"].as_str().expect("a token").to_owned();
    let id = negotiation["connectionId"].as_str().expect("an id").to_owned();
    assert_ne!(token, id);
    assert!(token.len() >= 32 && token.bytes().all(|byte| byte.is_ascii_alphanumeric()));
    negotiation["connectionToken"] = "[token]".into();
    negotiation["connectionId"] = "[id]".into();
    insta::assert_json_snapshot!("negotiation", negotiation);
    // HEAD and OPTIONS open no connection.
    assert_eq!(
        Socket::try_open(&server.url, &format!("/hub?id={id}")).await.err(),
        Some(404)
    );

    let newer = client.post_empty("/v1/hub/negotiate?negotiateVersion=7").await.json();
    assert_eq!(newer["negotiateVersion"], 1);
    let oldest = client.post_empty("/hub/negotiate").await.json();
    assert_eq!(oldest["negotiateVersion"], 0);
    assert!(oldest.get("connectionToken").is_none());
    let id = oldest["connectionId"].as_str().expect("an id");
    Hub::over(Socket::open(&server.url, &format!("/hub?id={id}")).await).await;

    let wrong = client.post_empty("/hub/negotiate?negotiateVersion=one").await;
    assert_eq!(
        (wrong.status, wrong.json()["error"].is_string()),
        (StatusCode::OK, true)
    );
    client.get("/hub/negotiate").await.problem(405);
}

#[tokio::test]
async fn only_members_of_groups_receive_their_events() {
    let (_site, server) = Server::with_config(CONFIG);
    let client = server.client();
    let delayed = |queue: &str| json!({ "type": "NoopJob", "queue": queue, "delay": "01:00:00" });
    let known = client.create(delayed("a")).await["id"].clone();
    let known = known.as_str().expect("an id");
    let mut all = Hub::open(&server.url).await;
    all.join("job-updates").await;
    // An event of two groups is sent once.
    all.join("queue:b").await;
    let mut of_queue = Hub::open(&server.url).await;
    of_queue.join("queue:b").await;
    let mut of_job = Hub::open(&server.url).await;
    of_job.join(&format!("job:{known}")).await;
    let mut left = Hub::open(&server.url).await;
    left.join("job-updates").await;
    left.call("1", "leavegroup", json!(["job-updates"])).await;
    left.next().await;
    let mut outsider = Hub::open(&server.url).await;

    let in_b = client.create(delayed("b")).await;
    client.post_empty(&format!("/jobs/{known}/cancel")).await;
    for hub in [&mut all, &mut of_queue] {
        let invocation = hub.invocation("JobStatusChanged").await;
        assert_eq!((&invocation[0], &invocation[1]), (&in_b["id"], &json!("pending")));
        assert_eq!(invocation[2]["queue"], "b");
    }
    for hub in [&mut all, &mut of_job] {
        let invocation = hub.invocation("JobStatusChanged").await;
        assert_eq!((&invocation[0], &invocation[1]), (&json!(known), &json!("cancelled")));
    }
    // An event would precede the response to a later call.
    for hub in [&mut left, &mut outsider] {
        hub.join("queue:c").await;
    }
}

#[tokio::test]
async fn metrics_arrive_at_once_after_a_join_and_then_periodically() {
    let (_site, server) = Server::with_config(CONFIG);
    let mut hub = Hub::open(&server.url).await;
    hub.join("system-metrics").await;
    let metrics = hub.invocation("MetricsUpdated").await[0].clone();
    let members: Vec<&String> = metrics.as_object().expect("an object").keys().collect();
    insta::assert_debug_snapshot!("members_of_the_metrics", members);
    assert_eq!(metrics["systemHealth"], "healthy");
    for _ in 0..2 {
        let next = hub.invocation("MetricsUpdated").await;
        assert_ne!(next[0]["timestamp"], metrics["timestamp"]);
    }
    let mut queues = Hub::open(&server.url).await;
    queues.join("queue-metrics").await;
    let invocation = queues.invocation("QueueMetricsUpdated").await[0].clone();
    assert_eq!(invocation, server.client().queue("default").await);
}

#[tokio::test]
async fn message_pack_travels_in_binary_frames() {
    let (_site, server) = Server::with_config(CONFIG);
    let mut socket = Socket::open(&server.url, "/hub").await;
    let handshake = format!("{{\"protocol\":\"messagepack\",\"version\":1}}{RS}");
    socket.send(Message::binary(handshake.into_bytes())).await;
    assert_eq!(socket.next().await, Some(Message::binary(&b"{}\x1e"[..])));
    let mut call = rmp_serde::to_vec(&json!([1, {}, "0", "JoinGroup", ["job-updates"]])).expect("MessagePack");
    call.insert(0, u8::try_from(call.len()).expect("short"));
    // A ping precedes it in the same frame, and the call is split over two frames.
    let (head, tail) = call.split_at(5);
    socket.send(Message::binary([&[0x02, 0x91, 0x06], head].concat())).await;
    socket.send(Message::binary(tail.to_vec())).await;
    let joined = next_binary(&mut socket).await;
    assert_eq!(joined, json!([3, {}, "0", 2]));
    let job = server.client().create(json!({ "type": "NoopJob" })).await;
    for status in ["pending", "running", "completed"] {
        let invocation = next_binary(&mut socket).await;
        assert_eq!(invocation[3], "JobStatusChanged");
        assert_eq!((&invocation[4][0], &invocation[4][1]), (&job["id"], &json!(status)));
        assert_eq!(invocation[4][2]["type"], "NoopJob", "details have names: {invocation}");
    }
}

async fn next_binary(socket: &mut Socket) -> Value {
    loop {
        let Some(Message::Binary(bytes)) = socket.next().await else {
            panic!("no binary frame");
        };
        if bytes[..] == [0x02, 0x91, 0x06] {
            continue;
        }
        let length = bytes.iter().position(|byte| byte & 0x80 == 0).expect("a length") + 1;
        return rmp_serde::from_slice(&bytes[length..]).expect("MessagePack");
    }
}

#[tokio::test]
async fn long_polling_completes_the_first_poll_at_once_and_others_with_messages() {
    let (_site, server) = Server::with_config(CONFIG);
    let client = server.client();
    let token = negotiate(&client).await;
    let first = poll(&client, &token).await;
    assert_eq!((first.status, first.text.as_str()), (StatusCode::OK, ""));
    let parked = tokio::spawn({
        let (client, token) = (client.clone(), token.clone());
        async move { poll(&client, &token).await }
    });
    // The handshake arrives in two parts, and a call with its end.
    assert_eq!(
        post_records(&client, &token, &HANDSHAKE[..7]).await.status,
        StatusCode::OK
    );
    let rest = format!("{}{{\"type\":6}}{RS}", &HANDSHAKE[7..]);
    assert_eq!(post_records(&client, &token, &rest).await.status, StatusCode::OK);
    let response = parked.await.expect("a response");
    assert_eq!((response.status, response.text), (StatusCode::OK, format!("{{}}{RS}")));

    // A newer poll ends the earlier one and is served.
    let waits = server.logged(WAITING);
    let overtaken = tokio::spawn({
        let (client, token) = (client.clone(), token.clone());
        async move { poll(&client, &token).await }
    });
    server.until_logged(WAITING, waits + 1).await;
    let join =
        format!("{{\"type\":1,\"invocationId\":\"0\",\"target\":\"JoinGroup\",\"arguments\":[\"job-updates\"]}}{RS}");
    let (response, _) = tokio::join!(poll(&client, &token), async {
        server.until_logged(WAITING, waits + 2).await;
        post_records(&client, &token, &join).await
    });
    assert_eq!(overtaken.await.expect("a response").status, StatusCode::NO_CONTENT);
    assert_eq!(
        records(&response.text),
        [json!({ "type": 3, "invocationId": "0", "result": null })]
    );

    let id = client.create_of_type("NoopJob").await;
    client.wait_finished(&id).await;
    let mut invocation = Vec::new();
    while invocation.len() < 3 {
        invocation.extend(records(&poll(&client, &token).await.text));
    }
    let statuses: Vec<&Value> = invocation.iter().map(|call| &call["arguments"][1]).collect();
    assert_eq!(statuses, ["pending", "running", "completed"]);

    let delete = || client.send(client.request(Method::DELETE, &format!("/hub?id={token}")));
    let waits = server.logged(WAITING);
    let (parked, ended) = tokio::join!(poll(&client, &token), async {
        server.until_logged(WAITING, waits + 1).await;
        delete().await
    });
    assert_eq!(ended.status, StatusCode::ACCEPTED);
    assert_eq!(parked.status, StatusCode::NO_CONTENT);
    delete().await.problem(404);
    poll(&client, &token).await.problem(404);
}

/// Reads an event stream up to this number of lines.
async fn read_lines(stream: &mut Response, read: &mut String, lines: usize) {
    while read.matches("\r\n").count() < lines {
        let chunk = tokio::time::timeout(TIMEOUT, stream.chunk()).await.expect("in time");
        let chunk = chunk.expect("an open stream").expect("more of the stream");
        read.push_str(std::str::from_utf8(&chunk).expect("UTF-8"));
    }
}

#[tokio::test]
async fn server_sent_events_have_the_lines_that_old_clients_can_read() {
    let (_site, server) = Server::with_config(CONFIG);
    let client = server.client();
    let token = negotiate(&client).await;
    let open = client
        .request(Method::GET, &format!("/hub?id={token}&access_token=anything"))
        .header("Accept", "text/event-stream");
    let mut stream = open.send().await.expect("a stream");
    assert_eq!(stream.headers()["content-type"], "text/event-stream");
    assert!(
        stream.headers()["cache-control"]
            .to_str()
            .is_ok_and(|value| value.contains("no-cache"))
    );
    let mut read = String::new();
    read_lines(&mut stream, &mut read, 1).await;
    assert_eq!(read, ":\r\n", "it is open before the first message");
    let join =
        format!("{{\"type\":1,\"invocationId\":\"0\",\"target\":\"JoinGroup\",\"arguments\":[\"job-updates\"]}}{RS}");
    post_records(&client, &token, &format!("{HANDSHAKE}{join}")).await;
    read_lines(&mut stream, &mut read, 5).await;
    let joined = format!("data: {{\"type\":3,\"invocationId\":\"0\",\"result\":null}}{RS}\r\n\r\n");
    assert_eq!(read, format!(":\r\ndata: {{}}{RS}\r\n\r\n{joined}"));
    client.create_of_type("NoopJob").await;
    read_lines(&mut stream, &mut read, 11).await;
    for line in read.split_terminator("\r\n") {
        assert!(line.is_empty() || line == ":" || line.starts_with("data: "), "{line:?}");
        assert!(!line.contains('\n'), "{line:?}");
    }
    // Dropping the stream closes the connection.
    drop(stream);
    crate::harness::eventually("the connection is gone", || async {
        let response = post_records(&client, &token, "").await;
        (response.status == StatusCode::NOT_FOUND).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_server_that_stops_invites_its_clients_to_connect_again() {
    let (_site, server) = Server::with_config(CONFIG);
    let client = server.client();
    let mut hub = Hub::open(&server.url).await;
    hub.join("job-updates").await;
    let token = negotiate(&client).await;
    poll(&client, &token).await;
    post_records(&client, &token, HANDSHAKE).await;
    poll(&client, &token).await;
    let waits = server.logged(WAITING);
    let parked = tokio::spawn({
        let client = client.clone();
        async move { poll(&client, &token).await }
    });
    server.until_logged(WAITING, waits + 1).await;
    server.signal(Signal::TERM);
    let close_frame = json!({ "type": 7, "allowReconnect": true });
    assert_eq!(hub.closed().await, close_frame);
    assert_eq!(records(&parked.await.expect("a response").text), [close_frame]);
    assert!(server.wait().success());
}

#[tokio::test]
async fn a_token_in_the_query_is_not_logged() {
    let site = crate::harness::server::Site::new(crate::harness::server::Storage::Sqlite, "[log]\nlevel = \"debug\"\n");
    let server = site.start();
    Socket::open(&server.url, "/hub?access_token=s3cret-token").await;
    Socket::open(&server.url, "/ws?access_token=s3cret-token").await;
    // Where headers are possible, a token in the query is rejected as an unknown parameter.
    server
        .client()
        .get("/jobs?access_token=s3cret-token")
        .await
        .problem(400);
    server.signal(Signal::TERM);
    crate::harness::eventually("it has stopped", || async {
        server.log().contains("stopped").then_some(())
    })
    .await;
    assert!(!server.log().contains("s3cret"), "{}", server.log());
    assert!(server.log().contains("DEBUG"), "the log has records of all levels");
}
