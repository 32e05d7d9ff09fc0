//! Size of steps: a step occupies the write path while it is committed.
//!
//! While no other jobs are written, steps are as large as possible. Otherwise they are so small that a commit with one
//! takes a few milliseconds, and every second moment belongs to others.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::domain::operation::STEP_JOBS;

/// Duration of a step's commit beside writes of others.
const BUSY_TIME: Duration = Duration::from_millis(3);
/// Duration of a step's commit otherwise.
const IDLE_TIME: Duration = Duration::from_millis(100);
/// Minimum number of jobs per step.
const JOBS_MIN: u32 = 10;
/// Number of jobs of the first step.
const JOBS_FIRST: u32 = 25;
/// Time after the last write of others for which they count as busy.
const BUSY_FOR: Duration = Duration::from_millis(500);

/// Number of writes of jobs by others: requests, starts and ends of attempts. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct OtherWrites(Arc<AtomicU64>);

impl OtherWrites {
    /// Adds a write.
    pub(crate) fn add(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    fn count(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// The size of the next step.
#[derive(Clone, Debug)]
pub(super) struct Pace {
    others: OtherWrites,
    seen: u64,
    busy_until: Option<Instant>,
    jobs: u32,
}

impl Pace {
    pub(super) fn new(others: OtherWrites) -> Self {
        Self {
            seen: others.count(),
            others,
            busy_until: None,
            jobs: JOBS_FIRST,
        }
    }

    /// Maximum number of jobs of the next step.
    pub(super) const fn jobs(&self) -> u32 {
        self.jobs
    }

    /// Records a step of this number of jobs whose commit took this time. Returns the time to wait before the next one.
    pub(super) fn record(&mut self, jobs: usize, took: Duration, now: Instant) -> Duration {
        let seen = self.others.count();
        if seen != self.seen {
            self.seen = seen;
            self.busy_until = Some(now + BUSY_FOR);
        }
        let is_busy = self.busy_until.is_some_and(|until| now < until);
        let target = if is_busy { BUSY_TIME } else { IDLE_TIME };
        if jobs > 0 {
            let ratio = target.as_secs_f64() / took.as_secs_f64().max(1e-6);
            // A single commit may be slow by chance.
            let next = (f64::from(self.jobs) * ratio.clamp(0.5, 2.0)).round();
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "the value is within the bounds of the clamp"
            )]
            let next = next.clamp(f64::from(JOBS_MIN), f64::from(STEP_JOBS)) as u32;
            self.jobs = next;
        }
        if is_busy { took } else { Duration::ZERO }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Makes steps whose commit takes this time for each job.
    fn after_steps(pace: &mut Pace, per_job: Duration, busy: Option<&OtherWrites>) -> (u32, Duration) {
        let mut wait = Duration::ZERO;
        for _ in 0..20 {
            if let Some(others) = busy {
                others.add();
            }
            let jobs = pace.jobs();
            wait = pace.record(jobs as usize, per_job * jobs, Instant::now());
        }
        (pace.jobs(), wait)
    }

    #[test]
    fn steps_are_large_alone_and_small_beside_others() {
        let others = OtherWrites::default();
        let mut pace = Pace::new(others.clone());
        let per_job = Duration::from_micros(100);
        assert_eq!(after_steps(&mut pace, per_job, None), (STEP_JOBS, Duration::ZERO));
        let (jobs, wait) = after_steps(&mut pace, per_job, Some(&others));
        assert!((20..=45).contains(&jobs), "{jobs}");
        assert!(wait >= Duration::from_millis(1), "{wait:?}");
        pace.busy_until = None;
        assert_eq!(after_steps(&mut pace, per_job, None).0, STEP_JOBS);
        let (jobs, _) = after_steps(&mut pace, Duration::from_secs(1), Some(&others));
        assert_eq!(jobs, JOBS_MIN);
    }
}
