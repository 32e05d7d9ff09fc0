//! One listener of the bus: what it wants, and what it has missed.

pub(crate) mod turns;

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::mpsc::{self, error::TrySendError};

use self::turns::Turns;
use super::encoded_event::Published;
use crate::domain::events::event::{Event, Topic};
use crate::domain::events::filter::EventFilter;
use crate::domain::metrics::health::HealthState;
use crate::domain::values::name::QueueName;

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

/// What a state is the state of.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum StateKey {
    Queue(QueueName),
    System,
    Health,
}

impl StateKey {
    /// What a state event is about; `None` for events that are no states.
    pub(crate) fn of(event: &Event) -> Option<Self> {
        match event {
            Event::Job { .. } | Event::JobReport { .. } | Event::Queue { .. } => None,
            Event::QueueMetrics { metrics, .. } => Some(Self::Queue(metrics.queue.name.clone())),
            Event::SystemMetrics(_) => Some(Self::System),
            Event::SystemAlert { .. } => Some(Self::Health),
        }
    }

    /// Whether somebody who comes later must be told of this. That all is well again is no news to somebody who never
    /// heard that it was not.
    pub(crate) fn is_worth_keeping(state: &Event) -> bool {
        match state {
            Event::SystemAlert { change, .. } => change.after.state != HealthState::Healthy,
            Event::Job { .. }
            | Event::JobReport { .. }
            | Event::Queue { .. }
            | Event::QueueMetrics { .. }
            | Event::SystemMetrics(_) => true,
        }
    }
}

/// The receiver has gone.
pub(crate) struct Gone;

/// Somebody who listens, as the bus knows it.
pub(crate) struct Listener {
    pub(crate) sender: mpsc::Sender<Heard>,
    pub(crate) filter: EventFilter,
    /// Topics to which it has come lately, and what it wanted before.
    pub(crate) fresh: BTreeMap<Topic, EventFilter>,
    /// What it has missed since it was last told so.
    pub(crate) missed: usize,
    /// The newest states that it had no room for.
    pub(crate) held: BTreeMap<StateKey, Arc<Published>>,
    /// Changed queues that wait for their turn.
    pub(crate) turns: Turns,
}

impl Listener {
    /// Tells it an event, or remembers that it could not.
    pub(crate) fn tell(&mut self, published: &Arc<Published>) -> Result<(), Gone> {
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

    /// Sends what has changed since the last reading. Of many queues a part is sent, and the rest waits for its turn.
    pub(crate) fn tell_states(&mut self, topic: Topic, changed: Vec<&Arc<Published>>) -> Result<(), Gone> {
        if topic != Topic::QueueMetrics {
            return changed.into_iter().try_for_each(|state| self.tell(state));
        }
        for state in self.turns.next(changed) {
            // The filter may have changed since.
            if self.filter.wants(state.event()) {
                self.tell(&state)?;
            }
        }
        Ok(())
    }

    fn pass_over(&mut self, published: &Arc<Published>) {
        match StateKey::of(published.event()) {
            Some(key) => {
                self.held.insert(key, Arc::clone(published));
            }
            None => self.missed += 1,
        }
    }

    /// Whether it has missed something that it was not told yet.
    pub(crate) fn is_behind(&self) -> bool {
        self.missed > 0 || !self.held.is_empty()
    }

    /// Tells what it has missed, if it has room.
    pub(crate) fn catch_up(&mut self) -> Result<(), Gone> {
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
