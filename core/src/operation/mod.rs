//! Bulk operations: one change of all jobs that a filter selects, made in steps.
//!
//! A preview is an operation that has not been requested yet. Jobs are visited by id up to an upper bound, each of them
//! once, so that jobs created later are not changed. A step of storage changes jobs and moves the cursor in one commit.

pub mod action;
pub mod lifecycle;
pub mod progress;
pub mod status;

use std::net::IpAddr;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};

use self::action::Action;
use self::progress::Progress;
use self::status::OperationStatus;
use crate::access::caller::{Caller, CallerKind};
use crate::values::id::{AuditId, JobId, OperationId};
use crate::values::timestamp::truncate_to_micros;

/// Time for which a preview can be started.
pub const PREVIEW_LIFETIME: TimeDelta = TimeDelta::minutes(15);
/// Time after the end of an operation within which it can be undone.
pub const UNDO_TIME: TimeDelta = TimeDelta::hours(1);
/// Maximum number of jobs per step.
pub const STEP_JOBS: u32 = 500;

/// The caller that requested an operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Requester {
    /// Kind of the caller.
    pub kind: CallerKind,
    /// Name of the caller.
    pub name: Arc<str>,
    /// Address of the client, for requests over a network.
    pub address: Option<IpAddr>,
}

impl Requester {
    /// This caller.
    pub fn of(caller: &Caller) -> Self {
        Self {
            kind: caller.kind(),
            name: Arc::clone(caller.name()),
            address: caller.address,
        }
    }

    /// `true` if the caller is this one. Two keys of one name are one caller.
    pub fn is(&self, caller: &Caller) -> bool {
        self.kind == caller.kind() && self.name == *caller.name()
    }
}

/// A number of jobs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Total {
    /// The number.
    pub count: u64,
    /// `false` if there may be more.
    pub is_exact: bool,
}

/// A bulk operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operation {
    /// Unique id, which contains the time of the preview. Until the operation is started it is its token.
    pub id: OperationId,
    /// The change of each job.
    pub action: Action,
    /// The filter that selects the jobs, as stored text.
    pub filter: Arc<str>,
    /// A note of the caller.
    pub note: Option<Arc<str>>,
    /// Status.
    pub status: OperationStatus,
    /// Number of jobs that the preview has found.
    pub total: Total,
    /// Number of visited jobs.
    pub progress: Progress,
    /// The upper bound: jobs with a greater id are not visited.
    pub up_to: JobId,
    /// The last visited job.
    pub cursor: Option<JobId>,
    /// Visited jobs that were changed concurrently, and are visited again.
    pub again: Vec<JobId>,
    /// Number of times that they were.
    pub tries: u32,
    /// The caller.
    pub requester: Requester,
    /// The audit record of its start.
    pub audit: Option<AuditId>,
    /// Time of the preview.
    pub created_at: DateTime<Utc>,
    /// End of the grace period, in which it can be cancelled without an effect.
    pub starts_at: DateTime<Utc>,
    /// Start of the first step.
    pub started_at: Option<DateTime<Utc>>,
    /// Time when it completed, failed or was cancelled.
    pub finished_at: Option<DateTime<Utc>>,
    /// The operation that has undone it.
    pub undone_by: Option<OperationId>,
    /// Why it failed.
    pub error: Option<Arc<str>>,
    /// Revision, incremented by every change.
    pub revision: u32,
}

impl Operation {
    /// The preview of an operation.
    pub fn preview(
        id: OperationId,
        (action, filter): (Action, Arc<str>),
        total: Total,
        up_to: JobId,
        requester: Requester,
        now: DateTime<Utc>,
    ) -> Self {
        let now = truncate_to_micros(now);
        Self {
            id,
            action,
            filter,
            note: None,
            status: OperationStatus::Preview,
            total,
            progress: Progress::default(),
            up_to,
            cursor: None,
            again: Vec::new(),
            tries: 0,
            requester,
            audit: None,
            created_at: now,
            starts_at: now,
            started_at: None,
            finished_at: None,
            undone_by: None,
            error: None,
            revision: 0,
        }
    }

    /// End of the time in which the preview can be started.
    pub fn expires_at(&self) -> DateTime<Utc> {
        self.created_at + PREVIEW_LIFETIME
    }

    /// End of the time in which the operation can be undone; `None` if it can't be.
    pub fn undo_until(&self) -> Option<DateTime<Utc>> {
        let is_possible = self.action.is_invertible() && self.undone_by.is_none();
        self.finished_at.filter(|_| is_possible).map(|at| at + UNDO_TIME)
    }
}
