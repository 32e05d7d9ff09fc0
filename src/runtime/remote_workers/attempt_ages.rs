//! Ages of the attempts of remote workers.

use std::collections::HashMap;
use std::time::Duration;

use crate::domain::cluster::node_lease::Moment;
use crate::domain::job::attempt::AttemptKey;

/// Ages of attempts, measured by the steady clock from when they are first seen here: the time of day may be set while they
/// run.
#[derive(Default)]
pub(super) struct AttemptAges {
    seen: HashMap<AttemptKey, SeenAttempt>,
    purged_at: Moment,
}

struct SeenAttempt {
    first: Moment,
    last: Moment,
    /// Its age at first, by the time of day.
    age: Duration,
}

impl AttemptAges {
    /// The age of an attempt `now`, which is `age` by the time of day.
    pub(super) fn age_of(&mut self, attempt: AttemptKey, age: Duration, now: Moment) -> Duration {
        let seen = self.seen.entry(attempt).or_insert(SeenAttempt {
            first: now,
            last: now,
            age,
        });
        seen.last = now;
        seen.age + now.saturating_sub(seen.first)
    }

    /// Removes from time to time the attempts of which nothing was received for two leases: their worker calls another
    /// node, or has died.
    pub(super) fn purge(&mut self, now: Moment, lease: Duration) {
        let kept = lease * 2;
        if now.saturating_sub(self.purged_at) > kept {
            self.purged_at = now;
            self.seen.retain(|_, seen| now.saturating_sub(seen.last) <= kept);
        }
    }

    /// Removes finished attempts.
    pub(super) fn remove(&mut self, finished: impl IntoIterator<Item = AttemptKey>) {
        for attempt in finished {
            self.seen.remove(&attempt);
        }
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;
    use crate::domain::values::id::JobId;

    #[test]
    fn an_attempt_ages_by_the_steady_clock_from_when_it_is_first_seen() {
        let attempt = (JobId::new(DateTime::UNIX_EPOCH, 1), 1);
        let seconds = Duration::from_secs;
        let mut ages = AttemptAges::default();
        assert_eq!(ages.age_of(attempt, seconds(3), seconds(100)), seconds(3));
        // The time of day went two hours ahead, and back again.
        assert_eq!(ages.age_of(attempt, seconds(7_208), seconds(105)), seconds(8));
        assert_eq!(ages.age_of(attempt, seconds(0), seconds(110)), seconds(13));
        ages.purge(seconds(140), seconds(10));
        assert!(ages.seen.is_empty(), "nothing was received of it for three leases");
    }

    #[test]
    fn finished_attempts_are_removed() {
        let attempt = |number| (JobId::new(DateTime::UNIX_EPOCH, number), 1);
        let mut ages = AttemptAges::default();
        for number in 0..1_000 {
            ages.age_of(attempt(number), Duration::ZERO, Duration::from_secs(1));
            ages.remove([attempt(number)]);
        }
        assert!(ages.seen.is_empty());
    }
}
