//! The hub's own path, which three transports share, distinguished by method and headers.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use actix::{Actor, Addr};
use actix_web::http::StatusCode;
use actix_web::http::header::ACCEPT;
use actix_web::web::{Bytes, Payload};
use actix_web::{HttpRequest, HttpResponse};
use futures_util::StreamExt;
use tokio::time::timeout;

use super::connection::Connection;
use super::connection_registry::{ConnectionToken, Found};
use super::http_connection::{End, HttpConnection, Receive, Renew};
use super::http_transport::HttpTransport;
use super::hub_server::{HubServer, response};
use super::protocol::Format;
use super::token::{already_open, no_connection, of_another_caller, other_transport, token};
use super::{connection, long_polling, server_sent_events, web_sockets};
use crate::api::auth::Credentials;
use crate::api::problem::{Problem, ProblemKind};
use crate::api::realtime::admission::Admitted;
use crate::api::realtime::handshake;

impl HttpTransport {
    fn of_get(request: &HttpRequest) -> Self {
        let accept = request.headers().get(ACCEPT).and_then(|value| value.to_str().ok());
        if accept.is_some_and(|accept| accept.to_ascii_lowercase().contains("text/event-stream")) {
            Self::ServerSentEvents
        } else {
            Self::LongPolling
        }
    }

    fn ability(self) -> connection::Transport {
        match self {
            Self::ServerSentEvents => connection::Transport {
                format: Format::Text,
                is_kept_alive: false,
            },
            Self::LongPolling => connection::Transport {
                format: Format::Any,
                is_kept_alive: true,
            },
        }
    }
}

/// `GET`: opens a connection, or fetches its messages.
pub(super) async fn get(server: Rc<HubServer>, request: HttpRequest, payload: Payload) -> HttpResponse {
    let result = if handshake::wants_websocket(&request) {
        web_sockets::open(&server, &request, payload)
    } else {
        fetch(&server, &request).await
    };
    response(result, &request)
}

async fn fetch(server: &HubServer, request: &HttpRequest) -> Result<HttpResponse, Problem> {
    let admitted = server.admission.admit(request)?;
    let token = token(request)?;
    let transport = HttpTransport::of_get(request);
    match server.registry.find(&token, &admitted.caller) {
        Found::Nothing => Err(no_connection()),
        Found::OtherCaller => Err(of_another_caller()),
        Found::Negotiated => {
            let address = open(server, &token, admitted, transport)?;
            Ok(match transport {
                HttpTransport::ServerSentEvents => server_sent_events::stream(address),
                HttpTransport::LongPolling => long_polling::first_response(),
            })
        }
        Found::WebSocket => Err(other_transport()),
        Found::Http { transport: open, .. } if open != transport => Err(other_transport()),
        Found::Http { address, .. } => match transport {
            HttpTransport::ServerSentEvents => Err(already_open()),
            HttpTransport::LongPolling => {
                renew(&address, admitted.credentials).await;
                Ok(long_polling::poll(&address).await)
            }
        },
    }
}

fn open(
    server: &HubServer,
    token: &ConnectionToken,
    Admitted { caller, credentials }: Admitted,
    transport: HttpTransport,
) -> Result<Addr<HttpConnection>, Problem> {
    let (permit, superseded) = server.enter(&caller)?;
    let opened = server.registry.open_http(token, transport, |registered, early| {
        let mut connection = Connection::new(
            Arc::clone(&server.hub),
            caller,
            server.admission.live_credentials(credentials),
            transport.ability(),
            server.limits,
            &server.shutdown,
            permit,
        );
        if !early.is_empty() {
            connection.receive(early);
        }
        HttpConnection::new(connection, transport, server.limits, registered, superseded).start()
    });
    opened.ok_or_else(already_open)
}

/// Forwards the credentials of a request, which may be newer than those of its connection.
async fn renew(address: &Addr<HttpConnection>, credentials: Credentials) {
    // An error means that the connection has ended, as the next message to it will show.
    let _ = address.send(Renew(credentials)).await;
}

/// Timeout of a chunk of a body.
const CHUNK_TIME: Duration = Duration::from_secs(30);

/// `POST`: messages of a client whose transport is unidirectional.
pub(super) async fn post(server: Rc<HubServer>, request: HttpRequest, payload: Payload) -> HttpResponse {
    let result = receive(&server, &request, payload).await;
    response(result, &request)
}

async fn receive(server: &HubServer, request: &HttpRequest, mut payload: Payload) -> Result<HttpResponse, Problem> {
    let Admitted { caller, credentials } = server.admission.admit(request)?;
    let token = token(request)?;
    let address = match server.registry.find(&token, &caller) {
        Found::Nothing => return Err(no_connection()),
        Found::OtherCaller => return Err(of_another_caller()),
        // The official server accepts them as well: some clients send their handshake before they poll.
        Found::Negotiated => {
            while let Some(chunk) = next_chunk(&mut payload).await? {
                if !server.registry.keep_early(&token, &chunk) {
                    let detail = "too much data before the connection was opened; open it with a GET";
                    return Err(Problem::new(ProblemKind::TooLarge, detail));
                }
            }
            return Ok(HttpResponse::Ok().finish());
        }
        Found::WebSocket => return Err(Problem::method_not_allowed(request.method(), "GET")),
        Found::Http { address, .. } => address,
    };
    renew(&address, credentials).await;
    // Forwarded in chunks: the connection checks the size of messages.
    while let Some(chunk) = next_chunk(&mut payload).await? {
        if !address.send(Receive(chunk)).await.unwrap_or(false) {
            return Err(no_connection());
        }
    }
    Ok(HttpResponse::Ok().finish())
}

/// The next chunk of a body.
async fn next_chunk(payload: &mut Payload) -> Result<Option<Bytes>, Problem> {
    let too_slow = |_| Problem::new(ProblemKind::TooSlow, "timed out reading the body");
    let broken = |error| Problem::new(ProblemKind::Malformed, format!("failed to read the body: {error}"));
    let chunk = timeout(CHUNK_TIME, payload.next()).await.map_err(too_slow)?;
    chunk.transpose().map_err(broken)
}

/// `DELETE`: ends a connection over long polling.
pub(super) async fn delete(server: Rc<HubServer>, request: HttpRequest, _: Payload) -> HttpResponse {
    let result = end(&server, &request).await;
    response(result, &request)
}

async fn end(server: &HubServer, request: &HttpRequest) -> Result<HttpResponse, Problem> {
    let Admitted { caller, .. } = server.admission.admit(request)?;
    match server.registry.find(&token(request)?, &caller) {
        Found::Nothing => Err(no_connection()),
        Found::OtherCaller => Err(of_another_caller()),
        Found::Http {
            transport: HttpTransport::LongPolling,
            address,
        } => {
            // An error means that it has ended already.
            let _ = address.send(End).await;
            Ok(HttpResponse::build(StatusCode::ACCEPTED).finish())
        }
        Found::Negotiated
        | Found::WebSocket
        | Found::Http {
            transport: HttpTransport::ServerSentEvents,
            ..
        } => {
            let detail = "DELETE only ends connections over long polling; close the stream or the socket";
            Err(Problem::new(ProblemKind::Malformed, detail))
        }
    }
}
