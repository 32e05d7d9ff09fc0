//! Rollups of job starts and ends: counts, durations and failure reasons.
//!
//! Counts are kept per quarter of an hour, which divides the days of every time zone; duration histograms and failure
//! reasons are kept per hour. A job's contribution is a [`RollupEntry`], derived from the job alone, so that every storage
//! computes the same rollups.

use std::ops::AddAssign;

use chrono::{DateTime, TimeDelta, Utc};

use super::activity::{ActivityCounts, Slice};
use super::histogram::{Measure, bucket_of};
use crate::job::Job;
use crate::job::attempt::{Attempt, AttemptStatus};
use crate::job::status::JobStatus;
use crate::values::name::{JobType, QueueName};
use crate::values::time_span::TimeSpan;

/// Length of a time bucket, in seconds.
pub const TIME_BUCKET_SECONDS: i64 = 900;
/// Number of time buckets in an hour.
pub const TIME_BUCKETS_PER_HOUR: i64 = 4;
/// Number of hours that a daily histogram row covers.
pub const HOURS_PER_DAY: i64 = 24;
/// Number of days for which histograms and reasons are kept per hour, before they are compacted to days.
pub const DAYS_KEPT_BY_HOUR: i64 = 3;

/// The first hour of the UTC day that contains an hour, both counted since 1970.
pub const fn first_hour_of_day(hour: i64) -> i64 {
    hour - hour.rem_euclid(HOURS_PER_DAY)
}

/// A quarter of an hour of UTC, counted since 1970.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TimeBucket(pub i64);

impl TimeBucket {
    /// The time bucket that contains a time.
    pub fn of(at: DateTime<Utc>) -> Self {
        Self(at.timestamp().div_euclid(TIME_BUCKET_SECONDS))
    }

    /// The first time bucket that begins at this time or later.
    pub fn not_before(at: DateTime<Utc>) -> Self {
        let time_bucket = Self::of(at);
        if time_bucket.start() < at {
            Self(time_bucket.0 + 1)
        } else {
            time_bucket
        }
    }

    /// Start of the time bucket.
    pub fn start(self) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH
            + TimeDelta::seconds(
                self.0
                    .saturating_mul(TIME_BUCKET_SECONDS)
                    .clamp(-62_135_596_800, 253_402_300_799),
            )
    }

    /// The hour that contains it, counted since 1970.
    pub const fn hour(self) -> i64 {
        self.0.div_euclid(TIME_BUCKETS_PER_HOUR)
    }
}

/// A half-open range of time buckets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeBucketRange {
    /// First time bucket.
    pub from: TimeBucket,
    /// First time bucket after the range.
    pub to: TimeBucket,
}

impl TimeBucketRange {
    /// The hours that contain these time buckets: the first one, and the first one after them.
    pub fn hours(self) -> (i64, i64) {
        let Self { from, to } = self;
        (from.hour(), TimeBucket(to.0 + TIME_BUCKETS_PER_HOUR - 1).hour())
    }

    /// The range extended to whole hours, and to whole days where rollups are already compacted: the range for which
    /// histograms and reasons are available.
    #[must_use]
    pub fn as_kept(self, now: DateTime<Utc>) -> Self {
        let first_kept = first_hour_of_day(TimeBucket::of(now - TimeDelta::days(DAYS_KEPT_BY_HOUR)).hour());
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
            from: TimeBucket(from * TIME_BUCKETS_PER_HOUR),
            to: TimeBucket(to * TIME_BUCKETS_PER_HOUR),
        }
    }

    /// True if the range contains the time bucket.
    pub fn holds(self, time_bucket: TimeBucket) -> bool {
        self.from <= time_bucket && time_bucket < self.to
    }
}

/// Counts and sums of a rollup.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RollupCounts {
    /// Started attempts.
    pub started: u64,
    /// Completed jobs, which equals completed attempts.
    pub completed: u64,
    /// Failed attempts, with or without a retry.
    pub attempts_failed: u64,
    /// Attempts without an outcome: cancelled, interrupted or lost.
    pub abandoned: u64,
    /// Permanently failed jobs.
    pub jobs_failed: u64,
    /// Cancelled jobs, whether they ran or not.
    pub jobs_cancelled: u64,
    /// Total duration of completed and failed attempts, in microseconds.
    pub run_micros: u64,
    /// Total time from due time to start, in microseconds.
    pub wait_micros: u64,
}

impl RollupCounts {
    /// The numbers in the order of the fields, as storage has them.
    pub const fn numbers(self) -> [u64; 8] {
        let Self {
            started,
            completed,
            attempts_failed,
            abandoned,
            jobs_failed,
            jobs_cancelled,
            run_micros,
            wait_micros,
        } = self;
        [
            started,
            completed,
            attempts_failed,
            abandoned,
            jobs_failed,
            jobs_cancelled,
            run_micros,
            wait_micros,
        ]
    }

    /// The counts of [`Self::numbers`].
    pub const fn from_numbers(numbers: [u64; 8]) -> Self {
        let [
            started,
            completed,
            attempts_failed,
            abandoned,
            jobs_failed,
            jobs_cancelled,
            run_micros,
            wait_micros,
        ] = numbers;
        Self {
            started,
            completed,
            attempts_failed,
            abandoned,
            jobs_failed,
            jobs_cancelled,
            run_micros,
            wait_micros,
        }
    }

    /// Number of completed and failed attempts.
    pub const fn executions(&self) -> u64 {
        self.completed + self.attempts_failed
    }

    /// Number of completed and permanently failed jobs.
    pub const fn jobs_ended(&self) -> u64 {
        self.completed + self.jobs_failed
    }

    /// Percentage of finished jobs that completed; 100 if none finished.
    pub fn job_success_rate(&self) -> f64 {
        percentage(self.completed, self.jobs_ended(), 100.0)
    }

    /// Percentage of finished attempts that completed; 100 if none finished.
    pub fn attempt_success_rate(&self) -> f64 {
        percentage(self.completed, self.executions(), 100.0)
    }

    /// Average duration of completed and failed attempts.
    pub fn average_run(&self) -> TimeSpan {
        average(self.run_micros, self.executions())
    }

    /// Average time from due time to start.
    pub fn average_wait(&self) -> TimeSpan {
        average(self.wait_micros, self.started)
    }
}

impl From<RollupCounts> for ActivityCounts {
    /// The counts, without created jobs.
    fn from(counts: RollupCounts) -> Self {
        Self {
            created: 0,
            started: counts.started,
            completed: counts.completed,
            attempts_failed: counts.attempts_failed,
            jobs_failed: counts.jobs_failed,
            jobs_cancelled: counts.jobs_cancelled,
        }
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

/// The contribution of one job at one time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RollupEntry {
    /// Time bucket.
    pub time_bucket: TimeBucket,
    /// Slice of the time bucket.
    pub slice: Slice,
    /// The job's queue.
    pub queue: QueueName,
    /// The job's type.
    pub job_type: JobType,
    /// Counts to add.
    pub counts: RollupCounts,
    /// A measured duration with its bucket.
    pub measured: Option<(Measure, u8)>,
    /// True if an attempt failed whose reason is counted.
    pub has_failed: bool,
}

impl RollupEntry {
    fn new(job: &Job, at: DateTime<Utc>) -> Self {
        Self {
            time_bucket: TimeBucket::of(at),
            slice: Slice::of(at),
            queue: job.queue.clone(),
            job_type: job.job_type.clone(),
            counts: RollupCounts::default(),
            measured: None,
            has_failed: false,
        }
    }

    /// The contribution of a started attempt, from the job after the start.
    pub fn started(job: &Job) -> Self {
        let started_at = job.started_at.unwrap_or(job.due_at);
        let waited = micros(started_at - job.due_at);
        let mut mark = Self::new(job, started_at);
        mark.counts.started = 1;
        mark.counts.wait_micros = waited;
        mark.measured = Some((Measure::Wait, bucket_of(waited)));
        mark
    }

    /// The contribution of a finished attempt, from the job after the attempt.
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

    /// The contribution of an update: a job that is cancelled before its start. Other updates contribute nothing.
    pub fn updated(before: &Job, after: &Job) -> Option<Self> {
        let is_cancelled = before.status == JobStatus::Pending && after.status == JobStatus::Cancelled;
        is_cancelled.then(|| {
            let mut mark = Self::new(after, after.finished_at.unwrap_or(after.created_at));
            mark.counts.jobs_cancelled = 1;
            mark
        })
    }
}

/// `part` of `whole` in percent; `of_nothing` if `whole` is 0.
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

/// A negative span, after a clock change, counts as zero.
fn micros(span: TimeDelta) -> u64 {
    span.num_microseconds()
        .map_or(0, |micros| u64::try_from(micros).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, Utc};

    use super::{TimeBucket, TimeBucketRange};

    fn span(from: &str, to: &str) -> TimeBucketRange {
        let at = |text: &str| TimeBucket::of(text.parse::<DateTime<Utc>>().expect("a time"));
        TimeBucketRange {
            from: at(from),
            to: at(to),
        }
    }

    #[test]
    fn compacted_days_extend_the_range_to_whole_days() {
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
