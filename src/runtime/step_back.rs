//! How those who speak to other programs step back behind jobs when there is not processor time enough for both.
//!
//! What is to be told waits in storage and is told later; a job that waits is late. Their thread has a lower priority, but most
//! of what a delivery costs is spent elsewhere: storage reads it and notes what came of it. So while jobs wait and the
//! processor is used up, no more than [`PER_SECOND`] deliveries are begun a second.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

use super::backlog::Backlog;

/// How many deliveries a node begins a second while it steps back.
const PER_SECOND: f64 = 2_000.0;
/// How many of them may begin together.
const BURST: f64 = 40.0;
/// How long the processor is watched before it is said how much of it is used.
const WINDOW: Duration = Duration::from_millis(50);
/// What was seen is too old to go by after this time.
const STALE: Duration = Duration::from_secs(1);
/// What counts as all of the processor.
const USED_UP: f64 = 0.85;
/// How far their thread steps back: when both want all of the processor, it gets a tenth of it.
#[cfg(target_os = "linux")]
const NICENESS: i32 = 10;

/// How fast deliveries may begin. Cheap to copy; all that speak to other programs have the same.
#[derive(Clone, Debug)]
pub struct Pace(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    backlog: Backlog,
    processor: Processor,
    bucket: f64,
    filled_at: Instant,
}

impl Pace {
    /// As fast as can be, unless jobs wait.
    pub(super) fn new(backlog: Backlog) -> Self {
        Self(Arc::new(Mutex::new(State {
            backlog,
            processor: Processor::new(),
            bucket: BURST,
            filled_at: now(),
        })))
    }

    /// Whether one more may begin now; otherwise it is to be asked again a little later.
    pub(super) fn may_begin(&self) -> bool {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !state.backlog.is_any() || !state.processor.is_used_up() {
            return true;
        }
        let now = now();
        let since = now.duration_since(state.filled_at).as_secs_f64();
        state.filled_at = now;
        state.bucket = (state.bucket + since * PER_SECOND).min(BURST);
        let may_begin = state.bucket >= 1.0;
        if may_begin {
            state.bucket -= 1.0;
        }
        may_begin
    }
}

fn now() -> Instant {
    Instant::now()
}

/// What this process takes of the processors that it may use.
#[derive(Debug)]
struct Processor {
    cores: f64,
    looked_at: Instant,
    taken: Duration,
    is_used_up: bool,
}

impl Processor {
    fn new() -> Self {
        Self {
            // As far as a container's quota allows.
            cores: std::thread::available_parallelism().map_or(1.0, |cores| cores.get() as f64),
            looked_at: now(),
            taken: taken(),
            is_used_up: false,
        }
    }

    fn is_used_up(&mut self) -> bool {
        let passed = self.looked_at.elapsed();
        if passed >= WINDOW {
            let taken = taken();
            let took = taken.saturating_sub(self.taken).as_secs_f64();
            self.is_used_up = passed < STALE && took >= USED_UP * self.cores * passed.as_secs_f64();
            self.looked_at = now();
            self.taken = taken;
        }
        self.is_used_up
    }
}

/// The processor time that this process has taken.
fn taken() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::try_from(time).unwrap_or_default()
}

/// Has the thread that it runs on step back behind the others.
#[cfg(target_os = "linux")]
pub(super) fn lower_priority() {
    // Without an argument it is this thread alone. If it is not allowed, all threads are as important as before.
    if let Err(error) = rustix::process::setpriority_process(None, NICENESS) {
        tracing::debug!("webhooks are sent with the same priority as jobs are run: {error}");
    }
}

/// Only Linux has priorities for single threads.
#[cfg(not(target_os = "linux"))]
pub(super) fn lower_priority() {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_works_all_the_time_uses_the_processor_up_and_who_sleeps_does_not() {
        let mut processor = Processor::new();
        // As if there were one core, of which this test takes what it gets.
        processor.cores = 0.5;
        let end = Instant::now() + 2 * WINDOW;
        let mut count = 0_u64;
        while Instant::now() < end {
            count = std::hint::black_box(count + 1);
        }
        assert!(processor.is_used_up());
        processor.cores = 1e6;
        std::thread::sleep(WINDOW);
        assert!(!processor.is_used_up());
    }

    #[test]
    fn while_jobs_wait_and_the_processor_is_used_up_few_may_begin() {
        let backlog = Backlog::default();
        let pace = Pace::new(backlog.clone());
        let used_up = |is_used_up| {
            let mut state = pace.0.lock().expect("a state");
            state.processor.is_used_up = is_used_up;
            state.processor.looked_at = Instant::now() + Duration::from_secs(60);
        };
        let begun = || (0..10_000).filter(|_| pace.may_begin()).count();
        used_up(true);
        assert_eq!(begun(), 10_000, "nobody waits");
        let mut jobs = backlog.part();
        jobs.set(true);
        let few = begun();
        assert!(few >= BURST as usize && few < 5_000, "{few}");
        used_up(false);
        assert_eq!(begun(), 10_000, "there is time enough for all");
    }
}
