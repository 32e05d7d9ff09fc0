//! What a node knows of its own lease: whether it may start jobs, and when it must give up those that it runs.
//!
//! The lease itself is a row in the database: `lease_until`, by the database's clock, which the node can't read exactly.
//! What the node can know is this. It sent a renewal at some moment of its own steady clock and was told later that the
//! renewal is stored. The database reckoned the lease from a moment *after* the sending. So the lease lasts at least
//! until `sent + lease` by the node's clock, as long as both clocks run at the same speed; and at that moment the node
//! stops, although the database may let it live a little longer. Another node takes the jobs only when the database says
//! that the lease is over, which is never earlier.
//!
//! Invariants (the tests below run them, and [`crate::storage::repository::JobRepository`] fences what they can't
//! promise):
//!
//! 1. While [`NodeLease::is_held`] is true no other node has been allowed to take this node's jobs.
//! 2. `held_until` never goes back: an answer that arrives late shortens nothing.
//! 3. Once the lease has lapsed, nothing but a renewal that was *sent* afterwards, or was sent less than a lease ago,
//!    brings it back.

use std::time::Duration;

/// A moment of a node's own steady clock: the time since some fixed moment. It goes on while the process is stopped and
/// while the machine sleeps (on Linux, `CLOCK_BOOTTIME`).
pub type Moment = Duration;

/// A node's view of its lease. See the module.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NodeLease {
    held_until: Option<Moment>,
}

impl NodeLease {
    /// The lease after a renewal that was sent at `sent_at`, and is stored, for `lease` from then on.
    #[must_use]
    pub fn renewed(self, sent_at: Moment, lease: Duration) -> Self {
        let until = sent_at.saturating_add(lease);
        Self {
            held_until: Some(self.held_until.map_or(until, |known| known.max(until))),
        }
    }

    /// Whether the node owns what it runs, and may start more.
    pub fn is_held(self, now: Moment) -> bool {
        self.held_until.is_some_and(|until| now < until)
    }

    /// When the node must give up, unless it is renewed before; `None` if it never was.
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

    /// The database's side, on the same clock: it stores a renewal some time after it was sent.
    #[derive(Default)]
    struct Database {
        lease_until: Moment,
    }

    proptest! {
        /// Renewals are stored late, or never; their answers arrive later still, or never, and in any order.
        #[test]
        fn a_node_never_believes_longer_in_its_lease_than_the_database(
            renewals in vec((0_u64..8_000, 0_u64..20_000, 0_u64..20_000, any::<bool>(), any::<bool>()), 1..30),
            looks in vec(0_u64..300_000, 30),
        ) {
            let mut sent_at = Duration::ZERO;
            let mut stored: Vec<(Moment, Moment)> = Vec::new();
            let mut answers: Vec<(Moment, Moment)> = Vec::new();
            for (pause, way, way_back, arrives, returns) in renewals {
                sent_at += Duration::from_millis(pause);
                let stored_at = sent_at + Duration::from_millis(way);
                if arrives {
                    stored.push((stored_at, stored_at + LEASE));
                    if returns {
                        answers.push((stored_at + Duration::from_millis(way_back), sent_at));
                    }
                }
            }
            for look in looks {
                let now = Duration::from_millis(look);
                let mut database = Database::default();
                for (_, until) in stored.iter().filter(|(at, _)| *at <= now) {
                    database.lease_until = database.lease_until.max(*until);
                }
                let mut node = NodeLease::default();
                answers.sort();
                for (_, sent_at) in answers.iter().filter(|(arrived, _)| *arrived <= now) {
                    let before = node.held_until();
                    node = node.renewed(*sent_at, LEASE);
                    prop_assert!(node.held_until() >= before, "it never goes back");
                }
                if node.is_held(now) {
                    prop_assert!(now < database.lease_until, "at {now:?} the node holds what the database has let go");
                }
            }
        }
    }

    #[test]
    fn a_lease_that_was_never_given_is_not_held() {
        assert!(!NodeLease::default().is_held(Duration::ZERO));
    }

    #[test]
    fn a_lease_ends_to_the_moment() {
        let lease = NodeLease::default().renewed(Duration::from_secs(5), LEASE);
        assert!(lease.is_held(Duration::from_millis(14_999)));
        assert!(!lease.is_held(Duration::from_secs(15)));
    }
}
