//! Slow clients that occupy places: the server closes their connections and serves others meanwhile.

use std::process::Command;
use std::time::Instant;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::{Duration, interval, sleep, timeout};

use crate::harness::client::Client;
use crate::harness::server::{Server, Site, Storage};
use crate::harness::{TIMEOUT, eventually};

const HEALTH: &str = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n";
/// A body whose rest does not come.
const UNFINISHED: &str = "POST /api/tickerq/jobs HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
                          Content-Length: 1000\r\n\r\n{";
/// Longer than a body may take.
const SLOW: Duration = Duration::from_secs(50);

/// A connection from an address of this machine.
async fn connect_from(server: &Server, address: &str) -> TcpStream {
    let socket = TcpSocket::new_v4().expect("a socket");
    let address = format!("{address}:0").parse().expect("an address");
    socket.bind(address).expect("an address of this machine");
    let server = server.url.trim_start_matches("http://").parse().expect("an address");
    socket.connect(server).await.expect("a connection")
}

/// A connection that has sent this.
async fn sent(server: &Server, address: &str, text: &str) -> TcpStream {
    let mut stream = connect_from(server, address).await;
    // The server may have refused it already.
    stream.write_all(text.as_bytes()).await.ok();
    stream
}

/// The head of a response, as far as its first bytes contain it; empty when the server has closed the connection.
async fn head_of(stream: &mut TcpStream) -> String {
    let mut head = vec![0; 4096];
    let read = timeout(TIMEOUT, stream.read(&mut head))
        .await
        .expect("a response in time");
    head.truncate(read.unwrap_or(0));
    String::from_utf8_lossy(&head).into_owned()
}

/// Sends a little every second, and returns the response and the time until the connection ends.
async fn drip(server: &Server, text: &str, little: &str) -> (String, Duration) {
    let mut stream = sent(server, "127.0.0.1", text).await;
    let start = Instant::now();
    let mut every = interval(Duration::from_secs(1));
    let mut response = Vec::new();
    while start.elapsed() < SLOW {
        let mut bytes = [0; 1024];
        tokio::select! {
            read = stream.read(&mut bytes) => match read {
                Ok(0) | Err(_) => break,
                Ok(count) => response.extend_from_slice(&bytes[..count]),
            },
            _ = every.tick() => if stream.write_all(little.as_bytes()).await.is_err() { break },
        }
    }
    (String::from_utf8_lossy(&response).into_owned(), start.elapsed())
}

/// Starts a server with this limit of open files.
fn with_files(site: &Site, files: u32) -> Server {
    let serve = site.command(&[
        "serve",
        "--listen",
        "127.0.0.1:0",
        "--database-url",
        site.database_url(),
    ]);
    let mut limited = Command::new("sh");
    limited.args(["-c", &format!("ulimit -n {files}; exec \"$0\" \"$@\"")]);
    limited.arg(serve.get_program()).args(serve.get_args());
    limited.current_dir(site.path());
    for (name, value) in serve.get_envs() {
        if value.is_none() {
            limited.env_remove(name);
        }
    }
    site.start_from(limited)
}

async fn health_is_answered(client: &Client) {
    for path in ["/healthz", "/readyz"] {
        let start = Instant::now();
        let response = client.send(client.at_root(reqwest::Method::GET, path)).await;
        assert_eq!(response.status, 200, "{path}: {}", response.text);
        assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
    }
}

#[tokio::test]
async fn health_checks_work_while_slow_bodies_occupy_all_places_and_the_server_recovers() {
    let site = Site::new(Storage::Sqlite, "");
    let server = with_files(&site, 256);
    eventually("the limit is logged", || async {
        server.log().contains("limit of open files: 256").then_some(())
    })
    .await;
    let mut slow = Vec::new();
    for number in 0..400 {
        slow.push(sent(&server, &format!("127.0.0.{}", 2 + number % 8), UNFINISHED).await);
    }
    // Each request on a connection of its own.
    let start = Instant::now();
    for _ in 0..5 {
        health_is_answered(&Client::new(&server.url)).await;
    }
    let refused = server.client().get("/jobs").await;
    refused.problem(503);
    assert!(refused.header("retry-after").is_some());
    assert_eq!(refused.header("connection"), Some("close"));
    while server.client().get("/jobs").await.status != 200 {
        health_is_answered(&Client::new(&server.url)).await;
        assert!(start.elapsed() < SLOW, "slow clients keep their places");
        sleep(Duration::from_millis(500)).await;
    }
    drop(slow);
    let mut together = Vec::new();
    for _ in 0..40 {
        together.push(sent(&server, "127.0.0.1", HEALTH).await);
    }
    for stream in &mut together {
        assert!(head_of(stream).await.starts_with("HTTP/1.1 200"));
    }
    assert!(!server.log().contains("ERROR"), "{}", server.log());
}

#[tokio::test]
async fn unfinished_heads_and_idle_connections_are_evicted_for_requests() {
    let (_site, server) = Server::with_config("[server]\nmax_connections = 20\nmax_connections_per_address = 20\n");
    let mut slow = Vec::new();
    for number in 0..60 {
        let mut stream = sent(&server, "127.0.0.1", HEALTH).await;
        let head = head_of(&mut stream).await;
        assert!(head.starts_with("HTTP/1.1 200"), "{head}");
        let more = if number % 2 == 0 {
            "GET /healthz HTTP/1.1\r\nHo"
        } else {
            ""
        };
        stream.write_all(more.as_bytes()).await.ok();
        slow.push(stream);
    }
    eventually("there is a place for a request", || async {
        (server.client().get("/jobs").await.status == 200).then_some(())
    })
    .await;
    // Closed connections ended cleanly, kept ones respond.
    let mut ended = 0;
    for stream in slow.iter_mut().skip(1).step_by(2) {
        stream.write_all(HEALTH.as_bytes()).await.ok();
        let head = head_of(stream).await;
        assert!(head.is_empty() || head.starts_with("HTTP/1.1 200"), "{head}");
        ended += usize::from(head.is_empty());
    }
    assert!(ended > 0);
}

#[tokio::test]
async fn one_address_has_a_share_of_the_places_and_a_trusted_proxy_as_many_as_its_clients() {
    let config =
        "[server]\nmax_connections = 200\nmax_connections_per_address = 20\ntrusted_proxies = [\"127.0.0.3\"]\n";
    let (_site, server) = Server::with_config(config);
    let mut of_one = Vec::new();
    for _ in 0..20 {
        of_one.push(sent(&server, "127.0.0.2", UNFINISHED).await);
    }
    let jobs = |client: &str| {
        format!("GET /api/tickerq/jobs HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-For: {client}\r\n\r\n")
    };
    let response_to = |address: &'static str, text: String| {
        let server = &server;
        async move {
            let mut stream = sent(server, address, &text).await;
            let head = head_of(&mut stream).await;
            (head.get(9..12).unwrap_or_default().to_owned(), head)
        }
    };
    // A request in between may take the place of one of them.
    let start = Instant::now();
    let head = loop {
        let (status, head) = response_to("127.0.0.2", jobs("")).await;
        if status == "503" {
            break head;
        }
        of_one.push(sent(&server, "127.0.0.2", UNFINISHED).await);
        assert!(start.elapsed() < SLOW, "the address has more than its share");
    };
    assert!(
        head.contains("retry-after") && head.contains("connection: close"),
        "{head}"
    );
    assert_eq!(response_to("127.0.0.2", HEALTH.to_owned()).await.0, "200");
    assert_eq!(response_to("127.0.0.4", jobs("")).await.0, "200");
    drop(of_one);
    let for_client = UNFINISHED.replacen("Content-Type", "X-Forwarded-For: 192.0.2.1\r\nContent-Type", 1);
    let mut of_proxy = Vec::new();
    for _ in 0..20 {
        of_proxy.push(sent(&server, "127.0.0.3", &for_client).await);
    }
    // A request in between may take the place of one of them.
    let start = Instant::now();
    while response_to("127.0.0.3", jobs("192.0.2.1")).await.0 != "503" {
        of_proxy.push(sent(&server, "127.0.0.3", &for_client).await);
        assert!(start.elapsed() < SLOW, "the client has more than its share");
    }
    assert_eq!(response_to("127.0.0.3", jobs("192.0.2.2")).await.0, "200");
    drop(of_proxy);
    eventually("it has less again", || async {
        (response_to("127.0.0.3", jobs("192.0.2.1")).await.0 == "200").then_some(())
    })
    .await;
}

#[tokio::test]
async fn slow_requests_are_closed_on_every_route() {
    let (_site, server) = Server::with_config("[server]\nkeep_alive = \"00:00:03\"\n");
    let chunked = |path: &str| {
        format!(
            "POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: \
             chunked\r\n\r\n1\r\n{{\r\n"
        )
    };
    let token = crate::harness::hub::negotiate(&server.client()).await;
    server.client().get(&format!("/hub?id={token}")).await;
    let (jobs, graphql, health, hub, nothing) = (
        chunked("/api/tickerq/jobs"),
        chunked("/graphql"),
        chunked("/healthz"),
        chunked(&format!("/api/tickerq/hub?id={token}")),
        chunked("/nowhere"),
    );
    let one = "1\r\n \r\n";
    let (jobs, graphql, health, hub, nothing, lines, head) = tokio::join!(
        drip(&server, &jobs, one),
        drip(&server, &graphql, one),
        drip(&server, &health, one),
        drip(&server, &hub, one),
        drip(&server, &nothing, one),
        drip(&server, HEALTH, "\r\n"),
        drip(&server, HEALTH, "G"),
    );
    for ((response, took), expected) in [
        (jobs, "408"),
        (graphql, "408"),
        (health, "405"),
        (hub, ""),
        (nothing, "404"),
        (lines, "200"),
        (head, "200"),
    ] {
        assert!(took < SLOW, "{expected}: {response}");
        assert!(
            response.get(9..).unwrap_or_default().starts_with(expected),
            "{response}"
        );
    }
}

#[tokio::test]
async fn the_rest_of_a_body_is_read_for_a_limited_time_after_the_response() {
    let (_site, server) = Server::with_config("");
    let head = "POST /nowhere HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n";
    let mut stream = sent(&server, "127.0.0.1", head).await;
    let start = Instant::now();
    let chunk = format!("4000\r\n{}\r\n", "x".repeat(0x4000));
    // Faster than any minimum rate.
    while stream.write_all(chunk.as_bytes()).await.is_ok() {
        assert!(
            start.elapsed() < SLOW,
            "a body that no route reads is not read to its end"
        );
        sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test]
async fn a_response_that_its_client_does_not_read_is_abandoned() {
    let read = |job: &str| format!("GET /api/tickerq/jobs/{job} HTTP/1.1\r\nHost: localhost\r\n\r\n").repeat(20);
    is_given_up(read).await;
}

#[tokio::test]
async fn an_event_stream_that_its_client_does_not_read_is_closed() {
    let read = |job: &str| {
        let fields: Vec<String> = (0..15).map(|number| format!("a{number}:parameters")).collect();
        let query = format!("{{job(id:\"{job}\"){{{}}}}}", fields.join(" "));
        let body = json!({ "query": query }).to_string();
        format!(
            "POST /graphql HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nAccept: text/event-stream\r\n\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        )
    };
    is_given_up(read).await;
}

/// `true` if the server ends the connection of a client that hardly reads its responses.
async fn is_given_up(read: impl Fn(&str) -> String) {
    let config = "[metrics]\nenable_prometheus_export = true\n[job_types.NoopJob]\nhandler = \"noop\"\n";
    let (_site, server) = Server::with_config(config);
    let client = server.client();
    let text = "x".repeat(900_000);
    let job = json!({ "type": "NoopJob", "parameters": { "text": text }, "delay": "01:00:00" });
    let job = client.create(job).await["id"].as_str().expect("an id").to_owned();
    let open = || async {
        let numbers = client.send(client.at_root(reqwest::Method::GET, "/metrics")).await.text;
        let line = numbers.lines().find(|line| {
            line.starts_with("tickerq_http_connections{") || line.starts_with("tickerq_http_connections ")
        });
        let number = line
            .and_then(|line| line.rsplit(' ').next())
            .and_then(|number| number.parse::<f64>().ok());
        number.unwrap_or_else(|| panic!("{numbers}"))
    };
    let before = open().await;
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.set_recv_buffer_size(4096).expect("a small buffer");
    let address = server.url.trim_start_matches("http://").parse().expect("an address");
    let mut stream = socket.connect(address).await.expect("a connection");
    // More than all buffers between the two hold.
    stream.write_all(read(&job).as_bytes()).await.expect("requests");
    let start = Instant::now();
    let mut bytes = [0; 512];
    stream.read_exact(&mut bytes).await.expect("a head");
    assert!(String::from_utf8_lossy(&bytes).starts_with("HTTP/1.1 200"));
    assert!(open().await > before, "it is counted");
    let mut taken = 0;
    while open().await > before {
        assert!(
            start.elapsed() < SLOW,
            "a response is held for a client that takes {taken} bytes"
        );
        // A few bytes now and then do not count as progress.
        let read = timeout(Duration::from_millis(100), stream.read(&mut bytes)).await;
        taken += read.map_or(0, |read| read.unwrap_or(0));
        sleep(Duration::from_millis(500)).await;
    }
    assert!(start.elapsed() > Duration::from_secs(20), "{:?}", start.elapsed());
    assert!(!server.log().contains("ERROR"), "{}", server.log());
}

#[tokio::test]
async fn streams_are_exempt_from_response_timeouts_and_idle_eviction() {
    let (_site, server) = Server::with_config("[server]\nmax_connections = 2\nmax_connections_per_address = 2\n");
    let query = "subscription { jobStatusChanged { event } }";
    let body = json!({ "query": query }).to_string();
    let subscribe = format!(
        "POST /graphql HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\nContent-Type: \
         application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut stream = sent(&server, "127.0.0.1", &subscribe).await;
    assert!(head_of(&mut stream).await.contains("text/event-stream"));
    let mut other = sent(&server, "127.0.0.1", HEALTH).await;
    assert!(head_of(&mut other).await.starts_with("HTTP/1.1 200"));
    // Idle for longer than the time after which a connection may be evicted.
    sleep(Duration::from_millis(1_500)).await;
    // The idle connection is evicted, the stream is not.
    for _ in 0..3 {
        eventually("there is a place for a request", || async {
            (server.client().get("/jobs").await.status == 200).then_some(())
        })
        .await;
        sleep(Duration::from_millis(1_200)).await;
    }
    assert_eq!(head_of(&mut other).await, "");
    let mut received = String::new();
    while !received.contains(":") {
        let part = head_of(&mut stream).await;
        assert!(!part.is_empty(), "the stream was ended");
        received.push_str(&part);
    }
}

#[tokio::test]
async fn limits_of_connections_are_read_and_checked() {
    let site = Site::new(Storage::Sqlite, "[server]\nmax_connections = 0\n");
    let checked = site.command(&["config", "check"]).output().expect("it runs");
    let stderr = String::from_utf8_lossy(&checked.stderr).into_owned();
    assert!(stderr.contains("server.max_connections"), "{stderr}");
    site.configure("[server]\nmax_connections = 100000\nmax_connections_per_address = 7\n");
    let server = with_files(&site, 512);
    eventually("the limits are logged", || async {
        let log = server.log();
        let is_lowered = log.contains("server.max_connections = 100000 exceeds");
        (is_lowered && log.contains("7 of one address")).then_some(())
    })
    .await;
    let health: Value = server
        .client()
        .send(server.client().at_root(reqwest::Method::GET, "/healthz"))
        .await
        .json();
    assert_eq!(health["status"], "ok");
}
