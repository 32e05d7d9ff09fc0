//! A subscriber of the bus: its filter, and its backlog.

pub(crate) mod turns;

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::mpsc::{self, error::TrySendError};

use self::turns::Turns;
use super::encoded_event::Published;
use super::state_key::StateKey;
use crate::domain::events::event::Topic;
use crate::domain::events::filter::EventFilter;

/// A message to a subscriber.
#[derive(Clone)]
pub enum StreamItem {
    /// An event.
    Event(Arc<Published>),
    /// The subscriber was too slow: events were dropped.
    Lagged {
        /// Number of dropped events.
        dropped: usize,
    },
}

/// The receiver is closed.
pub(crate) struct Closed;

/// A subscriber.
pub(crate) struct Subscriber {
    pub(crate) sender: mpsc::Sender<StreamItem>,
    pub(crate) filter: EventFilter,
    /// Topics whose state it has not received yet, with its filter before.
    pub(crate) fresh: BTreeMap<Topic, EventFilter>,
    /// Number of dropped events that it has not been notified of.
    pub(crate) dropped: usize,
    /// The newest states that its channel had no capacity for.
    pub(crate) held: BTreeMap<StateKey, Arc<Published>>,
    /// Changed queues that wait for a later reading.
    pub(crate) turns: Turns,
}

impl Subscriber {
    /// Sends an event, or keeps or counts it if the channel is full.
    pub(crate) fn send(&mut self, published: &Arc<Published>) -> Result<(), Closed> {
        self.catch_up()?;
        if self.is_behind() {
            self.set_aside(published);
            return Ok(());
        }
        match self.sender.try_send(StreamItem::Event(Arc::clone(published))) {
            Ok(()) => Ok(()),
            Err(TrySendError::Full(_)) => {
                self.set_aside(published);
                Ok(())
            }
            Err(TrySendError::Closed(_)) => Err(Closed),
        }
    }

    /// Sends the states that have changed since the last reading. Of many queues a part is sent; the others wait.
    pub(crate) fn send_states(&mut self, topic: Topic, changed: Vec<&Arc<Published>>) -> Result<(), Closed> {
        if topic != Topic::QueueMetrics {
            return changed.into_iter().try_for_each(|state| self.send(state));
        }
        for state in self.turns.next(changed) {
            // The filter may have changed since.
            if self.filter.wants(state.event()) {
                self.send(&state)?;
            }
        }
        Ok(())
    }

    fn set_aside(&mut self, published: &Arc<Published>) {
        match StateKey::of(published.event()) {
            Some(key) => {
                self.held.insert(key, Arc::clone(published));
            }
            None => self.dropped += 1,
        }
    }

    /// `true` if it has a backlog.
    pub(crate) fn is_behind(&self) -> bool {
        self.dropped > 0 || !self.held.is_empty()
    }

    /// Sends the backlog, as far as the channel has capacity.
    pub(crate) fn catch_up(&mut self) -> Result<(), Closed> {
        if self.dropped > 0 {
            match self.sender.try_send(StreamItem::Lagged { dropped: self.dropped }) {
                Ok(()) => self.dropped = 0,
                Err(TrySendError::Full(_)) => return Ok(()),
                Err(TrySendError::Closed(_)) => return Err(Closed),
            }
        }
        while let Some(held) = self.held.first_entry() {
            match self.sender.try_send(StreamItem::Event(Arc::clone(held.get()))) {
                Ok(()) => {
                    held.remove();
                }
                Err(TrySendError::Full(_)) => return Ok(()),
                Err(TrySendError::Closed(_)) => return Err(Closed),
            }
        }
        Ok(())
    }
}
