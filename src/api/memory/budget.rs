//! A budget and its reservations.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use crate::api::problem::Problem;
use crate::domain::access::caller::Caller;
use crate::domain::access::caller_key::CallerKey;

/// Minimum size of a response that is counted, in bytes: connections have buffers of this size anyway.
pub(super) const COUNTED_BYTES_MIN: usize = 64 << 10;

/// Number of callers above which those without reservations are removed, and then again at twice the remaining number.
const CALLERS_UNPRUNED: usize = 1_000;

/// A memory budget that requests share. Clones share it, too.
#[derive(Clone, Debug)]
pub(crate) struct MemoryBudget {
    inner: Arc<Inner>,
    /// The request that it is for, if any.
    request: Option<RequestShare>,
}

/// A request of a caller.
#[derive(Clone, Debug)]
struct RequestShare {
    /// Bytes reserved by all requests of its caller.
    caller: Arc<AtomicUsize>,
    /// Bytes reserved by the request itself.
    own: Arc<AtomicUsize>,
}

impl RequestShare {
    fn add(&self, bytes: usize) {
        self.caller.fetch_add(bytes, Ordering::Relaxed);
        self.own.fetch_add(bytes, Ordering::Relaxed);
    }

    fn sub(&self, bytes: usize) {
        self.caller.fetch_sub(bytes, Ordering::Relaxed);
        self.own.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// Adds bytes within the caller's share; the only request of a caller may use all remaining memory.
    fn try_add(&self, bytes: usize, share: usize) -> bool {
        let own = self.own.load(Ordering::Relaxed);
        let grown = self
            .caller
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |reserved| {
                let grown = reserved.checked_add(bytes)?;
                (grown <= share || reserved <= own).then_some(grown)
            });
        if grown.is_ok() {
            self.own.fetch_add(bytes, Ordering::Relaxed);
        }
        grown.is_ok()
    }

    fn reserved(&self) -> usize {
        self.caller.load(Ordering::Relaxed)
    }
}

#[derive(Debug)]
struct Inner {
    /// Setting that defines the limit.
    setting: &'static str,
    max: usize,
    used: AtomicUsize,
    callers: Mutex<Callers>,
}

/// Reservations of callers.
#[derive(Debug, Default)]
struct Callers {
    reserved: HashMap<CallerKey, Weak<AtomicUsize>>,
    prune_at: usize,
}

/// A part of a budget, released when it is dropped.
#[derive(Debug)]
pub(crate) struct Reservation {
    budget: MemoryBudget,
    bytes: usize,
}

impl MemoryBudget {
    /// A budget of `max` bytes, defined by a setting.
    pub(crate) fn new(setting: &'static str, max: usize) -> Self {
        let inner = Inner {
            setting,
            max,
            used: AtomicUsize::new(0),
            callers: Mutex::default(),
        };
        Self {
            inner: Arc::new(inner),
            request: None,
        }
    }

    /// The same budget for a request of a caller: its requests together have half of it, and a single one all that it
    /// needs.
    pub(crate) fn of(&self, caller: &Caller) -> Self {
        let key = CallerKey::of(caller);
        // The table stays consistent when a holder of the lock panics.
        let mut callers = self.inner.callers.lock().unwrap_or_else(PoisonError::into_inner);
        let known = callers.reserved.get(&key).and_then(Weak::upgrade);
        let reserved = known.unwrap_or_else(|| {
            if callers.reserved.len() >= callers.prune_at.max(CALLERS_UNPRUNED) {
                callers.reserved.retain(|_, reserved| reserved.strong_count() > 0);
                callers.prune_at = callers.reserved.len() * 2;
            }
            let reserved = Arc::default();
            callers.reserved.insert(key, Arc::downgrade(&reserved));
            reserved
        });
        Self {
            inner: Arc::clone(&self.inner),
            request: Some(RequestShare {
                caller: reserved,
                own: Arc::default(),
            }),
        }
    }

    /// The complete budget: a request that exceeds it could never be executed.
    pub(crate) fn size(&self) -> usize {
        self.inner.max
    }

    /// Maximum for a caller with several requests.
    fn share(&self) -> usize {
        self.inner.max / 2
    }

    /// Remaining bytes, for all callers and for this one.
    pub(super) fn available(&self) -> usize {
        let left = self.inner.max.saturating_sub(self.inner.used.load(Ordering::Relaxed));
        let reserved = self.request.as_ref().map_or(0, RequestShare::reserved);
        left.min(self.share().saturating_sub(reserved))
    }

    /// Reserves memory, if it is available.
    pub(crate) fn reserve(&self, bytes: usize) -> Option<Reservation> {
        let mut reservation = self.empty_reservation();
        reservation.grow(bytes).then_some(reservation)
    }

    /// Reserves memory even if it is not available, for a response that must be sent: its request took effect.
    pub(crate) fn reserve_anyway(&self, bytes: usize) -> Reservation {
        self.inner.used.fetch_add(bytes, Ordering::Relaxed);
        if let Some(request) = &self.request {
            request.add(bytes);
        }
        Reservation {
            budget: self.clone(),
            bytes,
        }
    }

    /// An empty reservation, to grow.
    pub(crate) fn empty_reservation(&self) -> Reservation {
        Reservation {
            budget: self.clone(),
            bytes: 0,
        }
    }

    /// Rejects a change before it is executed, while its caller's share or all memory is used. Its response is expected to be as
    /// large as its request.
    pub(crate) fn admit_change(&self, request_bytes: usize) -> Result<(), Problem> {
        let bytes = request_bytes.max(COUNTED_BYTES_MIN).min(self.size());
        self.reserve(bytes).map(drop).ok_or_else(|| self.exhausted())
    }

    /// The same for a change of this caller. While all callers together use less than a share, each of them does.
    pub(crate) fn admit_change_of(&self, caller: &Caller, request_bytes: usize) -> Result<(), Problem> {
        let used = self.inner.used.load(Ordering::Relaxed);
        if used.saturating_add(request_bytes.max(COUNTED_BYTES_MIN)) <= self.share() {
            return Ok(());
        }
        self.of(caller).admit_change(request_bytes)
    }

    /// Rejects a request if no memory is available.
    pub(crate) fn admit(&self) -> Result<(), Problem> {
        if self.inner.used.load(Ordering::Relaxed) < self.inner.max {
            Ok(())
        } else {
            Err(self.exhausted())
        }
    }

    /// The problem of a request without available memory.
    pub(crate) fn exhausted(&self) -> Problem {
        let Inner { setting, max, .. } = &*self.inner;
        let share = self.share();
        let reserved = self.request.as_ref().map_or(0, RequestShare::reserved);
        let cause = if reserved > 0 && self.inner.used.load(Ordering::Relaxed) < *max {
            format!("requests of this caller in progress use its share ({share} bytes) of the memory")
        } else {
            "requests in progress use all the memory".to_owned()
        };
        Problem::busy(format!(
            "{cause} that {setting} allows ({max} bytes); retry in a moment"
        ))
    }
}

impl Reservation {
    /// Reserves more, if it is available.
    pub(crate) fn grow(&mut self, bytes: usize) -> bool {
        let MemoryBudget { inner, request } = &self.budget;
        if let Some(request) = request
            && !request.try_add(bytes, self.budget.share())
        {
            return false;
        }
        let grown = inner.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |used| {
            used.checked_add(bytes).filter(|used| *used <= inner.max)
        });
        if grown.is_ok() {
            self.bytes += bytes;
        } else if let Some(request) = request {
            request.sub(bytes);
        }
        grown.is_ok()
    }

    /// Reserved bytes.
    pub(crate) const fn bytes(&self) -> usize {
        self.bytes
    }

    /// Releases the reservation beyond `bytes`.
    pub(crate) fn shrink_to(&mut self, bytes: usize) {
        let left_over = self.bytes.saturating_sub(bytes);
        self.budget.inner.used.fetch_sub(left_over, Ordering::Relaxed);
        if let Some(request) = &self.budget.request {
            request.sub(left_over);
        }
        self.bytes -= left_over;
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.shrink_to(0);
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
    fn a_change_is_rejected_while_its_response_has_no_memory() {
        const KIB: usize = 1 << 10;
        let budget = MemoryBudget::new("a.setting", 1_000 * KIB);
        let (one, other) = (key("one"), key("other"));
        assert!(
            budget.admit_change_of(&one, 900 * KIB).is_ok(),
            "the only request has no share"
        );
        let unread = budget.of(&one).reserve_anyway(450 * KIB);
        assert!(budget.admit_change_of(&one, 0).is_err(), "64 KiB are expected at least");
        assert!(budget.admit_change_of(&other, 500 * KIB).is_ok());
        assert!(budget.admit_change_of(&other, 600 * KIB).is_err(), "all of it is used");
        let second = budget.of(&other).reserve_anyway(2_000 * KIB);
        assert!(budget.admit_change_of(&key("third"), 0).is_err());
        drop((unread, second));
        assert!(
            budget.admit_change_of(&one, 500 * KIB).is_ok(),
            "nothing is left behind"
        );
    }

    #[test]
    fn a_caller_has_half_of_a_budget_and_more_for_a_single_request() {
        let all = MemoryBudget::new("a.setting", 100);
        let (one, same, other) = (all.of(&key("a")), all.of(&key("a")), all.of(&key("b")));
        let mut first = one.reserve(30).expect("it is free");
        assert!(same.reserve(21).is_none());
        let second = same.reserve(20).expect("it is its share");
        assert!(!first.grow(1));
        assert_eq!((same.available(), other.available()), (0, 50));
        let others = other.reserve(50).expect("it is the share of the other");
        drop(second);
        assert!(first.grow(20));
        assert!(!first.grow(1), "nothing is left");
        drop(others);
        assert!(first.grow(20), "its only request");
        let of_same_request = one.reserve(30).expect("the same request");
        assert!(one.reserve(1).is_none());
        drop((first, of_same_request));
        assert_eq!(one.available(), 50);
        assert_eq!(all.inner.used.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn the_table_of_callers_is_bounded() {
        let all = MemoryBudget::new("a.setting", 100);
        for number in 0..10 * CALLERS_UNPRUNED {
            drop(all.of(&key(&number.to_string())).reserve(1));
        }
        let known = all.inner.callers.lock().expect("the table").reserved.len();
        assert!(known <= CALLERS_UNPRUNED, "{known}");
    }
}
