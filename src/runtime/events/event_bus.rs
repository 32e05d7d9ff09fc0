//! The EventBus: who listens to what has happened.
//!
//! Each listener has a filter and a bounded channel of its own. The bus publishes a commit's events in their order and
//! waits for nobody: a listener that can't keep up loses events, and is told how many as soon as it takes any again.
//! Whoever must not lose anything reads storage and lets the bus only wake it.
//!
//! Events that tell how something *is* (metrics, health: [`Topic::is_state`]) are not lost but coalesced: a slow listener
//! gets the newest when it has room, and of many queues that change at once each listener gets a part per reading and the
//! rest in turns (`listener/turns.rs`). The bus keeps the newest of each, for listeners that come later; when those are told
//! is up to the Sampler, which hears of them by [`Wanted`].

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use actix::prelude::SendError;
use actix::{Actor, Addr, AsyncContext, Context, Handler, Message, Supervised};
use tokio::sync::mpsc;

use super::subscriber::turns::{Turns, unfinished_jobs};
use super::subscriber::{Gone, Listener, StateKey};
use crate::domain::events::event::{Event, Topic};
use crate::domain::events::filter::EventFilter;
use crate::runtime::actor::mailbox::deliver;
use crate::runtime::monitoring::metrics_sampler::{Sampler, Wanted};

pub use super::encoded_event::{Form, Published};
pub use super::subscriber::Heard;

/// How many messages the mailbox holds: each is the events of one commit.
pub const MAILBOX_CAPACITY: usize = 1_024;

/// How soon the bus looks again whether a listener that was behind has room.
const SECOND_TRY: Duration = Duration::from_millis(100);

/// How many queues a new listener receives that names none: those with the most unfinished jobs. The others follow when
/// they change.
const FIRST_QUEUES: usize = 100;

/// How many listen to each topic, for those who would otherwise make events for nobody.
#[derive(Clone, Debug, Default)]
pub struct EventInterest(Arc<[AtomicUsize; Topic::ALL.len()]>);

impl EventInterest {
    /// Whether anybody listens to this topic.
    pub fn is_any_in(&self, topic: Topic) -> bool {
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

/// The way to the bus.
#[derive(Clone)]
pub struct EventBusHandle {
    address: Addr<EventBus>,
    interest: EventInterest,
    /// Events that found the bus's mailbox full.
    lost: Arc<AtomicUsize>,
    next_listener: Arc<AtomicU64>,
}

impl EventBusHandle {
    /// A handle to the bus at this address.
    pub fn new(address: Addr<EventBus>) -> Self {
        Self {
            address,
            interest: EventInterest::default(),
            lost: Arc::default(),
            next_listener: Arc::default(),
        }
    }

    /// Whether anybody listens to this topic.
    pub fn is_any_in(&self, topic: Topic) -> bool {
        self.interest.is_any_in(topic)
    }

    /// Tells what has happened, in order. A bus that is too far behind loses it and tells its listeners so: whoever
    /// commits jobs waits for nobody who watches them.
    pub fn publish(&self, events: Vec<Event>) {
        let count = events.len();
        match self.address.try_send(Publish { events }) {
            Ok(()) => {}
            Err(SendError::Full(_)) => {
                self.lost.fetch_add(count, Ordering::Relaxed);
            }
            // The server has stopped: nobody listens.
            Err(SendError::Closed(_)) => {}
        }
    }

    /// Waits until all that was published before is on its way to the listeners.
    pub(crate) async fn flush(&self) {
        // Without a bus there is nothing on its way.
        let _ = self.address.send(Flush).await;
    }

    /// The bus itself.
    pub(crate) fn address(&self) -> &Addr<EventBus> {
        &self.address
    }

    /// Somebody who can listen, and hears nothing until it says to what. It may be this many events behind.
    pub fn listener(&self, events_behind_max: usize) -> Listening {
        let (sender, heard) = mpsc::channel(events_behind_max.max(1));
        Listening {
            id: self.next_listener.fetch_add(1, Ordering::Relaxed),
            bus: self.address.clone(),
            sender,
            heard,
        }
    }
}

/// Somebody who listens, until it is dropped.
pub struct Listening {
    id: u64,
    bus: Addr<EventBus>,
    sender: mpsc::Sender<Heard>,
    /// What it hears.
    pub heard: mpsc::Receiver<Heard>,
}

impl Listening {
    /// Listens to this from now on, and to nothing else. The bus is told at once, in the order of the calls; when the
    /// future is ready, it has heard. The answer is whether there still is a bus.
    pub fn listen_to(&self, filter: EventFilter) -> impl Future<Output = bool> + use<> {
        let told = self.bus.send(Listen {
            id: self.id,
            sender: self.sender.clone(),
            filter,
        });
        async move { told.await.is_ok() }
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        // If the mailbox is full, the bus finds by itself that nobody receives: at the next event for this listener.
        drop(self.bus.try_send(Leave { id: self.id }));
    }
}

/// Events of one commit, to be told to those who want them.
#[derive(Message)]
#[rtype(result = "()")]
struct Publish {
    events: Vec<Event>,
}

/// How things are now.
#[derive(Message)]
#[rtype(result = "()")]
pub struct PublishState {
    /// What it is about.
    pub topic: Topic,
    /// What has changed. Listeners that are new to the topic are told the rest as well.
    pub changed: Vec<Event>,
    /// Whether that is all there is: what was known before is forgotten.
    pub is_whole: bool,
}

#[derive(Message)]
#[rtype(result = "()")]
struct Listen {
    id: u64,
    sender: mpsc::Sender<Heard>,
    filter: EventFilter,
}

#[derive(Message)]
#[rtype(result = "()")]
struct Leave {
    id: u64,
}

#[derive(Message)]
#[rtype(result = "()")]
struct Flush;

/// The actor. See the module.
pub struct EventBus {
    listeners: HashMap<u64, Listener>,
    /// The newest of each state.
    states: BTreeMap<StateKey, Arc<Published>>,
    interest: EventInterest,
    lost: Arc<AtomicUsize>,
    sampler: Addr<Sampler>,
    is_trying_again: bool,
}

impl EventBus {
    /// A bus without listeners, behind this handle.
    pub fn new(handle: &EventBusHandle, sampler: Addr<Sampler>) -> Self {
        Self {
            listeners: HashMap::new(),
            states: BTreeMap::new(),
            interest: handle.interest.clone(),
            lost: Arc::clone(&handle.lost),
            sampler,
            is_trying_again: false,
        }
    }

    /// Has every listener told something, and forgets those that have gone.
    fn tell_all(&mut self, ctx: &mut Context<Self>, mut tell: impl FnMut(&mut Listener) -> Result<(), Gone>) {
        let mut is_any_behind = false;
        self.listeners.retain(|_, listener| {
            let stays = tell(listener).is_ok();
            if stays {
                is_any_behind |= listener.is_behind();
            } else {
                self.interest.leave(&listener.filter);
            }
            stays
        });
        if is_any_behind && !self.is_trying_again {
            self.is_trying_again = true;
            ctx.run_later(SECOND_TRY, |bus, ctx| {
                bus.is_trying_again = false;
                bus.tell_all(ctx, Listener::catch_up);
            });
        }
    }
}

impl Actor for EventBus {
    type Context = Context<Self>;
}

impl Supervised for EventBus {
    fn restarting(&mut self, _: &mut Context<Self>) {
        // The listeners stay: a panic while one was told leaves the list whole. Timers are gone.
        self.is_trying_again = false;
    }
}

impl Handler<Listen> for EventBus {
    type Result = ();

    fn handle(&mut self, Listen { id, sender, filter }: Listen, ctx: &mut Context<Self>) {
        self.interest.enter(&filter);
        let before = self.listeners.remove(&id);
        let mut listener = Listener {
            sender,
            filter,
            fresh: BTreeMap::new(),
            missed: 0,
            held: BTreeMap::new(),
            turns: Turns::default(),
        };
        let old_filter = before.map_or_else(EventFilter::default, |before| {
            self.interest.leave(&before.filter);
            listener.fresh = before.fresh;
            listener.missed = before.missed;
            listener.held = before.held;
            listener.turns = before.turns;
            before.filter
        });
        let mut wanted = Vec::new();
        for topic in listener.filter.topics_new_since(&old_filter) {
            if topic.is_state() {
                wanted.push(topic);
                listener.fresh.entry(topic).or_insert_with(|| old_filter.clone());
            }
        }
        if listener.filter.is_empty() {
            return;
        }
        self.listeners.insert(id, listener);
        if !wanted.is_empty() {
            deliver(&self.sampler, Wanted { topics: wanted }, ctx);
        }
    }
}

impl Handler<Leave> for EventBus {
    type Result = ();

    fn handle(&mut self, Leave { id }: Leave, _: &mut Context<Self>) {
        if let Some(listener) = self.listeners.remove(&id) {
            self.interest.leave(&listener.filter);
        }
    }
}

impl Handler<Flush> for EventBus {
    type Result = ();

    fn handle(&mut self, Flush: Flush, _: &mut Context<Self>) {
        // Its turn has come: whatever came before was handled.
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
        self.tell_all(ctx, |listener| {
            if listener.filter.has(Topic::Jobs) || listener.filter.has(Topic::Queues) {
                listener.missed += lost;
            }
            for event in &published {
                if listener.filter.wants(event.event()) {
                    listener.tell(event)?;
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
        let mut news = Vec::with_capacity(changed.len());
        for event in changed {
            let published = Arc::new(Published::new(event));
            if let Some(key) = StateKey::of(published.event()) {
                if StateKey::is_worth_keeping(published.event()) {
                    self.states.insert(key, Arc::clone(&published));
                } else {
                    self.states.remove(&key);
                }
            }
            news.push(published);
        }
        let known: Vec<Arc<Published>> = self
            .states
            .values()
            .filter(|state| state.event().topic() == topic)
            .map(Arc::clone)
            .collect();
        self.tell_all(ctx, |listener| {
            let before = listener.fresh.remove(&topic);
            let wanted = |event: &&Arc<Published>| listener.filter.wants(event.event());
            let mut told: Vec<&Arc<Published>> = news.iter().filter(wanted).collect();
            if let Some(before) = before {
                let is_new = |event: &&Arc<Published>| !before.wants(event.event());
                let mut first: Vec<&Arc<Published>> = told.extract_if(.., |event| is_new(event)).collect();
                let missed = known.iter().filter(wanted).filter(is_new);
                first.extend(missed.filter(|event| !news.iter().any(|told| Arc::ptr_eq(told, event))));
                if first.len() > FIRST_QUEUES && !listener.filter.names_queues(topic) {
                    first.sort_by_key(|event| std::cmp::Reverse(unfinished_jobs(event.event())));
                    first.truncate(FIRST_QUEUES);
                }
                told.extend(first);
            }
            listener.tell_states(topic, told)
        });
    }
}

#[cfg(test)]
mod tests;
