//! A proxy that records the calls of a client as operations of the OpenAPI document.

use std::collections::{BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::task::AbortOnDropHandle;

use crate::harness::client::Client;
use crate::harness::server::Server;

/// Operations that no SDK has, with the reason.
const NOT_IN_SDKS: [(&str, &str); 0] = [];

/// A successful call: method and path.
type Call = (String, String);

/// A proxy between a client and a server. Stops when it is dropped.
pub struct Recorder {
    pub url: String,
    calls: Arc<Mutex<BTreeSet<Call>>>,
    _listening: AbortOnDropHandle<()>,
}

impl Recorder {
    /// A proxy before the server at this URL.
    pub async fn before(url: &str) -> Self {
        let server = url.trim_start_matches("http://").to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let calls: Arc<Mutex<BTreeSet<Call>>> = Arc::default();
        let recorded = Arc::clone(&calls);
        let listening = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(pass(client, server.clone(), Arc::clone(&recorded)));
            }
        });
        Self {
            url: format!("http://{address}"),
            calls,
            _listening: AbortOnDropHandle::new(listening),
        }
    }

    /// Fails unless every operation of the server's OpenAPI document has been called successfully.
    pub async fn has_every_operation(&self, client: &Client, sdk: &str) {
        let document = client.get("/openapi.json").await.json();
        let operations = operations(&document);
        let calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let called: BTreeSet<&str> = calls
            .iter()
            .filter_map(|call| operation_of(&operations, call))
            .collect();
        for (id, _) in NOT_IN_SDKS {
            assert!(
                operations.iter().any(|operation| operation.id == id),
                "operation {id} not found"
            );
        }
        let missing: Vec<&Operation> = operations
            .iter()
            .filter(|operation| !called.contains(operation.id.as_str()))
            .filter(|operation| NOT_IN_SDKS.iter().all(|(id, _)| *id != operation.id))
            .collect();
        assert!(
            missing.is_empty(),
            "the scenarios of sdk/{sdk} do not call {missing:#?}: add methods and scenarios, or list them in NOT_IN_SDKS"
        );
    }
}

/// An operation of the API.
#[derive(Debug)]
struct Operation {
    id: String,
    method: String,
    path: String,
}

fn operations(document: &Value) -> Vec<Operation> {
    let paths = document["paths"].as_object().expect("paths");
    let of_path = |(path, item): (&String, &Value)| {
        let methods = item.as_object().expect("methods").clone();
        let path = path.clone();
        methods.into_iter().filter_map(move |(method, operation)| {
            Some(Operation {
                id: operation["operationId"].as_str()?.to_owned(),
                method: method.to_uppercase(),
                path: path.clone(),
            })
        })
    };
    let operations: Vec<Operation> = paths.iter().flat_map(of_path).collect();
    assert!(operations.len() > 50, "{operations:?}");
    operations
}

/// The operation of a call: the one with the fewest variables in its path.
fn operation_of<'a>(operations: &'a [Operation], (method, path): &Call) -> Option<&'a str> {
    let variables = |operation: &&Operation| operation.path.matches('{').count();
    operations
        .iter()
        .filter(|operation| operation.method == *method && matches_template(&operation.path, path))
        .min_by_key(variables)
        .map(|operation| operation.id.as_str())
}

fn matches_template(template: &str, path: &str) -> bool {
    let (template, path): (Vec<&str>, Vec<&str>) = (template.split('/').collect(), path.split('/').collect());
    let is_same = |(part, given): (&&str, &&str)| part == given || (part.starts_with('{') && !given.is_empty());
    template.len() == path.len() && template.iter().zip(&path).all(is_same)
}

/// Forwards bytes and reads the heads of requests and the statuses of responses.
async fn pass(mut client: TcpStream, server: String, calls: Arc<Mutex<BTreeSet<Call>>>) {
    let Ok(mut server) = TcpStream::connect(server).await else {
        return;
    };
    let (mut from_client, mut from_server) = (vec![0; 65_536], vec![0; 65_536]);
    let mut requests = Requests::default();
    let mut waiting: VecDeque<Call> = VecDeque::new();
    loop {
        tokio::select! {
            read = client.read(&mut from_client) => match read {
                Ok(length @ 1..) => {
                    waiting.extend(requests.read(&from_client[..length]));
                    if server.write_all(&from_client[..length]).await.is_err() {
                        return;
                    }
                }
                _ => return,
            },
            read = server.read(&mut from_server) => match read {
                Ok(length @ 1..) => {
                    // The first bytes after a request are its response's status line.
                    if let Some(call) = waiting.pop_front()
                        && (from_server.starts_with(b"HTTP/1.1 2") || from_server.starts_with(b"HTTP/1.1 3"))
                    {
                        calls.lock().unwrap_or_else(PoisonError::into_inner).insert(call);
                    }
                    if client.write_all(&from_server[..length]).await.is_err() {
                        return;
                    }
                }
                _ => return,
            },
        }
    }
}

/// The requests of one connection.
#[derive(Default)]
struct Requests {
    buffered: Vec<u8>,
    body_left: usize,
    is_upgraded: bool,
}

impl Requests {
    /// The requests whose heads end in these bytes.
    fn read(&mut self, bytes: &[u8]) -> Vec<Call> {
        let mut found = Vec::new();
        if self.is_upgraded {
            return found;
        }
        self.buffered.extend_from_slice(bytes);
        loop {
            let body = self.body_left.min(self.buffered.len());
            self.buffered.drain(..body);
            self.body_left -= body;
            let end = self.buffered.windows(4).position(|window| window == b"\r\n\r\n");
            let (0, Some(end)) = (self.body_left, end) else {
                return found;
            };
            let head: Vec<u8> = self.buffered.drain(..end + 4).collect();
            let head = String::from_utf8_lossy(&head).to_ascii_lowercase();
            self.is_upgraded = head.contains("\r\nupgrade: websocket");
            assert!(!head.contains("\r\ntransfer-encoding:"), "{head}");
            let length = head.split("\r\ncontent-length:").nth(1);
            let length = length.and_then(|rest| rest.split("\r\n").next()?.trim().parse().ok());
            self.body_left = length.unwrap_or_default();
            let mut line = head.split(' ');
            let (method, target) = (line.next().unwrap_or_default(), line.next().unwrap_or_default());
            let path = target.split('?').next().unwrap_or_default();
            found.push((method.to_uppercase(), path.to_owned()));
        }
    }
}

#[tokio::test]
#[should_panic(expected = "list_webhook_endpoints")]
async fn an_operation_that_is_not_called_fails_the_test() {
    let (_site, server) = Server::with_config("");
    let recorder = Recorder::before(&server.url).await;
    let response = Client::new(&recorder.url).get("/jobs?limit=1").await;
    assert_eq!(response.status, 200);
    recorder.has_every_operation(&server.client(), "none").await;
}
