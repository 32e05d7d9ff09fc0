//! The WebhookSender: sends the deliveries of one endpoint.
//!
//! It reads a bounded number of due deliveries, at most one per ordering key, sends several concurrently, and records
//! their outcomes. All others stay in storage: a slow or dead endpoint costs no memory and delays no other. A failed
//! write of outcomes is retried; after a crash in between, the delivery is sent again with the same `webhook-id`.

mod outcomes;
mod spans;

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use actix::{Actor, ActorContext, ActorFutureExt, AsyncContext, Context, Handler, Supervised, WrapFuture};
use chrono::{DateTime, Utc};
use tokio::time::Instant;

use self::spans::{report_call, span_context_of};
use super::messages::{PollDeliveries, RefreshEndpoint, ReleaseEndpoint};
use super::options::WebhookOptions;
use super::throttle::DeliveryThrottle;
use crate::domain::webhooks::delivery::{DeliveryId, DueDelivery};
use crate::domain::webhooks::endpoint::{Disabled, Endpoint};
use crate::runtime::actor::clock::{Clock, IdSource};
use crate::runtime::actor::failure_log::log_failure;
use crate::runtime::actor::mailbox_lag::report_mailbox_lag;
use crate::runtime::cluster::node_lease::SharedNodeLease;
use crate::runtime::writer::endpoint_cache::EndpointCache;
use crate::runtime::writer::handle::WriterHandle;
use crate::storage::outbox::{AttemptOutcome, EndpointHealth};
use crate::storage::repository::JobRepository;
use crate::webhooks::delivery_request::deliver;

/// Capacity of the mailbox, whose messages only state that something has changed.
pub(crate) const MAILBOX_CAPACITY: usize = 64;

/// Number of deliveries per read.
const READ_SIZE: usize = 256;
/// Maximum number of deliveries in memory: waiting, in flight or to be recorded.
const MAX_KNOWN: usize = 1_024;
/// Delay before throttled deliveries are tried again.
const THROTTLE_DELAY: Duration = Duration::from_millis(10);

/// Dependencies of a WebhookSender.
#[derive(Clone)]
pub(crate) struct WebhookSenderDeps {
    /// Reads deliveries.
    pub repository: Arc<dyn JobRepository>,
    /// Writes outcomes.
    pub writer: WriterHandle,
    /// The current endpoint, and the other endpoints to alert when it is disabled.
    pub endpoints: EndpointCache,
    /// The options.
    pub options: WebhookOptions,
    /// The node's lease.
    pub node_lease: SharedNodeLease,
    /// Limits the rate of deliveries.
    pub throttle: DeliveryThrottle,
    /// The time of day.
    pub clock: Clock,
    /// Generates ids.
    pub ids: Arc<IdSource>,
}

/// The actor.
pub(crate) struct WebhookSender {
    deps: WebhookSenderDeps,
    endpoint: Arc<Endpoint>,
    /// Deliveries in memory, in any state.
    known: HashSet<DeliveryId>,
    /// Outcomes that were recorded during a read, which may still have returned them as pending.
    recorded_meanwhile: Vec<DeliveryId>,
    ready: VecDeque<DueDelivery>,
    in_flight: usize,
    outcomes: Vec<AttemptOutcome>,
    failing_since: Option<DateTime<Utc>>,
    health: EndpointHealth,
    disable: Option<Disabled>,
    is_recording: bool,
    is_reading: bool,
    must_poll_again: bool,
    paused_until: Option<Instant>,
    next_retry: Option<Instant>,
    is_retired: bool,
    /// The disabling of the endpoint is being written.
    is_disabling: bool,
    /// A timer will resume throttled deliveries.
    is_throttled: bool,
}

impl WebhookSender {
    /// An idle sender.
    pub(crate) fn new(deps: WebhookSenderDeps, endpoint: Arc<Endpoint>) -> Self {
        Self {
            deps,
            failing_since: endpoint.failing_since,
            endpoint,
            known: HashSet::new(),
            recorded_meanwhile: Vec::new(),
            ready: VecDeque::new(),
            in_flight: 0,
            outcomes: Vec::new(),
            health: EndpointHealth::AsBefore,
            disable: None,
            is_recording: false,
            is_reading: false,
            must_poll_again: false,
            paused_until: None,
            next_retry: None,
            is_retired: false,
            is_disabling: false,
            is_throttled: false,
        }
    }

    /// `true` if a delivery may be sent now.
    fn may_send(&self) -> bool {
        let is_paused = self.paused_until.is_some_and(|until| Instant::now() < until);
        !self.is_retired && !is_paused && self.deps.node_lease.is_open()
    }

    fn read(&mut self, ctx: &mut Context<Self>) {
        if self.is_reading {
            self.must_poll_again = true;
            return;
        }
        if !self.may_send() || self.ready.len() > READ_SIZE / 2 || self.known.len() + READ_SIZE > MAX_KNOWN {
            return;
        }
        self.is_reading = true;
        let (repository, now, id) = (
            Arc::clone(&self.deps.repository),
            self.deps.clock.now(),
            self.endpoint.id,
        );
        // Includes deliveries in memory, which are still due in storage.
        let limit = u32::try_from(READ_SIZE + self.known.len()).unwrap_or(u32::MAX);
        let read = async move { repository.due_deliveries(id, now, limit).await };
        ctx.spawn(read.into_actor(self).map(|due, sender, ctx| {
            sender.is_reading = false;
            match due {
                Ok(due) => {
                    let new = due.into_iter().filter(|due| sender.known.insert(due.id));
                    sender.ready.extend(new);
                    for id in std::mem::take(&mut sender.recorded_meanwhile) {
                        sender.known.remove(&id);
                    }
                    sender.send(ctx);
                }
                Err(failure) => {
                    log_failure!(
                        failure,
                        "failed to read deliveries to '{}': {failure}",
                        sender.endpoint.name
                    );
                    for id in std::mem::take(&mut sender.recorded_meanwhile) {
                        sender.known.remove(&id);
                    }
                }
            }
            if std::mem::take(&mut sender.must_poll_again) {
                sender.read(ctx);
            }
        }));
    }

    /// Updates the endpoint from the cache. A change takes effect once its caller has the response: no delivery
    /// starts with the former secret, or to a disabled or deleted endpoint.
    fn refresh_endpoint(&mut self) -> bool {
        let Some(endpoint) = self.deps.endpoints.enabled(self.endpoint.id) else {
            return false;
        };
        if endpoint.revision != self.endpoint.revision {
            // The change may have fixed it.
            self.paused_until = None;
        }
        self.endpoint = endpoint;
        true
    }

    fn send(&mut self, ctx: &mut Context<Self>) {
        if !self.refresh_endpoint() || !self.may_send() {
            // Read again when they may be sent: another node may have sent them meanwhile.
            for due in self.ready.drain(..) {
                self.known.remove(&due.id);
            }
            return;
        }
        while self.in_flight < self.deps.options.delivery.concurrency {
            let Some(first) = self.ready.front() else { return };
            let late = self.deps.clock.now() - first.message.at;
            if !self.deps.throttle.may_start(late.to_std().unwrap_or_default()) {
                self.send_later(ctx);
                return;
            }
            let Some(due) = self.ready.pop_front() else { return };
            self.in_flight += 1;
            let client = self.deps.options.clients.of(self.endpoint.source).clone();
            let (endpoint, wait) = (Arc::clone(&self.endpoint), self.deps.options.delivery.timeout);
            let now = self.deps.clock.now();
            let calls = self.deps.options.calls.clone();
            let sent = async move {
                let place = span_context_of(&calls, &endpoint, &due);
                let sent = deliver(&client, &endpoint, &due.message, place, wait, now).await;
                report_call(&calls, &endpoint, &due, place, &sent);
                (due, sent)
            };
            ctx.spawn(sent.into_actor(self).map(|(due, sent), sender, ctx| {
                sender.in_flight -= 1;
                sender.complete(&due, sent, ctx);
                sender.send(ctx);
                sender.flush(ctx);
            }));
        }
    }

    /// Jobs have priority: resumes after a short delay.
    fn send_later(&mut self, ctx: &mut Context<Self>) {
        if !std::mem::replace(&mut self.is_throttled, true) {
            ctx.run_later(THROTTLE_DELAY, |sender, ctx| {
                sender.is_throttled = false;
                sender.send(ctx);
            });
        }
    }

    /// Polls at this time, unless an earlier poll is scheduled; later times are found by the dispatcher's ticks.
    fn poll_at(&mut self, at: DateTime<Utc>, ctx: &mut Context<Self>) {
        let wait = (at - self.deps.clock.now()).to_std().unwrap_or_default();
        let at = Instant::now() + wait;
        if self.next_retry.is_some_and(|next| next <= at && Instant::now() < next) {
            return;
        }
        self.next_retry = Some(at);
        ctx.run_later(wait, |sender, ctx| sender.read(ctx));
    }

    /// Stops when it is retired and idle.
    fn stop_if_idle(&mut self, ctx: &mut Context<Self>) {
        let is_idle = self.in_flight == 0 && !self.is_recording && self.outcomes.is_empty() && self.disable.is_none();
        if self.is_retired && is_idle {
            ctx.stop();
        }
    }
}

impl Actor for WebhookSender {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        self.read(ctx);
    }
}

impl Supervised for WebhookSender {
    fn restarting(&mut self, _: &mut Context<Self>) {
        // Deliveries in flight are still due and are sent again.
        *self = Self::new(self.deps.clone(), Arc::clone(&self.endpoint));
    }
}

report_mailbox_lag!(WebhookSender);

impl Handler<PollDeliveries> for WebhookSender {
    type Result = ();

    fn handle(&mut self, PollDeliveries: PollDeliveries, ctx: &mut Context<Self>) {
        self.read(ctx);
    }
}

impl Handler<RefreshEndpoint> for WebhookSender {
    type Result = ();

    fn handle(&mut self, RefreshEndpoint: RefreshEndpoint, ctx: &mut Context<Self>) {
        // An endpoint that is being disabled can be enabled again only after that write.
        if self.refresh_endpoint() && self.disable.is_none() && !self.is_disabling {
            self.is_retired = false;
        }
        self.read(ctx);
    }
}

impl Handler<ReleaseEndpoint> for WebhookSender {
    type Result = ();

    fn handle(&mut self, ReleaseEndpoint: ReleaseEndpoint, ctx: &mut Context<Self>) {
        self.is_retired = true;
        self.ready.clear();
        self.stop_if_idle(ctx);
    }
}
