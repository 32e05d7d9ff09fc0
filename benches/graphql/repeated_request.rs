//! Repeats one request and records the response times.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

/// A connection that repeats one request.
pub(crate) struct RepeatedRequest {
    stream: TcpStream,
    request: Vec<u8>,
    /// Response times.
    pub(crate) times: Vec<Duration>,
    /// Number of refused requests; `None` where none may be.
    pub(crate) refused: Option<u64>,
}

impl RepeatedRequest {
    pub(crate) fn new(address: SocketAddr, head: &str, body: &str) -> Self {
        let stream = TcpStream::connect(address).expect("a connection");
        stream.set_nodelay(true).expect("a connection");
        let length = body.len();
        let request = format!(
            "{head} HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
        );
        Self {
            stream,
            request: request.into_bytes(),
            times: Vec::new(),
            refused: None,
        }
    }

    /// Sends the request and returns the response.
    pub(crate) fn send(&mut self) -> Vec<u8> {
        let started = Instant::now();
        self.stream.write_all(&self.request).expect("a request");
        let mut response = Vec::with_capacity(32 << 10);
        let mut chunk = [0; 64 << 10];
        let body = loop {
            let read = self.stream.read(&mut chunk).expect("a response");
            assert!(read > 0, "the server hung up");
            response.extend_from_slice(&chunk[..read]);
            let Some((head, body)) = whole_body(&response) else {
                continue;
            };
            if !head.starts_with("HTTP/1.1 20") {
                let body = String::from_utf8_lossy(body);
                let refused = self.refused.as_mut().unwrap_or_else(|| panic!("{head}{body}"));
                *refused += 1;
            }
            break body.to_vec();
        };
        self.times.push(started.elapsed());
        body
    }

    /// Median and 99th percentile.
    pub(crate) fn percentiles(&mut self) -> (Duration, Duration) {
        self.times.sort_unstable();
        let at = |share: usize| self.times[self.times.len() * share / 100];
        (at(50), at(99))
    }
}

/// Head and body of a complete response.
fn whole_body(response: &[u8]) -> Option<(&str, &[u8])> {
    let end = response.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
    let head = std::str::from_utf8(&response[..end]).expect("a head of text");
    let length = head.lines().find_map(|line| {
        line.to_ascii_lowercase()
            .strip_prefix("content-length: ")?
            .parse::<usize>()
            .ok()
    })?;
    let body = &response[end..];
    (body.len() == length).then_some((head, body))
}
