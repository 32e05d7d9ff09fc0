//! The EventBus: who listens to what has happened.
//!
//! Each listener has a filter and a bounded channel of its own. The bus publishes a commit's events in their order and
//! waits for nobody: a listener that can't keep up loses events, and is told how many as soon as it takes any again.
//! Whoever must not lose anything reads storage and lets the bus only wake it.
//!
//! Events that tell how something *is* (metrics, health: [`Topic::is_state`]) are not lost but coalesced: a slow listener
//! gets the newest when it has room. The bus keeps the newest of each, for listeners that come later; when those are told
//! is up to the Sampler, which hears of them by [`Wanted`].

use std::any::TypeId;
use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use actix::prelude::SendError;
use actix::{Actor, Addr, AsyncContext, Context, Handler, Message, Supervised};
use bytes::Bytes;
use tokio::sync::mpsc::{self, error::TrySendError};

use super::mailbox::deliver;
use super::sampler::{Sampler, Wanted};
use crate::domain::event::{Event, Topic};
use crate::domain::event_filter::EventFilter;
use crate::domain::health::HealthState;
use crate::domain::name::QueueName;

/// How many messages the mailbox holds: each is the events of one commit.
pub const MAILBOX_CAPACITY: usize = 1_024;

/// How soon the bus looks again whether a listener that was behind has room.
const SECOND_TRY: Duration = Duration::from_millis(100);

/// A way of writing an event, such as a WebSocket message. See [`Published::form`].
pub trait Form: 'static {
    /// The event, written.
    fn write(event: &Event) -> Bytes;
}

/// An event that is shared by all who are told of it.
pub struct Published {
    event: Event,
    forms: RwLock<Vec<(TypeId, Bytes)>>,
}

impl Published {
    /// An event that is told now.
    pub fn new(event: Event) -> Self {
        Self {
            event,
            forms: RwLock::default(),
        }
    }

    /// What has happened.
    pub fn event(&self) -> &Event {
        &self.event
    }

    /// The event in this form: written once, however many are told.
    pub fn form<F: Form>(&self) -> Bytes {
        let kind = TypeId::of::<F>();
        let find = |forms: &[(TypeId, Bytes)]| {
            let found = forms.iter().find(|(of, _)| *of == kind);
            found.map(|(_, written)| written.clone())
        };
        // The list stays whole when somebody panics while writing.
        if let Some(written) = find(&self.forms.read().unwrap_or_else(PoisonError::into_inner)) {
            return written;
        }
        let mut forms = self.forms.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(written) = find(&forms) {
            return written;
        }
        let written = F::write(&self.event);
        forms.push((kind, written.clone()));
        written
    }
}

/// What a listener receives.
#[derive(Clone)]
pub enum Heard {
    /// What has happened.
    Event(Arc<Published>),
    /// The listener was too slow: it has missed this many events.
    Lagged {
        /// How many.
        missed: usize,
    },
}

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
    pub(super) async fn flush(&self) {
        // Without a bus there is nothing on its way.
        let _ = self.address.send(Flush).await;
    }

    /// The bus itself.
    pub(super) fn address(&self) -> &Addr<EventBus> {
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

/// What a state is the state of.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum StateKey {
    Queue(QueueName),
    System,
    Health,
}

impl StateKey {
    fn of(event: &Event) -> Option<Self> {
        match event {
            Event::Job { .. } | Event::Queue { .. } => None,
            Event::QueueMetrics { metrics, .. } => Some(Self::Queue(metrics.queue.name.clone())),
            Event::SystemMetrics(_) => Some(Self::System),
            Event::SystemAlert { .. } => Some(Self::Health),
        }
    }
}

/// The receiver has gone.
struct Gone;

struct Listener {
    sender: mpsc::Sender<Heard>,
    filter: EventFilter,
    /// Topics to which it has come lately, and what it wanted before.
    fresh: BTreeMap<Topic, EventFilter>,
    /// What it has missed since it was last told so.
    missed: usize,
    /// The newest states that it had no room for.
    held: BTreeMap<StateKey, Arc<Published>>,
}

impl Listener {
    fn tell(&mut self, published: &Arc<Published>) -> Result<(), Gone> {
        self.catch_up()?;
        if self.is_behind() {
            self.pass_over(published);
            return Ok(());
        }
        match self.sender.try_send(Heard::Event(Arc::clone(published))) {
            Ok(()) => Ok(()),
            Err(TrySendError::Full(_)) => {
                self.pass_over(published);
                Ok(())
            }
            Err(TrySendError::Closed(_)) => Err(Gone),
        }
    }

    fn pass_over(&mut self, published: &Arc<Published>) {
        match StateKey::of(published.event()) {
            Some(key) => {
                self.held.insert(key, Arc::clone(published));
            }
            None => self.missed += 1,
        }
    }

    fn is_behind(&self) -> bool {
        self.missed > 0 || !self.held.is_empty()
    }

    /// Tells what it has missed, if it has room.
    fn catch_up(&mut self) -> Result<(), Gone> {
        if self.missed > 0 {
            match self.sender.try_send(Heard::Lagged { missed: self.missed }) {
                Ok(()) => self.missed = 0,
                Err(TrySendError::Full(_)) => return Ok(()),
                Err(TrySendError::Closed(_)) => return Err(Gone),
            }
        }
        while let Some(held) = self.held.first_entry() {
            match self.sender.try_send(Heard::Event(Arc::clone(held.get()))) {
                Ok(()) => {
                    held.remove();
                }
                Err(TrySendError::Full(_)) => return Ok(()),
                Err(TrySendError::Closed(_)) => return Err(Gone),
            }
        }
        Ok(())
    }
}

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
        };
        let old_filter = before.map_or_else(EventFilter::default, |before| {
            self.interest.leave(&before.filter);
            listener.fresh = before.fresh;
            listener.missed = before.missed;
            listener.held = before.held;
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
                if is_worth_keeping(published.event()) {
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
            for event in &news {
                if listener.filter.wants(event.event()) {
                    listener.tell(event)?;
                }
            }
            let Some(before) = before else { return Ok(()) };
            for event in &known {
                let is_told = before.wants(event.event()) || news.iter().any(|told| Arc::ptr_eq(told, event));
                if !is_told && listener.filter.wants(event.event()) {
                    listener.tell(event)?;
                }
            }
            Ok(())
        });
    }
}

/// Whether somebody who comes later must be told. That all is well again is no news to somebody who never heard that it
/// was not.
fn is_worth_keeping(state: &Event) -> bool {
    match state {
        Event::SystemAlert { change, .. } => change.after.state != HealthState::Healthy,
        Event::Job { .. } | Event::Queue { .. } | Event::QueueMetrics { .. } | Event::SystemMetrics(_) => true,
    }
}

#[cfg(test)]
mod tests;
