//! A job: one unit of work.

pub mod attempt;
pub mod claimed;
pub mod clock_step;
pub mod labels;
pub mod lost_attempt;
pub mod new_job;
pub mod outcome;
pub mod priority;
pub mod retry;
pub mod state_machine;
pub mod status;
mod trace;

use std::sync::Arc;

use chrono::{DateTime, Utc};

use self::attempt::Attempt;
use self::labels::Labels;
use self::priority::Priority;
use self::retry::RetryPolicy;
use self::status::JobStatus;
use super::recurring::id::RecurringId;
use super::values::id::{JobId, NodeId};
use super::values::json::Json;
use super::values::name::{JobName, JobType, QueueName, Tag, UniqueKey};
use super::values::time_span::TimeSpan;
use super::values::trace_context::TraceParent;
use super::values::trace_state::PropagatedContext;

/// Identity of an occurrence; no two jobs have the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Occurrence {
    /// Id of the recurring job.
    pub recurring_id: RecurringId,
    /// Due time of the occurrence.
    pub due_at: DateTime<Utc>,
}

/// One unit of work. Only [`self::state_machine`] changes its status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// Unique id, which contains the creation time.
    pub id: JobId,
    /// Display name.
    pub name: JobName,
    /// Type, which selects the handler.
    pub job_type: JobType,
    /// Queue.
    pub queue: QueueName,
    /// Priority.
    pub priority: Priority,
    /// Status.
    pub status: JobStatus,
    /// Parameters of the handler.
    pub parameters: Json,
    /// Result of the handler, after success.
    pub result: Option<Json>,
    /// Error of the last failed attempt, in one line; kept until the retry finishes.
    pub error: Option<Arc<str>>,
    /// Detail of the error.
    pub error_detail: Option<Arc<str>>,
    /// Creation time, in whole milliseconds.
    pub created_at: DateTime<Utc>,
    /// The earliest start time.
    pub due_at: DateTime<Utc>,
    /// The time from which `due_at` was computed, if it is that time plus a delay (of a retry, or zero). `None` if a
    /// caller set the due time, and for a new job without a delay, which is due at `created_at`.
    pub due_from: Option<DateTime<Utc>>,
    /// Start time of the last attempt.
    pub started_at: Option<DateTime<Utc>>,
    /// Time when it completed, failed permanently or was cancelled.
    pub finished_at: Option<DateTime<Utc>>,
    /// Number of started attempts. It only grows: together with the status it fences the effects of an attempt.
    pub attempt: u32,
    /// Number of retries since the count was last reset.
    pub retry_count: u32,
    /// Maximum number of retries.
    pub max_retries: u32,
    /// Delays before retries.
    pub retry_policy: RetryPolicy,
    /// Timeout of one attempt.
    pub timeout: TimeSpan,
    /// Unique among unfinished jobs.
    pub unique_key: Option<UniqueKey>,
    /// Its tags and the values of its searchable parameters, if it has any.
    pub labels: Option<Arc<Labels>>,
    /// The occurrence of a recurring job that it represents, if any.
    pub occurrence: Option<Occurrence>,
    /// Span context of the request that created it, if any.
    pub trace_parent: Option<TraceParent>,
    /// Further trace context of that request: trace state and baggage.
    pub propagated: Option<Arc<PropagatedContext>>,
    /// True if cancellation was requested while it was running.
    pub cancel_requested: bool,
    /// The node that runs it, or ran its last attempt.
    pub node: Option<NodeId>,
    /// The node that has claimed the pending job ahead. The node may run it before its start is stored.
    pub claimed_by: Option<NodeId>,
    /// Revision, incremented by every change: the job's `ETag`.
    pub revision: u32,
    /// Read without large texts: the parameters are `null`, the result and the detail of the error are missing, and a
    /// change that stores it leaves those texts unchanged.
    pub is_brief: bool,
}

impl Job {
    /// Duration of the last attempt; `None` until it has finished.
    pub fn duration(&self) -> Option<TimeSpan> {
        match (self.started_at, self.finished_at) {
            (Some(started_at), Some(finished_at)) => Some(TimeSpan::between(started_at, finished_at)),
            _ => None,
        }
    }

    /// Its tags.
    pub fn tags(&self) -> &[Tag] {
        self.labels.as_ref().map_or(&[], |labels| &labels.tags)
    }

    /// Size of its large texts, in bytes.
    pub fn text_bytes(&self) -> usize {
        let result = self.result.as_ref().map_or(0, |result| result.as_str().len());
        let detail = self.error_detail.as_ref().map_or(0, |detail| detail.len());
        self.parameters.as_str().len() + result + detail
    }

    /// The same without these texts.
    #[must_use]
    pub fn in_brief(&self) -> Self {
        Self {
            parameters: Json::null(),
            result: None,
            error_detail: None,
            is_brief: true,
            ..self.clone()
        }
    }

    /// The attempt that runs now, which no history has yet.
    pub fn current_attempt(&self) -> Option<Attempt> {
        Attempt::running(self.id, self.status, self.attempt, self.started_at, self.node)
    }
}
