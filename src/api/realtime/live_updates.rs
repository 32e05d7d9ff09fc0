//! State of the routes of live updates: events, connections and the hub.

use std::sync::Arc;

use super::admission::ConnectionAdmission;
use super::connections::{Connections, Permit, Superseded};
use super::job_hub::JobHub;
use super::options::RealtimeOptions;
use super::signalr::HubServer;
use super::signalr::connection::Limits;
use super::subscription_places::SubscriptionPlaces;
use crate::api::auth::Authenticator;
use crate::api::problem::Problem;
use crate::domain::access::caller::Caller;
use crate::domain::access::caller_key::CallerKey;
use crate::service::events::Events;
use crate::service::facade_metrics::clients::{ClientKind, Clients};
use crate::service::shutdown::Shutdown;

/// The facade of live updates. All HTTP workers share one.
#[derive(Clone)]
pub(crate) struct Realtime {
    pub(super) events: Events,
    pub(super) shutdown: Shutdown,
    pub(super) options: RealtimeOptions,
    pub(super) admission: ConnectionAdmission,
    pub(super) connections: Connections,
    pub(super) subscriptions: SubscriptionPlaces,
    pub(super) hub: HubServer,
}

impl Realtime {
    /// Live updates of these events for callers that the authenticator accepts, until the server shuts down.
    /// Connections are counted in `clients`.
    pub(crate) fn new(
        events: Events,
        authenticator: Authenticator,
        shutdown: Shutdown,
        clients: Clients,
        options: RealtimeOptions,
    ) -> Self {
        let connections = Connections::new(options.max_connections, options.max_connections_per_caller, clients);
        let admission = ConnectionAdmission::new(authenticator);
        let limits = Limits {
            message_bytes_max: options.message_bytes_max,
            handshake_timeout: options.handshake_timeout,
            keep_alive: options.ping_interval,
            client_timeout: options.client_timeout,
        };
        let subscriptions =
            SubscriptionPlaces::new(options.max_total_subscriptions, options.max_subscriptions_per_caller);
        let job_hub = JobHub::new(events.clone(), options.max_subscriptions, subscriptions.clone());
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
            subscriptions,
            hub,
        }
    }

    /// Permit of another connection of this caller, within the limits.
    pub(in super::super) fn enter(&self, kind: ClientKind, caller: &Caller) -> Result<Permit, Problem> {
        self.connections.enter(kind, caller, &self.shutdown)
    }

    /// The same for a connection that counts after it is confirmed.
    pub(in super::super) fn enter_unconfirmed(
        &self,
        kind: ClientKind,
        owner: CallerKey,
    ) -> Result<(Permit, Superseded), Problem> {
        self.connections.enter_unconfirmed(kind, owner, &self.shutdown)
    }

    /// Places of subscriptions.
    pub(in super::super) const fn subscriptions(&self) -> &SubscriptionPlaces {
        &self.subscriptions
    }

    /// Options of live updates.
    pub(in super::super) const fn options(&self) -> &RealtimeOptions {
        &self.options
    }

    /// Signal of the server's shutdown.
    pub(in super::super) const fn shutdown(&self) -> &Shutdown {
        &self.shutdown
    }
}
