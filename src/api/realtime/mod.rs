//! Live updates: the WebSocket API and the SignalR hub, over one stream of events.
//!
//! Both map names to a filter of events, and events to messages; transports only move bytes.

mod admission;
mod client_message;
pub(super) mod close_reason;
pub(super) mod connections;
#[cfg(test)]
mod event_encodings;
pub(super) mod frame_rules;
pub(super) mod handshake;
mod job_hub;
mod live_updates;
pub(super) mod liveness;
pub(super) mod message_assembler;
mod options;
mod signalr;
pub(super) mod subscription_places;
mod utf8;
mod websocket;

pub(crate) use self::live_updates::Realtime;
pub use self::options::RealtimeOptions;

use std::rc::Rc;

use actix_web::http::Method;
use actix_web::web::{self, Payload, ServiceConfig};
use actix_web::{HttpRequest, Route};

use super::routing::resource;

/// Adds the routes of live updates under each of these prefixes. Called once per HTTP worker, before the REST routes:
/// those respond to all other paths.
pub(crate) fn configure(config: &mut ServiceConfig, realtime: &Realtime, prefixes: &[String]) {
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

/// A route whose function receives the request and its payload.
fn of_request<H, F>(realtime: &Rc<Realtime>, handler: H) -> Route
where
    H: Fn(Rc<Realtime>, HttpRequest, Payload) -> F + Clone + 'static,
    F: Future<Output = actix_web::HttpResponse> + 'static,
{
    let realtime = Rc::clone(realtime);
    web::to(move |request: HttpRequest, payload: Payload| handler(Rc::clone(&realtime), request, payload))
}
