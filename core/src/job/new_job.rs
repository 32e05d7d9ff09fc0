//! New jobs as requested, before they have an id and a status.

use std::collections::HashMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::Job;
use super::labels::Labels;
use super::priority::Priority;
use super::retry::RetryPolicy;
use super::status::JobStatus;
use crate::values::id::JobId;
use crate::values::json::Json;
use crate::values::name::{JobName, JobType, QueueName, Tag, UniqueKey};
use crate::values::time_span::TimeSpan;
use crate::values::timestamp;

/// The start time of a new job.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Due {
    /// Immediately.
    #[default]
    Now,
    /// After a delay.
    After(TimeSpan),
    /// At a time; immediately if it has passed.
    At(DateTime<Utc>),
}

impl Due {
    /// The due time of a request at `now`.
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

    /// The time from which [`resolve`](Self::resolve) computes the due time; `None` if the caller set the due time.
    pub fn computed_from(self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        match self {
            Self::At(time) if time > now => None,
            Self::Now | Self::After(_) | Self::At(_) => Some(timestamp::truncate_to_micros(now)),
        }
    }
}

/// A job as requested. `None` stands for the default of the job's type, see [`JobDefaults`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewJob {
    /// Type, which selects the handler.
    pub job_type: JobType,
    /// Display name; the type by default.
    pub name: Option<JobName>,
    /// Queue.
    pub queue: Option<QueueName>,
    /// Parameters of the handler.
    pub parameters: Json,
    /// Priority.
    pub priority: Priority,
    /// Start time.
    pub due: Due,
    /// Maximum number of retries.
    pub max_retries: Option<u32>,
    /// Timeout of one attempt.
    pub timeout: Option<TimeSpan>,
    /// Delay before the first retry.
    pub retry_delay: Option<TimeSpan>,
    /// Delays before the first, second, … retry.
    pub retry_intervals: Option<Vec<TimeSpan>>,
    /// Unique among unfinished jobs.
    pub unique_key: Option<UniqueKey>,
    /// Tags by which it is found.
    pub tags: Vec<Tag>,
}

/// Defaults of a job's settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobDefaults {
    /// Queue.
    pub queue: QueueName,
    /// Maximum number of retries.
    pub max_retries: u32,
    /// Timeout of one attempt.
    pub timeout: TimeSpan,
    /// Delays before retries.
    pub retry_policy: RetryPolicy,
    /// Paths of the parameters by whose values jobs are found, such as `customer.id`.
    pub searchable: Arc<[Arc<str>]>,
}

impl Default for JobDefaults {
    /// Three retries after 10, 20 and 40 seconds, a timeout of half an hour, the default queue.
    fn default() -> Self {
        Self {
            queue: QueueName::default(),
            max_retries: 3,
            timeout: TimeSpan::from_secs(30 * 60),
            retry_policy: RetryPolicy::default(),
            searchable: Arc::default(),
        }
    }
}

/// Defaults by job type.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DefaultsByType {
    /// Defaults of all other types.
    pub general: JobDefaults,
    /// Defaults of the configured types.
    pub by_type: HashMap<JobType, JobDefaults>,
}

impl DefaultsByType {
    /// The defaults of this type.
    pub fn of(&self, job_type: &JobType) -> &JobDefaults {
        self.by_type.get(job_type).unwrap_or(&self.general)
    }
}

impl NewJob {
    /// A job of this type with defaults for everything else.
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
            tags: Vec::new(),
        }
    }

    /// The pending job created from this request at `now`; `random` as in [`JobId::new`].
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
            tags,
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
            labels: Labels::of(tags, &parameters, &defaults.searchable),
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
                // A retry delay of the job itself takes precedence over the intervals of its type.
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
            claimed_by: None,
            revision: 1,
        }
    }
}
