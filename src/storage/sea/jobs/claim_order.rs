//! The orders in which claims look up due jobs, and those of the latest claims.
//!
//! In the order of due times a claim costs as much as there are due jobs of other types before the requested ones; by
//! type it costs as much as there are requested types. A single type is therefore looked up individually, and several
//! are when many other jobs are pending in the queue.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::domain::values::name::QueueName;
use crate::storage::change::Claim;

/// Minimum time for which an order is kept, and the time as a multiple of that of finding it: the counters have many dead
/// versions while a snapshot is held open.
const KNOWN_FOR: Duration = Duration::from_secs(1);
const KNOWN_FACTOR: u32 = 50;
/// Maximum number of queues and sets of types with a kept order.
const KNOWN_MAX: usize = 10_000;

/// An order of lookups.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ClaimOrder {
    /// In the order of due times.
    AllTypes,
    /// Each type individually.
    EachType,
}

/// A queue, and the hash of the requested types.
pub(super) type ClaimKey = (QueueName, u64);

/// The orders of the latest claims.
#[derive(Default)]
pub(crate) struct ClaimOrders(Mutex<HashMap<ClaimKey, (Instant, ClaimOrder)>>);

impl ClaimOrders {
    pub(super) fn known(&self, key: &ClaimKey) -> Option<ClaimOrder> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (until, order) = known.get(key)?;
        (Instant::now() < *until).then_some(*order)
    }

    /// Keeps an order that was found in this time.
    pub(super) fn insert(&self, key: ClaimKey, order: ClaimOrder, took: Duration) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= KNOWN_MAX {
            known.clear();
        }
        known.insert(key, (Instant::now() + KNOWN_FOR.max(took * KNOWN_FACTOR), order));
    }
}

pub(super) fn claim_key(claim: &Claim) -> ClaimKey {
    let mut hasher = DefaultHasher::new();
    claim.job_types.hash(&mut hasher);
    (claim.queue.clone(), hasher.finish())
}
