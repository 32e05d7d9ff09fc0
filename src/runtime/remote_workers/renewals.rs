//! Times of the renewals of workers' leases.

use std::collections::HashMap;
use std::time::Duration;

use tokio::time::Instant;

use crate::domain::values::id::NodeId;

/// Part of a lease after which it is renewed.
const RENEWED_AFTER: u32 = 3;
/// Number of moments in this part at which the leases of waiting workers are renewed together, in one commit.
const MOMENTS: u32 = 4;

/// The last renewals of leases by this node.
pub(super) struct Renewals {
    renewed: HashMap<NodeId, Instant>,
    purged_at: Instant,
    /// Start of the first period.
    origin: Instant,
}

impl Renewals {
    /// No renewals yet.
    pub(super) fn new() -> Self {
        let now = Instant::now();
        Self {
            renewed: HashMap::new(),
            purged_at: now,
            origin: now,
        }
    }

    /// Records a renewal.
    pub(super) fn renewed(&mut self, worker: NodeId, at: Instant, lease: Duration) {
        // At intervals: a pass over all workers for each of them would cost their square.
        if at.saturating_duration_since(self.purged_at) > lease {
            self.purged_at = at;
            self.renewed
                .retain(|_, renewed| at.saturating_duration_since(*renewed) < lease);
        }
        self.renewed.insert(worker, at);
    }

    /// Removes a worker.
    pub(super) fn remove(&mut self, worker: NodeId) {
        self.renewed.remove(&worker);
    }

    /// The next renewal of a waiting worker: the last shared moment before a third of its lease has elapsed.
    pub(super) fn next(&self, worker: NodeId, lease: Duration) -> Instant {
        let Some(renewed) = self.renewed.get(&worker) else {
            return self.origin;
        };
        let interval = lease / RENEWED_AFTER;
        let due = (*renewed + interval).saturating_duration_since(self.origin);
        let step = (interval / MOMENTS).max(Duration::from_millis(1)).as_nanos();
        let since = due.as_nanos() % step;
        *renewed + interval - Duration::from_nanos(u64::try_from(since).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;

    /// An id of a new worker.
    fn worker() -> NodeId {
        NodeId::new(DateTime::UNIX_EPOCH)
    }

    #[test]
    fn leases_are_renewed_together_before_a_third_has_elapsed() {
        let mut renewals = Renewals::new();
        let (start, lease) = (renewals.origin, Duration::from_secs(30));
        assert!(renewals.next(worker(), lease) <= Instant::now());
        let mut moments = std::collections::BTreeSet::new();
        for number in 0..100 {
            let (worker, at) = (worker(), start + Duration::from_millis(100 * number));
            renewals.renewed(worker, at, lease);
            let next = renewals.next(worker, lease);
            assert!(next <= at + lease / 3 && next > at + lease / 5, "{number}");
            moments.insert(next);
        }
        assert!(moments.len() <= 5, "{moments:?}");
    }

    #[test]
    fn expired_renewals_are_removed() {
        let mut renewals = Renewals::new();
        let (start, lease) = (renewals.origin, Duration::from_secs(30));
        for second in 0..1_000 {
            renewals.renewed(worker(), start + Duration::from_secs(second), lease);
        }
        assert!(renewals.renewed.len() <= 62, "{}", renewals.renewed.len());
    }
}
