//! What is summed up of jobs as they start and end: how many, how long, and why they failed.
//!
//! Numbers are kept by quarters of an hour, of which the days of every time zone consist, and steps of time and reasons
//! by hours. What one job adds is a [`Mark`], made from the job alone, so that every storage counts the same.

use std::collections::BTreeMap;
use std::ops::AddAssign;

use chrono::{DateTime, TimeDelta, Utc};

use super::histogram::{Measure, bucket_of};
use crate::job::Job;
use crate::job::attempt::{Attempt, AttemptStatus};
use crate::job::status::JobStatus;
use crate::values::name::{JobType, QueueName};
use crate::values::time_span::TimeSpan;

/// How long a slot is, in seconds.
pub const SLOT_SECONDS: i64 = 900;
/// How many slots an hour has.
pub const SLOTS_PER_HOUR: i64 = 4;
/// How many hours a day has by which steps and reasons are kept in the end.
pub const HOURS_PER_DAY: i64 = 24;
/// How many days steps of time and reasons are kept by hours, and not by days.
pub const DAYS_KEPT_BY_HOUR: i64 = 3;

/// The first hour of the day of UTC that an hour is part of, both counted since 1970.
pub const fn first_hour_of_day(hour: i64) -> i64 {
    hour - hour.rem_euclid(HOURS_PER_DAY)
}

/// A quarter of an hour of UTC, counted since 1970.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Slot(pub i64);

impl Slot {
    /// The slot that a time falls in.
    pub fn of(at: DateTime<Utc>) -> Self {
        Self(at.timestamp().div_euclid(SLOT_SECONDS))
    }

    /// The first slot that begins at this time or later.
    pub fn not_before(at: DateTime<Utc>) -> Self {
        let slot = Self::of(at);
        if slot.start() < at { Self(slot.0 + 1) } else { slot }
    }

    /// When it begins.
    pub fn start(self) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH
            + TimeDelta::seconds(
                self.0
                    .saturating_mul(SLOT_SECONDS)
                    .clamp(-62_135_596_800, 253_402_300_799),
            )
    }

    /// The hour that it is part of, counted since 1970.
    pub const fn hour(self) -> i64 {
        self.0.div_euclid(SLOTS_PER_HOUR)
    }
}

/// Slots that follow each other; the last one is no part of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SlotSpan {
    /// The first one.
    pub from: Slot,
    /// The first one after them.
    pub to: Slot,
}

impl SlotSpan {
    /// The hours of which these slots are parts: the first one, and the first one after them.
    pub fn hours(self) -> (i64, i64) {
        let Self { from, to } = self;
        (from.hour(), Slot(to.0 + SLOTS_PER_HOUR - 1).hour())
    }

    /// The whole hours of which these slots are parts, and of days that are kept by days at this time the whole days: that
    /// for which steps of time and reasons are known.
    #[must_use]
    pub fn as_kept(self, now: DateTime<Utc>) -> Self {
        let first_kept = first_hour_of_day(Slot::of(now - TimeDelta::days(DAYS_KEPT_BY_HOUR)).hour());
        let (from, to) = self.hours();
        let from = if from < first_kept {
            first_hour_of_day(from)
        } else {
            from
        };
        let to = if to < first_kept {
            first_hour_of_day(to + HOURS_PER_DAY - 1)
        } else {
            to
        };
        Self {
            from: Slot(from * SLOTS_PER_HOUR),
            to: Slot(to * SLOTS_PER_HOUR),
        }
    }

    /// Whether a slot is one of these.
    pub fn holds(self, slot: Slot) -> bool {
        self.from <= slot && slot < self.to
    }
}

/// What is summed up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RollupCounts {
    /// Attempts that have started.
    pub started: u64,
    /// Jobs that have completed, and attempts with them.
    pub completed: u64,
    /// Attempts that have failed, for good or to be retried.
    pub attempts_failed: u64,
    /// Attempts that have ended without an outcome: cancelled, interrupted, or lost with their node.
    pub abandoned: u64,
    /// Jobs that have failed for good.
    pub jobs_failed: u64,
    /// Jobs that were cancelled, whether they ran or not.
    pub jobs_cancelled: u64,
    /// How long the attempts have run that completed or failed, in microseconds.
    pub run_micros: u64,
    /// How long jobs have waited from their due time to their start, in microseconds.
    pub wait_micros: u64,
}

impl RollupCounts {
    /// How many attempts have completed or failed.
    pub const fn executions(&self) -> u64 {
        self.completed + self.attempts_failed
    }

    /// How many jobs have ended with success or for good without.
    pub const fn jobs_ended(&self) -> u64 {
        self.completed + self.jobs_failed
    }

    /// How many percent of the jobs that have ended have completed; 100 when none has ended.
    pub fn job_success_rate(&self) -> f64 {
        percentage(self.completed, self.jobs_ended(), 100.0)
    }

    /// How many percent of the attempts have completed; 100 when none has ended.
    pub fn attempt_success_rate(&self) -> f64 {
        percentage(self.completed, self.executions(), 100.0)
    }

    /// How long an attempt has run on average that completed or failed.
    pub fn average_run(&self) -> TimeSpan {
        average(self.run_micros, self.executions())
    }

    /// How long a job has waited for a worker on average.
    pub fn average_wait(&self) -> TimeSpan {
        average(self.wait_micros, self.started)
    }
}

impl AddAssign for RollupCounts {
    fn add_assign(&mut self, other: Self) {
        let Self {
            started,
            completed,
            attempts_failed,
            abandoned,
            jobs_failed,
            jobs_cancelled,
            run_micros,
            wait_micros,
        } = other;
        self.started += started;
        self.completed += completed;
        self.attempts_failed += attempts_failed;
        self.abandoned += abandoned;
        self.jobs_failed += jobs_failed;
        self.jobs_cancelled += jobs_cancelled;
        self.run_micros += run_micros;
        self.wait_micros += wait_micros;
    }
}

/// What one job adds at one time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    /// When.
    pub slot: Slot,
    /// The job's queue.
    pub queue: QueueName,
    /// The job's type.
    pub job_type: JobType,
    /// How many.
    pub counts: RollupCounts,
    /// What was measured, and the step that it falls in.
    pub measured: Option<(Measure, u8)>,
    /// Whether an attempt has failed whose reason is counted.
    pub has_failed: bool,
}

impl Mark {
    fn new(job: &Job, at: DateTime<Utc>) -> Self {
        Self {
            slot: Slot::of(at),
            queue: job.queue.clone(),
            job_type: job.job_type.clone(),
            counts: RollupCounts::default(),
            measured: None,
            has_failed: false,
        }
    }

    /// A job whose attempt has started; the job as it is then.
    pub fn started(job: &Job) -> Self {
        let started_at = job.started_at.unwrap_or(job.due_at);
        let waited = micros(started_at - job.due_at);
        let mut mark = Self::new(job, started_at);
        mark.counts.started = 1;
        mark.counts.wait_micros = waited;
        mark.measured = Some((Measure::Wait, bucket_of(waited)));
        mark
    }

    /// A job whose attempt has ended; the job as it is then.
    pub fn ended(job: &Job, attempt: &Attempt) -> Self {
        let ended_at = attempt.ended_at.unwrap_or(attempt.started_at);
        let ran = micros(ended_at - attempt.started_at);
        let mut mark = Self::new(job, ended_at);
        match attempt.status {
            AttemptStatus::Completed => mark.counts.completed = 1,
            AttemptStatus::Failed => {
                mark.counts.attempts_failed = 1;
                mark.has_failed = true;
            }
            AttemptStatus::Running | AttemptStatus::Cancelled | AttemptStatus::Interrupted | AttemptStatus::Lost => {
                mark.counts.abandoned = 1;
            }
        }
        if mark.counts.abandoned == 0 {
            mark.counts.run_micros = ran;
            mark.measured = Some((Measure::Run, bucket_of(ran)));
        }
        match job.status {
            JobStatus::Failed => mark.counts.jobs_failed = 1,
            JobStatus::Cancelled => mark.counts.jobs_cancelled = 1,
            JobStatus::Pending | JobStatus::Running | JobStatus::Completed => {}
        }
        mark
    }

    /// What a change by a person adds: a job that is cancelled before it has started. Other changes add nothing.
    pub fn updated(before: &Job, after: &Job) -> Option<Self> {
        let is_cancelled = before.status == JobStatus::Pending && after.status == JobStatus::Cancelled;
        is_cancelled.then(|| {
            let mut mark = Self::new(after, after.finished_at.unwrap_or(after.created_at));
            mark.counts.jobs_cancelled = 1;
            mark
        })
    }
}

/// How many percent of a whole a part is.
pub fn percentage(part: u64, whole: u64, of_nothing: f64) -> f64 {
    if whole == 0 {
        return of_nothing;
    }
    part as f64 / whole as f64 * 100.0
}

fn average(micros: u64, count: u64) -> TimeSpan {
    let average = micros.checked_div(count).unwrap_or_default();
    TimeSpan::from_micros(i64::try_from(average).unwrap_or(i64::MAX))
}

/// A time span that clocks have turned round is none.
fn micros(span: TimeDelta) -> u64 {
    span.num_microseconds()
        .map_or(0, |micros| u64::try_from(micros).unwrap_or_default())
}

/// What counts are kept by.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RollupKey {
    /// When.
    pub slot: Slot,
    /// Whose queue.
    pub queue: QueueName,
    /// Of which type.
    pub job_type: JobType,
}

/// What steps of time are counted by.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct StepKey {
    /// In which hour since 1970; in the end the first one of its day.
    pub hour: i64,
    /// In which queue.
    pub queue: QueueName,
    /// Of which type.
    pub job_type: JobType,
    /// What was measured.
    pub measure: Measure,
    /// The step.
    pub bucket: u8,
}

/// What reasons are counted by.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ReasonKey {
    /// In which hour since 1970; in the end the first one of its day.
    pub hour: i64,
    /// In which queue.
    pub queue: QueueName,
    /// Of which type.
    pub job_type: JobType,
    /// The reason.
    pub reason: String,
}

/// What many jobs add.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// How many.
    pub counts: BTreeMap<RollupKey, RollupCounts>,
    /// How often each step of time was measured.
    pub steps: BTreeMap<StepKey, u64>,
    /// How often each reason was given.
    pub reasons: BTreeMap<ReasonKey, u64>,
}

impl Tally {
    /// Adds what a job adds; with the reason of its failure if it has one.
    pub fn add(&mut self, mark: Mark, reason: Option<String>) {
        let Mark {
            slot,
            queue,
            job_type,
            counts,
            measured,
            has_failed: _,
        } = mark;
        if let Some((measure, bucket)) = measured {
            let key = StepKey {
                hour: slot.hour(),
                queue: queue.clone(),
                job_type: job_type.clone(),
                measure,
                bucket,
            };
            *self.steps.entry(key).or_default() += 1;
        }
        if let Some(reason) = reason {
            let key = ReasonKey {
                hour: slot.hour(),
                queue: queue.clone(),
                job_type: job_type.clone(),
                reason,
            };
            *self.reasons.entry(key).or_default() += 1;
        }
        let key = RollupKey { slot, queue, job_type };
        *self.counts.entry(key).or_default() += counts;
    }
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, Utc};

    use super::{Slot, SlotSpan};

    fn span(from: &str, to: &str) -> SlotSpan {
        let at = |text: &str| Slot::of(text.parse::<DateTime<Utc>>().expect("a time"));
        SlotSpan {
            from: at(from),
            to: at(to),
        }
    }

    #[test]
    fn what_is_known_by_days_is_asked_for_by_days() {
        let now = "2024-01-15T10:07:00Z".parse().expect("a time");
        let recent = span("2024-01-12T00:15:00Z", "2024-01-15T10:15:00Z");
        assert_eq!(
            recent.as_kept(now),
            span("2024-01-12T00:00:00Z", "2024-01-15T11:00:00Z")
        );
        let both = span("2024-01-11T13:15:00Z", "2024-01-15T10:15:00Z");
        assert_eq!(both.as_kept(now), span("2024-01-11T00:00:00Z", "2024-01-15T11:00:00Z"));
        let old = span("2024-01-10T23:45:00Z", "2024-01-11T00:15:00Z");
        assert_eq!(old.as_kept(now), span("2024-01-10T00:00:00Z", "2024-01-12T00:00:00Z"));
        let whole = span("2024-01-10T00:00:00Z", "2024-01-12T00:00:00Z");
        assert_eq!(whole.as_kept(now), whole);
    }
}
