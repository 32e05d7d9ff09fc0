//! A webhook receiver that records requests and sends scripted responses.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

use super::eventually;

/// Response to one request.
#[derive(Clone, Debug)]
pub enum ScriptedResponse {
    /// With this status line, these headers and this body.
    Status(&'static str, &'static str, &'static str),
    /// With 200, after this time.
    Slow(Duration),
    /// Invalid HTTP.
    Garbage,
    /// No response.
    Hangs,
    /// Closes the connection.
    Closes,
}

impl ScriptedResponse {
    pub const OK: Self = Self::Status("200 OK", "", "");
}

/// A received request.
#[derive(Clone, Debug)]
pub struct Received {
    /// Request line and headers.
    pub head: String,
    /// The exact bytes of the body.
    pub body: Vec<u8>,
    /// Time of arrival.
    pub at: Instant,
    /// `true` if the response accepts it.
    pub is_taken: bool,
}

impl Received {
    /// A header's value.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (given, value) = line.split_once(':')?;
            given.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("JSON")
    }

    /// Its event.
    pub fn event(&self) -> String {
        self.json()["event"].as_str().expect("an event").to_owned()
    }

    /// The header `webhook-id`.
    pub fn id(&self) -> String {
        self.header("webhook-id").expect("an id").to_owned()
    }

    /// Its job.
    pub fn job(&self) -> String {
        self.json()["data"]["jobId"].as_str().expect("a job").to_owned()
    }
}

#[derive(Default)]
struct State {
    got: Mutex<Vec<Received>>,
    script: Mutex<VecDeque<ScriptedResponse>>,
    otherwise: Mutex<Option<ScriptedResponse>>,
}

/// The receiver. Dropping it stops it.
pub struct Receiver {
    port: u16,
    state: Arc<State>,
    _open: oneshot::Sender<()>,
}

impl Receiver {
    /// Listens on a free port and responds with 200.
    pub async fn open() -> Self {
        Self::at("127.0.0.1:0").await
    }

    /// Listens on a separate thread: a test may block while it waits for a process.
    pub async fn at(address: &str) -> Self {
        let state = Arc::<State>::default();
        let (open, closed) = oneshot::channel();
        let (tell_port, port) = oneshot::channel();
        let (shared, address) = (Arc::clone(&state), address.to_owned());
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.expect("a runtime").block_on(async move {
                let listener = TcpListener::bind(address).await.expect("a free port");
                tell_port.send(listener.local_addr().expect("an address").port()).ok();
                let serve = async {
                    loop {
                        let Ok((stream, _)) = listener.accept().await else {
                            return;
                        };
                        tokio::spawn(converse(stream, Arc::clone(&shared)));
                    }
                };
                tokio::select! {
                    _ = closed => {}
                    () = serve => {}
                }
            });
        });
        Self {
            port: port.await.expect("the receiver listens"),
            state,
            _open: open,
        }
    }

    /// Its address.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}/hook", self.port)
    }

    /// The port that it listens on.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Responses to the next requests in order.
    pub fn script(&self, responses: impl IntoIterator<Item = ScriptedResponse>) {
        self.state.script.lock().expect("responses").extend(responses);
    }

    /// Response to all other requests.
    pub fn otherwise(&self, response: ScriptedResponse) {
        *self.state.otherwise.lock().expect("a response") = Some(response);
    }

    /// All received requests.
    pub fn got(&self) -> Vec<Received> {
        self.state.got.lock().expect("requests").clone()
    }

    /// Size of all bodies so far, in bytes.
    pub fn body_bytes(&self) -> usize {
        let got = self.state.got.lock().expect("requests");
        got.iter().map(|got| got.body.len()).sum()
    }

    /// Waits for this number of requests and returns all.
    pub async fn receive(&self, count: usize) -> Vec<Received> {
        eventually(&format!("{count} requests have arrived"), || async {
            let got = self.got();
            (got.len() >= count).then_some(got)
        })
        .await
    }

    /// Waits for a matching request and returns it.
    pub async fn receive_where(&self, what: &str, is_meant: impl Fn(&Received) -> bool) -> Received {
        eventually(what, || async { self.got().into_iter().find(|got| is_meant(got)) }).await
    }
}

async fn converse(mut stream: TcpStream, state: Arc<State>) {
    let mut rest = Vec::new();
    while let Some(mut got) = read_request(&mut stream, &mut rest).await {
        let response = state.script.lock().expect("responses").pop_front();
        let otherwise = || state.otherwise.lock().expect("a response").clone();
        let response = response.or_else(otherwise).unwrap_or(ScriptedResponse::OK);
        got.is_taken = match &response {
            ScriptedResponse::Status(status, ..) => status.starts_with('2'),
            ScriptedResponse::Slow(_) => true,
            ScriptedResponse::Garbage | ScriptedResponse::Hangs | ScriptedResponse::Closes => false,
        };
        state.got.lock().expect("requests").push(got);
        let text = match response {
            ScriptedResponse::Status(status, headers, body) => response_of(status, headers, body),
            ScriptedResponse::Slow(wait) => {
                tokio::time::sleep(wait).await;
                response_of("200 OK", "", "")
            }
            ScriptedResponse::Garbage => "\u{1}\u{2}this is no HTTP\r\n\r\n".to_owned(),
            ScriptedResponse::Hangs => {
                // Until the client closes the connection.
                stream.read_u8().await.ok();
                return;
            }
            ScriptedResponse::Closes => return,
        };
        if stream.write_all(text.as_bytes()).await.is_err() {
            return;
        }
    }
}

fn response_of(status: &str, headers: &str, body: &str) -> String {
    format!(
        "HTTP/1.1 {status}\r\n{headers}content-length: {}\r\n\r\n{body}",
        body.len()
    )
}

async fn read_request(stream: &mut TcpStream, bytes: &mut Vec<u8>) -> Option<Received> {
    loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
            let length = head.lines().find_map(|line| {
                let (name, value) = line.split_once(':')?;
                name.eq_ignore_ascii_case("content-length")
                    .then(|| value.trim().parse::<usize>().ok())?
            });
            let whole = end + 4 + length.unwrap_or(0);
            if bytes.len() >= whole {
                let body = bytes[end + 4..whole].to_vec();
                bytes.drain(..whole);
                return Some(Received {
                    head,
                    body,
                    at: Instant::now(),
                    is_taken: false,
                });
            }
        }
        if stream.read_buf(bytes).await.ok()? == 0 {
            return None;
        }
    }
}
