//! Throttling of webhooks and data sync while jobs wait and storage is busy.
//!
//! A late delivery is less harmful than a late job. While jobs wait and commits take nearly all of the time, at most
//! [`PER_SECOND`] deliveries start per second: each is read and recorded by the same commits that start and finish
//! jobs. Throttling is for bursts: a delivery that is late by [`MAX_DELAY`] is exempt, so that sustained load does not
//! delay deliveries by hours.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::runtime::dispatch::backlog_gauge::BacklogGauge;

/// Maximum number of deliveries per second of a throttled node.
const PER_SECOND: f64 = 1_000.0;
/// Maximum number of deliveries in a burst.
const BURST: f64 = 40.0;
/// Delay beyond which a delivery is exempt.
const MAX_DELAY: Duration = Duration::from_secs(10);
/// Time over which the load of commits is measured.
const WINDOW: Duration = Duration::from_millis(50);
/// Age after which a measurement is discarded.
const STALE: Duration = Duration::from_secs(1);
/// Ratio of the time spent on commits above which storage is busy.
const BUSY: f64 = 0.6;
/// Niceness of the thread of webhooks and data sync: under contention for the CPU it gets a tenth of it.
#[cfg(target_os = "linux")]
const NICENESS: i32 = 10;

/// Total time spent on commits.
#[derive(Clone, Debug, Default)]
pub struct CommitLoad(Arc<Mutex<Commits>>);

#[derive(Debug, Default)]
struct Commits {
    ended: Duration,
    /// Start of the commit in progress.
    started_at: Option<Instant>,
}

impl CommitLoad {
    /// Records the start of a commit.
    pub(crate) fn start(&self) {
        self.start_at(Instant::now());
    }

    /// Records the end of a commit, if there was one.
    pub(crate) fn end(&self) {
        self.end_at(Instant::now());
    }

    fn start_at(&self, now: Instant) {
        self.commits().started_at = Some(now);
    }

    fn end_at(&self, now: Instant) {
        let mut commits = self.commits();
        let took = commits
            .started_at
            .take()
            .map(|started_at| now.duration_since(started_at));
        commits.ended += took.unwrap_or_default();
    }

    /// The total at this time.
    fn total(&self, now: Instant) -> Duration {
        let commits = self.commits();
        let running = commits.started_at.map(|started_at| now.duration_since(started_at));
        commits.ended + running.unwrap_or_default()
    }

    fn commits(&self) -> MutexGuard<'_, Commits> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Rate limit of deliveries. Cheap to clone; clones share it.
#[derive(Clone, Debug)]
pub(crate) struct DeliveryThrottle(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    backlog: BacklogGauge,
    commits: CommitLoad,
    /// Total time spent on commits at the last measurement, and its time.
    measured: Duration,
    measured_at: Instant,
    is_busy: bool,
    bucket: f64,
    filled_at: Instant,
}

impl DeliveryThrottle {
    /// A throttle that is inactive while no jobs wait.
    pub(crate) fn new(backlog: BacklogGauge, commits: CommitLoad) -> Self {
        let now = Instant::now();
        Self(Arc::new(Mutex::new(State {
            backlog,
            measured: commits.total(now),
            commits,
            measured_at: now,
            is_busy: false,
            bucket: BURST,
            filled_at: now,
        })))
    }

    /// `true` if a delivery with this delay may start now; otherwise it should be retried a little later.
    pub(crate) fn may_start(&self, late: Duration) -> bool {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        late >= MAX_DELAY || state.may_start(Instant::now())
    }
}

impl State {
    fn may_start(&mut self, now: Instant) -> bool {
        self.measure(now);
        if !self.is_busy || !self.backlog.is_any() {
            return true;
        }
        let since = now.duration_since(self.filled_at).as_secs_f64();
        self.filled_at = now;
        self.bucket = (self.bucket + since * PER_SECOND).min(BURST);
        let may_start = self.bucket >= 1.0;
        if may_start {
            self.bucket -= 1.0;
        }
        may_start
    }

    /// Measures the load of commits.
    fn measure(&mut self, now: Instant) {
        let passed = now.duration_since(self.measured_at);
        if passed >= WINDOW {
            let total = self.commits.total(now);
            let took = total.saturating_sub(self.measured);
            self.is_busy = passed < STALE && took >= passed.mul_f64(BUSY);
            self.measured = total;
            self.measured_at = now;
        }
    }
}

/// Lowers the priority of the current thread.
#[cfg(target_os = "linux")]
pub(crate) fn lower_priority() {
    // Without an argument it affects this thread alone. Without permission, the priority remains unchanged.
    if let Err(error) = rustix::process::setpriority_process(None, NICENESS) {
        tracing::debug!("failed to lower the priority of webhooks: {error}");
    }
}

/// Only Linux has priorities for single threads.
#[cfg(not(target_os = "linux"))]
pub(crate) fn lower_priority() {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn while_jobs_wait_behind_commits_few_deliveries_start_and_late_ones_always() {
        let (backlog, commits) = (BacklogGauge::default(), CommitLoad::default());
        let throttle = DeliveryThrottle::new(backlog.clone(), commits.clone());
        let start = Instant::now();
        let started_at = |millis| {
            let mut state = throttle.0.lock().expect("a state");
            let now = start + Duration::from_millis(millis);
            (0..1_000).filter(|_| state.may_start(now)).count()
        };
        let committed = |from: u64, to: u64| {
            commits.start_at(start + Duration::from_millis(from));
            commits.end_at(start + Duration::from_millis(to));
        };
        committed(0, 90);
        assert_eq!(started_at(100), 1_000, "no jobs wait");
        let mut jobs = backlog.part();
        jobs.set(true);
        committed(100, 190);
        assert_eq!(started_at(200), 40);
        assert_eq!(started_at(210), 10, "1,000 per second");
        assert!(throttle.may_start(MAX_DELAY));
        committed(250, 260);
        assert_eq!(started_at(300), 1_000, "storage is not busy");
        // A commit in progress counts up to now.
        commits.start_at(start + Duration::from_millis(300));
        assert_eq!(started_at(400), 40);
        assert_eq!(started_at(500), 40);
        jobs.set(false);
        assert_eq!(started_at(501), 1_000);
        // An outdated measurement is discarded.
        jobs.set(true);
        assert_eq!(started_at(10_000), 1_000);
    }
}
