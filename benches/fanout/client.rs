//! Many cheap WebSocket clients that only read: the server is measured, not they.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::runtime::Runtime;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::server::Server;

/// Time limit for the last messages to arrive.
const TIMEOUT: Duration = Duration::from_secs(20);

/// Open connections, subscribed to all job events.
pub(crate) struct Clients {
    runtime: Runtime,
    streams: Vec<TcpStream>,
}

/// Latencies of messages.
pub(crate) struct Latencies {
    pub(crate) count: u64,
    pub(crate) p50: Duration,
    pub(crate) p99: Duration,
    pub(crate) max: Duration,
}

impl Clients {
    /// Connects and subscribes this number of clients.
    pub(crate) fn connect(server: &Server, count: usize) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a runtime");
        let address = server.address;
        let streams = runtime.block_on(async move {
            let mut connecting = JoinSet::new();
            let mut streams = Vec::with_capacity(count);
            for _ in 0..count {
                // In batches: the system's backlog is limited.
                if connecting.len() >= 64 {
                    streams.extend(connecting.join_next().await.map(|stream| stream.expect("a client")));
                }
                connecting.spawn(subscribe(address));
            }
            streams.extend(connecting.join_all().await);
            streams
        });
        Self { runtime, streams }
    }

    /// Creates jobs at this rate for this time, and measures until every client has received all their events.
    pub(crate) fn measure(self, server: &Server, jobs_per_second: u32, seconds: u32, events_per_job: u32) -> Latencies {
        let Self { runtime, streams } = self;
        let expected = streams.len() as u64 * u64::from(jobs_per_second * seconds * events_per_job);
        let arrived = Arc::new(AtomicU64::new(0));
        let (sender, mut receiver) = mpsc::unbounded_channel();
        for stream in streams {
            runtime.spawn(read(stream, Arc::clone(&arrived), sender.clone()));
        }
        drop(sender);
        let jobs = runtime.spawn(create_jobs(server.address, jobs_per_second, seconds));
        runtime.block_on(async {
            jobs.await.expect("jobs");
            let end = Instant::now() + TIMEOUT;
            while arrived.load(Ordering::Relaxed) < expected && Instant::now() < end {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        });
        // The readers end and return their measurements.
        runtime.shutdown_timeout(Duration::from_secs(5));
        let mut latencies = Vec::new();
        while let Ok(mut some) = receiver.try_recv() {
            latencies.append(&mut some);
        }
        latencies.sort_unstable();
        let at = |percent: usize| Duration::from_micros(latencies[(latencies.len() - 1) * percent / 100]);
        Latencies {
            count: latencies.len() as u64,
            p50: at(50),
            p99: at(99),
            max: at(100),
        }
    }
}

/// A short client frame with a zero mask.
fn frame(text: &str) -> Vec<u8> {
    let length = u8::try_from(text.len()).expect("a short text");
    assert!(length < 126, "a short text");
    [&[0x81, 0x80 | length, 0, 0, 0, 0], text.as_bytes()].concat()
}

async fn subscribe(address: SocketAddr) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.expect("a connection");
    let request = format!(
        "GET /api/tickerq/ws HTTP/1.1\r\nHost: {address}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await.expect("a request");
    stream
        .write_all(&frame(r#"{"action":"subscribe","topics":["job-status"]}"#))
        .await
        .expect("a subscription");
    let mut response = Vec::new();
    while !response.windows(12).any(|part| part == b"\"subscribed\"") || !response.ends_with(b"}}") {
        assert!(
            stream.read_buf(&mut response).await.expect("a response") > 0,
            "the server hung up"
        );
    }
    stream
}

/// Returns the measurements when the reader is dropped.
struct Measured {
    latencies: Vec<u64>,
    to: mpsc::UnboundedSender<Vec<u64>>,
}

impl Drop for Measured {
    fn drop(&mut self) {
        self.to.send(std::mem::take(&mut self.latencies)).ok();
    }
}

async fn read(mut stream: TcpStream, arrived: Arc<AtomicU64>, to: mpsc::UnboundedSender<Vec<u64>>) {
    let mut measured = Measured {
        latencies: Vec::with_capacity(1_024),
        to,
    };
    let mut buffer = Vec::with_capacity(16 * 1_024);
    loop {
        if stream.read_buf(&mut buffer).await.expect("an open connection") == 0 {
            return;
        }
        let now = Utc::now();
        let mut read = 0;
        while let Some((is_text, payload, length)) = next_frame(&buffer[read..]) {
            read += length;
            if !is_text {
                continue;
            }
            measured.latencies.push(micros_since(payload, now));
            arrived.fetch_add(1, Ordering::Relaxed);
        }
        buffer.drain(..read);
    }
}

/// The first frame: `true` if it is text, its payload, and its length. The server's frames are not masked.
fn next_frame(bytes: &[u8]) -> Option<(bool, &[u8], usize)> {
    let [first, second, ..] = bytes else { return None };
    let (head, length) = match second {
        126 => (4, usize::from(u16::from_be_bytes([*bytes.get(2)?, *bytes.get(3)?]))),
        127 => panic!("no event is that long"),
        length => (2, usize::from(*length)),
    };
    let payload = bytes.get(head..head + length)?;
    Some((first & 0x0f == 1, payload, head + length))
}

/// Time since the timestamp in a message.
fn micros_since(message: &[u8], now: DateTime<Utc>) -> u64 {
    const BEFORE: &[u8] = br#"{"type":"job-status-changed","timestamp":""#;
    let rest = message.strip_prefix(BEFORE).expect("a job event");
    let end = rest.iter().position(|byte| *byte == b'"').expect("a time");
    let text = std::str::from_utf8(&rest[..end]).expect("a time");
    let at: DateTime<Utc> = text.parse().expect("a time");
    u64::try_from((now - at).num_microseconds().expect("a time of today")).unwrap_or(0)
}

async fn create_jobs(address: SocketAddr, per_second: u32, seconds: u32) {
    let body = r#"{"type":"NoopJob","parameters":{"recipientEmail":"user@example.com"}}"#;
    let request = format!(
        "POST /api/tickerq/jobs HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut stream = TcpStream::connect(address).await.expect("a connection");
    let mut ticks = tokio::time::interval(Duration::from_secs(1) / per_second);
    let mut response = vec![0; 16 * 1_024];
    for _ in 0..per_second * seconds {
        ticks.tick().await;
        stream.write_all(request.as_bytes()).await.expect("a request");
        let length = stream.read(&mut response).await.expect("a response");
        assert!(
            response[..length].starts_with(b"HTTP/1.1 201"),
            "{}",
            String::from_utf8_lossy(&response[..length])
        );
    }
}
