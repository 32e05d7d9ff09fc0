//! Floors of claims on PostgreSQL: the due time at which a claim begins.
//!
//! A claim takes the earliest due jobs from an index, and passes over the entries of jobs that have left it. Usually there
//! are few. While a snapshot is held open elsewhere (a backup, a report) none of them can be removed, and a claim would
//! pass over every job since. Once claims of a queue are slow, they begin where the last one has ended, less a margin for
//! jobs whose commit comes later than their due time. A read over another connection finds jobs below the floor and lowers
//! it. Once that read is fast, claims need no floor.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::claim_order::ClaimKey;
use crate::domain::job::Job;
use crate::domain::job::priority::Priority;
use crate::domain::job::status::JobStatus;
use crate::domain::values::name::QueueName;
use crate::storage::change::{Change, JobChange};
use crate::storage::sea::mapping::micros;

/// Minimum duration of a slow claim, and of each job that it has claimed.
pub(super) const SLOW: Duration = Duration::from_millis(25);
pub(super) const SLOW_PER_JOB: Duration = Duration::from_micros(200);
/// Number of slow claims in sequence after which the next ones begin at a floor.
const SLOW_CLAIMS: u32 = 2;
/// Duration of a read below the floor after which claims need none.
const FAST: Duration = Duration::from_millis(5);
/// Time from a job's due time to its commit.
const MARGIN_MICROS: i64 = 2_000_000;
/// Minimum interval between two reads below a floor, and the interval as a multiple of the last one's duration.
const INTERVAL_MIN: Duration = Duration::from_millis(250);
const INTERVAL_FACTOR: u32 = 20;
/// Maximum number of floors.
const FLOORS_MAX: usize = 10_000;

/// A queue and the requested types, and the priority.
pub(super) type FloorKey = (ClaimKey, Priority);

/// The floors of the latest claims.
#[derive(Clone, Default)]
pub(crate) struct ClaimFloors(Arc<Floors>);

#[derive(Default)]
struct Floors {
    by_key: Mutex<HashMap<FloorKey, Floor>>,
    /// `false` while no claim is slow.
    is_used: AtomicBool,
}

struct Floor {
    slow_claims: u32,
    /// Claims begin at this due time, in microseconds; `None` while they are not slow.
    due_at: Option<i64>,
    next_read: Instant,
    is_reading: bool,
}

impl ClaimFloors {
    fn locked(&self) -> MutexGuard<'_, HashMap<FloorKey, Floor>> {
        self.0.by_key.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_used(&self) -> bool {
        self.0.is_used.load(Ordering::Relaxed)
    }

    fn set_used(&self, floors: &HashMap<FloorKey, Floor>) {
        self.0.is_used.store(!floors.is_empty(), Ordering::Relaxed);
    }

    /// The due time at which a claim begins; `None` if it begins at the earliest job.
    pub(super) fn floor(&self, key: &FloorKey) -> Option<i64> {
        if !self.is_used() {
            return None;
        }
        self.locked().get(key)?.due_at
    }

    /// Records a claim that began at a floor and took the jobs that are due before `end`.
    pub(super) fn record(&self, key: &FloorKey, floor: Option<i64>, end: i64, is_slow: bool) {
        if !is_slow && !self.is_used() {
            return;
        }
        let mut floors = self.locked();
        let next = end - MARGIN_MICROS;
        match (floors.entry(key.clone()), floor) {
            // Unless it was lowered meanwhile.
            (Entry::Occupied(mut entry), Some(_)) => {
                let stored = &mut entry.get_mut().due_at;
                if *stored == floor {
                    *stored = floor.max(Some(next));
                }
            }
            (Entry::Occupied(entry), None) if !is_slow => {
                entry.remove();
            }
            (Entry::Occupied(mut entry), None) => {
                let known = entry.get_mut();
                known.slow_claims += 1;
                if known.slow_claims >= SLOW_CLAIMS {
                    known.due_at = Some(next);
                }
            }
            (Entry::Vacant(entry), None) if is_slow => {
                entry.insert(Floor {
                    slow_claims: 1,
                    due_at: None,
                    next_read: Instant::now() + INTERVAL_MIN,
                    is_reading: false,
                });
            }
            (Entry::Vacant(_), _) => {}
        }
        if floors.len() > FLOORS_MAX {
            floors.clear();
        }
        self.set_used(&floors);
    }

    /// The floor below which a read is due. The caller reads, and reports the result to [`Self::record_read`].
    pub(super) fn due_read(&self, key: &FloorKey) -> Option<i64> {
        if !self.is_used() {
            return None;
        }
        let mut floors = self.locked();
        let floor = floors.get_mut(key)?;
        if floor.is_reading || floor.next_read > Instant::now() {
            return None;
        }
        let due_at = floor.due_at?;
        floor.is_reading = true;
        Some(due_at)
    }

    /// Records the earliest due time below a floor, and the duration of the read; `None` if it failed.
    pub(super) fn record_read(&self, key: &FloorKey, read: Option<(Option<i64>, Duration)>) {
        let mut floors = self.locked();
        match (read, floors.get_mut(key)) {
            (Some((earliest, took)), Some(floor)) if took >= FAST => {
                floor.due_at = [floor.due_at, earliest].into_iter().flatten().min();
                floor.next_read = Instant::now() + INTERVAL_MIN.max(took * INTERVAL_FACTOR);
                floor.is_reading = false;
            }
            (Some(_) | None, _) => {
                floors.remove(key);
            }
        }
        self.set_used(&floors);
    }

    /// Lowers the floors of a queue for a job that is pending again.
    fn lower(&self, queue: &QueueName, due_at: i64) {
        for (_, floor) in self.locked().iter_mut().filter(|(((of, _), _), _)| of == queue) {
            floor.due_at = floor.due_at.map(|floor| floor.min(due_at));
        }
    }

    /// Lowers the floors for the jobs that changes have made pending.
    pub(crate) fn apply(&self, changes: &[Change]) {
        if !self.is_used() {
            return;
        }
        let pending = |job: &Job| {
            if job.status == JobStatus::Pending {
                self.lower(&job.queue, micros(job.due_at));
            }
        };
        for change in changes.iter().flat_map(Change::with_steps) {
            let Change::Job(change) = change else { continue };
            match change {
                JobChange::Insert { jobs, idempotency: _ } => jobs.iter().for_each(|job| pending(job)),
                JobChange::Update { after: job, .. } | JobChange::Finish { job, .. } => pending(job),
                JobChange::Release { jobs, now: _ } => jobs.iter().for_each(|job| pending(job)),
                JobChange::Start { .. } | JobChange::Claim(_) | JobChange::Delete { .. } | JobChange::Report { .. } => {
                }
            }
        }
    }

    /// Removes all floors: claims may not have been committed.
    pub(crate) fn clear(&self) {
        if self.is_used() {
            let mut floors = self.locked();
            floors.clear();
            self.set_used(&floors);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const END: i64 = 100_000_000;

    fn key(queue: &str) -> FloorKey {
        ((QueueName::from_stored(queue.to_owned()), 1), Priority::Normal)
    }

    fn slow(queue: &str) -> ClaimFloors {
        let floors = ClaimFloors::default();
        for _ in 0..SLOW_CLAIMS {
            assert_eq!(floors.floor(&key(queue)), None);
            floors.record(&key(queue), None, END, true);
        }
        floors
    }

    #[test]
    fn only_slow_claims_in_sequence_get_a_floor() {
        let floors = slow("a");
        assert_eq!(floors.floor(&key("a")), Some(END - MARGIN_MICROS));
        assert_eq!(floors.floor(&key("b")), None);
        for is_slow in [true, false, true, false] {
            floors.record(&key("b"), None, END, is_slow);
            assert_eq!(floors.floor(&key("b")), None);
        }
    }

    #[test]
    fn a_floor_rises_with_claims_and_falls_with_jobs_below_it() {
        let floors = slow("a");
        let first = floors.floor(&key("a"));
        floors.record(&key("a"), first, END + 5, false);
        let next = floors.floor(&key("a"));
        assert_eq!(next, Some(END + 5 - MARGIN_MICROS));
        floors.lower(&QueueName::from_stored("a".to_owned()), 7);
        // Of a claim that began before.
        floors.record(&key("a"), next, END + 9, false);
        assert_eq!(floors.floor(&key("a")), Some(7));
    }

    #[test]
    fn a_read_below_lowers_the_floor_or_ends_it() {
        let floors = slow("a");
        floors.record_read(&key("a"), Some((Some(3), FAST)));
        assert_eq!(floors.floor(&key("a")), Some(3));
        floors.record_read(&key("a"), Some((None, FAST)));
        assert_eq!(floors.floor(&key("a")), Some(3));
        floors.record_read(&key("a"), Some((None, Duration::ZERO)));
        assert_eq!(floors.floor(&key("a")), None);
        for floors in [slow("a"), slow("b")] {
            floors.record_read(&key("a"), None);
            floors.clear();
            assert_eq!((floors.floor(&key("b")), floors.is_used()), (None, false));
        }
    }
}
