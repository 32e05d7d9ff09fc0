//! This node's view of its own lease, for the actors that start and run jobs.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

use crate::domain::cluster::node_lease::{Moment, NodeLease};

/// Shared by the actors of a node: the LeaseRenewer extends it, dispatchers and workers check it.
#[derive(Clone, Debug)]
pub struct SharedNodeLease {
    /// `None` if storage serves this node alone: no other node can recover its jobs.
    held_until_micros: Option<Arc<AtomicU64>>,
    /// Number of renewals of an expired lease.
    terms: Arc<AtomicU64>,
}

impl SharedNodeLease {
    /// The lease of a node; expired at first if other nodes may use the same storage.
    pub fn new(is_shared: bool) -> Self {
        Self {
            held_until_micros: is_shared.then(Arc::default),
            terms: Arc::default(),
        }
    }

    /// `true` while jobs may be started and running jobs belong to this node.
    pub fn is_open(&self) -> bool {
        self.held_until_micros.is_none() || self.lease().is_held(steady_now())
    }

    /// The term of the lease: the same number as before means that it has not expired in between, unless it is expired now.
    pub fn term(&self) -> u64 {
        self.terms.load(Ordering::Acquire)
    }

    /// Time until the lease expires without a renewal; `None` if it can't expire.
    pub fn open_for(&self) -> Option<Duration> {
        self.held_until_micros.as_ref()?;
        let until = self.lease().held_until().unwrap_or_default();
        Some(until.saturating_sub(steady_now()))
    }

    /// Time since the lease expired; zero while it is valid.
    pub fn closed_for(&self) -> Duration {
        if self.is_open() {
            return Duration::ZERO;
        }
        steady_now().saturating_sub(self.lease().held_until().unwrap_or_default())
    }

    /// Records a stored renewal that was sent at `sent_at`.
    pub fn renewed(&self, sent_at: Moment, lease: Duration) {
        if let Some(held_until) = &self.held_until_micros {
            let renewed = self.lease().renewed(sent_at, lease);
            let until = renewed.held_until().unwrap_or_default();
            if !self.is_open() {
                // Other nodes may have recovered jobs of this node.
                self.terms.fetch_add(1, Ordering::AcqRel);
            }
            held_until.fetch_max(micros(until), Ordering::AcqRel);
        }
    }

    fn lease(&self) -> NodeLease {
        let held_until = self
            .held_until_micros
            .as_ref()
            .map(|micros| micros.load(Ordering::Acquire));
        match held_until {
            None | Some(0) => NodeLease::default(),
            Some(until) => NodeLease::default().renewed(Duration::from_micros(until), Duration::ZERO),
        }
    }
}

/// The node's steady clock: it is never set, and continues while the process is stopped or the machine sleeps.
pub(crate) fn steady_now() -> Moment {
    let time = clock_gettime(ClockId::Boottime);
    let seconds = u64::try_from(time.tv_sec).unwrap_or_default();
    let nanos = u32::try_from(time.tv_nsec).unwrap_or_default();
    Duration::new(seconds, nanos)
}

fn micros(moment: Moment) -> u64 {
    u64::try_from(moment.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_storage_serves_one_node_alone_nothing_closes_the_gate() {
        let lease = SharedNodeLease::new(false);
        assert!(lease.is_open());
        assert_eq!(lease.open_for(), None);
    }

    #[test]
    fn the_gate_is_open_from_a_renewal_on_for_a_lease() {
        let lease = SharedNodeLease::new(true);
        assert!(!lease.is_open());
        lease.renewed(steady_now(), Duration::from_secs(60));
        assert!(lease.is_open());
        assert!(lease.open_for().is_some_and(|time| time > Duration::from_secs(50)));
        let term = lease.term();
        lease.renewed(steady_now(), Duration::from_secs(60));
        assert_eq!(lease.term(), term, "it has not expired in between");
        let another = SharedNodeLease::new(true);
        another.renewed(
            steady_now().saturating_sub(Duration::from_secs(2)),
            Duration::from_secs(1),
        );
        assert!(!another.is_open());
        let term = another.term();
        another.renewed(steady_now(), Duration::from_secs(60));
        assert_ne!(another.term(), term);
    }
}
