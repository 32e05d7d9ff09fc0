//! Throttles failed authentications by address.
//!
//! An address has a burst of ten failures, then one every six seconds. Beyond that its credentials are rejected without
//! a check (429 and `Retry-After`), except for those that were accepted from the same address before: a client that
//! shares its address with an attacker is not affected.

use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::Duration;

use lru::LruCache;

use crate::domain::access::ip_network::client_prefix;
use crate::domain::values::rate::Rate;

/// Rate limit of failures of an address.
const FAILURES: Rate = Rate {
    capacity: 10,
    per: Duration::from_secs(60),
};
/// Maximum number of addresses with failures; the least recent one is evicted.
const ADDRESSES_MAX: NonZeroUsize = NonZeroUsize::new(10_000).unwrap();

/// The throttle. See the module.
#[derive(Debug)]
pub(super) struct AuthThrottle {
    /// False until the first failure: spares successful callers the lock.
    is_used: AtomicBool,
    /// Buckets of failures. The hasher is keyed: clients choose the addresses.
    failures: Mutex<LruCache<IpAddr, u64, RandomState>>,
}

impl AuthThrottle {
    /// A throttle without failures.
    pub(super) fn new() -> Self {
        Self {
            is_used: AtomicBool::new(false),
            failures: Mutex::new(LruCache::with_hasher(ADDRESSES_MAX, RandomState::new())),
        }
    }

    /// The time until credentials are accepted from an address; `None` if it is not throttled.
    pub(super) fn wait(&self, address: IpAddr, now: u64) -> Option<Duration> {
        if !self.is_used.load(Ordering::Relaxed) {
            return None;
        }
        // The map stays consistent when a holder of the lock panics.
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        // A bucket that is full again equals a new one.
        while failures.peek_lru().is_some_and(|(_, full_at)| *full_at <= now) {
            failures.pop_lru();
        }
        if failures.is_empty() {
            self.is_used.store(false, Ordering::Relaxed);
            return None;
        }
        let full_at = *failures.peek(&client_prefix(address))?;
        let quota = FAILURES.quota(full_at, now);
        (quota.remaining == 0).then_some(quota.next_in)
    }

    /// Records a failure of an address. True if the address is throttled from now on.
    pub(super) fn failed(&self, address: IpAddr, now: u64) -> bool {
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        let full_at = failures.get_or_insert_mut(client_prefix(address), || 0);
        *full_at = FAILURES.count(*full_at, now).unwrap_or(*full_at);
        let is_throttled = FAILURES.quota(*full_at, now).remaining == 0;
        self.is_used.store(true, Ordering::Relaxed);
        is_throttled
    }
}

/// Addresses from which credentials were accepted lately, as keyed hashes.
#[derive(Debug, Default)]
pub(super) struct AcceptedAddresses {
    addresses: [AtomicU64; 8],
    next: AtomicUsize,
}

impl AcceptedAddresses {
    /// True if the credentials were accepted from this address.
    pub(super) fn contains(&self, address: IpAddr) -> bool {
        let number = number(address);
        self.addresses.iter().any(|seen| seen.load(Ordering::Relaxed) == number)
    }

    /// Records that the credentials were accepted from this address.
    pub(super) fn insert(&self, address: IpAddr) {
        let number = number(address);
        if self.addresses.iter().any(|seen| seen.load(Ordering::Relaxed) == number) {
            return;
        }
        let slot = self.next.fetch_add(1, Ordering::Relaxed) % self.addresses.len();
        if let Some(seen) = self.addresses.get(slot) {
            seen.store(number, Ordering::Relaxed);
        }
    }
}

/// Never 0, which marks a free slot.
fn number(address: IpAddr) -> u64 {
    static HASHER: LazyLock<RandomState> = LazyLock::new(RandomState::new);
    HASHER.hash_one(client_prefix(address)).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    fn address(number: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, number])
    }

    #[test]
    fn an_address_that_fails_ten_times_waits_and_others_do_not() {
        let throttle = AuthThrottle::new();
        for failure in 1..=10 {
            assert_eq!(throttle.wait(address(1), SECOND), None);
            assert_eq!(throttle.failed(address(1), SECOND), failure == 10);
        }
        assert_eq!(throttle.wait(address(1), SECOND), Some(Duration::from_secs(6)));
        assert_eq!(throttle.wait(address(2), SECOND), None);
        assert_eq!(throttle.wait(address(1), 8 * SECOND), None);
        assert!(
            throttle.failed(address(1), 8 * SECOND),
            "another failure throttles it again"
        );
        assert_eq!(throttle.wait(address(1), 200 * SECOND), None);
        assert!(!throttle.is_used.load(Ordering::Relaxed), "all entries have expired");
    }

    #[test]
    fn the_addresses_of_one_ipv6_network_are_throttled_together() {
        let throttle = AuthThrottle::new();
        for host in 0..10_u16 {
            throttle.failed(IpAddr::from([0x2001, 0xdb8, 0, 1, 0, 0, 0, host]), 0);
        }
        assert!(
            throttle
                .wait(IpAddr::from([0x2001, 0xdb8, 0, 1, 9, 9, 9, 9]), 0)
                .is_some()
        );
        assert!(
            throttle
                .wait(IpAddr::from([0x2001, 0xdb8, 0, 2, 9, 9, 9, 9]), 0)
                .is_none()
        );
    }

    #[test]
    fn the_number_of_addresses_is_bounded_and_the_most_recent_ones_are_kept() {
        let throttle = AuthThrottle::new();
        let host = |number: u32| IpAddr::from(number.to_be_bytes());
        for number in 0..30_000 {
            throttle.failed(host(number), SECOND);
        }
        let failures = throttle.failures.lock().expect("the addresses");
        assert_eq!(failures.len(), ADDRESSES_MAX.get());
        assert!(failures.contains(&host(29_999)) && !failures.contains(&host(0)));
    }

    #[test]
    fn a_few_addresses_are_remembered() {
        let accepted = AcceptedAddresses::default();
        assert!(!accepted.contains(address(1)));
        for number in 1..=8 {
            accepted.insert(address(number));
            accepted.insert(address(number));
        }
        assert!((1..=8).all(|number| accepted.contains(address(number))));
        accepted.insert(address(9));
        assert!(accepted.contains(address(9)));
        assert!(!accepted.contains(address(1)), "the oldest one is evicted");
    }
}
