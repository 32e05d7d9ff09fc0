//! Recurring jobs: a cron expression, a time zone, and a template of occurrences.
//!
//! Each due time becomes at most one occurrence, a job. An occurrence is identified by the recurring job and the due
//! time, which storage keeps unique. [`self::planner`] decides which due times become occurrences.

pub(super) mod id;
pub mod misfire;
pub mod overlap;
pub mod planner;

use chrono::{DateTime, TimeDelta, Utc};

pub use self::id::RecurringId;
use self::misfire::{MisfirePolicy, ON_TIME};
use self::overlap::OverlapPolicy;
use super::cron::CronExpression;
use super::job::new_job::{Due, JobDefaults, NewJob};
use super::job::priority::Priority;
use super::job::{Job, Occurrence};
use super::values::json::Json;
use super::values::name::{JobName, JobType, QueueName, RecurringKey, Tag};
use super::values::time_span::TimeSpan;
use super::values::time_zone::TimeZoneName;
use super::values::timestamp;

/// Tolerated difference between the clocks of two nodes.
const CLOCK_SKEW: TimeDelta = TimeDelta::seconds(10);

/// Maximum number of next due times of a recurring job that its views contain.
pub const NEXT_RUNS_MAX: usize = 5;

/// Schedule of a recurring job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// Cron expression.
    pub cron: CronExpression,
    /// Time zone of the expression.
    pub time_zone: TimeZoneName,
    /// Earliest due time.
    pub starts_at: Option<DateTime<Utc>>,
    /// Latest due time.
    pub ends_at: Option<DateTime<Utc>>,
}

impl Schedule {
    /// The first due time after `after`, within the bounds.
    pub fn next_after(&self, after: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let after = match self.starts_at {
            // The start itself may be due.
            Some(starts_at) => after.max(starts_at - chrono::TimeDelta::microseconds(1)),
            None => after,
        };
        let next = self.cron.next_after(self.time_zone, after)?;
        self.ends_at.is_none_or(|ends_at| next <= ends_at).then_some(next)
    }
}

/// Template of occurrences. `None` stands for the default of the job type at the time of creation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    /// Type, which selects the handler.
    pub job_type: JobType,
    /// Display name.
    pub name: JobName,
    /// Queue.
    pub queue: Option<QueueName>,
    /// Parameters of the handler.
    pub parameters: Json,
    /// Priority.
    pub priority: Priority,
    /// Maximum number of retries.
    pub max_retries: Option<u32>,
    /// Timeout of one attempt.
    pub timeout: Option<TimeSpan>,
    /// Delay before the first retry.
    pub retry_delay: Option<TimeSpan>,
    /// Delays before the first, second, … retry.
    pub retry_intervals: Option<Vec<TimeSpan>>,
    /// Tags of the occurrences.
    pub tags: Vec<Tag>,
}

impl Template {
    /// The occurrence as a new job that is due at `due`.
    pub fn new_job(&self, due: Due) -> NewJob {
        let Self {
            job_type,
            name,
            queue,
            parameters,
            priority,
            max_retries,
            timeout,
            retry_delay,
            retry_intervals,
            tags,
        } = self.clone();
        NewJob {
            job_type,
            name: Some(name),
            queue,
            parameters,
            priority,
            due,
            max_retries,
            timeout,
            retry_delay,
            retry_intervals,
            unique_key: None,
            tags,
        }
    }
}

/// A recurring job as requested.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewRecurringJob {
    /// Optional key.
    pub key: Option<RecurringKey>,
    /// Schedule.
    pub schedule: Schedule,
    /// Template of occurrences.
    pub template: Template,
    /// True if occurrences are created.
    pub is_enabled: bool,
    /// Treatment of missed due times.
    pub misfire_policy: MisfirePolicy,
    /// Treatment of occurrences that overlap an unfinished one.
    pub overlap_policy: OverlapPolicy,
}

/// A recurring job; see the module documentation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecurringJob {
    /// Unique id.
    pub id: RecurringId,
    /// Unique key, chosen by the deployment. It never changes.
    pub key: Option<RecurringKey>,
    /// Schedule.
    pub schedule: Schedule,
    /// Template of occurrences.
    pub template: Template,
    /// True if occurrences are created.
    pub is_enabled: bool,
    /// Treatment of missed due times.
    pub misfire_policy: MisfirePolicy,
    /// Treatment of occurrences that overlap an unfinished one.
    pub overlap_policy: OverlapPolicy,
    /// The next due time; `None` while disabled and after the schedule's end.
    pub next_run_at: Option<DateTime<Utc>>,
    /// The last due time that became an occurrence.
    pub last_run_at: Option<DateTime<Utc>>,
    /// Due times that wait for an unfinished occurrence, earliest first.
    pub waiting: Vec<DateTime<Utc>>,
    /// Creation time, in whole milliseconds.
    pub created_at: DateTime<Utc>,
    /// Time of the last update.
    pub updated_at: DateTime<Utc>,
    /// Revision, incremented by every change: the `ETag`.
    pub revision: u32,
}

impl NewRecurringJob {
    /// The recurring job created from this request at `now`; `random` as in [`JobId::new`](crate::values::id::JobId::new).
    pub fn into_recurring_job(self, now: DateTime<Utc>, random: u128) -> RecurringJob {
        let created_at = timestamp::truncate_to_millis(now);
        let Self {
            key,
            schedule,
            template,
            is_enabled,
            misfire_policy,
            overlap_policy,
        } = self;
        RecurringJob {
            id: RecurringId::new(created_at, random),
            key,
            next_run_at: is_enabled.then(|| schedule.next_after(now)).flatten(),
            schedule,
            template,
            is_enabled,
            misfire_policy,
            overlap_policy,
            last_run_at: None,
            waiting: Vec::new(),
            created_at,
            updated_at: timestamp::truncate_to_micros(now),
            revision: 1,
        }
    }
}

impl RecurringJob {
    /// The recurring job with new settings from `now` on. Existing occurrences are unchanged; waiting due times are
    /// kept unless the job is disabled or no longer queues.
    #[must_use]
    pub fn replaced(&self, by: NewRecurringJob, now: DateTime<Utc>) -> Self {
        let NewRecurringJob {
            key: _,
            schedule,
            template,
            is_enabled,
            misfire_policy,
            overlap_policy,
        } = by;
        let next_due = self.next_due(&schedule, now);
        // An unchanged schedule continues where it was: a due time of this very moment is not lost.
        let goes_on = self.is_enabled && schedule == self.schedule;
        let next_run_at = if goes_on && !self.is_ahead_of(now) {
            self.next_run_at
        } else {
            next_due
        };
        let keeps_waiting = is_enabled && overlap_policy == OverlapPolicy::Queue;
        Self {
            id: self.id,
            key: self.key.clone(),
            next_run_at: next_run_at.filter(|_| is_enabled),
            schedule,
            template,
            is_enabled,
            misfire_policy,
            overlap_policy,
            last_run_at: self.last_run_at,
            waiting: if keeps_waiting {
                self.waiting.clone()
            } else {
                Vec::new()
            },
            created_at: self.created_at,
            updated_at: timestamp::truncate_to_micros(now),
            revision: self.revision + 1,
        }
    }

    /// The first due time of a schedule after `now` that is neither an occurrence nor waiting.
    fn next_due(&self, schedule: &Schedule, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        schedule.next_after(self.last_taken(now).max(now))
    }

    /// The latest due time that became an occurrence or waits, ignoring those taken by a clock that was ahead. A due
    /// time more than [`ON_TIME`] in the future was taken by such a clock; storage's unique index on recurring job and
    /// due time then prevents a second occurrence.
    fn last_taken(&self, now: DateTime<Utc>) -> DateTime<Utc> {
        let taken = self.last_run_at.iter().chain(&self.waiting);
        let taken = taken.copied().filter(|taken| *taken - now <= ON_TIME);
        taken.max().unwrap_or(DateTime::<Utc>::MIN_UTC)
    }

    /// The next due times, at most [`NEXT_RUNS_MAX`].
    pub fn next_runs(&self) -> impl Iterator<Item = DateTime<Utc>> {
        std::iter::successors(self.next_run_at, |last| self.schedule.next_after(*last)).take(NEXT_RUNS_MAX)
    }

    /// True if due times between `now` and the next run were skipped because a clock was ahead when the next run was
    /// computed. Due times within `CLOCK_SKEW` are ignored: the clocks of two nodes may differ by as much, and a due
    /// time that one node has handled must not be handled again.
    pub fn is_ahead_of(&self, now: DateTime<Utc>) -> bool {
        let passed_over = || self.schedule.next_after(self.last_taken(now).max(now + CLOCK_SKEW));
        self.is_enabled && passed_over().is_some_and(|due_at| self.next_run_at.is_none_or(|next| due_at < next))
    }

    /// The recurring job with the next due time by a clock that was set back to `now`; `None` if it is unchanged.
    pub fn set_back(&self, now: DateTime<Utc>) -> Option<Self> {
        self.is_ahead_of(now).then(|| Self {
            next_run_at: self.next_due(&self.schedule, now),
            revision: self.revision + 1,
            ..self.clone()
        })
    }

    /// A request that would create an identical recurring job.
    pub fn as_new(&self) -> NewRecurringJob {
        NewRecurringJob {
            key: self.key.clone(),
            schedule: self.schedule.clone(),
            template: self.template.clone(),
            is_enabled: self.is_enabled,
            misfire_policy: self.misfire_policy,
            overlap_policy: self.overlap_policy,
        }
    }

    /// The occurrence for a due time, as a job that is created at `now`.
    pub fn occurrence(&self, due_at: DateTime<Utc>, defaults: &JobDefaults, now: DateTime<Utc>, random: u128) -> Job {
        let occurrence = Occurrence {
            recurring_id: self.id,
            due_at: timestamp::truncate_to_micros(due_at),
        };
        Job {
            occurrence: Some(occurrence),
            ..self.template.new_job(Due::At(due_at)).into_job(defaults, now, random)
        }
    }
}
