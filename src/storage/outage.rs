//! Outages of storage: logged at the start, once a minute, and at the end, regardless of the number of failed calls.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tracing::{error, info};

use super::error::RepositoryError;
use crate::domain::metrics::storage_fault::StorageFault;

/// The time between two lines of an outage that lasts.
const LOG_INTERVAL: Duration = Duration::from_secs(60);
/// Time without failures that ends an outage: on a full disk small writes succeed between large ones.
const QUIET: Duration = Duration::from_secs(3);

/// The current outage of a storage, if there is one. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct StorageOutage(Arc<Mutex<State>>);

#[derive(Debug, Default)]
enum State {
    #[default]
    Available,
    Out(Outage),
    /// Storage was closed on purpose: calls that fail now say nothing.
    Closed,
}

#[derive(Debug)]
struct Outage {
    started_at: Instant,
    last_failure: Instant,
    last_logged: Instant,
    failed_calls: u64,
    /// Logged faults: each is logged once.
    kinds: Vec<Option<StorageFault>>,
}

impl StorageOutage {
    /// Records a failed call, and logs it unless that was done recently. An unreadable row is no outage, and neither
    /// is a read that has timed out or found no free connection.
    pub fn failed(&self, failure: &RepositoryError) {
        let kind = match failure {
            RepositoryError::Unavailable { .. } => None,
            RepositoryError::Fault { fault, .. } => Some(*fault),
            RepositoryError::Corrupt { .. } | RepositoryError::TimedOut { .. } | RepositoryError::Busy => return,
        };
        let code = kind.map_or("storage-unavailable", StorageFault::code);
        let now = Instant::now();
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match &mut *state {
            State::Closed => {}
            State::Available => {
                error!(reason = code, "{failure}");
                *state = State::Out(Outage {
                    started_at: now,
                    last_failure: now,
                    last_logged: now,
                    failed_calls: 1,
                    kinds: vec![kind],
                });
            }
            State::Out(outage) => {
                outage.last_failure = now;
                outage.failed_calls += 1;
                // Further kinds of failures are part of the known fault.
                if kind.is_some() && !outage.kinds.contains(&kind) {
                    outage.kinds.push(kind);
                    error!(reason = code, "{failure}");
                } else if now.duration_since(outage.last_logged) >= LOG_INTERVAL {
                    outage.last_logged = now;
                    let seconds = now.duration_since(outage.started_at).as_secs();
                    let failed_calls = outage.failed_calls;
                    error!(
                        reason = code,
                        "{failure} (for {seconds} s, {failed_calls} calls have failed)"
                    );
                }
            }
        }
    }

    /// Records a successful check. Ends the outage, unless a call has failed since.
    pub fn checked(&self) {
        let now = Instant::now();
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let State::Out(outage) = &*state
            && now.duration_since(outage.last_failure) >= QUIET
        {
            let seconds = now.duration_since(outage.started_at).as_secs();
            info!(
                "storage is available again after {seconds} s; {} calls have failed",
                outage.failed_calls
            );
            *state = State::Available;
        }
    }

    /// `true` during an outage.
    pub fn is_ongoing(&self) -> bool {
        let state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        matches!(*state, State::Out(_))
    }

    /// Storage is about to be closed.
    pub fn closed(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = State::Closed;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unavailable() -> RepositoryError {
        RepositoryError::Unavailable {
            reason: "connection refused".to_owned(),
        }
    }

    #[test]
    fn an_outage_begins_with_a_failure_and_ends_with_a_check_a_while_later() {
        let outage = StorageOutage::default();
        outage.checked();
        assert!(!outage.is_ongoing());
        outage.failed(&unavailable());
        outage.checked();
        assert!(outage.is_ongoing(), "a call has just failed");
        if let State::Out(outage) = &mut *outage.0.lock().unwrap() {
            outage.last_failure -= QUIET;
        }
        outage.checked();
        assert!(!outage.is_ongoing());
    }

    #[test]
    fn each_kind_of_failure_is_logged_once_and_then_once_a_minute() {
        let outage = StorageOutage::default();
        let full = RepositoryError::Fault {
            fault: StorageFault::Full,
            reason: "database or disk is full".to_owned(),
        };
        for _ in 0..500 {
            outage.failed(&unavailable());
            outage.failed(&full);
        }
        let mut state = outage.0.lock().unwrap();
        let State::Out(known) = &mut *state else {
            panic!("an outage");
        };
        assert_eq!(known.failed_calls, 1_000);
        assert_eq!(known.kinds, [None, Some(StorageFault::Full)]);
        let before = known.last_logged;
        known.last_logged -= LOG_INTERVAL;
        drop(state);
        outage.failed(&full);
        let State::Out(known) = &*outage.0.lock().unwrap() else {
            panic!("an outage");
        };
        assert!(known.last_logged >= before);
    }

    #[test]
    fn a_row_that_can_not_be_read_is_no_outage_and_neither_is_closed_storage() {
        let outage = StorageOutage::default();
        outage.failed(&RepositoryError::Corrupt {
            reason: "a status of 9".to_owned(),
        });
        assert!(!outage.is_ongoing());
        outage.closed();
        outage.failed(&unavailable());
        assert!(!outage.is_ongoing());
    }
}
