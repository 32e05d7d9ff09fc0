//! Queues of reads in which callers take turns.

mod line;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::domain::access::caller_key::CallerKey;
use line::{Entered, Line};

pub(crate) use line::Full;

/// A queue of reads. Clones share it.
#[derive(Clone)]
pub(crate) struct CallerLine(Arc<Mutex<Line>>);

/// A place among the running and the waiting reads, until it is dropped.
pub(crate) struct Place {
    line: CallerLine,
    id: u64,
    key: CallerKey,
}

/// An accepted read. Dropped, it leaves the queue.
#[derive(Debug)]
pub(crate) struct Entry {
    place: Place,
    turn: oneshot::Receiver<()>,
}

impl CallerLine {
    /// A queue with these maximum numbers of running and of waiting reads. A caller leaves a running place to others, if
    /// there are two, and waits in at most a quarter of the queue.
    pub(crate) fn new(running_max: usize, waiting_max: usize) -> Self {
        Self(Arc::new(Mutex::new(Line::new(running_max, waiting_max))))
    }

    /// Adds a read of this caller.
    pub(crate) fn enter(&self, key: CallerKey) -> Result<Entry, Full> {
        let Entered { id, key, turn } = self.lock().enter(key)?;
        let line = self.clone();
        Ok(Entry {
            place: Place { line, id, key },
            turn,
        })
    }

    fn lock(&self) -> MutexGuard<'_, Line> {
        // Every change of the queue is complete before anything can panic.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entry {
    /// Waits for the turn; `None` if it does not come in this time.
    pub(crate) async fn turn(self, time: Duration) -> Option<Place> {
        let Self { place, turn } = self;
        // A dropped sender has granted the turn.
        timeout(time, turn).await.is_ok().then_some(place)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.line.lock().leave(self.id, &self.key);
    }
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Place({})", self.id)
    }
}
