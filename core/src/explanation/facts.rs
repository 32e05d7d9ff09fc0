//! Facts about a job, its queue and the servers, from which reasons follow.

use std::sync::Arc;

use chrono::{DateTime, Utc};

use crate::job::Job;
use crate::job::attempt::AttemptStatus;
use crate::metrics::health::HealthReason;
use crate::queue::rate_limit::RateLimit;
use crate::values::id::NodeId;
use crate::values::name::{JobType, QueueName};

/// Maximum number that the place of a job in line is counted to.
pub const AHEAD_MAX: u64 = 1_000;

/// Facts about one job.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// The current time.
    pub now: DateTime<Utc>,
    /// The job and its attempts.
    pub job: &'a JobFacts,
    /// Its queue.
    pub queue: &'a QueueFacts,
    /// Its type, in its queue.
    pub handlers: &'a HandlerFacts,
    /// The servers and the storage.
    pub cluster: &'a ClusterFacts,
    /// Its place among the due jobs of its queue, if it was counted.
    pub line: Option<LineFacts>,
}

/// A job and its attempts.
#[derive(Clone, Debug)]
pub struct JobFacts {
    /// The job; it may be brief.
    pub job: Arc<Job>,
    /// Status and end of the last attempt that has ended.
    pub last_attempt: Option<(AttemptStatus, Option<DateTime<Utc>>)>,
    /// Number of lost attempts in a row, up to the last one.
    pub losses: u32,
    /// The node that runs it, or that has claimed it ahead of its start.
    pub holder: Option<Holder>,
}

/// The node of a running job, or of one that is claimed ahead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// The node.
    pub id: NodeId,
    /// Its name, if the node is still known.
    pub name: Option<Arc<str>>,
    /// Server or remote worker.
    pub kind: RunnerKind,
    /// Time of its last heartbeat, by storage's clock.
    pub heartbeat_at: Option<DateTime<Utc>>,
    /// End of its lease, by storage's clock; `None` for a node that storage serves alone.
    pub lease_until: Option<DateTime<Utc>>,
    /// True while its lease lasts.
    pub is_live: bool,
}

impl Holder {
    /// The name, or the id of a node without one.
    pub fn label(&self) -> String {
        self.name
            .as_deref()
            .map_or_else(|| self.id.as_uuid().to_string(), str::to_owned)
    }
}

/// A queue.
#[derive(Clone, Debug, PartialEq)]
pub struct QueueFacts {
    /// Its name.
    pub name: QueueName,
    /// Its pause; `None` if it is not paused.
    pub pause: Option<Pause>,
    /// Its rate limit; `None` if it has none.
    pub rate: Option<RateFacts>,
}

/// The pause of a queue.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pause {
    /// The time of the request, if the audit log has it.
    pub since: Option<DateTime<Utc>>,
    /// The caller, if the audit log has it.
    pub by: Option<Arc<str>>,
}

/// A rate limit of a queue and its state on the server that explains.
#[derive(Clone, Debug, PartialEq)]
pub struct RateFacts {
    /// The limit.
    pub limit: RateLimit,
    /// The time at which the next job may start; `None` if one may start now.
    pub next_start: Option<DateTime<Utc>>,
}

/// Kind of a runner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunnerKind {
    /// A server with a handler.
    Server,
    /// A remote worker.
    Worker,
}

impl RunnerKind {
    /// The name in the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Server => "server",
            Self::Worker => "worker",
        }
    }
}

/// A live server or remote worker that runs jobs of a type in a queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Runner {
    /// The node.
    pub id: NodeId,
    /// Its name.
    pub name: Arc<str>,
    /// Server or remote worker.
    pub kind: RunnerKind,
    /// Number of jobs that it runs concurrently: of the queue, or of all queues of a remote worker.
    pub workers: u32,
    /// Number of those workers that are occupied.
    pub busy: u32,
    /// True if it starts no jobs: it drains or shuts down.
    pub is_draining: bool,
}

impl Runner {
    /// True if it starts a due job now.
    pub const fn is_free(&self) -> bool {
        !self.is_draining && self.busy < self.workers
    }
}

/// The runners of a type in a queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HandlerFacts {
    /// The type.
    pub job_type: JobType,
    /// The live ones.
    pub runners: Vec<Runner>,
    /// True if a live server does not report its types: it may run this one.
    pub is_incomplete: bool,
    /// The known type with the most similar name, if no runner has the type.
    pub nearest: Option<JobType>,
    /// The concurrency limit of the type on the server that explains, if it has one.
    pub limit: Option<TypeLimit>,
}

/// The concurrency limit of a type on a server, and its use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TypeLimit {
    /// The server.
    pub server: Arc<str>,
    /// Maximum number of its running jobs.
    pub limit: u32,
    /// Number of its running jobs.
    pub running: u32,
}

/// The servers and the storage.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClusterFacts {
    /// Number of servers with a valid lease.
    pub live_servers: usize,
    /// Known problems of storage that keep jobs from starting.
    pub storage_problems: Vec<HealthReason>,
}

/// The line of due jobs before a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LineFacts {
    /// Number of jobs that start before it, counted up to [`AHEAD_MAX`] and one.
    pub ahead: u64,
    /// Number of jobs of the queue that were started recently, and the time since which they were counted.
    pub started: (u64, DateTime<Utc>),
}
