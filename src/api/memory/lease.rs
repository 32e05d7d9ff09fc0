//! Memory for leased jobs.

use super::budget::{COUNTED_BYTES_MIN, MemoryBudget};
use crate::service::workers::{LeaseMemory, LeaseRoom};

/// Copies of a leased job: from storage, decoded, and in the response.
const LEASE_FACTOR: usize = 3;

/// Memory reserved for a leased job before its size is known, in bytes.
const LEASED_JOB_BYTES: usize = 1 << 20;

/// Memory for leased jobs: for each lease at most a limit, and a quarter of the remaining memory, so that several are
/// possible.
pub(crate) struct LeaseBudget {
    budget: MemoryBudget,
    bytes_max: usize,
}

impl LeaseBudget {
    /// For jobs of at most `bytes_max` bytes.
    pub(crate) fn new(budget: MemoryBudget, bytes_max: usize) -> Self {
        Self { budget, bytes_max }
    }
}

impl LeaseMemory for LeaseBudget {
    fn reserve(&self, jobs: u32) -> Option<LeaseRoom> {
        let of_jobs = usize::try_from(jobs)
            .unwrap_or(usize::MAX)
            .saturating_mul(LEASED_JOB_BYTES);
        let bytes = (self.budget.available() / 4 / LEASE_FACTOR)
            .min(of_jobs)
            .min(self.bytes_max)
            .max(COUNTED_BYTES_MIN);
        let reservation = self.budget.reserve(bytes.saturating_mul(LEASE_FACTOR))?;
        Some(LeaseRoom {
            bytes: bytes.min(self.bytes_max) as u64,
            held: Box::new(reservation),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::domain::access::caller::{Caller, CallerKind, Scopes};

    fn key(name: &str) -> Caller {
        Caller::new(name, CallerKind::Key, Scopes::all(), Arc::default())
    }

    #[test]
    fn leases_reserve_a_part_of_the_remaining_memory() {
        let all = MemoryBudget::new("a.setting", 48 << 20);
        let lease = |jobs| LeaseBudget::new(all.of(&key("a")), 16 << 20).reserve(jobs);
        let first = lease(1_000).expect("it is free");
        assert_eq!(first.bytes, 2 << 20);
        let small = lease(1).expect("some is left");
        assert_eq!(small.bytes, 1 << 20);
        let more: Vec<_> = std::iter::from_fn(|| lease(1_000)).collect();
        assert!(more.len() > 5 && all.of(&key("a")).available() < LEASE_FACTOR * COUNTED_BYTES_MIN);
        assert!(LeaseBudget::new(all.of(&key("b")), 16 << 20).reserve(1_000).is_some());
    }
}
