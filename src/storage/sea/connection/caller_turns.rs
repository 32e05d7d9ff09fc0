//! Fair shares of callers' connections.
//!
//! A cheap read of a caller waits for its turn before it uses a connection: a caller leaves one connection to others, if there
//! are two, and of the waiting reads the one whose caller has waited the longest for a turn comes next. The server's own reads
//! have connections of their own and take no turns.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::domain::access::caller::Caller;
use crate::domain::access::caller_key::CallerKey;
use crate::storage::caller_line::{Entered, Line};
use crate::storage::read_lane::ReadLane;
use crate::storage::repository::RepositoryError;

/// Maximum number of waiting reads, a quarter of them for one caller. Requests are limited before.
const WAITING_MAX: usize = 8_192;

/// The reads of callers that run and wait.
pub(crate) struct CallerTurns {
    line: Arc<Mutex<Line>>,
    /// Timeout of the wait for a turn.
    patience: Duration,
}

/// A place among the reads, until it is dropped.
pub(crate) struct Place {
    line: Arc<Mutex<Line>>,
    id: u64,
    key: CallerKey,
}

impl Drop for Place {
    fn drop(&mut self) {
        lock(&self.line).leave(self.id, &self.key);
    }
}

impl CallerTurns {
    /// Turns on so many connections.
    pub(crate) fn new(connections: u32, patience: Duration) -> Self {
        let running_max = usize::try_from(connections).unwrap_or(usize::MAX);
        Self {
            line: Arc::new(Mutex::new(Line::new(running_max, WAITING_MAX))),
            patience,
        }
    }

    /// Waits for a turn of this task's caller. `None` for the server itself.
    pub(crate) async fn place(&self) -> Result<Option<Place>, RepositoryError> {
        let ReadLane::Caller(key) = ReadLane::current() else {
            return Ok(None);
        };
        let key = key.unwrap_or_else(|| CallerKey::of(&Caller::unknown()));
        let entered = lock(&self.line).enter(key);
        let Entered { id, key, turn } = entered.map_err(|_| RepositoryError::Busy)?;
        let line = Arc::clone(&self.line);
        let place = Place { line, id, key };
        // A dropped sender has granted the turn.
        match tokio::time::timeout(self.patience, turn).await {
            Ok(_) => Ok(Some(place)),
            Err(_) => Err(RepositoryError::Busy),
        }
    }
}

fn lock(line: &Mutex<Line>) -> MutexGuard<'_, Line> {
    // Every change of the queue is complete before anything can panic.
    line.lock().unwrap_or_else(PoisonError::into_inner)
}
