//! A recurring job: a cron expression, a time zone, and what its occurrences look like.
//!
//! Each due time becomes at most one occurrence, a job. The identity of an occurrence is the recurring job and the due
//! time; storage keeps it unique. Which due times become occurrences is decided in [`self::planner`].

pub mod misfire;
pub mod overlap;
pub mod planner;

use std::fmt;

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use self::misfire::{MisfirePolicy, ON_TIME};
use self::overlap::OverlapPolicy;
use super::cron::CronExpression;
use super::job::new_job::{Due, JobDefaults, NewJob};
use super::job::priority::Priority;
use super::job::{Job, Occurrence};
use super::values::id::{InvalidId, JobId};
use super::values::json::Json;
use super::values::name::{JobName, JobType, QueueName, RecurringKey};
use super::values::time_span::TimeSpan;
use super::values::time_zone::TimeZoneName;
use super::values::timestamp;

/// How far the clocks of two nodes may be apart without anything being amiss.
const CLOCK_SKEW: TimeDelta = TimeDelta::seconds(10);

/// The identity of a recurring job: a UUID version 7, like a job's.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RecurringId(JobId);

impl RecurringId {
    /// The id of a recurring job that is created at `created_at`; `random` as in [`JobId::new`].
    pub fn new(created_at: DateTime<Utc>, random: u128) -> Self {
        Self(JobId::new(created_at, random))
    }

    /// Reads an id from text, in any of the usual spellings of a UUID.
    pub fn parse(text: &str) -> Result<Self, InvalidId> {
        JobId::parse(text).map(Self)
    }

    /// The time in the id, to the millisecond.
    pub fn created_at(self) -> Option<DateTime<Utc>> {
        self.0.created_at()
    }

    /// An id as storage keeps it.
    pub const fn from_uuid(uuid: Uuid) -> Self {
        Self(JobId::from_uuid(uuid))
    }

    /// The id for storage.
    pub const fn as_uuid(self) -> Uuid {
        self.0.as_uuid()
    }
}

impl fmt::Display for RecurringId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for RecurringId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// When occurrences are due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// The times of the day, week and year.
    pub cron: CronExpression,
    /// The zone whose clocks are meant.
    pub time_zone: TimeZoneName,
    /// Not before this time.
    pub starts_at: Option<DateTime<Utc>>,
    /// Not after this time.
    pub ends_at: Option<DateTime<Utc>>,
}

impl Schedule {
    /// The first due time after `after`, within start and end.
    pub fn next_after(&self, after: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let after = match self.starts_at {
            // Due at the very start too.
            Some(starts_at) => after.max(starts_at - chrono::TimeDelta::microseconds(1)),
            None => after,
        };
        let next = self.cron.next_after(self.time_zone, after)?;
        self.ends_at.is_none_or(|ends_at| next <= ends_at).then_some(next)
    }
}

/// What an occurrence looks like. What is `None` comes from the job type's configuration when the occurrence is created.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    /// Which handler runs it.
    pub job_type: JobType,
    /// What people call it.
    pub name: JobName,
    /// The lane it waits in.
    pub queue: Option<QueueName>,
    /// What the handler is given.
    pub parameters: Json,
    /// How urgent it is.
    pub priority: Priority,
    /// How many retries it may have.
    pub max_retries: Option<u32>,
    /// How long one attempt may take.
    pub timeout: Option<TimeSpan>,
    /// The wait before the first retry.
    pub retry_delay: Option<TimeSpan>,
    /// The waits before each retry.
    pub retry_intervals: Option<Vec<TimeSpan>>,
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
        }
    }
}

/// What somebody asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewRecurringJob {
    /// Its key, if it has one.
    pub key: Option<RecurringKey>,
    /// When occurrences are due.
    pub schedule: Schedule,
    /// What they look like.
    pub template: Template,
    /// Whether occurrences are created.
    pub is_enabled: bool,
    /// What becomes of missed due times.
    pub misfire_policy: MisfirePolicy,
    /// What becomes of an occurrence while an earlier one has not ended.
    pub overlap_policy: OverlapPolicy,
}

/// A recurring job. See the module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecurringJob {
    /// Its identity.
    pub id: RecurringId,
    /// The key under which it is declared, at most one recurring job each. It never changes.
    pub key: Option<RecurringKey>,
    /// When occurrences are due.
    pub schedule: Schedule,
    /// What they look like.
    pub template: Template,
    /// Whether occurrences are created.
    pub is_enabled: bool,
    /// What becomes of missed due times.
    pub misfire_policy: MisfirePolicy,
    /// What becomes of an occurrence while an earlier one has not ended.
    pub overlap_policy: OverlapPolicy,
    /// The next due time; `None` while it is disabled, and when its end has come.
    pub next_run_at: Option<DateTime<Utc>>,
    /// The last due time that became an occurrence.
    pub last_run_at: Option<DateTime<Utc>>,
    /// Due times that wait for an earlier occurrence to end, the first one first.
    pub waiting: Vec<DateTime<Utc>>,
    /// When it was created, in whole milliseconds.
    pub created_at: DateTime<Utc>,
    /// When somebody changed it last.
    pub updated_at: DateTime<Utc>,
    /// Grows with every change: its `ETag`.
    pub revision: u32,
}

impl NewRecurringJob {
    /// The recurring job that this becomes at `now`; `random` as in [`JobId::new`].
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
    /// The same recurring job as somebody wants it to be from `now` on. Occurrences that exist are left alone; what
    /// waits for an earlier one is kept unless the job is disabled or no longer queues.
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
        // A schedule that goes on as before goes on where it was: a due time of this very moment is not lost.
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

    /// The first due time of a schedule after `now` that has neither become an occurrence nor waits to become one.
    fn next_due(&self, schedule: &Schedule, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        schedule.next_after(self.last_taken(now).max(now))
    }

    /// The latest due time that has become an occurrence or waits to become one, as far as a clock that is right at `now`
    /// can have taken it. One more than [`ON_TIME`] in the future was taken by a clock that was ahead; storage's unique
    /// index on recurring job and due time then keeps it from becoming a second occurrence.
    fn last_taken(&self, now: DateTime<Utc>) -> DateTime<Utc> {
        let taken = self.last_run_at.iter().chain(&self.waiting);
        let taken = taken.copied().filter(|taken| *taken - now <= ON_TIME);
        taken.max().unwrap_or(DateTime::<Utc>::MIN_UTC)
    }

    /// Whether due times between `now` and the next run were passed over, because a clock was ahead when it was worked out.
    /// Those of the next `CLOCK_SKEW` do not count: the clocks of two nodes may differ by as much, and a due time that one
    /// of them has dealt with is not to be dealt with again.
    pub fn is_ahead_of(&self, now: DateTime<Utc>) -> bool {
        let passed_over = || self.schedule.next_after(self.last_taken(now).max(now + CLOCK_SKEW));
        self.is_enabled && passed_over().is_some_and(|due_at| self.next_run_at.is_none_or(|next| due_at < next))
    }

    /// The same recurring job with the next due time by a clock that was set back to `now`; `None` when it has that one.
    pub fn set_back(&self, now: DateTime<Utc>) -> Option<Self> {
        self.is_ahead_of(now).then(|| Self {
            next_run_at: self.next_due(&self.schedule, now),
            revision: self.revision + 1,
            ..self.clone()
        })
    }

    /// What somebody would have to ask for to get this very recurring job.
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
