//! Live updates: the WebSocket API and the SignalR hub, over one stream of events.
//!
//! Each of them turns names into a filter of events, and events into messages; transports only move bytes.

mod admission;
mod client_message;
pub(super) mod connections;
#[cfg(test)]
mod event_encodings;
mod event_view;
pub(super) mod frame_rules;
pub(super) mod handshake;
mod job_hub;
pub(super) mod liveness;
pub(super) mod message_assembler;
mod signalr;
mod utf8;
mod websocket;

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use actix_web::http::Method;
use actix_web::web::{self, Payload, ServiceConfig};
use actix_web::{HttpRequest, Route};

use self::admission::Admission;
use self::connections::{Connections, Owner, Permit, Superseded};
use self::job_hub::JobHub;
use self::signalr::HubServer;
use self::signalr::connection::Limits;
use super::auth::Gate;
use super::rest::problem::Problem;
use super::rest::request::context::resource;
use crate::domain::access::caller::Caller;
use crate::service::events::Events;
use crate::service::facade_metrics::clients::{ClientKind, Clients};
use crate::service::shutdown::Shutdown;

/// How long the reason of a close frame may be, in bytes (RFC 6455, section 5.5): a frame of 125 less the code.
const REASON_BYTES_MAX: usize = 123;

/// The reason of a close frame, cut to the length that it may have.
pub(super) fn close_reason(why: &str) -> &str {
    why.get(..why.floor_char_boundary(REASON_BYTES_MAX)).unwrap_or_default()
}

/// How live updates work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RealtimeOptions {
    /// Whether there are any.
    pub enable: bool,
    /// How many connections there may be at a time.
    pub max_connections: usize,
    /// How many of them one caller may have.
    pub max_connections_per_caller: usize,
    /// How many subscriptions, or groups, one connection may have.
    pub max_subscriptions: usize,
    /// The greatest message that a client may send.
    pub message_bytes_max: usize,
    /// How often a silent connection is asked whether it lives.
    pub ping_interval: Duration,
    /// How long a client may be silent before its connection is closed.
    pub client_timeout: Duration,
    /// How long a SignalR client may take to say which protocol it speaks.
    pub handshake_timeout: Duration,
}

impl Default for RealtimeOptions {
    fn default() -> Self {
        Self {
            enable: true,
            max_connections: 10_000,
            max_connections_per_caller: 5_000,
            max_subscriptions: 100,
            message_bytes_max: 32 * 1024,
            ping_interval: Duration::from_secs(15),
            client_timeout: Duration::from_secs(30),
            handshake_timeout: Duration::from_secs(15),
        }
    }
}

/// What live updates are made from. One for all HTTP workers.
#[derive(Clone)]
pub struct Realtime {
    events: Events,
    shutdown: Shutdown,
    options: RealtimeOptions,
    admission: Admission,
    connections: Connections,
    hub: HubServer,
}

impl Realtime {
    /// Live updates of these events for whom the gate lets in, until the server goes down.
    /// Those who are connected count among `clients`.
    pub fn new(events: Events, gate: Gate, shutdown: Shutdown, clients: Clients, options: RealtimeOptions) -> Self {
        let connections = Connections::new(options.max_connections, options.max_connections_per_caller, clients);
        let admission = Admission::new(gate);
        let limits = Limits {
            message_bytes_max: options.message_bytes_max,
            handshake_timeout: options.handshake_timeout,
            keep_alive: options.ping_interval,
            client_timeout: options.client_timeout,
        };
        let job_hub = JobHub::new(events.clone(), options.max_subscriptions);
        let hub = HubServer::new(
            Arc::new(job_hub),
            limits,
            shutdown.clone(),
            admission.clone(),
            connections.clone(),
        );
        Self {
            events,
            shutdown,
            options,
            admission,
            connections,
            hub,
        }
    }

    /// The right to one more connection of this caller, if there may be one.
    pub(super) fn enter(&self, kind: ClientKind, caller: &Caller) -> Result<Permit, Problem> {
        self.connections.enter(kind, caller, &self.shutdown)
    }

    /// The same for a connection that counts only when it is confirmed.
    pub(super) fn enter_unconfirmed(&self, kind: ClientKind, owner: Owner) -> Result<(Permit, Superseded), Problem> {
        self.connections.enter_unconfirmed(kind, owner, &self.shutdown)
    }

    /// How live updates work.
    pub(super) const fn options(&self) -> &RealtimeOptions {
        &self.options
    }

    /// Tells that the server goes down.
    pub(super) const fn shutdown(&self) -> &Shutdown {
        &self.shutdown
    }
}

/// Adds the routes of live updates under each of these prefixes. Call it once for every HTTP worker, before the REST
/// routes: those answer whatever is left.
pub fn configure(config: &mut ServiceConfig, realtime: &Realtime, prefixes: &[String]) {
    if !realtime.options.enable {
        return;
    }
    let realtime = Rc::new(realtime.clone());
    let hub = Rc::new(realtime.hub.clone());
    for prefix in prefixes {
        config.service(resource(
            &format!("{prefix}/ws"),
            vec![(Method::GET, of_request(&realtime, websocket::connect))],
        ));
        signalr::configure(config, &hub, &format!("{prefix}/hub"));
    }
}

/// A route whose function gets the whole request.
fn of_request<H, F>(realtime: &Rc<Realtime>, handler: H) -> Route
where
    H: Fn(Rc<Realtime>, HttpRequest, Payload) -> F + Clone + 'static,
    F: Future<Output = actix_web::HttpResponse> + 'static,
{
    let realtime = Rc::clone(realtime);
    web::to(move |request: HttpRequest, payload: Payload| handler(Rc::clone(&realtime), request, payload))
}
