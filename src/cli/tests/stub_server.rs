//! A server for tests that records requests and gives prepared responses.

use std::sync::{Arc, Mutex};

use actix_web::http::StatusCode;
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};

/// A request of the command line.
#[derive(Clone, Debug)]
pub(super) struct Received {
    /// `METHOD PATH`, without the query.
    pub route: String,
    /// The query, as sent.
    pub query: String,
    /// The `Authorization` header.
    pub authorization: Option<String>,
    /// The body.
    pub body: String,
}

/// A running server; it stops with the test's runtime.
pub(super) struct StubServer {
    /// `http://HOST:PORT`.
    pub uri: String,
    received: Arc<Mutex<Vec<Received>>>,
}

impl StubServer {
    /// Starts a server that responds with a status and a body, given a request and the number of requests before it.
    pub(super) fn start(respond: impl Fn(&Received, usize) -> (u16, String) + Clone + Send + 'static) -> Self {
        let received: Arc<Mutex<Vec<Received>>> = Arc::default();
        let log = Arc::clone(&received);
        let server = HttpServer::new(move || {
            let (respond, log) = (respond.clone(), Arc::clone(&log));
            App::new().default_service(web::to(move |request: HttpRequest, body: String| {
                let header = request.headers().get("authorization");
                let received = Received {
                    route: format!("{} {}", request.method(), request.path()),
                    query: request.query_string().to_owned(),
                    authorization: header.and_then(|value| value.to_str().ok()).map(str::to_owned),
                    body,
                };
                let mut log = log.lock().unwrap();
                let (status, body) = respond(&received, log.len());
                log.push(received);
                let status = StatusCode::from_u16(status).unwrap();
                let content_type = if status.is_success() {
                    "application/json"
                } else {
                    "application/problem+json"
                };
                async move { HttpResponse::build(status).content_type(content_type).body(body) }
            }))
        });
        let server = server.workers(1).disable_signals().bind("127.0.0.1:0").unwrap();
        let uri = format!("http://{}", server.addrs()[0]);
        tokio::spawn(server.run());
        Self { uri, received }
    }

    /// The requests so far.
    pub(super) fn received(&self) -> Vec<Received> {
        self.received.lock().unwrap().clone()
    }
}
