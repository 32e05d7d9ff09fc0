//! Fair shares of callers' connections.
//!
//! A cheap read of a caller waits for its turn before it uses a connection: a caller leaves one connection to others,
//! if there are two, and of the waiting reads the one whose caller has waited the longest for a turn comes next. The
//! server's own reads have connections of their own and take no turns.

use std::time::Duration;

use crate::domain::access::caller::Caller;
use crate::domain::access::caller_key::CallerKey;
use crate::storage::caller_line::{CallerLine, Place};
use crate::storage::read_lane::ReadLane;
use crate::storage::repository::RepositoryError;

/// Maximum number of waiting reads, a quarter of them for one caller. Requests are limited before.
const WAITING_MAX: usize = 8_192;

/// The reads of callers that run and wait.
pub(crate) struct CallerTurns {
    line: CallerLine,
    /// Timeout of the wait for a turn.
    timeout: Duration,
}

impl CallerTurns {
    /// Turns on this number of connections.
    pub(crate) fn new(connections: u32, timeout: Duration) -> Self {
        let running_max = usize::try_from(connections).unwrap_or(usize::MAX);
        Self {
            line: CallerLine::new(running_max, WAITING_MAX),
            timeout,
        }
    }

    /// Waits for a turn of this task's caller. `None` for the server itself.
    pub(crate) async fn place(&self) -> Result<Option<Place>, RepositoryError> {
        let ReadLane::Caller(key) = ReadLane::current() else {
            return Ok(None);
        };
        let key = key.unwrap_or_else(|| CallerKey::of(&Caller::unknown()));
        let entry = self.line.enter(key).map_err(|_| RepositoryError::Busy)?;
        let place = entry.turn(self.timeout).await;
        place.map(Some).ok_or(RepositoryError::Busy)
    }
}
