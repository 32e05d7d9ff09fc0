//! Reads that may take long: searches, totals that are counted job by job, filters that no index serves.
//!
//! They cost more of their caller's rate limit than a request, a few run at a time, and each has a time. Those that wait for
//! their turn wait in a line of bounded length, of which one caller has a share; callers take turns. So the readers of single
//! jobs, queues and metrics find connections of their own, whatever others search for.

mod line;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::timeout;

use self::line::{Entered, Full, Line};
use crate::domain::access::caller::Caller;
use crate::domain::access::caller_key::CallerKey;
use crate::service::error::ServiceError;
use crate::storage::held::holding;
use crate::storage::repository::RepositoryError;

/// As how many requests an expensive read counts against its caller's rate limit.
pub const COST: u32 = 10;
/// The longest time after which a caller is asked to come back.
const COME_BACK_MAX: Duration = Duration::from_secs(5);

/// How many expensive reads there may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadLimits {
    /// How many run at a time.
    pub running_max: usize,
    /// How many wait for their turn.
    pub waiting_max: usize,
    /// How long each may take, and how long it may wait before.
    pub time: Duration,
}

impl Default for ReadLimits {
    fn default() -> Self {
        Self {
            running_max: 2,
            waiting_max: 32,
            time: Duration::from_secs(10),
        }
    }
}

/// The expensive reads of a server. Cheap to copy; all copies count together.
#[derive(Clone)]
pub struct ExpensiveReads(Arc<Inner>);

struct Inner {
    limits: ReadLimits,
    line: Mutex<Line>,
}

impl Default for ExpensiveReads {
    fn default() -> Self {
        Self::new(ReadLimits::default())
    }
}

/// Whether a read counts against the rate limit of its caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Charge {
    /// It counts as [`COST`] requests.
    Full,
    /// It is part of a use case that was charged before.
    Nothing,
}

impl ExpensiveReads {
    /// Reads within these limits.
    pub fn new(limits: ReadLimits) -> Self {
        let ReadLimits {
            running_max,
            waiting_max,
            time: _,
        } = limits;
        Self(Arc::new(Inner {
            limits,
            line: Mutex::new(Line::new(running_max, waiting_max)),
        }))
    }

    /// Carries out a read when it is its turn. `advice` says what to narrow when it takes too long; it is stopped then, and
    /// when the caller stops waiting.
    pub(crate) async fn run<T>(
        &self,
        caller: &Caller,
        charge: Charge,
        advice: &'static str,
        read: impl Future<Output = Result<T, RepositoryError>>,
    ) -> Result<T, ServiceError> {
        let time = self.0.limits.time;
        let Entered { id, key, turn } = self.enter(caller)?;
        let place = Arc::new(Place {
            reads: self.clone(),
            id,
            key,
        });
        if charge == Charge::Full {
            caller.charge_cost(COST)?;
        }
        // A sender that is gone has given the turn.
        if timeout(time, turn).await.is_err() {
            return Err(self.busy(false));
        }
        // A connection that is still busy when the read is dropped holds the place, too.
        match timeout(time, holding(place, read)).await {
            Ok(Err(RepositoryError::TimedOut { time })) => Err(ServiceError::ReadTimedOut { time, advice }),
            Ok(read) => Ok(read?),
            Err(_) => Err(ServiceError::ReadTimedOut { time, advice }),
        }
    }

    fn enter(&self, caller: &Caller) -> Result<Entered, ServiceError> {
        let entered = self.line().enter(CallerKey::of(caller));
        entered.map_err(|full| self.busy(full == Full::OfCaller))
    }

    fn busy(&self, is_own: bool) -> ServiceError {
        ServiceError::ReadsBusy {
            is_own,
            retry_after: self.0.limits.time.clamp(Duration::from_secs(1), COME_BACK_MAX),
        }
    }

    fn line(&self) -> std::sync::MutexGuard<'_, Line> {
        // Each change of the line is whole before anything can panic.
        self.0.line.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A place among the reads that run or wait, until it is dropped.
struct Place {
    reads: ExpensiveReads,
    id: u64,
    key: CallerKey,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.reads.line().leave(self.id, &self.key);
    }
}

#[cfg(test)]
mod tests;
