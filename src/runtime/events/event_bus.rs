//! The event bus: events and their subscribers.
//!
//! Each subscriber has a filter and a bounded channel of its own. The bus publishes the events of a commit in order and
//! never waits: a subscriber that can't keep up loses events, and receives their number with the next message that its
//! channel has capacity for. A consumer that must not miss any reads storage and uses the bus as a wake-up.
//!
//! States (metrics, health: [`Topic::is_state`]) are not lost but coalesced: a slow subscriber receives the newest, and
//! of many queues that change at once it receives a part per reading and the others in turns (`subscriber/turns.rs`).
//! The bus keeps the newest of each for later subscribers; the metrics sampler, notified by [`TopicsSubscribed`],
//! determines when they receive them.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use actix::prelude::SendError;
use actix::{Actor, Addr, AsyncContext, Context, Handler, Message, Recipient, Supervised};
use tokio::sync::mpsc;

use super::state_key::StateKey;
use super::subscriber::turns::{Turns, unfinished_jobs};
use super::subscriber::{Closed, Subscriber};
use crate::domain::events::event::{Event, Topic};
use crate::domain::events::filter::EventFilter;
use crate::runtime::actor::mailbox::deliver_to;
use crate::runtime::actor::mailbox_lag::report_mailbox_lag;
use crate::runtime::monitoring::messages::TopicsSubscribed;

pub(crate) use super::encoded_event::{Form, Published};
pub(crate) use super::subscriber::StreamItem;

/// Capacity of the mailbox: a message is the events of one commit.
pub(crate) const MAILBOX_CAPACITY: usize = 1_024;

/// Interval at which the bus retries subscribers with a backlog.
const RETRY_INTERVAL: Duration = Duration::from_millis(100);

/// Number of queues that a new subscriber receives whose filter names none: those with the most unfinished jobs. The
/// others follow when they change.
const FIRST_QUEUES: usize = 100;

/// Bytes of a job's texts that are buffered for slow subscribers. Larger ones are read when they are sent.
const TEXT_BYTES_MAX: usize = 16 << 10;

fn without_large_texts(event: Event) -> Event {
    if let Event::Job { kind, at, job } = &event
        && job.text_bytes() > TEXT_BYTES_MAX
    {
        return Event::Job {
            kind: *kind,
            at: *at,
            job: Arc::new(job.in_brief()),
        };
    }
    event
}

/// Number of subscribers per topic, so that events without subscribers are not created.
#[derive(Clone, Debug, Default)]
pub(crate) struct EventInterest(Arc<[AtomicUsize; Topic::ALL.len()]>);

impl EventInterest {
    /// `true` if the topic has subscribers.
    pub(crate) fn is_any_in(&self, topic: Topic) -> bool {
        self.0[topic as usize].load(Ordering::Relaxed) > 0
    }

    fn enter(&self, filter: &EventFilter) {
        for topic in Topic::ALL.into_iter().filter(|topic| filter.has(*topic)) {
            self.0[topic as usize].fetch_add(1, Ordering::Relaxed);
        }
    }

    fn leave(&self, filter: &EventFilter) {
        for topic in Topic::ALL.into_iter().filter(|topic| filter.has(*topic)) {
            self.0[topic as usize].fetch_sub(1, Ordering::Relaxed);
        }
    }
}

/// A handle to the bus. Cheap to clone.
#[derive(Clone)]
pub struct EventBusHandle {
    address: Addr<EventBus>,
    interest: EventInterest,
    /// Number of events dropped because the mailbox was full.
    lost: Arc<AtomicUsize>,
    next_subscriber: Arc<AtomicU64>,
}

impl EventBusHandle {
    /// A handle to the bus at this address.
    pub fn new(address: Addr<EventBus>) -> Self {
        Self {
            address,
            interest: EventInterest::default(),
            lost: Arc::default(),
            next_subscriber: Arc::default(),
        }
    }

    /// `true` if the topic has subscribers.
    pub fn is_any_in(&self, topic: Topic) -> bool {
        self.interest.is_any_in(topic)
    }

    /// Publishes events, in order. If the mailbox is full they are dropped, and subscribers receive their number:
    /// commits never wait for subscribers.
    pub fn publish(&self, events: Vec<Event>) {
        let count = events.len();
        let events = events.into_iter().map(without_large_texts).collect();
        match self.address.try_send(Publish { events }) {
            Ok(()) => {}
            Err(SendError::Full(_)) => {
                self.lost.fetch_add(count, Ordering::Relaxed);
            }
            // The server has stopped.
            Err(SendError::Closed(_)) => {}
        }
    }

    /// Waits until all events published before are in the channels of the subscribers.
    pub(crate) async fn flush(&self) {
        // A bus that has stopped publishes nothing.
        let _ = self.address.send(Flush).await;
    }

    /// The address of the bus.
    pub(crate) fn address(&self) -> &Addr<EventBus> {
        &self.address
    }

    /// A subscription that receives nothing before its first filter. Its channel has this capacity.
    pub fn subscribe(&self, event_buffer: usize) -> Subscription {
        let (sender, items) = mpsc::channel(event_buffer.max(1));
        Subscription {
            id: self.next_subscriber.fetch_add(1, Ordering::Relaxed),
            bus: self.address.clone(),
            sender,
            items,
        }
    }
}

/// A subscription, which ends when it is dropped.
pub struct Subscription {
    id: u64,
    bus: Addr<EventBus>,
    sender: mpsc::Sender<StreamItem>,
    /// Receives its messages.
    pub items: mpsc::Receiver<StreamItem>,
}

impl Subscription {
    /// Replaces the filter. The message is sent during the call, so that filters keep the order of the calls; the
    /// future resolves when the filter is in effect, to `false` if the bus has stopped.
    pub fn select(&self, filter: EventFilter) -> impl Future<Output = bool> + use<> {
        let subscribed = self.bus.send(Subscribe {
            id: self.id,
            sender: self.sender.clone(),
            filter,
        });
        async move { subscribed.await.is_ok() }
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        // If the mailbox is full, the bus removes the subscriber with its next event.
        drop(self.bus.try_send(Unsubscribe { id: self.id }));
    }
}

/// The events of one commit.
#[derive(Message)]
#[rtype(result = "()")]
struct Publish {
    events: Vec<Event>,
}

/// States of a topic.
#[derive(Message)]
#[rtype(result = "()")]
pub struct PublishState {
    /// The topic.
    pub topic: Topic,
    /// The states that have changed. New subscribers of the topic receive the others too.
    pub changed: Vec<Event>,
    /// `true` if these are all states: earlier ones are discarded.
    pub is_whole: bool,
}

#[derive(Message)]
#[rtype(result = "()")]
struct Subscribe {
    id: u64,
    sender: mpsc::Sender<StreamItem>,
    filter: EventFilter,
}

#[derive(Message)]
#[rtype(result = "()")]
struct Unsubscribe {
    id: u64,
}

#[derive(Message)]
#[rtype(result = "()")]
struct Flush;

/// The actor.
pub struct EventBus {
    subscribers: HashMap<u64, Subscriber>,
    /// The newest state of each key.
    states: BTreeMap<StateKey, Arc<Published>>,
    interest: EventInterest,
    lost: Arc<AtomicUsize>,
    sampler: Recipient<TopicsSubscribed>,
    is_retry_pending: bool,
}

impl EventBus {
    /// A bus without subscribers, for this handle.
    pub fn new(handle: &EventBusHandle, sampler: Recipient<TopicsSubscribed>) -> Self {
        Self {
            subscribers: HashMap::new(),
            states: BTreeMap::new(),
            interest: handle.interest.clone(),
            lost: Arc::clone(&handle.lost),
            sampler,
            is_retry_pending: false,
        }
    }

    /// Sends to every subscriber, and removes those that are closed.
    fn send_all(&mut self, ctx: &mut Context<Self>, mut send: impl FnMut(&mut Subscriber) -> Result<(), Closed>) {
        let mut is_any_behind = false;
        self.subscribers.retain(|_, subscriber| {
            let is_open = send(subscriber).is_ok();
            if is_open {
                is_any_behind |= subscriber.is_behind();
            } else {
                self.interest.leave(&subscriber.filter);
            }
            is_open
        });
        if is_any_behind && !self.is_retry_pending {
            self.is_retry_pending = true;
            ctx.run_later(RETRY_INTERVAL, |bus, ctx| {
                bus.is_retry_pending = false;
                bus.send_all(ctx, Subscriber::catch_up);
            });
        }
    }
}

impl Actor for EventBus {
    type Context = Context<Self>;
}

impl Supervised for EventBus {
    fn restarting(&mut self, _: &mut Context<Self>) {
        // The subscribers stay: a panic leaves the map consistent. Timers are lost.
        self.is_retry_pending = false;
    }
}

report_mailbox_lag!(EventBus);

impl Handler<Subscribe> for EventBus {
    type Result = ();

    fn handle(&mut self, Subscribe { id, sender, filter }: Subscribe, ctx: &mut Context<Self>) {
        self.interest.enter(&filter);
        let before = self.subscribers.remove(&id);
        let mut subscriber = Subscriber {
            sender,
            filter,
            fresh: BTreeMap::new(),
            dropped: 0,
            held: BTreeMap::new(),
            turns: Turns::default(),
        };
        let old_filter = before.map_or_else(EventFilter::default, |before| {
            self.interest.leave(&before.filter);
            subscriber.fresh = before.fresh;
            subscriber.dropped = before.dropped;
            subscriber.held = before.held;
            subscriber.turns = before.turns;
            before.filter
        });
        let mut topics = Vec::new();
        for topic in subscriber.filter.topics_new_since(&old_filter) {
            if topic.is_state() {
                topics.push(topic);
                subscriber.fresh.entry(topic).or_insert_with(|| old_filter.clone());
            }
        }
        if subscriber.filter.is_empty() {
            return;
        }
        self.subscribers.insert(id, subscriber);
        if !topics.is_empty() {
            deliver_to(&self.sampler, TopicsSubscribed { topics }, ctx);
        }
    }
}

impl Handler<Unsubscribe> for EventBus {
    type Result = ();

    fn handle(&mut self, Unsubscribe { id }: Unsubscribe, _: &mut Context<Self>) {
        if let Some(subscriber) = self.subscribers.remove(&id) {
            self.interest.leave(&subscriber.filter);
        }
    }
}

impl Handler<Flush> for EventBus {
    type Result = ();

    fn handle(&mut self, Flush: Flush, _: &mut Context<Self>) {
        // Earlier messages have been handled.
    }
}

impl Handler<Publish> for EventBus {
    type Result = ();

    fn handle(&mut self, Publish { events }: Publish, ctx: &mut Context<Self>) {
        let lost = self.lost.swap(0, Ordering::Relaxed);
        let published: Vec<Arc<Published>> = events
            .into_iter()
            .map(|event| Arc::new(Published::new(event)))
            .collect();
        self.send_all(ctx, |subscriber| {
            if subscriber.filter.has(Topic::Jobs) || subscriber.filter.has(Topic::Queues) {
                subscriber.dropped += lost;
            }
            for event in &published {
                if subscriber.filter.wants(event.event()) {
                    subscriber.send(event)?;
                }
            }
            Ok(())
        });
    }
}

impl Handler<PublishState> for EventBus {
    type Result = ();

    fn handle(
        &mut self,
        PublishState {
            topic,
            changed,
            is_whole,
        }: PublishState,
        ctx: &mut Context<Self>,
    ) {
        if is_whole {
            self.states.retain(|_, state| state.event().topic() != topic);
        }
        let mut published_now = Vec::with_capacity(changed.len());
        for event in changed {
            let published = Arc::new(Published::new(event));
            if let Some(key) = StateKey::of(published.event()) {
                if StateKey::is_worth_keeping(published.event()) {
                    self.states.insert(key, Arc::clone(&published));
                } else {
                    self.states.remove(&key);
                }
            }
            published_now.push(published);
        }
        let known: Vec<Arc<Published>> = self
            .states
            .values()
            .filter(|state| state.event().topic() == topic)
            .map(Arc::clone)
            .collect();
        self.send_all(ctx, |subscriber| {
            let before = subscriber.fresh.remove(&topic);
            let requested = |event: &&Arc<Published>| subscriber.filter.wants(event.event());
            let mut states: Vec<&Arc<Published>> = published_now.iter().filter(requested).collect();
            if let Some(before) = before {
                let is_new = |event: &&Arc<Published>| !before.wants(event.event());
                let mut first: Vec<&Arc<Published>> = states.extract_if(.., |event| is_new(event)).collect();
                let others = known.iter().filter(requested).filter(is_new);
                first.extend(others.filter(|event| !published_now.iter().any(|state| Arc::ptr_eq(state, event))));
                if first.len() > FIRST_QUEUES && !subscriber.filter.names_queues(topic) {
                    first.sort_by_key(|event| std::cmp::Reverse(unfinished_jobs(event.event())));
                    first.truncate(FIRST_QUEUES);
                }
                states.extend(first);
            }
            subscriber.send_states(topic, states)
        });
    }
}

#[cfg(test)]
mod tests;
