//! A hub with its connections.

use std::sync::Arc;

use actix::Addr;
use actix_web::{HttpRequest, HttpResponse};

use super::connection::Limits;
use super::connection_registry::Registry;
use super::http_connection::HttpConnection;
use super::hub::Hub;
use crate::api::problem::Problem;
use crate::api::realtime::admission::ConnectionAdmission;
use crate::api::realtime::connections::{Connections, Permit, Superseded};
use crate::domain::access::caller::Caller;
use crate::domain::access::caller_key::CallerKey;
use crate::service::facade_metrics::clients::ClientKind;
use crate::service::shutdown::Shutdown;

/// Maximum size of a frame, as a multiple of the maximum size of a message: clients put several messages into one
/// frame.
const MESSAGES_PER_FRAME: usize = 4;

/// A hub and its connections. All HTTP workers share one.
#[derive(Clone)]
pub(in super::super) struct HubServer {
    pub(super) hub: Arc<dyn Hub>,
    pub(super) limits: Limits,
    pub(super) registry: Registry<Addr<HttpConnection>>,
    pub(super) shutdown: Shutdown,
    pub(super) admission: ConnectionAdmission,
    pub(super) connections: Connections,
}

impl HubServer {
    /// A hub without connections, until the server shuts down.
    pub(in super::super) fn new(
        hub: Arc<dyn Hub>,
        limits: Limits,
        shutdown: Shutdown,
        admission: ConnectionAdmission,
        connections: Connections,
    ) -> Self {
        Self {
            hub,
            limits,
            // The time to connect is the same as that of the handshake afterwards.
            registry: Registry::new(limits.handshake_timeout),
            shutdown,
            admission,
            connections,
        }
    }

    /// Checks the limits for another connection of the caller.
    pub(super) fn check_room(&self, caller: &Caller) -> Result<(), Problem> {
        self.connections.check_room(caller, &self.shutdown)
    }

    /// Permit of another connection, which counts after its client's handshake.
    pub(super) fn enter(&self, caller: &Caller) -> Result<(Permit, Superseded), Problem> {
        let owner = CallerKey::of(caller);
        self.connections
            .enter_unconfirmed(ClientKind::SignalR, owner, &self.shutdown)
    }

    pub(super) fn frame_bytes_max(&self) -> usize {
        self.limits.message_bytes_max.saturating_mul(MESSAGES_PER_FRAME)
    }
}

/// The response, or the response of the problem.
pub(super) fn response(result: Result<HttpResponse, Problem>, request: &HttpRequest) -> HttpResponse {
    result.unwrap_or_else(|problem| problem.response(request))
}
