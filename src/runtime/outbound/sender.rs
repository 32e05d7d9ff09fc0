//! The WebhookSender: tells one endpoint what waits for it.
//!
//! It reads a bounded part of what is due, never two deliveries of one lane, sends several at a time, and has the Writer
//! note what came of them. Whatever does not fit stays in storage: an endpoint that is slow or dead costs no memory and
//! holds up no other. What was sent and could not be noted is noted again; a crash in between has it sent again, under the
//! same `webhook-id`.

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

/// How many messages the mailbox holds; they say no more than that something has changed.
pub const MAILBOX_CAPACITY: usize = 64;

/// How many deliveries are read at a time.
const READ: usize = 256;
/// How many may be in memory, waiting, on their way or to be noted.
const KNOWN_MAX: usize = 1_024;
/// How long it steps back behind jobs before it looks again whether it may send.
const STEP_BACK: Duration = Duration::from_millis(10);

/// What a WebhookSender is made of.
#[derive(Clone)]
pub struct WebhookSenderDeps {
    /// Where deliveries are.
    pub repository: Arc<dyn JobRepository>,
    /// Where it writes.
    pub writer: WriterHandle,
    /// What the endpoint is now, and who else is to be told when it is disabled.
    pub endpoints: EndpointCache,
    /// How webhooks work.
    pub options: WebhookOptions,
    /// Whether this node still holds what it held.
    pub gate: SharedNodeLease,
    /// How fast deliveries may begin.
    pub throttle: DeliveryThrottle,
    /// Tells the time.
    pub clock: Clock,
    /// Makes ids.
    pub ids: Arc<IdSource>,
}

/// The actor. See the module.
pub struct WebhookSender {
    parts: WebhookSenderDeps,
    endpoint: Arc<Endpoint>,
    /// What is in memory, in whatever state.
    known: HashSet<DeliveryId>,
    /// What was noted while storage was read: the reading may still have seen it pending.
    noted_meanwhile: Vec<DeliveryId>,
    ready: VecDeque<DueDelivery>,
    in_flight: usize,
    outcomes: Vec<AttemptOutcome>,
    failing_since: Option<DateTime<Utc>>,
    health: EndpointHealth,
    disable: Option<Disabled>,
    is_recording: bool,
    is_reading: bool,
    look_again: bool,
    paused_until: Option<Instant>,
    next_retry: Option<Instant>,
    is_retired: bool,
    /// Whether it writes that the endpoint is disabled.
    is_disabling: bool,
    /// Whether it goes on sending by itself, in a moment.
    steps_back: bool,
}

impl WebhookSender {
    /// A sender with nothing to do.
    pub fn new(parts: WebhookSenderDeps, endpoint: Arc<Endpoint>) -> Self {
        Self {
            parts,
            failing_since: endpoint.failing_since,
            endpoint,
            known: HashSet::new(),
            noted_meanwhile: Vec::new(),
            ready: VecDeque::new(),
            in_flight: 0,
            outcomes: Vec::new(),
            health: EndpointHealth::AsBefore,
            disable: None,
            is_recording: false,
            is_reading: false,
            look_again: false,
            paused_until: None,
            next_retry: None,
            is_retired: false,
            is_disabling: false,
            steps_back: false,
        }
    }

    /// Whether anything may be sent now.
    fn may_send(&self) -> bool {
        let is_paused = self.paused_until.is_some_and(|until| Instant::now() < until);
        !self.is_retired && !is_paused && self.parts.gate.is_open()
    }

    fn read(&mut self, ctx: &mut Context<Self>) {
        if self.is_reading {
            self.look_again = true;
            return;
        }
        if !self.may_send() || self.ready.len() > READ / 2 || self.known.len() + READ > KNOWN_MAX {
            return;
        }
        self.is_reading = true;
        let (repository, now, id) = (
            Arc::clone(&self.parts.repository),
            self.parts.clock.now(),
            self.endpoint.id,
        );
        // What is in memory is read again: storage does not know that it is on its way.
        let limit = u32::try_from(READ + self.known.len()).unwrap_or(u32::MAX);
        let read = async move { repository.due_deliveries(id, now, limit).await };
        ctx.spawn(read.into_actor(self).map(|due, sender, ctx| {
            sender.is_reading = false;
            match due {
                Ok(due) => {
                    let new = due.into_iter().filter(|due| sender.known.insert(due.id));
                    sender.ready.extend(new);
                    for id in std::mem::take(&mut sender.noted_meanwhile) {
                        sender.known.remove(&id);
                    }
                    sender.send(ctx);
                }
                Err(failure) => {
                    log_failure!(
                        failure,
                        "deliveries to '{}' could not be read: {failure}",
                        sender.endpoint.name
                    );
                    for id in std::mem::take(&mut sender.noted_meanwhile) {
                        sender.known.remove(&id);
                    }
                }
            }
            if std::mem::take(&mut sender.look_again) {
                sender.read(ctx);
            }
        }));
    }

    /// Takes the endpoint as this node knows it. What was answered to whoever has changed it holds from then on: no
    /// delivery begins with the old secret, or to an endpoint that is disabled or gone.
    fn look_up(&mut self) -> bool {
        let Some(endpoint) = self.parts.endpoints.enabled(self.endpoint.id) else {
            return false;
        };
        if endpoint.revision != self.endpoint.revision {
            // The change may have mended it.
            self.paused_until = None;
        }
        self.endpoint = endpoint;
        true
    }

    fn send(&mut self, ctx: &mut Context<Self>) {
        if !self.look_up() || !self.may_send() {
            // Read again when they may be sent: by then another node may have sent them.
            for due in self.ready.drain(..) {
                self.known.remove(&due.id);
            }
            return;
        }
        while self.in_flight < self.parts.options.concurrency {
            let Some(first) = self.ready.front() else { return };
            let late = self.parts.clock.now() - first.message.at;
            if !self.parts.throttle.may_begin(late.to_std().unwrap_or_default()) {
                self.send_later(ctx);
                return;
            }
            let Some(due) = self.ready.pop_front() else { return };
            self.in_flight += 1;
            let client = self.parts.options.clients.of(self.endpoint.source).clone();
            let (endpoint, wait) = (Arc::clone(&self.endpoint), self.parts.options.timeout);
            let now = self.parts.clock.now();
            let calls = self.parts.options.calls.clone();
            let sent = async move {
                let place = span_context_of(&calls, &endpoint, &due);
                let sent = deliver(&client, &endpoint, &due.message, place, wait, now).await;
                report_call(&calls, &endpoint, &due, place, &sent);
                (due, sent)
            };
            ctx.spawn(sent.into_actor(self).map(|(due, sent), sender, ctx| {
                sender.in_flight -= 1;
                sender.settle(&due, sent, ctx);
                sender.send(ctx);
                sender.flush(ctx);
            }));
        }
    }

    /// Jobs come first now: goes on sending in a moment.
    fn send_later(&mut self, ctx: &mut Context<Self>) {
        if !std::mem::replace(&mut self.steps_back, true) {
            ctx.run_later(STEP_BACK, |sender, ctx| {
                sender.steps_back = false;
                sender.send(ctx);
            });
        }
    }

    /// Looks again at a time, unless it looks earlier; later times are found by the dispatcher's ticks.
    fn look_at(&mut self, at: DateTime<Utc>, ctx: &mut Context<Self>) {
        let wait = (at - self.parts.clock.now()).to_std().unwrap_or_default();
        let at = Instant::now() + wait;
        if self.next_retry.is_some_and(|next| next <= at && Instant::now() < next) {
            return;
        }
        self.next_retry = Some(at);
        ctx.run_later(wait, |sender, ctx| sender.read(ctx));
    }

    /// Stops when it is retired and nothing is left to do.
    fn rest(&mut self, ctx: &mut Context<Self>) {
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
        // What was on its way is due still and is sent again.
        *self = Self::new(self.parts.clone(), Arc::clone(&self.endpoint));
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
        // One that gives its endpoint up is enabled again only after that was written.
        if self.look_up() && self.disable.is_none() && !self.is_disabling {
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
        self.rest(ctx);
    }
}
