//! A fast receiver: it counts requests and responds with 200.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

/// Number of deliveries of each message, by its `webhook-id`.
pub(crate) type Got = Arc<Mutex<HashMap<String, u32>>>;

pub(crate) struct Receiver {
    pub(crate) port: u16,
    pub(crate) got: Got,
}

impl Receiver {
    /// Listens on a separate thread until the process ends.
    pub(crate) async fn open() -> Self {
        let got = Got::default();
        let (tell_port, port) = oneshot::channel();
        let shared = Arc::clone(&got);
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.expect("a runtime").block_on(async move {
                let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
                tell_port.send(listener.local_addr().expect("an address").port()).ok();
                while let Ok((stream, _)) = listener.accept().await {
                    tokio::spawn(converse(stream, Arc::clone(&shared)));
                }
            });
        });
        Self {
            port: port.await.expect("the receiver listens"),
            got,
        }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}/{path}", self.port)
    }

    /// Number of distinct messages.
    pub(crate) fn count(&self) -> usize {
        self.got.lock().expect("messages").len()
    }

    /// Number of messages that were delivered more than once.
    pub(crate) fn repeated(&self) -> usize {
        let got = self.got.lock().expect("messages");
        got.values().filter(|count| **count > 1).count()
    }
}

async fn converse(mut stream: TcpStream, got: Got) {
    stream.set_nodelay(true).ok();
    let mut bytes = Vec::with_capacity(4_096);
    loop {
        while let Some((id, whole)) = request(&bytes) {
            bytes.drain(..whole);
            *got.lock().expect("messages").entry(id).or_default() += 1;
            let response = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
            if stream.write_all(response).await.is_err() {
                return;
            }
        }
        match stream.read_buf(&mut bytes).await {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
    }
}

/// Id and length of the first request, if it is complete.
fn request(bytes: &[u8]) -> Option<(String, usize)> {
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n")?;
    let head = std::str::from_utf8(&bytes[..end]).ok()?;
    let value = |requested: &str| {
        head.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case(requested).then(|| value.trim())
        })
    };
    let whole = end + 4 + value("content-length")?.parse::<usize>().ok()?;
    // Several endpoints receive the same message.
    let path = head.split(' ').nth(1)?;
    (bytes.len() >= whole).then_some((format!("{path} {}", value("webhook-id")?), whole))
}
