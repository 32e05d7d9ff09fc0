//! A job: one unit of work, and all that is known of it.

pub mod attempt;
pub mod clock_step;
pub mod lost_attempt;
pub mod new_job;
pub mod outcome;
pub mod priority;
pub mod retry;
pub mod state_machine;
pub mod status;

use std::sync::Arc;

use chrono::{DateTime, Utc};

use self::attempt::Attempt;
use self::priority::Priority;
use self::retry::RetryPolicy;
use self::status::JobStatus;
use super::recurring::RecurringId;
use super::values::id::{JobId, NodeId};
use super::values::json::Json;
use super::values::name::{JobName, JobType, QueueName, UniqueKey};
use super::values::time_span::TimeSpan;
use super::values::trace_context::TraceParent;
use super::values::trace_state::PropagatedContext;

/// The identity of an occurrence: no second job has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Occurrence {
    /// Whose due time.
    pub recurring_id: RecurringId,
    /// Which.
    pub due_at: DateTime<Utc>,
}

/// One unit of work. Only [`self::state_machine`] changes its status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// Its identity, which holds the time of its creation.
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
    /// What the handler is given.
    pub parameters: Json,
    /// What the handler answered, when it succeeded.
    pub result: Option<Json>,
    /// Why the last attempt failed, in a line; kept while a retry is awaited.
    pub error: Option<Arc<str>>,
    /// More of the failure.
    pub error_detail: Option<Arc<str>>,
    /// When it was created, in whole milliseconds.
    pub created_at: DateTime<Utc>,
    /// The time from which on it may start.
    pub due_at: DateTime<Utc>,
    /// The time that `due_at` was reckoned from, if it is that time and a wait: a delay, a retry, or no wait at all. `None`
    /// for a time that a caller has named, and for a new job without a wait, which was reckoned from `created_at`.
    pub due_from: Option<DateTime<Utc>>,
    /// When its last attempt started.
    pub started_at: Option<DateTime<Utc>>,
    /// When it completed, failed for good or was cancelled.
    pub finished_at: Option<DateTime<Utc>>,
    /// How many attempts have been started. It only grows: together with the status it fences the effects of an attempt.
    pub attempt: u32,
    /// How many of them were retries, since the count was last started anew.
    pub retry_count: u32,
    /// How many retries it may have.
    pub max_retries: u32,
    /// How long it waits before a retry.
    pub retry_policy: RetryPolicy,
    /// How long one attempt may take.
    pub timeout: TimeSpan,
    /// At most one unfinished job has it.
    pub unique_key: Option<UniqueKey>,
    /// Which due time of which recurring job it is, if it is one.
    pub occurrence: Option<Occurrence>,
    /// The place in a trace of the request that has created it, if it had one.
    pub trace_parent: Option<TraceParent>,
    /// What that request's trace passes on besides.
    pub propagated: Option<Arc<PropagatedContext>>,
    /// Whether somebody asked for it to be cancelled while it ran.
    pub cancel_requested: bool,
    /// The node that runs it, or ran its last attempt.
    pub node: Option<NodeId>,
    /// Grows with every change: the job's `ETag`.
    pub revision: u32,
    /// Whether it was read without the texts that can be large. Its parameters are then `null`, its result and the detail of
    /// its error are missing, and a change that stores it leaves those texts as they are.
    pub is_brief: bool,
}

impl Job {
    /// How long the last attempt took; `None` before it has ended.
    pub fn duration(&self) -> Option<TimeSpan> {
        match (self.started_at, self.finished_at) {
            (Some(started_at), Some(finished_at)) => Some(TimeSpan::between(started_at, finished_at)),
            _ => None,
        }
    }

    /// How many bytes its texts have that can be large.
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
