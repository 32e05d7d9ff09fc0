//! The EventBus: who listens to what has happened.
//!
//! Each listener has a bounded channel of its own. The bus publishes a commit's events in their order and waits for
//! nobody: a listener that can't keep up loses events and is told how many. Whoever must not lose anything reads storage
//! and lets the bus only wake it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use actix::{Actor, Addr, Context, Handler, Message, Supervised};
use tokio::sync::mpsc::{self, error::TrySendError};

use crate::domain::event::Event;

/// How many messages the mailbox holds: each is the events of one commit.
pub const MAILBOX_CAPACITY: usize = 1_024;

/// How many batches of events a listener may be behind.
const LISTENER_CAPACITY: usize = 1_024;

/// What a listener receives.
#[derive(Clone, Debug)]
pub enum Heard {
    /// What has happened in one commit, in order. Shared by all listeners.
    Events(Arc<[Event]>),
    /// The listener was too slow: it has missed this many events.
    Lagged {
        /// How many.
        missed: usize,
    },
}

/// Whether anybody listens, for those who would otherwise make events for nobody.
#[derive(Clone, Debug, Default)]
pub struct EventInterest(Arc<AtomicUsize>);

impl EventInterest {
    /// Whether there is a listener.
    pub fn is_any(&self) -> bool {
        self.0.load(Ordering::Relaxed) > 0
    }
}

/// Events of one commit, to be told to all listeners.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Publish {
    /// What has happened, in order.
    pub events: Arc<[Event]>,
}

#[derive(Message)]
#[rtype(result = "()")]
struct Listen {
    sender: mpsc::Sender<Heard>,
}

struct Listener {
    sender: mpsc::Sender<Heard>,
    missed: usize,
}

/// The actor. See the module.
pub struct EventBus {
    listeners: Vec<Listener>,
    interest: EventInterest,
}

impl EventBus {
    /// A bus without listeners.
    pub fn new(interest: EventInterest) -> Self {
        Self {
            listeners: Vec::new(),
            interest,
        }
    }

    fn count(&self) {
        self.interest.0.store(self.listeners.len(), Ordering::Relaxed);
    }
}

/// Listens to all events from now on, until the receiver is dropped. `None` when the bus has stopped.
pub async fn listen(bus: &Addr<EventBus>) -> Option<mpsc::Receiver<Heard>> {
    let (sender, receiver) = mpsc::channel(LISTENER_CAPACITY);
    bus.send(Listen { sender }).await.ok().map(|()| receiver)
}

impl Listener {
    /// Whether it still listens.
    fn tell(&mut self, events: &Arc<[Event]>) -> bool {
        if self.missed > 0 {
            match self.sender.try_send(Heard::Lagged { missed: self.missed }) {
                Ok(()) => self.missed = 0,
                Err(TrySendError::Full(_)) => {}
                Err(TrySendError::Closed(_)) => return false,
            }
        }
        match self.sender.try_send(Heard::Events(Arc::clone(events))) {
            Ok(()) => true,
            Err(TrySendError::Full(_)) => {
                self.missed += events.len();
                true
            }
            Err(TrySendError::Closed(_)) => false,
        }
    }
}

impl Actor for EventBus {
    type Context = Context<Self>;
}

impl Supervised for EventBus {
    // The listeners stay: a panic while one was told leaves the list whole.
}

impl Handler<Listen> for EventBus {
    type Result = ();

    fn handle(&mut self, Listen { sender }: Listen, _: &mut Context<Self>) {
        self.listeners.push(Listener { sender, missed: 0 });
        self.count();
    }
}

impl Handler<Publish> for EventBus {
    type Result = ();

    fn handle(&mut self, Publish { events }: Publish, _: &mut Context<Self>) {
        self.listeners.retain_mut(|listener| listener.tell(&events));
        self.count();
    }
}
