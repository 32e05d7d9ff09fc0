//! A job that somebody asks for, before it has an id and a status.

use std::collections::HashMap;

use chrono::{DateTime, Utc};

use super::Job;
use super::priority::Priority;
use super::retry::RetryPolicy;
use super::status::JobStatus;
use crate::values::id::JobId;
use crate::values::json::Json;
use crate::values::name::{JobName, JobType, QueueName, UniqueKey};
use crate::values::time_span::TimeSpan;
use crate::values::timestamp;

/// When a new job may start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Due {
    /// As soon as a worker is free.
    #[default]
    Now,
    /// After this time.
    After(TimeSpan),
    /// At this time; at once when it has passed.
    At(DateTime<Utc>),
}

impl Due {
    /// The time it means for somebody who says it at `now`.
    pub fn resolve(self, now: DateTime<Utc>) -> DateTime<Utc> {
        match self {
            Self::Now => now,
            Self::After(delay) => now
                .checked_add_signed(delay.to_delta())
                .unwrap_or(DateTime::<Utc>::MAX_UTC)
                .max(now),
            Self::At(time) => time.max(now),
        }
    }

    /// The time that [`resolve`](Self::resolve) reckons from; `None` when its time is the caller's.
    pub fn reckoned_from(self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        match self {
            Self::At(time) if time > now => None,
            Self::Now | Self::After(_) | Self::At(_) => Some(timestamp::truncate_to_micros(now)),
        }
    }
}

/// What a caller asks for. What is `None` comes from the job type's configuration, see [`JobDefaults`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewJob {
    /// Which handler runs it.
    pub job_type: JobType,
    /// What people call it; its type unless given.
    pub name: Option<JobName>,
    /// The lane it waits in.
    pub queue: Option<QueueName>,
    /// What the handler is given.
    pub parameters: Json,
    /// How urgent it is.
    pub priority: Priority,
    /// When it may start.
    pub due: Due,
    /// How many retries it may have.
    pub max_retries: Option<u32>,
    /// How long one attempt may take.
    pub timeout: Option<TimeSpan>,
    /// The wait before the first retry.
    pub retry_delay: Option<TimeSpan>,
    /// The waits before each retry.
    pub retry_intervals: Option<Vec<TimeSpan>>,
    /// At most one unfinished job has it.
    pub unique_key: Option<UniqueKey>,
}

/// What a job gets that does not say otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobDefaults {
    /// The lane it waits in.
    pub queue: QueueName,
    /// How many retries it may have.
    pub max_retries: u32,
    /// How long one attempt may take.
    pub timeout: TimeSpan,
    /// How long it waits before a retry.
    pub retry_policy: RetryPolicy,
}

impl Default for JobDefaults {
    /// Three retries after 10, 20 and 40 seconds, half an hour for an attempt, the default queue.
    fn default() -> Self {
        Self {
            queue: QueueName::default(),
            max_retries: 3,
            timeout: TimeSpan::from_secs(30 * 60),
            retry_policy: RetryPolicy::default(),
        }
    }
}

/// What jobs get that do not say otherwise, by their type.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DefaultsByType {
    /// What the jobs of any other type get.
    pub general: JobDefaults,
    /// What the jobs of a configured type get.
    pub by_type: HashMap<JobType, JobDefaults>,
}

impl DefaultsByType {
    /// What a job of this type gets.
    pub fn of(&self, job_type: &JobType) -> &JobDefaults {
        self.by_type.get(job_type).unwrap_or(&self.general)
    }
}

impl NewJob {
    /// A job of this type with everything else by default.
    pub fn of_type(job_type: JobType) -> Self {
        Self {
            job_type,
            name: None,
            queue: None,
            parameters: Json::null(),
            priority: Priority::default(),
            due: Due::Now,
            max_retries: None,
            timeout: None,
            retry_delay: None,
            retry_intervals: None,
            unique_key: None,
        }
    }

    /// The pending job that this becomes at `now`; `random` as in [`JobId::new`].
    pub fn into_job(self, defaults: &JobDefaults, now: DateTime<Utc>, random: u128) -> Job {
        let Self {
            job_type,
            name,
            queue,
            parameters,
            priority,
            due,
            max_retries,
            timeout,
            retry_delay,
            retry_intervals,
            unique_key,
        } = self;
        let created_at = timestamp::truncate_to_millis(now);
        let policy = &defaults.retry_policy;
        Job {
            id: JobId::new(created_at, random),
            name: name.unwrap_or_else(|| JobName::from(&job_type)),
            job_type,
            queue: queue.unwrap_or_else(|| defaults.queue.clone()),
            priority,
            status: JobStatus::Pending,
            parameters,
            result: None,
            error: None,
            error_detail: None,
            created_at,
            due_at: timestamp::truncate_to_micros(due.resolve(created_at)),
            due_from: match due {
                Due::After(_) => Some(created_at),
                Due::Now | Due::At(_) => None,
            },
            started_at: None,
            finished_at: None,
            attempt: 0,
            retry_count: 0,
            max_retries: max_retries.unwrap_or(defaults.max_retries),
            retry_policy: RetryPolicy {
                delay: retry_delay.unwrap_or(policy.delay),
                // A job that names a delay of its own wants that, not its type's list.
                intervals: match (retry_intervals, retry_delay) {
                    (Some(intervals), _) => intervals.into(),
                    (None, Some(_)) => [].into(),
                    (None, None) => policy.intervals.clone(),
                },
            },
            timeout: timeout.unwrap_or(defaults.timeout),
            unique_key,
            occurrence: None,
            trace_parent: None,
            propagated: None,
            is_brief: false,
            cancel_requested: false,
            node: None,
            revision: 1,
        }
    }
}
