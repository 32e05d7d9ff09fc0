//! Webhooks and data sync. They run on a thread of their own, at a lower priority than jobs, and finish their
//! deliveries before the server stops.

pub(crate) mod data_sync;
pub(crate) mod dispatcher;
pub(crate) mod endpoint_sync;
pub(crate) mod messages;
pub(crate) mod options;
pub(crate) mod sender;
pub(crate) mod throttle;

use std::sync::Arc;
use std::time::Duration;

use actix::{Addr, ArbiterHandle, Recipient};
use tokio::time::{Instant, sleep};
use tracing::warn;

use self::data_sync::{SyncSender, SyncSenderDeps};
use self::dispatcher::{WebhookDispatcher, WebhookDispatcherDeps};
use self::endpoint_sync::NodeEndpoints;
use self::messages::DrainDeliveries;
use self::options::{SyncTarget, WebhookOptions};
use self::throttle::{DeliveryThrottle, lower_priority};
use super::actor::clock::{Clock, IdSource};
use super::actor::supervisor::{ActorSlot, Supervisor};
use super::cluster::node_lease::SharedNodeLease;
use super::events::event_bus::EventBusHandle;
use super::writer::endpoint_cache::EndpointCache;
use super::writer::handle::WriterHandle;
use crate::domain::values::id::NodeId;
use crate::domain::webhooks::endpoint::EndpointSource;
use crate::storage::repository::JobRepository;

/// Interval at which a stopping server checks for deliveries in flight.
const DRAIN_POLL: Duration = Duration::from_millis(20);

/// Dependencies of webhooks and data sync.
pub(super) struct OutboundDeps {
    pub(super) repository: Arc<dyn JobRepository>,
    pub(super) writer: WriterHandle,
    pub(super) event_bus: EventBusHandle,
    pub(super) endpoints: EndpointCache,
    pub(super) node: NodeId,
    pub(super) node_lease: SharedNodeLease,
    pub(super) throttle: DeliveryThrottle,
    pub(super) supervisor: Supervisor,
    pub(super) clock: Clock,
    pub(super) ids: Arc<IdSource>,
}

/// The actors of webhooks and data sync.
pub(super) struct Outbound {
    dispatcher: Option<Addr<WebhookDispatcher>>,
}

impl Outbound {
    /// Starts a sender for each sync target, and the dispatcher if webhooks are enabled.
    pub(super) fn start(
        deps: OutboundDeps,
        webhooks: WebhookOptions,
        targets: Vec<SyncTarget>,
        slot: ActorSlot<WebhookDispatcher>,
        arbiter: &ArbiterHandle,
    ) -> Self {
        arbiter.spawn_fn(lower_priority);
        let OutboundDeps {
            repository,
            writer,
            event_bus,
            endpoints,
            node,
            node_lease,
            throttle,
            supervisor,
            clock,
            ids,
        } = deps;
        for target in targets {
            let deps = SyncSenderDeps {
                repository: Arc::clone(&repository),
                writer: writer.clone(),
                client: webhooks.clients.of(EndpointSource::Configuration).clone(),
                timeout: webhooks.delivery.timeout,
                target,
                node,
                node_lease: node_lease.clone(),
                clock: clock.clone(),
            };
            ActorSlot::new(data_sync::MAILBOX_CAPACITY)
                .start(arbiter, "SyncSender", &supervisor, || SyncSender::new(deps));
        }
        if !webhooks.delivery.enable {
            return Self { dispatcher: None };
        }
        let deps = WebhookDispatcherDeps {
            repository,
            writer,
            event_bus,
            endpoints,
            configured: NodeEndpoints::of(&webhooks.delivery, node),
            options: webhooks,
            node,
            node_lease,
            throttle,
            arbiter: arbiter.clone(),
            supervisor: supervisor.clone(),
            clock,
            ids,
        };
        let dispatcher = slot.start(arbiter, "WebhookDispatcher", &supervisor, || {
            WebhookDispatcher::new(deps)
        });
        Self {
            dispatcher: Some(dispatcher),
        }
    }

    /// Waits for deliveries in flight, which would otherwise be sent again after the next start.
    pub(super) async fn end(&self, within: Duration) {
        let Some(dispatcher) = &self.dispatcher else { return };
        let Ok(senders) = dispatcher.send(DrainDeliveries).await else {
            return;
        };
        let end = Instant::now() + within;
        while senders.iter().any(Recipient::connected) {
            if Instant::now() >= end {
                warn!("timed out waiting for in-flight deliveries; they will be redelivered");
                return;
            }
            sleep(DRAIN_POLL).await;
        }
    }
}
