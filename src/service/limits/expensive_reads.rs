//! Expensive reads: searches, totals that count jobs, filters without an index.
//!
//! They cost more of their caller's rate limit than a request, a few run at a time, and each has a timeout. Waiting
//! reads are in a queue of bounded length, with a limit per caller; callers take turns. So reads of single jobs, queues
//! and metrics have separate connections.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;

use crate::domain::access::caller::Caller;
use crate::domain::access::caller_key::CallerKey;
use crate::service::error::ServiceError;
use crate::storage::caller_line::{CallerLine, Full};
use crate::storage::held::holding;
use crate::storage::repository::RepositoryError;

/// Cost of an expensive read, in requests of its caller's rate limit.
pub(crate) const COST: u32 = 10;
/// Maximum suggested delay before a retry.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(5);

/// Limits of expensive reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadLimits {
    /// Maximum number of running reads.
    pub running_max: usize,
    /// Maximum number of waiting reads.
    pub waiting_max: usize,
    /// Timeout of each read, and of waiting for its turn.
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

/// The expensive reads of a server. Clones share the limits.
#[derive(Clone)]
pub(crate) struct ExpensiveReads {
    limits: ReadLimits,
    line: CallerLine,
}

impl Default for ExpensiveReads {
    fn default() -> Self {
        Self::new(ReadLimits::default())
    }
}

/// Charge of a read against its caller's rate limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Charge {
    /// It counts as [`COST`] requests.
    Full,
    /// It is part of a use case that was charged before.
    Nothing,
}

impl ExpensiveReads {
    /// Reads with these limits.
    pub(crate) fn new(limits: ReadLimits) -> Self {
        Self {
            limits,
            line: CallerLine::new(limits.running_max, limits.waiting_max),
        }
    }

    /// Runs a read when its turn comes. `advice` describes how to narrow a read that times out; it is stopped on
    /// timeout, and when the caller drops the future.
    pub(crate) async fn run<T>(
        &self,
        caller: &Caller,
        charge: Charge,
        advice: &'static str,
        read: impl Future<Output = Result<T, RepositoryError>>,
    ) -> Result<T, ServiceError> {
        let time = self.limits.time;
        let entered = self.line.enter(CallerKey::of(caller));
        let entry = entered.map_err(|full| self.busy(full == Full::OfCaller))?;
        if charge == Charge::Full {
            caller.charge_cost(COST)?;
        }
        let place = entry.turn(time).await.ok_or_else(|| self.busy(false))?;
        // A connection that is still busy after the read was dropped keeps the place occupied.
        match timeout(time, holding(Arc::new(place), read)).await {
            Ok(Err(RepositoryError::TimedOut { time })) => Err(ServiceError::ReadTimedOut { time, advice }),
            Ok(read) => Ok(read?),
            Err(_) => Err(ServiceError::ReadTimedOut { time, advice }),
        }
    }

    fn busy(&self, is_own: bool) -> ServiceError {
        ServiceError::ReadsBusy {
            is_own,
            retry_after: self.limits.time.clamp(Duration::from_secs(1), MAX_RETRY_AFTER),
        }
    }
}

#[cfg(test)]
mod tests;
