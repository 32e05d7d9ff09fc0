//! The state machine: every change that a job can go through.
//!
//! ```text
//!              start                      finish
//!   ┌─────────┐ ───► ┌─────────┐ ─────────────────────────► completed
//!   │ pending │      │ running │ ── no retries left ──────► failed
//!   └─────────┘ ◄─── └─────────┘ ── told to stop ─────────► cancelled
//!     │  ▲  ▲   retry, interrupted, lost                     │
//!     │  │  └──────────── retry (failed, cancelled), ────────┘
//!     │  │                execute (all three)
//!     │  └─ execute, patch
//!     └──── cancel ──────────────────────────────────────► cancelled
//! ```
//!
//! Each function takes the job as it is and gives the job as it will be, or says why it can't be. Storage then swaps the
//! one for the other only if nobody else has changed the job in between: by its revision, and for the end of an attempt
//! by the attempt's number (`change.rs` in the server's storage).

use chrono::{DateTime, Utc};

use super::Job;
use super::attempt::{Attempt, AttemptStatus};
use super::new_job::Due;
use super::outcome::{Failure, Outcome, RetryAdvice};
use super::priority::Priority;
use super::retry::{Jitter, bounded};
use super::status::JobStatus;
use crate::values::id::NodeId;
use crate::values::json::Json;
use crate::values::name::{JobName, QueueName};
use crate::values::time_span::TimeSpan;
use crate::values::timestamp;

/// A change that this job can't go through in its present status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a {status} job can't be {action}; {allowed}")]
pub struct Refused {
    /// The status it has.
    pub status: JobStatus,
    /// What was asked for, as a participle: `cancelled`.
    pub action: &'static str,
    /// When it is possible, and what to do instead.
    pub allowed: &'static str,
}

/// What cancelling did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cancelled {
    /// The job had not started and is cancelled.
    Done(Job),
    /// The job runs and has been told to stop; here it is with the request noted.
    Requested(Job),
    /// The job runs and had been told to stop before; nothing changes.
    AlreadyRequested,
}

/// What of a pending job is to be changed; `None` leaves it as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct JobPatch {
    /// What people call it.
    pub name: Option<JobName>,
    /// The lane it waits in.
    pub queue: Option<QueueName>,
    /// What the handler is given.
    pub parameters: Option<Json>,
    /// How urgent it is.
    pub priority: Option<Priority>,
    /// When it may start.
    pub due: Option<Due>,
    /// How many retries it may have.
    pub max_retries: Option<u32>,
    /// How long one attempt may take.
    pub timeout: Option<TimeSpan>,
    /// The wait before the first retry.
    pub retry_delay: Option<TimeSpan>,
    /// The waits before each retry.
    pub retry_intervals: Option<Vec<TimeSpan>>,
}

impl Job {
    /// The job as `node` starts its next attempt. The caller knows that it is pending and due.
    #[must_use]
    pub fn start(&self, node: NodeId, now: DateTime<Utc>) -> Self {
        debug_assert_eq!(self.status, JobStatus::Pending, "only a pending job is started");
        debug_assert!(!self.is_brief, "a handler is given the parameters");
        Self {
            status: JobStatus::Running,
            started_at: Some(timestamp::truncate_to_micros(now)),
            finished_at: None,
            attempt: self.attempt + 1,
            node: Some(node),
            revision: self.revision + 1,
            ..self.clone()
        }
    }

    /// The running job as its attempt ends at `now`, and the attempt for the history.
    ///
    /// What was asked to be cancelled is not run again, whatever the outcome; a job that succeeded all the same has
    /// succeeded.
    #[must_use]
    pub fn finish(&self, outcome: Outcome, now: DateTime<Utc>, jitter: Jitter) -> (Self, Attempt) {
        debug_assert_eq!(self.status, JobStatus::Running, "only a running job can end");
        let now = timestamp::truncate_to_micros(now);
        // A clock that was set back meanwhile makes no attempt end before its start.
        let ended_at = self.started_at.map_or(now, |started_at| started_at.max(now));
        let attempt = |status, failure: Option<&Failure>| Attempt {
            job_id: self.id,
            number: self.attempt,
            status,
            started_at: self.started_at.unwrap_or(now),
            ended_at: Some(ended_at),
            error: failure.map(|failure| failure.error.clone()),
            error_detail: failure.and_then(|failure| failure.detail.clone()),
            // A running job has a node; the nil id stands for a row that somebody else has written.
            node: self.node.unwrap_or(NodeId::from_uuid(uuid::Uuid::nil())),
        };
        let ended = |status| Self {
            status,
            finished_at: Some(ended_at),
            due_from: None,
            cancel_requested: false,
            revision: self.revision + 1,
            ..self.clone()
        };
        let again = |due_at| Self {
            finished_at: None,
            due_at,
            due_from: Some(now),
            ..ended(JobStatus::Pending)
        };
        match outcome {
            Outcome::Completed(result) => (
                Self {
                    result,
                    error: None,
                    error_detail: None,
                    ..ended(JobStatus::Completed)
                },
                attempt(AttemptStatus::Completed, None),
            ),
            Outcome::Failed(failure) => {
                let attempt = attempt(AttemptStatus::Failed, Some(&failure));
                let Failure { error, detail, retry } = failure;
                let after = if self.cancel_requested {
                    ended(JobStatus::Cancelled)
                } else {
                    match self.next_attempt_at(retry, now, jitter) {
                        Some(due_at) => Self {
                            retry_count: self.retry_count + 1,
                            ..again(due_at)
                        },
                        None => ended(JobStatus::Failed),
                    }
                };
                (
                    Self {
                        result: None,
                        error: Some(error),
                        error_detail: detail,
                        ..after
                    },
                    attempt,
                )
            }
            Outcome::Cancelled => (ended(JobStatus::Cancelled), attempt(AttemptStatus::Cancelled, None)),
            Outcome::Interrupted | Outcome::Lost => {
                let status = if outcome == Outcome::Lost {
                    AttemptStatus::Lost
                } else {
                    AttemptStatus::Interrupted
                };
                let after = if self.cancel_requested {
                    ended(JobStatus::Cancelled)
                } else {
                    again(now)
                };
                (after, attempt(status, None))
            }
        }
    }

    fn next_attempt_at(&self, advice: RetryAdvice, now: DateTime<Utc>, jitter: Jitter) -> Option<DateTime<Utc>> {
        if self.retry_count >= self.max_retries {
            return None;
        }
        let by_policy = || self.retry_policy.next_attempt_at(now, self.retry_count, jitter);
        let after = |wait| now.checked_add_signed(bounded(wait).to_delta()).unwrap_or(now);
        match advice {
            RetryAdvice::ByPolicy => Some(by_policy()),
            RetryAdvice::NotBefore(wait) => Some(by_policy().max(after(wait))),
            RetryAdvice::After(wait) => Some(after(wait)),
            RetryAdvice::Never => None,
        }
    }

    /// Cancels a pending job; asks a running one to stop.
    pub fn cancel(&self, now: DateTime<Utc>) -> Result<Cancelled, Refused> {
        match self.status {
            JobStatus::Pending => Ok(Cancelled::Done(Self {
                status: JobStatus::Cancelled,
                finished_at: Some(timestamp::truncate_to_micros(now)),
                revision: self.revision + 1,
                ..self.clone()
            })),
            JobStatus::Running if self.cancel_requested => Ok(Cancelled::AlreadyRequested),
            JobStatus::Running => Ok(Cancelled::Requested(Self {
                cancel_requested: true,
                revision: self.revision + 1,
                ..self.clone()
            })),
            JobStatus::Completed | JobStatus::Failed | JobStatus::Cancelled => {
                Err(self.refuse("cancelled", "only pending and running jobs can be"))
            }
        }
    }

    /// Makes a failed or cancelled job pending again, due at once.
    pub fn retry(&self, reset_retry_count: bool, now: DateTime<Utc>) -> Result<Self, Refused> {
        match self.status {
            JobStatus::Failed | JobStatus::Cancelled => Ok(Self {
                retry_count: if reset_retry_count { 0 } else { self.retry_count },
                ..self.queued_again(now)
            }),
            JobStatus::Pending | JobStatus::Running | JobStatus::Completed => Err(self.refuse(
                "retried",
                "only failed and cancelled jobs can be; execute runs a pending or completed one",
            )),
        }
    }

    /// Makes a pending job due at `due`, or queues a finished one again with its history kept and its retries anew.
    pub fn execute(&self, priority: Option<Priority>, due: Due, now: DateTime<Utc>) -> Result<Self, Refused> {
        debug_assert!(!self.is_brief, "the result and the error are removed");
        let due_at = timestamp::truncate_to_micros(due.resolve(now));
        let due_from = due.reckoned_from(now);
        let priority = priority.unwrap_or(self.priority);
        match self.status {
            JobStatus::Pending => Ok(Self {
                due_at,
                due_from,
                priority,
                revision: self.revision + 1,
                ..self.clone()
            }),
            JobStatus::Completed | JobStatus::Failed | JobStatus::Cancelled => Ok(Self {
                due_at,
                due_from,
                priority,
                retry_count: 0,
                result: None,
                error: None,
                error_detail: None,
                ..self.queued_again(now)
            }),
            JobStatus::Running => Err(self.refuse(
                "executed",
                "it runs already; cancel it first, or wait until it has ended",
            )),
        }
    }

    /// Changes a pending job.
    pub fn patch(&self, patch: JobPatch, now: DateTime<Utc>) -> Result<Self, Refused> {
        if self.status != JobStatus::Pending {
            return Err(self.refuse("changed", "only pending jobs can be"));
        }
        let JobPatch {
            name,
            queue,
            parameters,
            priority,
            due,
            max_retries,
            timeout,
            retry_delay,
            retry_intervals,
        } = patch;
        debug_assert!(!self.is_brief || parameters.is_none(), "the parameters are stored");
        let mut after = self.clone();
        after.revision += 1;
        after.name = name.unwrap_or(after.name);
        after.queue = queue.unwrap_or(after.queue);
        after.parameters = parameters.unwrap_or(after.parameters);
        after.priority = priority.unwrap_or(after.priority);
        if let Some(due) = due {
            after.due_at = timestamp::truncate_to_micros(due.resolve(now));
            after.due_from = due.reckoned_from(now);
        }
        after.max_retries = max_retries.unwrap_or(after.max_retries);
        after.timeout = timeout.unwrap_or(after.timeout);
        if let Some(delay) = retry_delay {
            after.retry_policy.delay = delay;
        }
        if let Some(intervals) = retry_intervals {
            after.retry_policy.intervals = intervals.into();
        }
        Ok(after)
    }

    /// Whether the job may be deleted: only what has finished.
    pub fn check_deletable(&self) -> Result<(), Refused> {
        if self.status.is_finished() {
            Ok(())
        } else {
            Err(self.refuse(
                "deleted",
                "only completed, failed and cancelled jobs can be; cancel it first",
            ))
        }
    }

    fn queued_again(&self, now: DateTime<Utc>) -> Self {
        Self {
            status: JobStatus::Pending,
            due_at: timestamp::truncate_to_micros(now),
            due_from: Some(timestamp::truncate_to_micros(now)),
            finished_at: None,
            cancel_requested: false,
            revision: self.revision + 1,
            ..self.clone()
        }
    }

    fn refuse(&self, action: &'static str, allowed: &'static str) -> Refused {
        Refused {
            status: self.status,
            action,
            allowed,
        }
    }
}
