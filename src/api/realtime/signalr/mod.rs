//! A SignalR server: the hub protocol over WebSockets, server-sent events and long polling.
//!
//! It does not depend on jobs. A [`Hub`](hub::Hub) provides methods that clients call and events that they receive;
//! this module has the rest: negotiation, transports, framing, handshake, both encodings, keep-alive and the end of a
//! connection. Its behavior is that of the official clients and servers.

pub(super) mod connection;
mod connection_registry;
mod http_connection;
mod http_transport;
pub(super) mod hub;
mod hub_server;
mod json;
mod long_polling;
mod message;
mod message_pack;
mod negotiate;
pub(super) mod protocol;
mod server_sent_events;
mod token;
mod transports;
mod web_sockets;

pub(super) use self::hub_server::HubServer;

use std::rc::Rc;

use actix_web::http::Method;
use actix_web::web::{self, Payload, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse, Route};

use crate::api::routing::resource;

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

/// A route whose function receives the request and its payload.
fn of_request<H, F>(server: &Rc<HubServer>, handler: H) -> Route
where
    H: Fn(Rc<HubServer>, HttpRequest, Payload) -> F + Clone + 'static,
    F: Future<Output = HttpResponse> + 'static,
{
    let server = Rc::clone(server);
    web::to(move |request: HttpRequest, payload: Payload| handler(Rc::clone(&server), request, payload))
}
