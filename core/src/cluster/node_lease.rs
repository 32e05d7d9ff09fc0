//! A node's view of its own lease: whether it may start jobs, and when it must stop its running jobs.
//!
//! The lease is a row in the database: `lease_until`, by the database's clock, which the node can't read exactly. The
//! node knows when it sent a renewal, by its own steady clock, and that the renewal is stored. The database computed
//! the expiry from a moment *after* the node sent the renewal. So the lease lasts at least until `sent + lease` by the
//! node's clock, as long as both clocks run at the same speed. At that moment the node stops, although the lease may
//! last a little longer. Another node takes over the jobs only after the database's expiry, which is never earlier.
//!
//! Invariants (checked by the tests below; `JobRepository` fences what they can't
//! guarantee):
//!
//! 1. While [`NodeLease::is_held`] is true, no other node may take over this node's jobs.
//! 2. `held_until` never decreases: a late response shortens nothing.
//! 3. An expired lease is restored only by a renewal that was *sent* after the expiry, or less than one lease before.

use std::time::Duration;

/// A moment of a node's steady clock: the time since a fixed moment. It advances while the process is stopped and while
/// the machine sleeps (on Linux, `CLOCK_BOOTTIME`).
pub type Moment = Duration;

/// A node's view of its lease; see the module documentation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NodeLease {
    held_until: Option<Moment>,
}

impl NodeLease {
    /// The lease after a stored renewal for `lease` that was sent at `sent_at`.
    #[must_use]
    pub fn renewed(self, sent_at: Moment, lease: Duration) -> Self {
        let until = sent_at.saturating_add(lease);
        Self {
            held_until: Some(self.held_until.map_or(until, |known| known.max(until))),
        }
    }

    /// True if the node owns its running jobs and may start more.
    pub fn is_held(self, now: Moment) -> bool {
        self.held_until.is_some_and(|until| now < until)
    }

    /// Moment at which the node must stop its jobs unless the lease is renewed; `None` before the first renewal.
    pub const fn held_until(self) -> Option<Moment> {
        self.held_until
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::{any, prop_assert, proptest};

    const LEASE: Duration = Duration::from_secs(10);

    /// The database, on the same clock: it stores a renewal some time after it was sent.
    #[derive(Default)]
    struct Database {
        lease_until: Moment,
    }

    proptest! {
        /// Renewals are stored late or never; responses arrive later or never, and in any order.
        #[test]
        fn a_node_never_considers_its_lease_longer_than_the_database_does(
            renewals in vec((0_u64..8_000, 0_u64..20_000, 0_u64..20_000, any::<bool>(), any::<bool>()), 1..30),
            checks in vec(0_u64..300_000, 30),
        ) {
            let mut sent_at = Duration::ZERO;
            let mut stored: Vec<(Moment, Moment)> = Vec::new();
            let mut responses: Vec<(Moment, Moment)> = Vec::new();
            for (pause, way, way_back, arrives, returns) in renewals {
                sent_at += Duration::from_millis(pause);
                let stored_at = sent_at + Duration::from_millis(way);
                if arrives {
                    stored.push((stored_at, stored_at + LEASE));
                    if returns {
                        responses.push((stored_at + Duration::from_millis(way_back), sent_at));
                    }
                }
            }
            for at in checks {
                let now = Duration::from_millis(at);
                let mut database = Database::default();
                for (_, until) in stored.iter().filter(|(at, _)| *at <= now) {
                    database.lease_until = database.lease_until.max(*until);
                }
                let mut node = NodeLease::default();
                responses.sort();
                for (_, sent_at) in responses.iter().filter(|(arrived, _)| *arrived <= now) {
                    let before = node.held_until();
                    node = node.renewed(*sent_at, LEASE);
                    prop_assert!(node.held_until() >= before, "it never goes back");
                }
                if node.is_held(now) {
                    prop_assert!(now < database.lease_until, "at {now:?} the node holds after the database's expiry");
                }
            }
        }
    }

    #[test]
    fn a_lease_without_a_renewal_is_not_held() {
        assert!(!NodeLease::default().is_held(Duration::ZERO));
    }

    #[test]
    fn a_lease_expires_at_the_exact_moment() {
        let lease = NodeLease::default().renewed(Duration::from_secs(5), LEASE);
        assert!(lease.is_held(Duration::from_millis(14_999)));
        assert!(!lease.is_held(Duration::from_secs(15)));
    }
}
