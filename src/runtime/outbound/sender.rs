//! The WebhookSender: tells one endpoint what waits for it.
//!
//! It reads a bounded part of what is due, never two deliveries of one lane, sends several at a time, and has the Writer
//! note what came of them. Whatever does not fit stays in storage: an endpoint that is slow or dead costs no memory and
//! holds up no other. What was sent and could not be noted is noted again; a crash in between has it sent again, under the
//! same `webhook-id`.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use actix::{Actor, ActorContext, ActorFutureExt, AsyncContext, Context, Handler, Supervised, WrapFuture};
use chrono::{DateTime, Utc};
use reqwest::Url;
use tokio::time::Instant;
use tracing::info;

use super::messages::{PollDeliveries, RefreshEndpoint, ReleaseEndpoint};
use super::options::WebhookOptions;
use super::throttle::DeliveryThrottle;
use crate::domain::values::id::JobId;
use crate::domain::values::trace_context::{TraceParent, span_id_of};
use crate::domain::webhooks::delivery::{AfterAttempt, DeliveryId, DueDelivery, Reply, after_attempt};
use crate::domain::webhooks::endpoint::{Disabled, DisabledReason, Endpoint};
use crate::domain::webhooks::event::WebhookEvent;
use crate::runtime::actor::clock::{Clock, IdSource, draw_jitter};
use crate::runtime::actor::failure_log::log_failure;
use crate::runtime::actor::mailbox_lag::report_mailbox_lag;
use crate::runtime::cluster::node_lease::SharedNodeLease;
use crate::runtime::writer::endpoint_cache::EndpointCache;
use crate::runtime::writer::handle::WriterHandle;
use crate::runtime::writer::messages::WritePriority;
use crate::storage::change::Change;
use crate::storage::outbox::{AttemptOutcome, Attempts, EndpointHealth, Posting};
use crate::storage::repository::JobRepository;
use crate::webhooks::client_spans::{CallReport, CallSubject, CallTarget, Calls};
use crate::webhooks::delivery_request::{Sent, deliver};
use crate::webhooks::payload::disabled_alert;

/// How many messages the mailbox holds; they say no more than that something has changed.
pub const MAILBOX_CAPACITY: usize = 64;

/// How many deliveries are read at a time.
const READ: usize = 256;
/// How many may be in memory, waiting, on their way or to be noted.
const KNOWN_MAX: usize = 1_024;
/// How long it steps back behind jobs before it looks again whether it may send.
const STEP_BACK: Duration = Duration::from_millis(10);
/// The wait before storage is asked again that was not available.
const STORAGE_WAIT: Duration = Duration::from_secs(1);
/// The longest time for which an endpoint's own wish holds up all its deliveries.
const PAUSE_MAX: Duration = Duration::from_secs(3_600);

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
            // Whoever has changed it may have mended it.
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
                let place = place_of(&calls, &endpoint, &due);
                let sent = deliver(&client, &endpoint, &due.message, place, wait, now).await;
                tell(&calls, &endpoint, &due, place, &sent);
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

    fn settle(&mut self, due: &DueDelivery, sent: Sent, ctx: &mut Context<Self>) {
        let Sent { attempt, reply, pause } = sent;
        let now = self.parts.clock.now();
        let number = due.attempts + 1;
        let policy = self.endpoint.retry_policy();
        let after = after_attempt(reply, number, self.endpoint.max_retries, &policy, now, draw_jitter());
        match reply {
            Reply::Taken => {
                if self.failing_since.take().is_some() {
                    self.health = EndpointHealth::Well;
                }
            }
            Reply::Gone => self.give_up(DisabledReason::Gone, now),
            Reply::Refused { .. } => {
                // A clock that was ahead may have noted a later time.
                let since = self.failing_since.map_or(now, |since| since.min(now));
                self.failing_since = Some(since);
                self.health = EndpointHealth::FailingSince(since);
                if Endpoint::is_given_up(since, self.parts.options.disable_after, now) {
                    self.give_up(DisabledReason::Failing, now);
                }
            }
        }
        if let AfterAttempt::RetryAt(at) = after {
            self.look_at(at, ctx);
        }
        if let Some(pause) = pause {
            let pause = pause.to_std().min(PAUSE_MAX);
            self.paused_until = self.paused_until.max(Some(Instant::now() + pause));
            ctx.run_later(pause, |sender, ctx| sender.read(ctx));
        }
        self.outcomes.push(AttemptOutcome {
            id: due.id,
            number,
            attempt,
            after,
        });
    }

    fn give_up(&mut self, reason: DisabledReason, at: DateTime<Utc>) {
        self.disable.get_or_insert(Disabled { at, reason });
        self.is_retired = true;
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

    /// Has noted what came of attempts, as much as has come together while the last notes were written.
    fn flush(&mut self, ctx: &mut Context<Self>) {
        if self.is_recording || (self.outcomes.is_empty() && self.disable.is_none()) {
            self.rest(ctx);
            return;
        }
        self.is_recording = true;
        let attempts = Attempts {
            endpoint_id: self.endpoint.id,
            outcomes: std::mem::take(&mut self.outcomes),
            health: std::mem::replace(&mut self.health, EndpointHealth::AsBefore),
            disable: self.disable.take(),
        };
        self.is_disabling = attempts.disable.is_some();
        let mut changes = vec![Change::Attempts(Box::new(attempts.clone()))];
        let (parts, endpoint, disable) = (self.parts.clone(), Arc::clone(&self.endpoint), attempts.disable);
        let noted = async move {
            // No caller waits for it, only the log of deliveries shows it.
            let Some(disabled) = disable else {
                return parts.writer.write(changes, WritePriority::Background).await;
            };
            changes.extend(alert_of(&parts, &endpoint, disabled).await);
            parts.writer.write(changes, WritePriority::Internal).await
        };
        ctx.spawn(noted.into_actor(self).map(move |noted, sender, ctx| {
            sender.is_recording = false;
            sender.is_disabling = false;
            match noted {
                Ok(_) => {
                    let noted = attempts.outcomes.iter().map(|outcome| outcome.id);
                    if sender.is_reading {
                        sender.noted_meanwhile.extend(noted);
                    } else {
                        for id in noted {
                            sender.known.remove(&id);
                        }
                    }
                    if let Some(disabled) = attempts.disable {
                        info!(
                            "webhook endpoint '{}' is disabled: {}",
                            sender.endpoint.name,
                            why(disabled.reason)
                        );
                    }
                    sender.read(ctx);
                    sender.flush(ctx);
                }
                Err(failure) => {
                    log_failure!(
                        failure,
                        "failed to record delivery attempts for '{}', retrying: {failure}",
                        sender.endpoint.name
                    );
                    let Attempts {
                        endpoint_id: _,
                        outcomes,
                        health,
                        disable,
                    } = attempts;
                    sender.outcomes.splice(0..0, outcomes);
                    if sender.health == EndpointHealth::AsBefore {
                        sender.health = health;
                    }
                    sender.disable = sender.disable.or(disable);
                    ctx.run_later(STORAGE_WAIT, |sender, ctx| sender.flush(ctx));
                }
            }
        }));
    }

    /// Stops when it is retired and nothing is left to do.
    fn rest(&mut self, ctx: &mut Context<Self>) {
        let is_idle = self.in_flight == 0 && !self.is_recording && self.outcomes.is_empty() && self.disable.is_none();
        if self.is_retired && is_idle {
            ctx.stop();
        }
    }
}

/// The message to the other endpoints that this one is disabled, also to those that another node has just made.
async fn alert_of(parts: &WebhookSenderDeps, endpoint: &Endpoint, disabled: Disabled) -> Option<Change> {
    if parts.repository.is_shared() {
        let (_, edits) = parts.endpoints.read();
        match parts.repository.endpoints().await {
            Ok(stored) => {
                let stored = stored.into_iter().map(|stored| stored.endpoint);
                parts.endpoints.replace(stored.collect(), edits);
            }
            Err(failure) => log_failure!(failure, "failed to read webhook endpoints for an alert: {failure}"),
        }
    }
    let mut endpoints = parts.endpoints.subscribed_to(WebhookEvent::SystemAlert);
    endpoints.retain(|id| *id != endpoint.id);
    if endpoints.is_empty() {
        return None;
    }
    let id = JobId::new(disabled.at, parts.ids.next()).as_uuid();
    let text = format!(
        "the webhook endpoint '{}' is disabled: {}",
        endpoint.name,
        why(disabled.reason)
    );
    let message = disabled_alert(endpoint, text, disabled.at, id);
    Some(Change::Post(vec![Posting { message, endpoints }]))
}

/// Where an attempt to deliver stands in a trace: where the event happened, or below it when calls have spans of their own.
fn place_of(calls: &Calls, endpoint: &Endpoint, due: &DueDelivery) -> Option<TraceParent> {
    let happened = due.message.trace_parent?;
    if !calls.are_told() {
        return Some(happened);
    }
    let delivery = due.message.id.as_u128() ^ endpoint.id.as_uuid().as_u128();
    Some(happened.at(span_id_of(delivery, u64::from(due.attempts))))
}

fn tell(calls: &Calls, endpoint: &Endpoint, due: &DueDelivery, place: Option<TraceParent>, sent: &Sent) {
    let (Some(happened), Some(place)) = (due.message.trace_parent, place) else {
        return;
    };
    calls.tell(place.is_sampled, || CallReport {
        place,
        parent: happened.span_id,
        about: CallSubject::Webhook {
            endpoint: Arc::clone(&endpoint.name),
            event: Arc::clone(&due.message.event),
            id: due.message.webhook_id(),
            resend: due.attempts,
        },
        target: Url::parse(&endpoint.url).map_or_else(|_| CallTarget::unknown(), |url| CallTarget::from(&url)),
        began_at: sent.attempt.at,
        took: sent.attempt.duration.to_std(),
        status: sent.attempt.response_status,
        error: sent.attempt.error.clone(),
    });
}

fn why(reason: DisabledReason) -> &'static str {
    match reason {
        DisabledReason::Asked => "somebody has asked for it",
        DisabledReason::Gone => "it has answered 410 Gone",
        DisabledReason::Failing => "it has failed for too long",
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
