//! The state machine: every transition of a job.
//!
//! ```text
//!              start                      finish
//!   ┌─────────┐ ───► ┌─────────┐ ─────────────────────────► completed
//!   │ pending │      │ running │ ── no retries left ──────► failed
//!   └─────────┘ ◄─── └─────────┘ ── cancel requested ─────► cancelled
//!     │  ▲  ▲   retry, interrupted, lost                     │
//!     │  │  └──────────── retry (failed, cancelled), ────────┘
//!     │  │                execute (all three)
//!     │  └─ execute, update
//!     └──── cancel ──────────────────────────────────────► cancelled
//! ```
//!
//! A node may claim a pending job ahead of its start (`claimed.rs`).
//!
//! Each function returns the job after the transition, or an error. Storage swaps the row only if no concurrent change
//! came first: it checks the revision, and for the end of an attempt the attempt's number (`change.rs` in the server's
//! storage).

use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::Job;
use super::attempt::{Attempt, AttemptStatus};
use super::labels::Labels;
use super::new_job::Due;
use super::outcome::{Failure, Outcome, RetryAdvice};
use super::priority::Priority;
use super::retry::{Jitter, bounded};
use super::status::JobStatus;
use crate::values::id::NodeId;
use crate::values::json::Json;
use crate::values::name::{JobName, QueueName, Tag};
use crate::values::time_span::TimeSpan;
use crate::values::timestamp;

/// The job's status does not allow the transition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a {status} job can't be {action}; {allowed}")]
pub struct InvalidTransition {
    /// Current status.
    pub status: JobStatus,
    /// The requested transition, as a participle: `cancelled`.
    pub action: &'static str,
    /// The statuses that allow it, and alternatives.
    pub allowed: &'static str,
}

/// Result of a cancellation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cancelled {
    /// The job was pending and is cancelled.
    Done(Job),
    /// The job is running; its cancellation is now requested.
    Requested(Job),
    /// The job is running and its cancellation was already requested; nothing changes.
    AlreadyRequested,
}

/// New values for a pending job; `None` keeps the current value.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct JobUpdate {
    /// Display name.
    pub name: Option<JobName>,
    /// Queue.
    pub queue: Option<QueueName>,
    /// Parameters of the handler.
    pub parameters: Option<Json>,
    /// Priority.
    pub priority: Option<Priority>,
    /// Start time.
    pub due: Option<Due>,
    /// Maximum number of retries.
    pub max_retries: Option<u32>,
    /// Timeout of one attempt.
    pub timeout: Option<TimeSpan>,
    /// Delay before the first retry.
    pub retry_delay: Option<TimeSpan>,
    /// Delays before the first, second, … retry.
    pub retry_intervals: Option<Vec<TimeSpan>>,
    /// Tags by which it is found.
    pub tags: Option<Vec<Tag>>,
    /// Paths of the searchable parameters of its type, for new parameters.
    pub searchable: Arc<[Arc<str>]>,
}

impl Job {
    /// The job after `node` started its next attempt. The job must be pending and due. Until the start of a claimed job is
    /// stored, the running job has its claim.
    #[must_use]
    pub fn start(&self, node: NodeId, now: DateTime<Utc>) -> Self {
        debug_assert!(!self.is_brief, "a handler is given the parameters");
        debug_assert!(
            self.claimed_by.is_none_or(|claimed_by| claimed_by == node),
            "a claimed job is started by its node"
        );
        self.begin(node, now)
    }

    pub(super) fn begin(&self, node: NodeId, now: DateTime<Utc>) -> Self {
        debug_assert_eq!(self.status, JobStatus::Pending, "only a pending job is started");
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

    /// The running job after its attempt finished at `now`, and the attempt for the history.
    ///
    /// After a cancellation request the job does not run again, unless it was already successful.
    #[must_use]
    pub fn finish(&self, outcome: Outcome, now: DateTime<Utc>, jitter: Jitter) -> (Self, Attempt) {
        debug_assert_eq!(self.status, JobStatus::Running, "only a running job can finish");
        let now = timestamp::truncate_to_micros(now);
        // An attempt does not end before its start, even if the clock was set back meanwhile.
        let ended_at = self.started_at.map_or(now, |started_at| started_at.max(now));
        let attempt = |status, failure: Option<&Failure>| Attempt {
            job_id: self.id,
            number: self.attempt,
            status,
            started_at: self.started_at.unwrap_or(now),
            ended_at: Some(ended_at),
            error: failure.map(|failure| failure.error.clone()),
            error_detail: failure.and_then(|failure| failure.detail.clone()),
            // A running job has a node; the nil id stands for a row that another program wrote.
            node: self.node.unwrap_or(NodeId::from_uuid(uuid::Uuid::nil())),
        };
        let ended = |status| Self {
            status,
            finished_at: Some(ended_at),
            due_from: None,
            cancel_requested: false,
            claimed_by: None,
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

    /// Cancels a pending job; requests cancellation of a running or claimed one.
    pub fn cancel(&self, now: DateTime<Utc>) -> Result<Cancelled, InvalidTransition> {
        match self.status_of_holder() {
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
                Err(self.invalid("cancelled", "only pending and running jobs can be"))
            }
        }
    }

    /// Makes a job that was cancelled before its next attempt pending again, due as before.
    pub fn restore(&self) -> Result<Self, InvalidTransition> {
        if self.status != JobStatus::Cancelled {
            return Err(self.invalid("restored", "only cancelled jobs can be"));
        }
        Ok(Self {
            status: JobStatus::Pending,
            finished_at: None,
            revision: self.revision + 1,
            ..self.clone()
        })
    }

    /// Makes a failed or cancelled job pending again, due immediately.
    pub fn retry(&self, reset_retry_count: bool, now: DateTime<Utc>) -> Result<Self, InvalidTransition> {
        match self.status {
            JobStatus::Failed | JobStatus::Cancelled => Ok(Self {
                retry_count: if reset_retry_count { 0 } else { self.retry_count },
                ..self.queued_again(now)
            }),
            JobStatus::Pending | JobStatus::Running | JobStatus::Completed => Err(self.invalid(
                "retried",
                "only failed and cancelled jobs can be; execute runs a pending or completed one",
            )),
        }
    }

    /// Makes a pending job due at `due`, or requeues a finished one with its history kept and its retry count reset.
    pub fn execute(&self, priority: Option<Priority>, due: Due, now: DateTime<Utc>) -> Result<Self, InvalidTransition> {
        debug_assert!(
            !self.is_brief || !self.status.is_finished(),
            "the result and the error are removed"
        );
        let due_at = timestamp::truncate_to_micros(due.resolve(now));
        let due_from = due.computed_from(now);
        let priority = priority.unwrap_or(self.priority);
        match self.status_of_holder() {
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
            JobStatus::Running => Err(self.invalid(
                "executed",
                "it is already running; cancel it first, or wait until it finishes",
            )),
        }
    }

    /// Updates a pending job.
    pub fn patch(&self, patch: JobUpdate, now: DateTime<Utc>) -> Result<Self, InvalidTransition> {
        if self.status_of_holder() != JobStatus::Pending {
            return Err(self.invalid("changed", "only pending jobs can be"));
        }
        let JobUpdate {
            name,
            queue,
            parameters,
            priority,
            due,
            max_retries,
            timeout,
            retry_delay,
            retry_intervals,
            tags,
            searchable,
        } = patch;
        debug_assert!(!self.is_brief || parameters.is_none(), "the parameters are stored");
        let mut after = self.clone();
        after.revision += 1;
        after.name = name.unwrap_or(after.name);
        after.queue = queue.unwrap_or(after.queue);
        let known = after.labels.take().unwrap_or_default();
        let tags = tags.unwrap_or_else(|| known.tags.clone());
        after.labels = match parameters {
            Some(parameters) => {
                after.parameters = parameters;
                Labels::of(tags, &after.parameters, &searchable)
            }
            None => Labels::with_tags(&known, tags),
        };
        after.priority = priority.unwrap_or(after.priority);
        if let Some(due) = due {
            after.due_at = timestamp::truncate_to_micros(due.resolve(now));
            after.due_from = due.computed_from(now);
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

    /// Fails unless the job is finished.
    pub fn check_deletable(&self) -> Result<(), InvalidTransition> {
        if self.status.is_finished() {
            Ok(())
        } else {
            Err(self.invalid(
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

    fn invalid(&self, action: &'static str, allowed: &'static str) -> InvalidTransition {
        InvalidTransition {
            status: self.status_of_holder(),
            action,
            allowed,
        }
    }
}
