//! What is asked of storage.

use std::sync::Arc;

use chrono::{DateTime, Utc};

use crate::domain::access::audit::AuditAction;
use crate::domain::cluster::remote_worker::{WorkerDeclaration, WorkerStatus};
use crate::domain::cluster::worker_access::WorkerAccess;
use crate::domain::job::Job;
use crate::domain::job::attempt;
use crate::domain::job::attempt::Attempt;
use crate::domain::job::priority::Priority;
use crate::domain::job::status::JobStatus;
use crate::domain::metrics::histogram::{Histogram, Measure};
use crate::domain::metrics::rollup::RollupCounts;
use crate::domain::recurring::{RecurringId, RecurringJob};
use crate::domain::values::id::{AuditId, JobId, NodeId};
use crate::domain::values::name::{JobName, JobType, QueueName};
use crate::domain::values::time_span::TimeSpan;
use crate::domain::webhooks::change_feed::FeedCursor;
use crate::domain::webhooks::delivery::{DeliveryId, DeliveryStatus};
use crate::domain::webhooks::endpoint::{Endpoint, EndpointId};

/// Which jobs are meant. Every condition that is given must hold; an empty filter means all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JobFilter {
    /// One of these statuses; empty for any.
    pub statuses: Vec<JobStatus>,
    /// One of these types; empty for any.
    pub job_types: Vec<JobType>,
    /// This queue.
    pub queue: Option<QueueName>,
    /// An occurrence of this recurring job.
    pub recurring_id: Option<RecurringId>,
    /// This priority.
    pub priority: Option<Priority>,
    /// This text is part of the name or of the type: each character means itself, and letters of ASCII match in any case.
    pub search: Option<String>,
    /// Created at or after.
    pub created_from: Option<DateTime<Utc>>,
    /// Created at or before.
    pub created_to: Option<DateTime<Utc>>,
}

impl JobFilter {
    /// Whether a job is meant.
    pub fn matches(&self, job: &Job) -> bool {
        let Self {
            statuses,
            job_types,
            queue,
            recurring_id,
            priority,
            search,
            created_from,
            created_to,
        } = self;
        let contains = |text: &str| {
            search
                .as_ref()
                .is_none_or(|search| text.to_ascii_lowercase().contains(&search.to_ascii_lowercase()))
        };
        (statuses.is_empty() || statuses.contains(&job.status))
            && (job_types.is_empty() || job_types.contains(&job.job_type))
            && queue.as_ref().is_none_or(|queue| *queue == job.queue)
            && recurring_id.is_none_or(|id| job.occurrence.is_some_and(|occurrence| occurrence.recurring_id == id))
            && priority.is_none_or(|priority| priority == job.priority)
            && (contains(job.name.as_str()) || contains(job.job_type.as_str()))
            && created_from.is_none_or(|from| from <= job.created_at)
            && created_to.is_none_or(|to| job.created_at <= to)
    }
}

/// In which order a list comes.
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

/// Which part of a list is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page {
    /// How many jobs at the most.
    pub limit: u32,
    /// How many to pass over.
    pub offset: u64,
    /// Only jobs that come behind this one in the list: where the page before has ended.
    pub after: Option<JobId>,
    /// In which order they come.
    pub order: Order,
}

/// Which part of the list of recurring jobs is wanted. The newest comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecurringPage {
    /// How many at the most.
    pub limit: u32,
    /// How many to pass over.
    pub offset: u64,
}

/// Recurring jobs that are due.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DueRecurring {
    /// Those that fit the limits, in any order.
    pub recurring_jobs: Vec<Arc<RecurringJob>>,
    /// True if more may be due.
    pub has_more: bool,
}

/// Maximum size of the parameters of [`DueRecurring`] with more than one recurring job, in bytes.
pub const DUE_RECURRING_BYTES_MAX: u64 = 8 << 20;

/// A node as storage knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredNode {
    /// Which run of a server.
    pub id: NodeId,
    /// What people call it.
    pub name: String,
    /// When it started, by its own clock.
    pub started_at: DateTime<Utc>,
    /// When it was last heard of, by storage's clock.
    pub heartbeat_at: DateTime<Utc>,
    /// Until when its jobs are its own, by storage's clock.
    pub lease_until: DateTime<Utc>,
    /// Whether its lease lasts.
    pub is_live: bool,
    /// Whether it leads.
    pub is_leader: bool,
    /// Whether it starts no new jobs.
    pub is_draining: bool,
    /// How many jobs it runs.
    pub running_jobs: u64,
    /// The job types that it has handlers for; `None` where its version does not say.
    pub job_types: Option<Vec<JobType>>,
    /// Those of them that remote workers may lease too; `None` where its version has no such rule.
    pub remote_types: Option<Vec<JobType>>,
}

/// The pending jobs of a type in a queue.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PendingJobs {
    /// Of which type.
    pub job_type: JobType,
    /// In which queue.
    pub queue: QueueName,
    /// How many.
    pub count: u64,
}

/// A page of the remote workers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WorkerPage {
    /// The worker that the page follows; `None` for the first page.
    pub after: Option<NodeId>,
    /// How many.
    pub limit: u32,
}

/// The job types of a remote worker, and the queues that it takes jobs from; all when there are none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkerTypes {
    /// The types.
    pub job_types: Arc<[JobType]>,
    /// The queues.
    pub queues: Arc<[QueueName]>,
}

/// A remote worker as storage knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredWorker {
    /// Which run of it.
    pub id: NodeId,
    /// What it says of itself.
    pub declaration: WorkerDeclaration,
    /// Access to it; `None` for one that a version without owners registered.
    pub access: Option<WorkerAccess>,
    /// When it came.
    pub registered_at: DateTime<Utc>,
    /// When it was last heard of, by storage's clock.
    pub heartbeat_at: DateTime<Utc>,
    /// Until when its jobs are its own, by storage's clock.
    pub lease_until: DateTime<Utc>,
    /// Whether its lease lasts.
    pub is_live: bool,
    /// How many jobs it runs.
    pub running_jobs: u64,
}

impl StoredWorker {
    /// How it stands.
    pub fn status(&self) -> WorkerStatus {
        WorkerStatus::of(self.is_live, self.lease_until)
    }
}

/// A job that runs, in short.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunningJob {
    /// Which job.
    pub id: JobId,
    /// Its queue.
    pub queue: QueueName,
    /// The number of the attempt that runs.
    pub attempt: u32,
    /// When it started.
    pub started_at: DateTime<Utc>,
    /// How long it may take.
    pub timeout: TimeSpan,
    /// Whether somebody asked for it to be cancelled.
    pub cancel_requested: bool,
}

/// A job without what can be large: its parameters, its result and the details of its failure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobSummary {
    /// Its identity.
    pub id: JobId,
    /// What people call it.
    pub name: JobName,
    /// Which handler runs it.
    pub job_type: JobType,
    /// The lane it waits in.
    pub queue: QueueName,
    /// How urgent it is.
    pub priority: Priority,
    /// Where it stands.
    pub status: JobStatus,
    /// Why the last attempt failed, in a line.
    pub error: Option<Arc<str>>,
    /// When it was created.
    pub created_at: DateTime<Utc>,
    /// The time from which on it may start.
    pub due_at: DateTime<Utc>,
    /// When its last attempt started.
    pub started_at: Option<DateTime<Utc>>,
    /// When it completed, failed for good or was cancelled.
    pub finished_at: Option<DateTime<Utc>>,
    /// How many attempts have been started.
    pub attempt: u32,
    /// How many of them were retries.
    pub retry_count: u32,
    /// How many retries it may have.
    pub max_retries: u32,
    /// The recurring job of which it is an occurrence.
    pub recurring_id: Option<RecurringId>,
    /// The node that runs it, or ran its last attempt.
    pub node: Option<NodeId>,
}

/// A text of a job that can be large.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum JobText {
    /// What the handler is given.
    Parameters,
    /// What the handler answered.
    Result,
    /// More of the last failure.
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

/// Texts in storage that a read would bring into memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoredTexts<'a> {
    /// This text of these jobs.
    OfJobs(JobText, &'a [JobId]),
    /// The parameters of a page of the recurring jobs.
    OfRecurring(RecurringPage),
    /// The bodies of a page of an endpoint's deliveries, and of what it answered.
    OfDeliveries(EndpointId, DeliveryPage),
    /// The names of types and queues of a page of the remote workers.
    OfWorkers(WorkerPage),
}

impl JobSummary {
    /// All attempts of the job as it was when it was read, given those that had ended then or later.
    pub fn history(&self, ended: Vec<Attempt>) -> Vec<Attempt> {
        let current = Attempt::running(self.id, self.status, self.attempt, self.started_at, self.node);
        attempt::as_of(self.attempt, current, ended)
    }

    /// How long the last attempt took; `None` before it has ended.
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
            occurrence,
            cancel_requested: _,
            node,
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
        }
    }
}

/// Which records of who has changed what are meant. Every condition that is given must hold; an empty filter means all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditFilter {
    /// Of what this caller did.
    pub actor: Option<Arc<str>>,
    /// Of this action.
    pub action: Option<AuditAction>,
    /// Of what was done to this job.
    pub job_id: Option<JobId>,
    /// Made at or after.
    pub from: Option<DateTime<Utc>>,
    /// Made at or before.
    pub to: Option<DateTime<Utc>>,
}

/// Which part of the records is wanted. The newest comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AuditPage {
    /// How many at the most.
    pub limit: u32,
    /// Only records older than this one: where the page before has ended.
    pub after: Option<AuditId>,
}

/// A webhook endpoint, and which node tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredEndpoint {
    /// The endpoint.
    pub endpoint: Arc<Endpoint>,
    /// The node that holds it, or held it last.
    pub holder: Option<NodeId>,
    /// Whether that node lives.
    pub is_held: bool,
    /// The nodes whose configuration names it, live ones and others.
    pub named_by: Vec<NodeId>,
    /// Whether one of them lives.
    pub is_named: bool,
    /// Since when none of them has lived, as far as it was reviewed.
    pub unnamed_since: Option<DateTime<Utc>>,
    /// Whether it has pending deliveries; known only of an endpoint without events.
    pub has_pending: bool,
}

/// Which part of an endpoint's deliveries is wanted. The newest comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeliveryPage {
    /// Only those that stand so.
    pub status: Option<DeliveryStatus>,
    /// How many at the most.
    pub limit: u32,
    /// Only deliveries older than this one: where the page before has ended.
    pub after: Option<DeliveryId>,
}

/// A part of the feed of changed jobs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeedPage {
    /// The jobs that have changed, each once, in the order of their last change in this part. A job that is gone has only
    /// its id.
    pub jobs: Vec<(JobId, Option<Arc<Job>>)>,
    /// Where this part ends.
    pub cursor: FeedCursor,
    /// Whether more follows.
    pub has_more: bool,
    /// Whether changes after the given cursor are kept no more: then this part does not follow on what was read before.
    pub has_gap: bool,
}

/// Of which jobs sums are meant. Every condition that is given must hold; an empty filter means all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RollupFilter {
    /// Of this queue.
    pub queue: Option<QueueName>,
    /// Of one of these types; empty for any.
    pub job_types: Vec<JobType>,
}

impl RollupFilter {
    /// Whether what is summed up for this queue and type is meant.
    pub fn matches(&self, queue: &QueueName, job_type: &JobType) -> bool {
        self.queue.as_ref().is_none_or(|wanted| wanted == queue)
            && (self.job_types.is_empty() || self.job_types.contains(job_type))
    }
}

/// How long jobs have run and waited.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Durations {
    /// Attempts that completed or failed.
    pub run: Histogram,
    /// From the due time to the start.
    pub wait: Histogram,
}

impl Durations {
    /// Counts a step so many times more.
    pub fn add(&mut self, measure: Measure, bucket: u8, count: u64) {
        match measure {
            Measure::Run => self.run.add(bucket, count),
            Measure::Wait => self.wait.add(bucket, count),
        }
    }
}

/// What is summed up of a job type.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TypeRollup {
    /// How many.
    pub counts: RollupCounts,
    /// How long.
    pub durations: Durations,
    /// Why attempts failed, and how many did so; in no order.
    pub reasons: Vec<(String, u64)>,
}
