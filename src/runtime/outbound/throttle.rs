//! How those who speak to other programs step back behind jobs when storage can't do both at once.
//!
//! What is to be told waits in storage and is told a little later; a job that waits is late. So while jobs wait and nearly all of
//! the time is spent on commits, no more than [`PER_SECOND`] deliveries are begun a second: each of them is read, and what came
//! of it is written by the same commits that start and end jobs. This is for bursts: what is late by [`LATE_MAX`] steps back no
//! more, so that a load that lasts has nobody told hours later.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::runtime::dispatch::backlog_gauge::BacklogGauge;

/// How many deliveries a node begins a second while it steps back.
const PER_SECOND: f64 = 1_000.0;
/// How many of them may begin together.
const BURST: f64 = 40.0;
/// How late a delivery may be and step back all the same.
const LATE_MAX: Duration = Duration::from_secs(10);
/// How long commits are watched before it is said how much of the time they take.
const WINDOW: Duration = Duration::from_millis(50);
/// What was seen is too old to go by after this time.
const STALE: Duration = Duration::from_secs(1);
/// What counts as nearly all of the time.
const BUSY: f64 = 0.6;
/// How far the thread of those who speak to other programs steps back: when it and others want all of the processor, it gets a
/// tenth of it.
#[cfg(target_os = "linux")]
const NICENESS: i32 = 10;

/// How long commits have taken, all together.
#[derive(Clone, Debug, Default)]
pub struct CommitLoad(Arc<Mutex<Commits>>);

#[derive(Debug, Default)]
struct Commits {
    ended: Duration,
    /// When the one has begun that goes on.
    began_at: Option<Instant>,
}

impl CommitLoad {
    /// A commit begins.
    pub(crate) fn begin(&self) {
        self.begin_at(Instant::now());
    }

    /// It has ended, if there was one.
    pub(crate) fn end(&self) {
        self.end_at(Instant::now());
    }

    fn begin_at(&self, now: Instant) {
        self.commits().began_at = Some(now);
    }

    fn end_at(&self, now: Instant) {
        let mut commits = self.commits();
        let took = commits.began_at.take().map(|began_at| now.duration_since(began_at));
        commits.ended += took.unwrap_or_default();
    }

    /// How long they have taken up to now.
    fn total(&self, now: Instant) -> Duration {
        let commits = self.commits();
        let running = commits.began_at.map(|began_at| now.duration_since(began_at));
        commits.ended + running.unwrap_or_default()
    }

    fn commits(&self) -> MutexGuard<'_, Commits> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How fast deliveries may begin. Cheap to copy; all that speak to other programs have the same.
#[derive(Clone, Debug)]
pub struct DeliveryThrottle(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    backlog: BacklogGauge,
    commits: CommitLoad,
    /// How long commits had taken when they were looked at last, and when that was.
    seen: Duration,
    looked_at: Instant,
    is_busy: bool,
    bucket: f64,
    filled_at: Instant,
}

impl DeliveryThrottle {
    /// As fast as can be, unless jobs wait.
    pub(crate) fn new(backlog: BacklogGauge, commits: CommitLoad) -> Self {
        let now = Instant::now();
        Self(Arc::new(Mutex::new(State {
            backlog,
            seen: commits.total(now),
            commits,
            looked_at: now,
            is_busy: false,
            bucket: BURST,
            filled_at: now,
        })))
    }

    /// Whether one more may begin now that is so late already; otherwise it is to be asked again a little later.
    pub(crate) fn may_begin(&self, late: Duration) -> bool {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        late >= LATE_MAX || state.may_begin(Instant::now())
    }
}

impl State {
    fn may_begin(&mut self, now: Instant) -> bool {
        self.look(now);
        if !self.is_busy || !self.backlog.is_any() {
            return true;
        }
        let since = now.duration_since(self.filled_at).as_secs_f64();
        self.filled_at = now;
        self.bucket = (self.bucket + since * PER_SECOND).min(BURST);
        let may_begin = self.bucket >= 1.0;
        if may_begin {
            self.bucket -= 1.0;
        }
        may_begin
    }

    /// Looks how much of the time commits take.
    fn look(&mut self, now: Instant) {
        let passed = now.duration_since(self.looked_at);
        if passed >= WINDOW {
            let total = self.commits.total(now);
            let took = total.saturating_sub(self.seen);
            self.is_busy = passed < STALE && took >= passed.mul_f64(BUSY);
            self.seen = total;
            self.looked_at = now;
        }
    }
}

/// Has the thread that it runs on step back behind the others.
#[cfg(target_os = "linux")]
pub(crate) fn lower_priority() {
    // Without an argument it is this thread alone. If it is not allowed, all threads are as important as before.
    if let Err(error) = rustix::process::setpriority_process(None, NICENESS) {
        tracing::debug!("webhooks are sent with the same priority as jobs are run: {error}");
    }
}

/// Only Linux has priorities for single threads.
#[cfg(not(target_os = "linux"))]
pub(crate) fn lower_priority() {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn while_jobs_wait_behind_commits_few_may_begin_and_those_that_are_late() {
        let (backlog, commits) = (BacklogGauge::default(), CommitLoad::default());
        let pace = DeliveryThrottle::new(backlog.clone(), commits.clone());
        let start = Instant::now();
        let begun_at = |millis| {
            let mut state = pace.0.lock().expect("a state");
            let now = start + Duration::from_millis(millis);
            (0..1_000).filter(|_| state.may_begin(now)).count()
        };
        let committed = |from: u64, to: u64| {
            commits.begin_at(start + Duration::from_millis(from));
            commits.end_at(start + Duration::from_millis(to));
        };
        committed(0, 90);
        assert_eq!(begun_at(100), 1_000, "nobody waits");
        let mut jobs = backlog.part();
        jobs.set(true);
        committed(100, 190);
        assert_eq!(begun_at(200), 40);
        assert_eq!(begun_at(210), 10, "1,000 a second");
        assert!(pace.may_begin(LATE_MAX));
        committed(250, 260);
        assert_eq!(begun_at(300), 1_000, "there is time for all");
        // One that goes on counts as far as it has come.
        commits.begin_at(start + Duration::from_millis(300));
        assert_eq!(begun_at(400), 40);
        assert_eq!(begun_at(500), 40);
        jobs.set(false);
        assert_eq!(begun_at(501), 1_000);
        // What was seen long ago is not gone by.
        jobs.set(true);
        assert_eq!(begun_at(10_000), 1_000);
    }
}
