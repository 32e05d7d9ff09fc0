//! The change of each job by an operation: the rule of the single change.

use std::fmt;

use chrono::{DateTime, Utc};

use super::progress::SkipReason;
use crate::access::audit::{AuditAction, AuditOutcome};
use crate::job::Job;
use crate::job::new_job::Due;
use crate::job::priority::Priority;
use crate::job::state_machine::{Cancelled, JobUpdate};
use crate::job::status::JobStatus;
use crate::values::id::{JobId, OperationId};
use crate::values::name::QueueName;

/// Kind of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum OperationKind {
    /// Cancels pending jobs, and requests cancellation of running ones.
    Cancel = 0,
    /// Makes failed and cancelled jobs pending.
    Retry = 1,
    /// Makes pending jobs due, and requeues finished ones.
    Execute = 2,
    /// Deletes finished jobs.
    Delete = 3,
    /// Moves pending jobs to a queue.
    Move = 4,
    /// Sets the priority of pending jobs.
    Priority = 5,
    /// Restores what another operation has changed.
    Undo = 6,
}

/// The text is not a kind of operation.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{given}' is not a kind of operation; allowed are cancel, retry, execute, delete, move and priority")]
pub struct InvalidOperationKind {
    /// The invalid text.
    pub given: String,
}

impl OperationKind {
    /// All kinds.
    pub const ALL: [Self; 7] = [
        Self::Cancel,
        Self::Retry,
        Self::Execute,
        Self::Delete,
        Self::Move,
        Self::Priority,
        Self::Undo,
    ];

    /// The name in the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Cancel => "cancel",
            Self::Retry => "retry",
            Self::Execute => "execute",
            Self::Delete => "delete",
            Self::Move => "move",
            Self::Priority => "priority",
            Self::Undo => "undo",
        }
    }

    /// Parses the name of a kind that can be previewed.
    pub fn parse(text: &str) -> Result<Self, InvalidOperationKind> {
        Self::ALL
            .into_iter()
            .find(|kind| *kind != Self::Undo && kind.as_str().eq_ignore_ascii_case(text))
            .ok_or_else(|| InvalidOperationKind {
                given: text.chars().take(64).collect(),
            })
    }

    /// The code in storage.
    pub const fn code(self) -> i16 {
        self as i16
    }

    /// The kind with this code.
    pub fn from_code(code: i16) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.code() == code)
    }
}

impl fmt::Display for OperationKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How an operation can be taken back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum UndoKind {
    /// By another operation, which restores stored values of jobs that have not changed meanwhile.
    Inverse,
    /// Not at all; it can be cancelled in its grace period.
    Grace,
}

impl UndoKind {
    /// The name in the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Inverse => "inverse",
            Self::Grace => "grace",
        }
    }
}

/// The change of each job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// See [`OperationKind::Cancel`].
    Cancel,
    /// See [`OperationKind::Retry`].
    Retry {
        /// Grants all retries again.
        reset_retry_count: bool,
    },
    /// See [`OperationKind::Execute`].
    Execute {
        /// The new priority.
        priority: Option<Priority>,
    },
    /// See [`OperationKind::Delete`].
    Delete,
    /// See [`OperationKind::Move`].
    Move {
        /// The new queue.
        queue: QueueName,
    },
    /// See [`OperationKind::Priority`].
    SetPriority {
        /// The new priority.
        priority: Priority,
    },
    /// See [`OperationKind::Undo`].
    Undo {
        /// The operation that is undone.
        of: OperationId,
    },
}

/// The value that an operation has replaced in a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Previous {
    /// The job.
    pub job_id: JobId,
    /// Its revision after the change.
    pub revision: u32,
    /// The value.
    pub value: PreviousValue,
}

/// A replaced value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PreviousValue {
    /// The job was pending.
    Pending,
    /// The queue.
    Queue(QueueName),
    /// The priority.
    Priority(Priority),
}

/// The change of a job by an operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActionResult {
    /// The job after it; `None` if it is deleted.
    pub after: Option<Job>,
    /// The replaced value, stored for undo.
    pub previous: Option<Previous>,
    /// The audited action, and its outcome.
    pub audited: (AuditAction, AuditOutcome),
}

impl Action {
    /// Its kind.
    pub const fn kind(&self) -> OperationKind {
        match self {
            Self::Cancel => OperationKind::Cancel,
            Self::Retry { .. } => OperationKind::Retry,
            Self::Execute { .. } => OperationKind::Execute,
            Self::Delete => OperationKind::Delete,
            Self::Move { .. } => OperationKind::Move,
            Self::SetPriority { .. } => OperationKind::Priority,
            Self::Undo { .. } => OperationKind::Undo,
        }
    }

    /// The statuses of jobs that allow it.
    pub const fn statuses(&self) -> &'static [JobStatus] {
        match self {
            Self::Cancel => &[JobStatus::Pending, JobStatus::Running],
            Self::Retry { .. } => &[JobStatus::Failed, JobStatus::Cancelled],
            Self::Execute { .. } => &[
                JobStatus::Pending,
                JobStatus::Completed,
                JobStatus::Failed,
                JobStatus::Cancelled,
            ],
            Self::Delete => &[JobStatus::Completed, JobStatus::Failed, JobStatus::Cancelled],
            Self::Move { .. } | Self::SetPriority { .. } => &[JobStatus::Pending],
            Self::Undo { .. } => &JobStatus::ALL,
        }
    }

    /// How it can be taken back.
    pub const fn undo(&self) -> UndoKind {
        match self {
            Self::Cancel | Self::Move { .. } | Self::SetPriority { .. } => UndoKind::Inverse,
            Self::Retry { .. } | Self::Execute { .. } | Self::Delete | Self::Undo { .. } => UndoKind::Grace,
        }
    }

    /// `true` if an operation can restore what it changes.
    pub fn is_invertible(&self) -> bool {
        self.undo() == UndoKind::Inverse
    }

    /// `true` if jobs of this status have to be read with their large texts, which the change removes.
    pub const fn needs_texts(&self, status: JobStatus) -> bool {
        matches!(self, Self::Execute { .. }) && status.is_finished()
    }

    /// The change of a job. An undo restores `previous`.
    pub fn apply(
        &self,
        job: &Job,
        previous: Option<&Previous>,
        now: DateTime<Utc>,
    ) -> Result<ActionResult, SkipReason> {
        let refused = |_| SkipReason::Status;
        let changed = |after: Job, action, outcome| ActionResult {
            after: Some(after),
            previous: None,
            audited: (action, outcome),
        };
        let undoable = |after: Job, value, action, outcome| ActionResult {
            previous: Some(Previous {
                job_id: job.id,
                revision: after.revision,
                value,
            }),
            ..changed(after, action, outcome)
        };
        let patched = |update| job.patch(update, now).map_err(refused);
        match self {
            Self::Cancel => match job.cancel(now).map_err(refused)? {
                Cancelled::Done(after) => Ok(undoable(
                    after,
                    PreviousValue::Pending,
                    AuditAction::JobCancel,
                    AuditOutcome::Cancelled,
                )),
                Cancelled::Requested(after) => {
                    Ok(changed(after, AuditAction::JobCancel, AuditOutcome::CancelRequested))
                }
                Cancelled::AlreadyRequested => Err(SkipReason::Unchanged),
            },
            Self::Retry { reset_retry_count } => {
                let after = job.retry(*reset_retry_count, now).map_err(refused)?;
                Ok(changed(after, AuditAction::JobRetry, AuditOutcome::Pending))
            }
            Self::Execute { priority } => {
                let after = job.execute(*priority, Due::Now, now).map_err(refused)?;
                Ok(changed(after, AuditAction::JobExecute, AuditOutcome::Pending))
            }
            Self::Delete => {
                job.check_deletable().map_err(refused)?;
                Ok(ActionResult {
                    after: None,
                    previous: None,
                    audited: (AuditAction::JobDelete, AuditOutcome::Deleted),
                })
            }
            Self::Move { queue } => {
                if *queue == job.queue {
                    return Err(SkipReason::Unchanged);
                }
                let value = PreviousValue::Queue(job.queue.clone());
                let after = patched(of_queue(queue.clone()))?;
                Ok(undoable(after, value, AuditAction::JobUpdate, AuditOutcome::Changed))
            }
            Self::SetPriority { priority } => {
                if *priority == job.priority {
                    return Err(SkipReason::Unchanged);
                }
                let value = PreviousValue::Priority(job.priority);
                let after = patched(of_priority(*priority))?;
                Ok(undoable(after, value, AuditAction::JobUpdate, AuditOutcome::Changed))
            }
            Self::Undo { of: _ } => {
                let previous = previous.filter(|previous| previous.revision == job.revision);
                let Previous { value, .. } = previous.ok_or(SkipReason::Changed)?;
                match value {
                    PreviousValue::Pending => {
                        let after = job.restore().map_err(refused)?;
                        Ok(changed(after, AuditAction::JobRetry, AuditOutcome::Pending))
                    }
                    PreviousValue::Queue(queue) => {
                        let after = patched(of_queue(queue.clone()))?;
                        Ok(changed(after, AuditAction::JobUpdate, AuditOutcome::Changed))
                    }
                    PreviousValue::Priority(priority) => {
                        let after = patched(of_priority(*priority))?;
                        Ok(changed(after, AuditAction::JobUpdate, AuditOutcome::Changed))
                    }
                }
            }
        }
    }
}

fn of_queue(queue: QueueName) -> JobUpdate {
    JobUpdate {
        queue: Some(queue),
        ..JobUpdate::default()
    }
}

fn of_priority(priority: Priority) -> JobUpdate {
    JobUpdate {
        priority: Some(priority),
        ..JobUpdate::default()
    }
}
