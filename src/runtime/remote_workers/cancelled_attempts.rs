//! Cancelled attempts of remote workers that have not finished yet.

use std::collections::HashMap;
use std::time::Duration;

use tokio::time::Instant;

use crate::domain::job::attempt::AttemptKey;

/// Attempts whose worker was notified here that they are cancelled, and the time of the first notification.
pub(super) struct CancelledAttempts {
    since: HashMap<AttemptKey, Instant>,
    purged_at: Instant,
}

impl CancelledAttempts {
    /// No attempts.
    pub(super) fn new() -> Self {
        Self {
            since: HashMap::new(),
            purged_at: Instant::now(),
        }
    }

    /// The time since the worker was first notified; nothing if it is notified `now`.
    pub(super) fn time_since(&mut self, attempt: AttemptKey, now: Instant) -> Duration {
        now.duration_since(*self.since.entry(attempt).or_insert(now))
    }

    /// Removes, at intervals, the attempts that have finished elsewhere: no cancelled attempt runs longer than an interval.
    pub(super) fn purge(&mut self, now: Instant, runs_for_max: Duration) {
        if now.duration_since(self.purged_at) > runs_for_max {
            self.purged_at = now;
            self.since.retain(|_, since| now.duration_since(*since) < runs_for_max);
        }
    }

    /// Removes finished attempts.
    pub(super) fn remove(&mut self, finished: &[AttemptKey]) {
        for attempt in finished {
            self.since.remove(attempt);
        }
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;
    use crate::domain::values::id::JobId;

    fn attempt(number: u128) -> AttemptKey {
        (JobId::new(DateTime::UNIX_EPOCH, number), 1)
    }

    #[test]
    fn an_attempt_is_measured_from_its_first_notification() {
        let mut cancelled = CancelledAttempts::new();
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        assert_eq!(cancelled.time_since(attempt(1), at(0)), Duration::ZERO);
        assert_eq!(cancelled.time_since(attempt(1), at(7)), Duration::from_secs(7));
        cancelled.remove(&[attempt(1)]);
        assert_eq!(cancelled.time_since(attempt(1), at(8)), Duration::ZERO);
    }

    #[test]
    fn only_a_purge_reads_all_attempts() {
        let mut cancelled = CancelledAttempts::new();
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        // One pass over all attempts for each of them would take minutes.
        for seconds in [0, 50] {
            for number in 0..50_000 {
                cancelled.time_since(attempt(number), at(seconds));
            }
        }
        assert!(start.elapsed() < Duration::from_secs(20));
        cancelled.time_since(attempt(50_000), at(200));
        assert_eq!(cancelled.since.len(), 50_001);
        cancelled.purge(at(201), Duration::from_secs(100));
        assert_eq!(cancelled.since.len(), 1);
    }
}
