//! Reads of jobs.

use std::sync::Arc;

use chrono::{DateTime, Utc};

use crate::domain::job::attempt::Attempt;
use crate::domain::job::priority::Priority;
use crate::domain::job::status::JobStatus;
use crate::domain::job::{Job, attempt};
use crate::domain::recurring::RecurringId;
use crate::domain::values::id::{JobId, NodeId};
use crate::domain::values::name::{JobName, JobType, QueueName, Tag};
use crate::domain::values::time_span::TimeSpan;

/// The order of a list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// The newest job first.
    #[default]
    NewestFirst,
    /// The oldest job first.
    OldestFirst,
}

impl Order {
    /// The other order.
    #[must_use]
    pub const fn reversed(self) -> Self {
        match self {
            Self::NewestFirst => Self::OldestFirst,
            Self::OldestFirst => Self::NewestFirst,
        }
    }
}

/// A page of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page {
    /// Maximum number of jobs.
    pub limit: u32,
    /// Number of entries to skip.
    pub offset: u64,
    /// The last job of the page before: the page has the jobs after it.
    pub after: Option<JobId>,
    /// Their order.
    pub order: Order,
}

/// A field by whose values jobs are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Facet {
    /// Status.
    Status,
    /// Type.
    JobType,
    /// Queue.
    Queue,
    /// Priority.
    Priority,
    /// Each of its tags.
    Tag,
}

impl Facet {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Status, Self::JobType, Self::Queue, Self::Priority, Self::Tag];

    /// The name in the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Status => "status",
            Self::JobType => "type",
            Self::Queue => "queue",
            Self::Priority => "priority",
            Self::Tag => "tag",
        }
    }

    /// The values of a job.
    pub fn values_of(self, job: &JobSummary) -> Vec<String> {
        match self {
            Self::Status => vec![job.status.to_string()],
            Self::JobType => vec![job.job_type.to_string()],
            Self::Queue => vec![job.queue.to_string()],
            Self::Priority => vec![job.priority.to_string()],
            Self::Tag => job.tags.iter().map(ToString::to_string).collect(),
        }
    }
}

/// A value of a facet, and the number of jobs that have it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FacetCount {
    /// The value, as in the API.
    pub value: String,
    /// The number of jobs.
    pub count: u64,
}

/// The pending jobs of a type in a queue.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PendingJobs {
    /// The type.
    pub job_type: JobType,
    /// The queue.
    pub queue: QueueName,
    /// The number.
    pub count: u64,
}

/// The pending jobs of a queue by their due time; `None` where there are too many to count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DueCounts {
    /// The queue.
    pub queue: QueueName,
    /// Number of due jobs.
    pub due: Option<u64>,
    /// Number of jobs that are due later.
    pub later: Option<u64>,
    /// Number of those that have failed before.
    pub retrying: Option<u64>,
}

impl DueCounts {
    /// The sums over all priorities of the numbers of jobs that are due, due later, and retrying.
    pub(crate) fn sum(queue: QueueName, counts: impl Iterator<Item = [u64; 3]>, limit: u64) -> Self {
        let mut sums = [Some(0_u64); 3];
        for of_priority in counts {
            for (sum, count) in sums.iter_mut().zip(of_priority) {
                *sum = sum.filter(|_| count < limit).map(|sum| sum + count);
            }
        }
        let [due, later, retrying] = sums;
        Self {
            queue,
            due,
            later,
            // Retries are found among the counted jobs.
            retrying: retrying.filter(|_| later.is_some()),
        }
    }
}

/// A summary of a running job, or of one that its node has claimed ahead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunningJob {
    /// The job.
    pub id: JobId,
    /// Its queue.
    pub queue: QueueName,
    /// The number of the running attempt, or of the next one of a claimed job.
    pub attempt: u32,
    /// The start of the attempt, or the due time of a claimed job.
    pub started_at: DateTime<Utc>,
    /// Its timeout.
    pub timeout: TimeSpan,
    /// True if its cancellation was requested.
    pub cancel_requested: bool,
}

/// A job without its large texts: parameters, result and error detail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobSummary {
    /// Its identity.
    pub id: JobId,
    /// Its name.
    pub name: JobName,
    /// Its type.
    pub job_type: JobType,
    /// Its queue.
    pub queue: QueueName,
    /// Its priority.
    pub priority: Priority,
    /// Its status.
    pub status: JobStatus,
    /// The error of the last attempt, in a line.
    pub error: Option<Arc<str>>,
    /// Its creation.
    pub created_at: DateTime<Utc>,
    /// Its due time.
    pub due_at: DateTime<Utc>,
    /// The start of its last attempt.
    pub started_at: Option<DateTime<Utc>>,
    /// The time at which it completed, failed permanently or was cancelled.
    pub finished_at: Option<DateTime<Utc>>,
    /// Number of started attempts.
    pub attempt: u32,
    /// Number of retries among them.
    pub retry_count: u32,
    /// Maximum number of retries.
    pub max_retries: u32,
    /// The recurring job of which it is an occurrence.
    pub recurring_id: Option<RecurringId>,
    /// The node that runs it, or ran its last attempt.
    pub node: Option<NodeId>,
    /// Its tags.
    pub tags: Vec<Tag>,
}

/// A large text of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum JobText {
    /// The parameters of the handler.
    Parameters,
    /// The result of the handler.
    Result,
    /// The detail of the last error.
    ErrorDetail,
}

impl JobText {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Parameters, Self::Result, Self::ErrorDetail];

    /// This text of a job, if it has one.
    pub fn of(self, job: &Job) -> Option<Arc<str>> {
        match self {
            Self::Parameters => Some(Arc::clone(job.parameters.as_arc())),
            Self::Result => job.result.as_ref().map(|result| Arc::clone(result.as_arc())),
            Self::ErrorDetail => job.error_detail.clone(),
        }
    }
}

impl JobSummary {
    /// All attempts of the job as it was read, given those that had ended then or later.
    pub fn history(&self, ended: Vec<Attempt>) -> Vec<Attempt> {
        let current = Attempt::running(self.id, self.status, self.attempt, self.started_at, self.node);
        attempt::as_of(self.attempt, current, ended)
    }

    /// Its tags.
    pub fn tags(&self) -> &[Tag] {
        &self.tags
    }

    /// Duration of the last attempt; `None` before it has ended.
    pub fn duration(&self) -> Option<TimeSpan> {
        match (self.started_at, self.finished_at) {
            (Some(started_at), Some(finished_at)) => Some(TimeSpan::between(started_at, finished_at)),
            _ => None,
        }
    }
}

impl From<&Job> for JobSummary {
    fn from(job: &Job) -> Self {
        let Job {
            id,
            name,
            job_type,
            queue,
            priority,
            status,
            parameters: _,
            result: _,
            error,
            error_detail: _,
            created_at,
            due_at,
            due_from: _,
            started_at,
            finished_at,
            attempt,
            retry_count,
            max_retries,
            retry_policy: _,
            timeout: _,
            unique_key: _,
            labels: _,
            occurrence,
            cancel_requested: _,
            node,
            claimed_by: _,
            revision: _,
            trace_parent: _,
            propagated: _,
            is_brief: _,
        } = job;
        Self {
            id: *id,
            name: name.clone(),
            job_type: job_type.clone(),
            queue: queue.clone(),
            priority: *priority,
            status: *status,
            error: error.clone(),
            created_at: *created_at,
            due_at: *due_at,
            started_at: *started_at,
            finished_at: *finished_at,
            attempt: *attempt,
            retry_count: *retry_count,
            max_retries: *max_retries,
            recurring_id: occurrence.map(|occurrence| occurrence.recurring_id),
            node: *node,
            tags: job.tags().to_vec(),
        }
    }
}
