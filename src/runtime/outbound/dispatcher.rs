//! The WebhookDispatcher: endpoints owned by this node, and their senders.
//!
//! Deliveries wait in storage. Only the node that owns an endpoint sends its deliveries; when a node dies its lease
//! expires, and other nodes claim its endpoints. Once a second the dispatcher reads the endpoints, claims its share
//! of those without an owner, and keeps a [`WebhookSender`] for each owned one. Commits of this node wake the senders
//! at once.
//!
//! Changes of the server's health are neither changes of a job nor stored. They are received from the event bus,
//! which never drops the newest one, and kept here until they are written.

mod ownership;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use actix::prelude::SendError;
use actix::{
    Actor, ActorFutureExt, Addr, ArbiterHandle, AsyncContext, Context, Handler, MessageResult, Recipient,
    StreamHandler, Supervised, WrapFuture,
};
use futures_util::stream;
use tracing::{info, trace, warn};

use super::endpoint_sync::NodeEndpoints;
use super::messages::{DrainDeliveries, OutboxUpdate, PollDeliveries, RefreshEndpoint, ReleaseEndpoint};
use super::options::WebhookOptions;
use super::sender;
use super::sender::{WebhookSender, WebhookSenderDeps};
use super::throttle::DeliveryThrottle;
use crate::domain::events::event::{Event, Topic};
use crate::domain::events::filter::EventFilter;
use crate::domain::metrics::health::HealthChange;
use crate::domain::values::id::{EndpointId, NodeId};
use crate::domain::webhooks::endpoint::{Endpoint, SigningSecret};
use crate::runtime::actor::clock::{Clock, IdSource};
use crate::runtime::actor::failure_log::log_failure;
use crate::runtime::actor::mailbox_lag::report_mailbox_lag;
use crate::runtime::actor::supervisor::{ActorSlot, Supervisor};
use crate::runtime::cluster::node_lease::SharedNodeLease;
use crate::runtime::events::event_bus::{EventBusHandle, StreamItem};
use crate::runtime::writer::endpoint_cache::EndpointCache;
use crate::runtime::writer::handle::WriterHandle;
use crate::storage::repository::JobRepository;

/// Capacity of the mailbox.
pub(crate) const MAILBOX_CAPACITY: usize = 4_096;

/// Interval of polls of storage, for changes by other nodes and for due retries.
const TICK: Duration = Duration::from_secs(1);
/// Maximum number of alerts that are kept while storage is unavailable.
const MAX_ALERTS: usize = 16;

/// Dependencies of the WebhookDispatcher.
#[derive(Clone)]
pub(crate) struct WebhookDispatcherDeps {
    /// Reads endpoints and deliveries.
    pub repository: Arc<dyn JobRepository>,
    /// Writes changes.
    pub writer: WriterHandle,
    /// Publishes changes of health.
    pub event_bus: EventBusHandle,
    /// Cached endpoints.
    pub endpoints: EndpointCache,
    /// The options.
    pub options: WebhookOptions,
    /// Endpoints of this node's configuration.
    pub configured: NodeEndpoints,
    /// This node.
    pub node: NodeId,
    /// The node's lease.
    pub node_lease: SharedNodeLease,
    /// Limits the rate of deliveries.
    pub throttle: DeliveryThrottle,
    /// The arbiter of senders.
    pub arbiter: ArbiterHandle,
    /// Supervises the actors.
    pub supervisor: Supervisor,
    /// The time of day.
    pub clock: Clock,
    /// Generates ids.
    pub ids: Arc<IdSource>,
}

/// A sender until it has stopped: deliveries that it has sent but not recorded must not be sent by another one.
struct KeptSender {
    endpoint: Arc<Endpoint>,
    address: Addr<WebhookSender>,
    /// It was requested to stop once no delivery is in flight.
    is_retiring: bool,
}

/// The actor.
pub(crate) struct WebhookDispatcher {
    deps: WebhookDispatcherDeps,
    senders: HashMap<EndpointId, KeptSender>,
    is_polling: bool,
    must_poll_again: bool,
    alerts: Vec<Event>,
    /// The last received change of health, which every new subscription receives again.
    last_alert: Option<Arc<HealthChange>>,
    is_writing_alerts: bool,
    is_draining: bool,
}

impl WebhookDispatcher {
    /// A dispatcher without endpoints.
    pub(crate) fn new(deps: WebhookDispatcherDeps) -> Self {
        Self {
            deps,
            senders: HashMap::new(),
            is_polling: false,
            must_poll_again: false,
            alerts: Vec::new(),
            last_alert: None,
            is_writing_alerts: false,
            is_draining: false,
        }
    }

    fn poll(&mut self, ctx: &mut Context<Self>) {
        if self.is_polling {
            self.must_poll_again = true;
            return;
        }
        self.is_polling = true;
        let deps = self.deps.clone();
        let poll = async move { deps.owned_endpoints().await };
        ctx.spawn(poll.into_actor(self).map(|held, dispatcher, ctx| {
            dispatcher.is_polling = false;
            match held {
                Ok(held) => {
                    trace!("read webhook endpoints");
                    dispatcher.keep_senders(held);
                }
                Err(failure) => log_failure!(failure, "failed to read webhook endpoints: {failure}"),
            }
            if std::mem::take(&mut dispatcher.must_poll_again) {
                dispatcher.poll(ctx);
            }
        }));
    }

    /// Starts a sender for each of these endpoints, and stops the others.
    fn keep_senders(&mut self, held: Vec<Arc<Endpoint>>) {
        if self.is_draining {
            return;
        }
        self.senders.retain(|id, sender| {
            // It has stopped by itself: it released its endpoint, or was retired and has no delivery in flight.
            if !sender.address.connected() {
                return false;
            }
            let stays = held.iter().any(|held| held.id == *id);
            if !stays && !sender.is_retiring {
                info!("released webhook endpoint '{}'", sender.endpoint.name);
                // If the mailbox is full, the next poll repeats it.
                sender.is_retiring = !matches!(sender.address.try_send(ReleaseEndpoint), Err(SendError::Full(_)));
            }
            true
        });
        for endpoint in held {
            if let Some(sender) = self.senders.get_mut(&endpoint.id) {
                let is_changed = *sender.endpoint != *endpoint || sender.is_retiring;
                // The same sender continues: a second one would repeat deliveries that are in flight.
                if is_changed && sender.address.try_send(RefreshEndpoint).is_ok() {
                    sender.endpoint = endpoint;
                    sender.is_retiring = false;
                }
                continue;
            }
            let WebhookDispatcherDeps {
                repository,
                writer,
                event_bus: _,
                endpoints,
                options,
                configured: _,
                node: _,
                node_lease,
                throttle,
                arbiter,
                supervisor,
                clock,
                ids,
            } = self.deps.clone();
            if endpoint.secret.is_short() {
                warn!(
                    "the secret of webhook endpoint '{}' has fewer than {} bytes and can be guessed; rotate it",
                    endpoint.name,
                    SigningSecret::LENGTH_MIN
                );
            }
            let deps = WebhookSenderDeps {
                repository,
                writer,
                endpoints,
                options,
                node_lease,
                throttle,
                clock,
                ids,
            };
            let slot = ActorSlot::<WebhookSender>::new(sender::MAILBOX_CAPACITY);
            let subscribed = Arc::clone(&endpoint);
            let sender = slot.start(&arbiter, "WebhookSender", &supervisor, || {
                WebhookSender::new(deps, subscribed)
            });
            let sender = KeptSender {
                endpoint: Arc::clone(&endpoint),
                address: sender,
                is_retiring: false,
            };
            self.senders.insert(endpoint.id, sender);
        }
        self.wake(|_| true);
    }

    /// Wakes senders. One with a full mailbox is awake.
    fn wake(&self, is_meant: impl Fn(&EndpointId) -> bool) {
        for (_, sender) in self.senders.iter().filter(|(id, _)| is_meant(id)) {
            drop(sender.address.try_send(PollDeliveries));
        }
    }

    fn write_alerts(&mut self, ctx: &mut Context<Self>) {
        if self.is_writing_alerts || self.alerts.is_empty() {
            return;
        }
        let alerts = std::mem::take(&mut self.alerts);
        self.is_writing_alerts = true;
        let deps = self.deps.clone();
        let written = async move {
            let written = deps.post_alerts(&alerts).await;
            (alerts, written)
        };
        ctx.spawn(written.into_actor(self).map(|(alerts, written), dispatcher, _| {
            dispatcher.is_writing_alerts = false;
            if let Err(failure) = written {
                log_failure!(failure, "failed to enqueue an alert for webhooks, retrying: {failure}");
                dispatcher.alerts.splice(0..0, alerts);
                dispatcher.alerts.truncate(MAX_ALERTS);
            }
        }));
    }

    fn listen(&self, ctx: &mut Context<Self>) {
        let subscription = self.deps.event_bus.subscribe(MAX_ALERTS);
        let selected = subscription.select(EventFilter::all_of(Topic::SystemHealth));
        ctx.spawn(selected.into_actor(self).map(move |_, _, ctx| {
            ctx.add_stream(stream::unfold(subscription, |mut subscription| async move {
                subscription.items.recv().await.map(|item| (item, subscription))
            }));
        }));
    }

    fn tick(&mut self, ctx: &mut Context<Self>) {
        self.poll(ctx);
        self.write_alerts(ctx);
    }
}

impl Actor for WebhookDispatcher {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        self.listen(ctx);
        self.poll(ctx);
        ctx.run_interval(TICK, Self::tick);
    }
}

impl Supervised for WebhookDispatcher {
    fn restarting(&mut self, _: &mut Context<Self>) {
        // The senders continue: a second one for an endpoint would send everything twice.
        self.is_polling = false;
        self.must_poll_again = false;
        self.is_writing_alerts = false;
    }
}

report_mailbox_lag!(WebhookDispatcher);

impl Handler<OutboxUpdate> for WebhookDispatcher {
    type Result = ();

    fn handle(&mut self, update: OutboxUpdate, ctx: &mut Context<Self>) {
        let OutboxUpdate {
            endpoints,
            is_any,
            is_changed,
        } = update;
        if is_changed {
            self.poll(ctx);
        }
        self.wake(|id| is_any || endpoints.contains(id));
    }
}

impl Handler<DrainDeliveries> for WebhookDispatcher {
    type Result = MessageResult<DrainDeliveries>;

    fn handle(&mut self, DrainDeliveries: DrainDeliveries, _: &mut Context<Self>) -> Self::Result {
        self.is_draining = true;
        let senders = self.senders.drain().map(|(_, sender)| sender.address.recipient());
        let senders: Vec<Recipient<ReleaseEndpoint>> = senders.collect();
        for sender in &senders {
            // A full mailbox contains other wake-ups; deliveries in flight are then redelivered after the next start.
            drop(sender.try_send(ReleaseEndpoint));
        }
        MessageResult(senders)
    }
}

impl StreamHandler<StreamItem> for WebhookDispatcher {
    fn handle(&mut self, item: StreamItem, ctx: &mut Context<Self>) {
        let StreamItem::Event(published) = item else { return };
        let event = published.event();
        let Event::SystemAlert { at: _, change } = event else {
            return;
        };
        let is_known = self.last_alert.as_ref().is_some_and(|known| Arc::ptr_eq(known, change));
        if is_known || self.alerts.len() >= MAX_ALERTS {
            return;
        }
        self.last_alert = Some(Arc::clone(change));
        self.alerts.push(event.clone());
        self.write_alerts(ctx);
    }

    fn finished(&mut self, _: &mut Context<Self>) {
        // The bus has stopped with the server. Deliveries continue until they are drained.
    }
}
