//! The lifecycle of operations.
//!
//! ```text
//!            start             first step              last step
//! preview ─────────► pending ────────────► running ──────────────► completed
//!                       │  ▲                 │   └───── error ───► failed
//!                       │  └─ resume ─┐      │
//!                       └─ pause ► paused ◄──┘ pause
//!            cancel: from pending, running and paused ───────────► cancelled
//! ```

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};

use super::Operation;
use super::action::{Action, OperationKind, UndoKind};
use super::progress::SkipReason;
use super::status::OperationStatus;
use crate::values::id::{AuditId, JobId, OperationId};
use crate::values::timestamp::truncate_to_micros;

/// Number of times that jobs are visited again after concurrent changes.
const TRIES_MAX: u32 = 4;

/// The operation's status does not allow the change.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidOperationChange {
    /// Its status does not allow it.
    #[error("a {status} operation can't be {action}; {allowed}")]
    Status {
        /// Current status.
        status: OperationStatus,
        /// The requested change, as a participle: `paused`.
        action: &'static str,
        /// The statuses that allow it, and alternatives.
        allowed: &'static str,
    },
    /// Its kind can't be undone.
    #[error("an operation of kind {kind} can't be undone; it can be cancelled in its grace period")]
    NotInvertible {
        /// Its kind.
        kind: OperationKind,
    },
    /// It was undone.
    #[error("the operation was undone by operation {by}")]
    Undone {
        /// The operation that has undone it.
        by: OperationId,
    },
    /// The time for it has passed.
    #[error("the operation could be undone until {until}")]
    TooLate {
        /// The end of that time.
        until: DateTime<Utc>,
    },
}

/// The result of a job's change in a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobResult {
    /// The job was changed.
    Done,
    /// The job was changed concurrently: it is visited again.
    Conflict,
    /// The job was skipped.
    Skipped(SkipReason),
}

impl Operation {
    fn changed(&self, status: OperationStatus) -> Self {
        Self {
            status,
            revision: self.revision + 1,
            ..self.clone()
        }
    }

    fn invalid(&self, action: &'static str, allowed: &'static str) -> InvalidOperationChange {
        InvalidOperationChange::Status {
            status: self.status,
            action,
            allowed,
        }
    }

    /// The previewed operation after its start.
    pub fn started(
        &self,
        grace: TimeDelta,
        note: Option<Arc<str>>,
        audit: Option<AuditId>,
        now: DateTime<Utc>,
    ) -> Result<Self, InvalidOperationChange> {
        if self.status != OperationStatus::Preview {
            return Err(self.invalid("started", "it was started already"));
        }
        Ok(Self {
            note,
            audit,
            starts_at: truncate_to_micros(now.checked_add_signed(grace).unwrap_or(now)),
            ..self.changed(OperationStatus::Pending)
        })
    }

    /// Stops it until it is resumed.
    pub fn paused(&self) -> Result<Self, InvalidOperationChange> {
        match self.status {
            OperationStatus::Pending | OperationStatus::Running => Ok(self.changed(OperationStatus::Paused)),
            OperationStatus::Preview
            | OperationStatus::Paused
            | OperationStatus::Completed
            | OperationStatus::Failed
            | OperationStatus::Cancelled => Err(self.invalid("paused", "only pending and running ones can be")),
        }
    }

    /// Continues it.
    pub fn resumed(&self) -> Result<Self, InvalidOperationChange> {
        if self.status != OperationStatus::Paused {
            return Err(self.invalid("resumed", "only paused ones can be"));
        }
        Ok(self.changed(OperationStatus::Pending))
    }

    /// Ends it. Changed jobs stay as they are.
    pub fn cancelled(&self, now: DateTime<Utc>) -> Result<Self, InvalidOperationChange> {
        if !self.status.is_open() {
            return Err(self.invalid("cancelled", "only pending, running and paused ones can be"));
        }
        Ok(self.ended(OperationStatus::Cancelled, now))
    }

    /// The operation after its last step.
    #[must_use]
    pub fn completed(&self, now: DateTime<Utc>) -> Self {
        self.ended(OperationStatus::Completed, now)
    }

    /// The operation after an error that no repetition can mend.
    #[must_use]
    pub fn failed(&self, error: Arc<str>, now: DateTime<Utc>) -> Self {
        Self {
            error: Some(error),
            ..self.ended(OperationStatus::Failed, now)
        }
    }

    fn ended(&self, status: OperationStatus, now: DateTime<Utc>) -> Self {
        Self {
            finished_at: Some(truncate_to_micros(now)),
            again: Vec::new(),
            ..self.changed(status)
        }
    }

    /// The operation after a step that visits jobs up to `cursor`, or those that it visits again, before the results of their
    /// changes are added.
    #[must_use]
    pub fn stepped(&self, cursor: Option<JobId>, now: DateTime<Utc>) -> Self {
        Self {
            cursor: cursor.or(self.cursor),
            tries: if self.again.is_empty() { 0 } else { self.tries + 1 },
            again: Vec::new(),
            started_at: self.started_at.or(Some(truncate_to_micros(now))),
            ..self.changed(OperationStatus::Running)
        }
    }

    /// Adds the result of a job's change in this step.
    pub fn add_result(&mut self, job_id: JobId, result: JobResult) {
        match result {
            JobResult::Done => self.progress.done += 1,
            JobResult::Conflict if self.tries < TRIES_MAX => self.again.push(job_id),
            JobResult::Conflict => self.progress.skip(SkipReason::Changed),
            JobResult::Skipped(reason) => self.progress.skip(reason),
        }
    }

    /// The action that restores what this operation has changed.
    pub fn inverse(&self, now: DateTime<Utc>) -> Result<Action, InvalidOperationChange> {
        if self.action.undo() != UndoKind::Inverse {
            return Err(InvalidOperationChange::NotInvertible {
                kind: self.action.kind(),
            });
        }
        if let Some(by) = self.undone_by {
            return Err(InvalidOperationChange::Undone { by });
        }
        if !self.status.is_finished() {
            return Err(self.invalid("undone", "cancel it first"));
        }
        match self.undo_until() {
            Some(until) if until < now => Err(InvalidOperationChange::TooLate { until }),
            Some(_) | None => Ok(Action::Undo { of: self.id }),
        }
    }

    /// The operation after the start of the one that restores its changes.
    #[must_use]
    pub fn undone(&self, by: OperationId) -> Self {
        Self {
            undone_by: Some(by),
            ..self.changed(self.status)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::caller::CallerKind;
    use crate::operation::{Requester, Total, UNDO_TIME};

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::days(20_000) + TimeDelta::seconds(seconds)
    }

    fn operation(action: Action) -> Operation {
        let requester = Requester {
            kind: CallerKind::Key,
            name: Arc::from("ops"),
            address: None,
        };
        let (total, id) = (Total::default(), OperationId::new(at(0), 1));
        Operation::preview(
            id,
            (action, Arc::from("")),
            total,
            JobId::last_at(at(0)),
            requester,
            at(0),
        )
    }

    fn started(action: Action) -> Operation {
        let started = operation(action).started(TimeDelta::seconds(10), None, None, at(1));
        started.expect("a preview can be started")
    }

    #[test]
    fn an_operation_is_started_once_and_ends_once() {
        let pending = started(Action::Delete);
        assert_eq!((pending.status, pending.starts_at), (OperationStatus::Pending, at(11)));
        let again = pending
            .started(TimeDelta::zero(), None, None, at(2))
            .expect_err("twice");
        assert_eq!(
            again.to_string(),
            "a pending operation can't be started; it was started already"
        );
        let paused = pending.paused().expect("it waits");
        assert!(paused.paused().is_err());
        let resumed = paused.resumed().expect("it is paused");
        assert_eq!(resumed.status, OperationStatus::Pending);
        let cancelled = resumed.cancelled(at(3)).expect("it is open");
        assert_eq!(cancelled.finished_at, Some(at(3)));
        assert!(cancelled.cancelled(at(4)).is_err() && cancelled.resumed().is_err());
        assert_eq!(cancelled.revision, 4);
    }

    #[test]
    fn a_job_that_is_changed_concurrently_is_visited_again_a_few_times() {
        let job = JobId::last_at(at(0));
        let mut operation = started(Action::Cancel).stepped(Some(job), at(20));
        assert_eq!(
            (operation.status, operation.cursor),
            (OperationStatus::Running, Some(job))
        );
        for tries in 0..TRIES_MAX {
            assert_eq!(operation.tries, tries);
            operation.add_result(job, JobResult::Conflict);
            assert_eq!(operation.again, [job]);
            operation = operation.stepped(None, at(21));
            assert_eq!((operation.again.len(), operation.cursor), (0, Some(job)));
        }
        operation.add_result(job, JobResult::Conflict);
        assert_eq!(operation.again, []);
        assert_eq!(operation.progress.skipped_for(SkipReason::Changed), 1);
        assert_eq!(operation.stepped(None, at(22)).tries, 0, "others are visited as often");
    }

    #[test]
    fn what_can_be_restored_is_undone_once_and_in_time() {
        let running = started(Action::Cancel).stepped(None, at(20));
        assert!(running.inverse(at(21)).is_err(), "it is cancelled first");
        let completed = running.completed(at(30));
        let until = at(30) + UNDO_TIME;
        assert_eq!(completed.undo_until(), Some(until));
        assert_eq!(completed.inverse(until), Ok(Action::Undo { of: completed.id }));
        let late = completed.inverse(until + TimeDelta::seconds(1));
        assert_eq!(late, Err(InvalidOperationChange::TooLate { until }));
        let by = OperationId::new(at(31), 2);
        let undone = completed.undone(by);
        assert_eq!(undone.inverse(at(32)), Err(InvalidOperationChange::Undone { by }));
        assert_eq!(undone.undo_until(), None);
        let deleted = started(Action::Delete).stepped(None, at(20)).completed(at(30));
        assert_eq!(
            deleted.inverse(at(31)),
            Err(InvalidOperationChange::NotInvertible {
                kind: OperationKind::Delete
            })
        );
        assert_eq!(deleted.undo_until(), None);
    }
}
