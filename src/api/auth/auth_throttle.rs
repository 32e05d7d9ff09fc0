//! The brake on guessing: who fails to show who it is too often has to wait, by the address it comes from.
//!
//! Ten failures may come at once, and then one every six seconds. Beyond that everything that an address shows is refused
//! unseen (429 and `Retry-After`), but for what has been accepted from this very address before: a client that shares its
//! address with somebody who guesses goes on working.

use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::Duration;

use super::rate_limit::Rate;
use super::two_generation_cache::Generations;
use crate::domain::access::ip_network::client_prefix;

/// How many failures an address has.
const FAILURES: Rate = Rate {
    capacity: 10,
    per: Duration::from_secs(60),
};
/// How many addresses are remembered, twice.
const ADDRESSES_MAX: usize = 5_000;
/// How long an address is remembered, in nanoseconds: after that time its bucket has leaked empty.
const LIFETIME: u64 = 60_000_000_000;

/// See the module.
#[derive(Debug)]
pub(super) struct Brake {
    /// Whether anybody has failed: spares everybody else the lock.
    is_used: AtomicBool,
    failures: Mutex<Generations<IpAddr, u64>>,
}

impl Brake {
    /// Nobody has failed.
    pub(super) fn new() -> Self {
        Self {
            is_used: AtomicBool::new(false),
            failures: Mutex::new(Generations::new(ADDRESSES_MAX, LIFETIME)),
        }
    }

    /// The time for which nothing new is accepted from an address; `None` if it is not braked.
    pub(super) fn wait(&self, address: IpAddr, now: u64) -> Option<Duration> {
        if !self.is_used.load(Ordering::Relaxed) {
            return None;
        }
        // The map stays whole when somebody panics while holding it.
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        failures.age(now);
        if failures.is_empty() {
            self.is_used.store(false, Ordering::Relaxed);
            return None;
        }
        let full_at = *failures.get(&client_prefix(address))?;
        let quota = FAILURES.quota(full_at, now);
        (quota.remaining == 0).then_some(quota.next_in)
    }

    /// Notes that somebody at an address has failed. Gives whether the address is braked from now on.
    pub(super) fn failed(&self, address: IpAddr, now: u64) -> bool {
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        let full_at = failures.entry(&client_prefix(address), now, || 0);
        *full_at = FAILURES.count(*full_at, now).unwrap_or(*full_at);
        let is_braked = FAILURES.quota(*full_at, now).remaining == 0;
        self.is_used.store(true, Ordering::Relaxed);
        is_braked
    }
}

/// Where something was accepted from lately: a few addresses, as numbers that nobody outside can work out.
#[derive(Debug, Default)]
pub(super) struct SeenAt {
    addresses: [AtomicU64; 8],
    next: AtomicUsize,
}

impl SeenAt {
    /// Whether it was accepted from here.
    pub(super) fn contains(&self, address: IpAddr) -> bool {
        let number = number(address);
        self.addresses.iter().any(|seen| seen.load(Ordering::Relaxed) == number)
    }

    /// Notes that it was accepted from here.
    pub(super) fn note(&self, address: IpAddr) {
        let number = number(address);
        if self.addresses.iter().any(|seen| seen.load(Ordering::Relaxed) == number) {
            return;
        }
        let place = self.next.fetch_add(1, Ordering::Relaxed) % self.addresses.len();
        if let Some(seen) = self.addresses.get(place) {
            seen.store(number, Ordering::Relaxed);
        }
    }
}

/// Never 0, which is an empty place.
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
        let brake = Brake::new();
        for failure in 1..=10 {
            assert_eq!(brake.wait(address(1), SECOND), None);
            assert_eq!(brake.failed(address(1), SECOND), failure == 10);
        }
        assert_eq!(brake.wait(address(1), SECOND), Some(Duration::from_secs(6)));
        assert_eq!(brake.wait(address(2), SECOND), None);
        assert_eq!(brake.wait(address(1), 8 * SECOND), None);
        assert!(
            brake.failed(address(1), 8 * SECOND),
            "one failure more, and it waits again"
        );
        assert_eq!(brake.wait(address(1), 200 * SECOND), None);
        assert!(!brake.is_used.load(Ordering::Relaxed), "all is forgotten");
    }

    #[test]
    fn the_addresses_of_one_ipv6_network_are_braked_together() {
        let brake = Brake::new();
        for host in 0..10_u16 {
            brake.failed(IpAddr::from([0x2001, 0xdb8, 0, 1, 0, 0, 0, host]), 0);
        }
        assert!(brake.wait(IpAddr::from([0x2001, 0xdb8, 0, 1, 9, 9, 9, 9]), 0).is_some());
        assert!(brake.wait(IpAddr::from([0x2001, 0xdb8, 0, 2, 9, 9, 9, 9]), 0).is_none());
    }

    #[test]
    fn a_few_addresses_are_remembered() {
        let seen = SeenAt::default();
        assert!(!seen.contains(address(1)));
        for number in 1..=8 {
            seen.note(address(number));
            seen.note(address(number));
        }
        assert!((1..=8).all(|number| seen.contains(address(number))));
        seen.note(address(9));
        assert!(seen.contains(address(9)));
        assert!(
            !seen.contains(address(1)),
            "the one that was there for longest is forgotten"
        );
    }
}
