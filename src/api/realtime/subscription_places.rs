//! Counts subscriptions of all protocols, with limits in total and per caller: each event is written for each of them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::api::problem::Problem;
use crate::domain::access::caller::Caller;
use crate::domain::access::caller_key::CallerKey;

/// Counts subscriptions. Clones share the counts.
#[derive(Clone)]
pub(crate) struct SubscriptionPlaces {
    inner: Arc<Mutex<Counts>>,
    max: usize,
    max_per_caller: usize,
}

#[derive(Default)]
struct Counts {
    open: usize,
    by_owner: HashMap<CallerKey, usize>,
}

/// Places of the subscriptions of one client, which are released when they are dropped.
pub(crate) struct HeldPlaces {
    places: SubscriptionPlaces,
    owner: CallerKey,
    count: usize,
}

impl SubscriptionPlaces {
    /// No subscriptions, with these limits in total and per caller.
    pub(super) fn new(max: usize, max_per_caller: usize) -> Self {
        Self {
            inner: Arc::default(),
            max,
            max_per_caller: max_per_caller.min(max),
        }
    }

    /// No places yet, for a client of this caller.
    pub(crate) fn of(&self, caller: &Caller) -> HeldPlaces {
        HeldPlaces {
            places: self.clone(),
            owner: CallerKey::of(caller),
            count: 0,
        }
    }

    /// The place of one subscription of this caller, within the limits.
    pub(crate) fn enter(&self, caller: &Caller) -> Result<HeldPlaces, Problem> {
        let mut held = self.of(caller);
        held.resize(1)?;
        Ok(held)
    }

    fn lock(&self) -> MutexGuard<'_, Counts> {
        // The counts stay consistent when a holder of the lock panics.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl HeldPlaces {
    /// Changes the number of places, within the limits.
    pub(crate) fn resize(&mut self, count: usize) -> Result<(), Problem> {
        let SubscriptionPlaces {
            max, max_per_caller, ..
        } = self.places;
        let mut counts = self.places.lock();
        let open = counts.open - self.count + count;
        let of_owner = counts.by_owner.get(&self.owner).copied().unwrap_or(0) - self.count + count;
        if count > self.count && of_owner > max_per_caller {
            return Err(Problem::busy(format!(
                "the caller has the maximum number of subscriptions ({max_per_caller}) that \
                 realtime.max_subscriptions_per_caller allows"
            )));
        }
        if count > self.count && open > max {
            return Err(Problem::busy(format!(
                "all callers together have the maximum number of subscriptions ({max}) that \
                 realtime.max_total_subscriptions allows"
            )));
        }
        counts.open = open;
        if of_owner == 0 {
            counts.by_owner.remove(&self.owner);
        } else {
            counts.by_owner.insert(self.owner.clone(), of_owner);
        }
        drop(counts);
        self.count = count;
        Ok(())
    }
}

impl Drop for HeldPlaces {
    fn drop(&mut self) {
        // Fewer places are always within the limits.
        let _ = self.resize(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::access::caller::{CallerKind, Scopes};

    fn key(name: &str) -> Caller {
        Caller::new(name, CallerKind::Key, Scopes::all(), Arc::default())
    }

    #[test]
    fn places_are_limited_per_caller_and_in_total_and_released() {
        let places = SubscriptionPlaces::new(5, 3);
        let mut first = places.of(&key("ann"));
        first.resize(2).expect("two places");
        let second = places.enter(&key("ann")).expect("the third");
        let refused = places.enter(&key("ann")).err().expect("a fourth");
        assert!(refused.detail().contains("realtime.max_subscriptions_per_caller"));
        assert!(first.resize(3).is_err());
        let mut other = places.of(&key("bob"));
        let refused = other.resize(3).expect_err("a sixth of all");
        assert!(refused.detail().contains("realtime.max_total_subscriptions"));
        other.resize(2).expect("the last places");
        first.resize(1).expect("fewer");
        drop(second);
        first.resize(3).expect("they are free again");
        drop((first, other));
        let counts = places.lock();
        assert!(counts.open == 0 && counts.by_owner.is_empty());
    }
}
