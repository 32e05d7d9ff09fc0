//! Corrections of a clock that was ahead: due times computed from it are moved back.

use chrono::{DateTime, TimeDelta, Utc};

use super::Job;
use super::status::JobStatus;

/// Smaller corrections are ignored: clocks are adjusted by such amounts all the time.
pub const STEP_MIN: TimeDelta = TimeDelta::seconds(1);

impl Job {
    /// The pending job with its due time by the corrected clock; `None` if the due time was not computed from a time in
    /// the future, or is not in the future itself.
    ///
    /// `step` is the amount by which the clock was ahead, if known: then the job runs when it would have run by a
    /// correct clock. Otherwise its delay starts at `now`.
    #[must_use]
    pub fn set_back(&self, now: DateTime<Utc>, step: Option<TimeDelta>) -> Option<Self> {
        if self.status != JobStatus::Pending || self.claimed_by.is_some() || self.due_at <= now {
            return None;
        }
        let from = self.due_computed_from()?;
        let ahead = from - now;
        if ahead <= STEP_MIN {
            return None;
        }
        let step = step.map_or(ahead, |step| step.max(ahead));
        Some(Self {
            due_at: (self.due_at - step).max(from - ahead),
            due_from: Some(from - step),
            revision: self.revision + 1,
            ..self.clone()
        })
    }

    /// The time from which the due time was computed; `None` if a caller or a schedule set the due time.
    pub fn due_computed_from(&self) -> Option<DateTime<Utc>> {
        let is_due_when_created = self.occurrence.is_none() && self.due_at <= self.created_at;
        self.due_from.or(is_due_when_created.then_some(self.created_at))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::job::new_job::{Due, JobDefaults, NewJob};
    use crate::job::outcome::Outcome;
    use crate::job::retry::Jitter;
    use crate::values::name::JobType;
    use crate::values::time_span::TimeSpan;

    const TWO_HOURS: TimeDelta = TimeDelta::hours(2);

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::seconds(1_000_000_000 + seconds)
    }

    fn made(due: Due, now: DateTime<Utc>) -> Job {
        let new = NewJob {
            due,
            ..NewJob::of_type(JobType::from_stored("Report"))
        };
        new.into_job(&JobDefaults::default(), now, 1)
    }

    fn interrupted(at: DateTime<Utc>) -> Job {
        let node = crate::values::id::NodeId::from_uuid(uuid::Uuid::nil());
        made(Due::Now, at)
            .start(node, at)
            .finish(Outcome::Interrupted, at, Jitter::new(0.0))
            .0
    }

    #[test]
    fn delays_from_a_clock_that_was_ahead_end_as_by_a_correct_clock() {
        let (created_at, now) = (at(0), at(5));
        let ahead = created_at + TWO_HOURS;
        let hour = Due::After(TimeSpan::from_secs(3_600));
        for (job, due) in [
            (made(hour, ahead), created_at + TimeDelta::hours(1)),
            (made(Due::Now, ahead), now),
            (interrupted(ahead), now),
        ] {
            let after = job.set_back(now, Some(TWO_HOURS)).expect("it is ahead");
            assert_eq!((after.due_at, after.due_from), (due, Some(created_at)));
            assert_eq!(after.revision, job.revision + 1);
            assert_eq!(after.set_back(now, Some(TWO_HOURS)), None, "it is set back once");
            // The amount by which the clock was ahead is unknown after a restart.
            let after = job.set_back(now, None).expect("it is ahead");
            assert_eq!(after.due_at, now + (job.due_at - ahead));
        }
    }

    #[test]
    fn a_due_time_set_by_a_caller_or_a_schedule_is_kept() {
        let ahead = at(0) + TWO_HOURS;
        let named = made(Due::At(ahead + TimeDelta::seconds(1)), ahead);
        assert_eq!(named.set_back(at(5), Some(TWO_HOURS)), None);
        let patched = made(Due::Now, ahead)
            .execute(None, Due::At(ahead + TWO_HOURS), ahead)
            .expect("it is pending");
        assert_eq!(patched.set_back(at(5), Some(TWO_HOURS)), None);
    }

    proptest! {
        #[test]
        fn a_due_time_from_a_correct_clock_is_kept(delay in 0_i64..1_000_000, passed in 0_i64..1_000_000, step in 0_i64..100_000) {
            let job = made(Due::After(TimeSpan::from_secs(delay)), at(0));
            let step = Some(TimeDelta::seconds(step));
            prop_assert_eq!(job.set_back(at(passed), step), None);
            prop_assert_eq!(interrupted(at(0)).set_back(at(passed), step), None);
        }
    }
}
