//! An HTTP endpoint that responds only when the test releases it.
//!
//! A job whose handler calls it runs until the test releases it, without timing.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot};

use super::TIMEOUT;

/// The endpoint. Dropping it stops it.
pub struct Latch {
    port: u16,
    visits: mpsc::UnboundedReceiver<Visit>,
    inside: Arc<Inside>,
    /// The endpoint's thread ends when this is dropped.
    _open: oneshot::Sender<()>,
}

/// Number of requests that wait for their response.
#[derive(Default)]
struct Inside {
    now: AtomicUsize,
    peak: AtomicUsize,
}

/// A call that waits for its response. Dropping it closes the connection.
pub struct Visit {
    /// Request line and headers.
    pub head: String,
    /// The request's body.
    pub body: String,
    response: oneshot::Sender<String>,
    closed: oneshot::Receiver<()>,
}

impl Latch {
    /// Listens on a free port, on a separate thread: a test may block while it waits for a process.
    pub async fn open() -> Self {
        let (sender, visits) = mpsc::unbounded_channel();
        let (open, closed) = oneshot::channel();
        let (tell_port, port) = oneshot::channel();
        let inside = Arc::<Inside>::default();
        let counting = Arc::clone(&inside);
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.expect("a runtime").block_on(async move {
                let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
                tell_port.send(listener.local_addr().expect("an address").port()).ok();
                tokio::select! {
                    _ = closed => {}
                    () = listen(listener, sender, counting) => {}
                }
            });
        });
        Self {
            port: port.await.expect("the endpoint listens"),
            visits,
            inside,
            _open: open,
        }
    }

    /// Its address.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}/run", self.port)
    }

    /// A configuration line: the handler that calls it.
    pub fn handler(&self) -> String {
        format!("handler = {{ http = {{ url = \"{}\" }} }}", self.url())
    }

    /// The next call.
    pub async fn visit(&mut self) -> Visit {
        tokio::time::timeout(TIMEOUT, self.visits.recv())
            .await
            .expect("the endpoint is called")
            .expect("the endpoint listens")
    }

    /// The next call, if it has arrived.
    pub fn visit_that_came(&mut self) -> Option<Visit> {
        self.visits.try_recv().ok()
    }

    /// Maximum number of concurrent requests.
    pub fn peak(&self) -> usize {
        self.inside.peak.load(Ordering::SeqCst)
    }
}

impl Visit {
    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).expect("a body of JSON")
    }

    /// A header's value.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (given, value) = line.split_once(':')?;
            given.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    /// Responds with a status line (optionally with headers) and a body.
    pub fn respond(self, status: &str, body: &str) {
        let length = body.len();
        let response = format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}");
        self.response.send(response).ok();
    }

    /// Responds with success.
    pub fn complete(self) {
        self.respond("200 OK", "");
    }

    /// Waits until the client closes the connection.
    pub async fn hung_up(self) {
        tokio::time::timeout(TIMEOUT, self.closed)
            .await
            .expect("the caller hangs up")
            .expect("the endpoint reports");
    }
}

async fn listen(listener: TcpListener, visits: mpsc::UnboundedSender<Visit>, inside: Arc<Inside>) {
    while let Ok((stream, _)) = listener.accept().await {
        tokio::spawn(serve(stream, visits.clone(), Arc::clone(&inside)));
    }
}

async fn serve(mut stream: TcpStream, visits: mpsc::UnboundedSender<Visit>, inside: Arc<Inside>) {
    let Some((head, body)) = read_request(&mut stream).await else {
        return;
    };
    let (response, received) = oneshot::channel();
    let (left, closed) = oneshot::channel();
    let now = inside.now.fetch_add(1, Ordering::SeqCst) + 1;
    inside.peak.fetch_max(now, Ordering::SeqCst);
    visits
        .send(Visit {
            head,
            body,
            response,
            closed,
        })
        .ok();
    tokio::select! {
        response = received => {
            // Decremented before the client receives the response: another call may follow at once.
            inside.now.fetch_sub(1, Ordering::SeqCst);
            if let Ok(response) = response {
                stream.write_all(response.as_bytes()).await.ok();
            }
        }
        // A waiting client sends nothing more: a readable socket means the end.
        _ = stream.read_u8() => {
            inside.now.fetch_sub(1, Ordering::SeqCst);
            left.send(()).ok();
        }
    }
}

async fn read_request(stream: &mut TcpStream) -> Option<(String, String)> {
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| {
                let (name, value) = line.split_once(':')?;
                name.eq_ignore_ascii_case("content-length")
                    .then(|| value.trim().parse::<usize>().ok())?
            });
            if body.len() >= length.unwrap_or(0) {
                return Some((head.to_owned(), body.to_owned()));
            }
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
}
