//! Faulty proxies: replaced or delayed responses, and stalled
//! connections.

use std::collections::HashMap;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use reqwest::Method;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;

/// Fault of a request.
#[derive(Clone, Debug)]
pub enum Fault {
    /// Not forwarded; this is the response.
    Response {
        status: u16,
        content_type: &'static str,
        body: &'static str,
    },
    /// Forwarded, with a delayed response.
    Late(Duration),
}

impl Fault {
    /// A response with this status that is not one of the server's problems.
    pub const fn status(status: u16) -> Self {
        Self::Response {
            status,
            content_type: "text/plain",
            body: "a proxy's response",
        }
    }

    /// A web page in place of JSON, with status 200.
    pub const PAGE: Self = Self::Response {
        status: 200,
        content_type: "text/html",
        body: "<html>please log in</html>",
    };
}

type Faults = Arc<Mutex<HashMap<&'static str, VecDeque<Fault>>>>;

/// A proxy that injects faults by the end of a request's path, each once. Stops when it is dropped.
pub struct FaultyProxy {
    pub url: String,
    faults: Faults,
    _listening: AbortOnDropHandle<()>,
}

impl FaultyProxy {
    /// A proxy before the server at this URL.
    pub async fn before(url: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let faults = Faults::default();
        let (server, known) = (url.to_owned(), Arc::clone(&faults));
        let http = reqwest::Client::builder().no_proxy().build().expect("a client");
        let listening = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (http, server, faults) = (http.clone(), server.clone(), Arc::clone(&known));
                tokio::spawn(async move {
                    // `None`: either end has closed its connection.
                    let _: Option<()> = serve(client, http, server, faults).await;
                });
            }
        });
        Self {
            url: format!("http://{address}"),
            faults,
            _listening: AbortOnDropHandle::new(listening),
        }
    }

    /// Faults of the next requests to paths with this end.
    pub fn meet(&self, path: &'static str, faults: impl IntoIterator<Item = Fault>) {
        let mut known = self.faults.lock().unwrap_or_else(PoisonError::into_inner);
        known.entry(path).or_default().extend(faults);
    }

    /// Fails unless all faults have occurred.
    pub fn has_met_all(&self) {
        let faults = self.faults.lock().unwrap_or_else(PoisonError::into_inner);
        assert!(faults.values().all(VecDeque::is_empty), "left: {faults:?}");
    }
}

/// Serves the requests of one connection.
async fn serve(mut client: TcpStream, http: reqwest::Client, server: String, faults: Faults) -> Option<()> {
    let mut buffered = Vec::new();
    loop {
        let head_end = loop {
            if let Some(end) = buffered.windows(4).position(|window| window == b"\r\n\r\n") {
                break end + 4;
            }
            read_more(&mut client, &mut buffered).await?;
        };
        let head = String::from_utf8_lossy(&buffered[..head_end]).into_owned();
        let header = |name: &str| {
            let line = head
                .lines()
                .find_map(|line| line.split_once(':').filter(|(key, _)| key.eq_ignore_ascii_case(name)));
            line.map(|(_, value)| value.trim().to_owned())
        };
        let length: usize = header("content-length").map_or(0, |length| length.parse().expect("a length"));
        while buffered.len() < head_end + length {
            read_more(&mut client, &mut buffered).await?;
        }
        let body = buffered[head_end..head_end + length].to_vec();
        buffered.drain(..head_end + length);
        let mut line = head.split(' ');
        let (method, path) = (line.next()?.to_owned(), line.next()?.to_owned());
        let fault = {
            let mut faults = faults.lock().unwrap_or_else(PoisonError::into_inner);
            let matching = faults.iter_mut().find(|(end, _)| path.ends_with(**end));
            matching.and_then(|(_, faults)| faults.pop_front())
        };
        let (status, content_type, text) = match fault {
            Some(Fault::Response {
                status,
                content_type,
                body,
            }) => (status, content_type.to_owned(), body.to_owned()),
            other => {
                let method = Method::from_bytes(method.as_bytes()).expect("a method");
                let mut request = http.request(method, format!("{server}{path}")).body(body);
                for name in ["authorization", "content-type", "idempotency-key", "if-match"] {
                    if let Some(value) = header(name) {
                        request = request.header(name, value);
                    }
                }
                let response = request.send().await.ok()?;
                let status = response.status().as_u16();
                let content_type = response.headers().get("content-type");
                let content_type = content_type
                    .and_then(|kind| kind.to_str().ok())
                    .unwrap_or("text/plain")
                    .to_owned();
                let text = response.text().await.ok()?;
                if let Some(Fault::Late(time)) = other {
                    tokio::time::sleep(time).await;
                }
                (status, content_type, text)
            }
        };
        let length = text.len();
        let response =
            format!("HTTP/1.1 {status} x\r\ncontent-type: {content_type}\r\ncontent-length: {length}\r\n\r\n{text}");
        client.write_all(response.as_bytes()).await.ok()?;
    }
}

async fn read_more(client: &mut TcpStream, buffered: &mut Vec<u8>) -> Option<()> {
    let mut part = vec![0; 65_536];
    let length = client.read(&mut part).await.ok()?;
    buffered.extend_from_slice(part.get(..length)?);
    (length > 0).then_some(())
}

/// A proxy to the server, at an IPv6 address where the machine has one, whose connections can stall: they stay open
/// without data. Stops when it is dropped.
pub struct Freezing {
    pub url: String,
    times: Arc<watch::Sender<u32>>,
    _listening: AbortOnDropHandle<()>,
}

impl Freezing {
    /// A way to the server at this URL.
    pub async fn before(url: &str) -> Self {
        let server = url.trim_start_matches("http://").to_owned();
        let listener = match TcpListener::bind("[::1]:0").await {
            Ok(listener) => listener,
            Err(_) => TcpListener::bind("127.0.0.1:0").await.expect("a port"),
        };
        let address = listener.local_addr().expect("an address");
        let times = Arc::new(watch::Sender::new(0));
        let freezing = Arc::clone(&times);
        let listening = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(carry(client, server.clone(), freezing.subscribe()));
            }
        });
        Self {
            url: format!("http://{address}"),
            times,
            _listening: AbortOnDropHandle::new(listening),
        }
    }

    /// Stalls the current connections; later ones work.
    pub fn freeze(&self) {
        self.times.send_modify(|times| *times += 1);
    }
}

async fn carry(mut client: TcpStream, server: String, mut times: watch::Receiver<u32>) {
    let Ok(mut server) = TcpStream::connect(server).await else {
        return;
    };
    tokio::select! {
        _ = tokio::io::copy_bidirectional(&mut client, &mut server) => return,
        changed = times.changed() => if changed.is_err() { return },
    }
    // Both ends stay open until the test ends.
    while times.changed().await.is_ok() {}
}
