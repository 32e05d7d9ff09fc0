//! A SignalR server: the hub protocol over WebSockets, server-sent events and long polling.
//!
//! It knows nothing of what is told over it. A [`Hub`](hub::Hub) gives it methods that clients call and news that they are
//! told; everything between the two is here: negotiation, transports, framing, handshake, both encodings, keep-alive and
//! the end of a connection. The facts it keeps to are those of the official clients.

pub(super) mod connection;
mod connection_registry;
mod http_connection;
pub(super) mod hub;
mod json;
mod long_polling;
mod message;
mod message_pack;
mod negotiate;
pub(super) mod protocol;
mod server_sent_events;
mod transports;
mod web_sockets;

use std::rc::Rc;
use std::sync::Arc;

use actix_web::http::Method;
use actix_web::web::{self, Payload, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse, Route};

use self::connection::Limits;
use self::connection_registry::Registry;
use self::hub::Hub;
use super::admission::Admission;
use super::connections::{Connections, Owner, Permit, Superseded};
use crate::api::rest::problem::Problem;
use crate::api::rest::request::context::resource;
use crate::domain::access::caller::Caller;
use crate::service::facade_metrics::clients::ClientKind;
use crate::service::shutdown::Shutdown;

/// How many times its greatest message a frame may have: clients put several messages into one.
const MESSAGES_PER_FRAME: usize = 4;

/// A hub and its connections. One for all HTTP workers.
#[derive(Clone)]
pub(super) struct HubServer {
    hub: Arc<dyn Hub>,
    limits: Limits,
    registry: Registry,
    shutdown: Shutdown,
    admission: Admission,
    connections: Connections,
}

impl HubServer {
    /// A hub without connections, until the server goes down.
    pub(super) fn new(
        hub: Arc<dyn Hub>,
        limits: Limits,
        shutdown: Shutdown,
        admission: Admission,
        connections: Connections,
    ) -> Self {
        Self {
            hub,
            limits,
            // A client has as long to connect as then for the handshake.
            registry: Registry::new(limits.handshake_timeout),
            shutdown,
            admission,
            connections,
        }
    }

    /// Refuses who could not connect now.
    fn check_room(&self, caller: &Caller) -> Result<(), Problem> {
        self.connections.check_room(caller, &self.shutdown)
    }

    /// The right to one more connection, which counts once its client has shaken hands.
    fn enter(&self, caller: &Caller) -> Result<(Permit, Superseded), Problem> {
        let owner = Owner::of(caller);
        self.connections
            .enter_unconfirmed(ClientKind::SignalR, owner, &self.shutdown)
    }

    fn frame_bytes_max(&self) -> usize {
        self.limits.message_bytes_max.saturating_mul(MESSAGES_PER_FRAME)
    }
}

/// Adds the routes of a hub at this path.
pub(super) fn configure(config: &mut ServiceConfig, server: &Rc<HubServer>, path: &str) {
    config.service(resource(
        &format!("{path}/negotiate"),
        vec![(Method::POST, of_request(server, negotiate::negotiate))],
    ));
    config.service(resource(
        path,
        vec![
            (Method::GET, of_request(server, transports::get)),
            (Method::POST, of_request(server, transports::post)),
            (Method::DELETE, of_request(server, transports::delete)),
        ],
    ));
}

/// A route whose function gets the whole request.
fn of_request<H, F>(server: &Rc<HubServer>, handler: H) -> Route
where
    H: Fn(Rc<HubServer>, HttpRequest, Payload) -> F + Clone + 'static,
    F: Future<Output = HttpResponse> + 'static,
{
    let server = Rc::clone(server);
    web::to(move |request: HttpRequest, payload: Payload| handler(Rc::clone(&server), request, payload))
}

fn answer(result: Result<HttpResponse, Problem>, request: &HttpRequest) -> HttpResponse {
    result.unwrap_or_else(|problem| problem.answer(request))
}
