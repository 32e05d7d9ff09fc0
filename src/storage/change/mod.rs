//! Changes: what the Writer commits.
//!
//! A commit applies a list of changes in one transaction. Each change carries its own *fence*, the condition under
//! which it is valid; a change whose fence does not hold has the result [`ChangeError::Conflict`] (or its kind of
//! `false`) and no effect, and the others are committed nevertheless. In the same transaction, every implementation
//! keeps the counters of [`super::repository::JobStore::queues`] and [`super::repository::JobStore::count`]
//! consistent with the jobs.
//!
//! An enum for each aggregate lists its changes.

mod cluster;
mod feed;
mod job;
mod maintenance;
mod queue;
mod recurring;
mod size;
mod webhook;
mod worker;

pub use self::cluster::{ClusterChange, DEAF_AFTER};
pub use self::feed::FeedChange;
pub use self::job::{ByteLimit, Claim, Idempotency, JobChange, leaves_texts};
pub use self::maintenance::MaintenanceChange;
pub use self::queue::QueueChange;
pub use self::recurring::{Fire, RecurringChange};
pub use self::webhook::WebhookChange;
pub use self::worker::WorkerChange;
pub use super::applied::{Applied, ChangeError, Finished, Inserted, Released, Stepped};
use std::collections::HashSet;
use std::sync::Arc;

use chrono::{DateTime, Utc};

use crate::domain::access::audit::AuditRecord;
use crate::domain::cluster::leadership::FencingToken;
use crate::domain::job::Job;
use crate::domain::operation::Operation;
use crate::domain::operation::action::Previous;
use crate::domain::operation::lifecycle::JobResult;
use crate::domain::operation::progress::SkipReason;
use crate::domain::values::id::{JobId, NodeId};
use crate::domain::values::name::QueueName;

/// One write.
///
/// Within one commit no two changes concern the same job, but for inserts that share a unique key or an idempotency key, and
/// for changes that select, which are applied after all others. Only a change that is applied creates a queue.
#[derive(Clone, Debug)]
pub enum Change {
    /// Of jobs.
    Job(JobChange),
    /// Of a queue.
    Queue(QueueChange),
    /// Of a recurring job.
    Recurring(RecurringChange),
    /// Of a node.
    Cluster(ClusterChange),
    /// Of a remote worker.
    Worker(WorkerChange),
    /// Of a webhook endpoint or of deliveries.
    Webhook(WebhookChange),
    /// Of a reader of the change feed.
    Feed(FeedChange),
    /// Of a bulk operation, and of jobs by it.
    Operation(OperationChange),
    /// A step of retention.
    Maintenance(MaintenanceChange),
}

impl Change {
    /// Sets the current time of a change that compares stored times with it: the change may have waited for its commit.
    pub(crate) fn set_time(&mut self, time: DateTime<Utc>) {
        if let Self::Webhook(WebhookChange::SetBack { now, .. }) = self {
            *now = time;
        }
    }

    /// `true` if it selects its rows among all that the other changes of the commit leave.
    pub fn selects(&self) -> bool {
        match self {
            Self::Job(change) => change.selects(),
            Self::Queue(change) => change.selects(),
            Self::Maintenance(_) => true,
            Self::Recurring(_)
            | Self::Cluster(_)
            | Self::Worker(_)
            | Self::Webhook(_)
            | Self::Feed(_)
            | Self::Operation(_) => false,
        }
    }

    /// `true` if it can have events of jobs or queues; bookkeeping of the server has none.
    pub fn may_have_events(&self) -> bool {
        match self {
            Self::Job(change) => change.may_have_events(),
            Self::Queue(change) => change.may_have_events(),
            Self::Recurring(change) => change.may_have_events(),
            Self::Operation(_) => true,
            Self::Cluster(_) | Self::Worker(_) | Self::Webhook(_) | Self::Feed(_) | Self::Maintenance(_) => false,
        }
    }

    /// The result for a storage that does not support it: bookkeeping of the server succeeds without an effect, any other
    /// change is rejected.
    pub fn unsupported(&self) -> Result<Applied, ChangeError> {
        let what = match self {
            Self::Cluster(change) => return change.unsupported(),
            Self::Worker(change) => return change.unsupported(),
            Self::Webhook(change) => return change.unsupported(),
            Self::Feed(change) => return change.unsupported(),
            Self::Maintenance(change) => return Ok(change.unsupported()),
            Self::Job(change) => change.feature(),
            Self::Queue(_) => "changes of queues",
            Self::Recurring(_) => "recurring jobs",
            Self::Operation(_) => "bulk operations",
        };
        Err(ChangeError::Unsupported { what })
    }

    /// Its size within a commit: its rows, and more if they are long.
    pub fn rows(&self) -> usize {
        match self {
            Self::Job(change) => change.rows(),
            Self::Queue(change) => change.rows(),
            Self::Recurring(change) => change.rows(),
            Self::Webhook(change) => change.rows(),
            Self::Operation(change) => change.rows(),
            Self::Maintenance(change) => change.rows(),
            Self::Cluster(_) | Self::Worker(_) | Self::Feed(_) => 1,
        }
    }

    /// The change itself, and the changes of jobs of which it consists.
    pub(crate) fn with_steps(&self) -> impl Iterator<Item = &Self> {
        let steps = if let Self::Operation(change) = self {
            change.jobs()
        } else {
            &[]
        };
        std::iter::once(self).chain(steps)
    }

    /// The stored jobs that it concerns. New jobs are not among them: no other change refers to them yet.
    pub fn job_ids(&self) -> impl Iterator<Item = JobId> {
        let (jobs, steps) = match self {
            Self::Job(change) => (change.stored_jobs(), &[][..]),
            Self::Operation(change) => (&[][..], change.jobs()),
            Self::Queue(_)
            | Self::Recurring(_)
            | Self::Cluster(_)
            | Self::Worker(_)
            | Self::Webhook(_)
            | Self::Feed(_)
            | Self::Maintenance(_) => (&[][..], &[][..]),
        };
        let of_steps = steps.iter().filter_map(|step| {
            if let Self::Job(change) = step {
                Some(change.stored_jobs())
            } else {
                None
            }
        });
        jobs.iter().chain(of_steps.flatten()).map(|job| job.id)
    }

    /// The queues that have to exist once it is applied.
    pub fn queues(&self) -> impl Iterator<Item = &QueueName> {
        let mut moved = None;
        let (jobs, queue) = match self {
            Self::Job(change) => (change.jobs_in_queues(), None),
            Self::Operation(change) => {
                moved = Some(change.jobs_in_queues());
                (&[][..], None)
            }
            Self::Recurring(change) => (change.occurrences(), None),
            Self::Queue(change) => (&[][..], change.created_queue()),
            Self::Cluster(_) | Self::Worker(_) | Self::Webhook(_) | Self::Feed(_) | Self::Maintenance(_) => {
                (&[][..], None)
            }
        };
        let moved = moved.into_iter().flatten();
        jobs.iter().chain(moved).map(|job| &job.queue).chain(queue)
    }
}

/// A change of a bulk operation.
#[derive(Clone, Debug)]
pub enum OperationChange {
    /// Stores a new operation. One that restores the changes of another is stored if the other one's stored revision is that
    /// of `undone`, which is replaced. → [`Applied::OperationStored`] or [`ChangeError::Conflict`].
    Insert {
        /// The operation.
        operation: Arc<Operation>,
        /// The operation that it undoes, as it was read, and after it.
        undone: Option<(Arc<Operation>, Arc<Operation>)>,
    },
    /// Replaces an operation by a changed one if the stored revision is that of `before`. → [`Applied::OperationStored`] or
    /// [`ChangeError::Conflict`].
    Update {
        /// The operation as it was read.
        before: Arc<Operation>,
        /// The changed operation.
        after: Arc<Operation>,
    },
    /// A step of an operation: changes of jobs. → [`Applied::Stepped`], [`ChangeError::Conflict`] or [`ChangeError::NoLease`].
    Step(OperationStep),
}

/// A step of an operation. All of it is applied if the stored revision is that of `before` and the leader still leads; a job
/// that was changed concurrently, or whose change is refused, stays as it is.
#[derive(Clone, Debug)]
pub struct OperationStep {
    /// The leader that makes the step, and its fencing token.
    pub leader: (NodeId, FencingToken),
    /// The operation as it was read.
    pub before: Arc<Operation>,
    /// The operation after the step, without the results of `jobs`.
    pub after: Arc<Operation>,
    /// The changes of different jobs: updates and deletions.
    pub jobs: Vec<Change>,
    /// The audit record of each change. Empty if there is no audit log.
    pub audit: Vec<AuditRecord>,
    /// The values that the changes replace, by their jobs.
    pub previous: Vec<Previous>,
}

impl OperationStep {
    /// The operation to store, given the result of each change.
    pub fn stored(&self, results: &[Result<Applied, ChangeError>]) -> Operation {
        let mut stored = Operation::clone(&self.after);
        for (job_id, result) in self.results(results) {
            stored.add_result(job_id, result);
        }
        stored
    }

    /// The values that the applied changes have replaced.
    pub fn replaced(&self, results: &[Result<Applied, ChangeError>]) -> impl Iterator<Item = &Previous> {
        let done: HashSet<JobId> = self
            .results(results)
            .filter(|(_, result)| *result == JobResult::Done)
            .map(|(job_id, _)| job_id)
            .collect();
        self.previous
            .iter()
            .filter(move |previous| done.contains(&previous.job_id))
    }

    /// The audit records of the applied changes.
    pub fn audited(&self, results: &[Result<Applied, ChangeError>]) -> impl Iterator<Item = &AuditRecord> {
        self.audit
            .iter()
            .zip(results)
            .filter(|(_, result)| result.is_ok())
            .map(|(record, _)| record)
    }

    fn results(&self, results: &[Result<Applied, ChangeError>]) -> impl Iterator<Item = (JobId, JobResult)> {
        let ids = self.jobs.iter().flat_map(Change::job_ids);
        ids.zip(results).map(|(job_id, result)| {
            let result = match result {
                Ok(_) => JobResult::Done,
                Err(ChangeError::Conflict) => JobResult::Conflict,
                Err(ChangeError::UniqueKeyTaken { .. }) => JobResult::Skipped(SkipReason::UniqueKey),
                Err(_) => JobResult::Skipped(SkipReason::Refused),
            };
            (job_id, result)
        })
    }
}

impl OperationChange {
    /// The changes of jobs.
    fn jobs(&self) -> &[Change] {
        match self {
            Self::Step(step) => &step.jobs,
            Self::Insert { .. } | Self::Update { .. } => &[],
        }
    }

    /// Its size in rows of usual length.
    fn rows(&self) -> usize {
        match self {
            Self::Step(step) => 1 + step.jobs.len() + step.audit.len() + step.previous.len(),
            Self::Insert { .. } | Self::Update { .. } => 1,
        }
    }

    /// The jobs whose queues have to exist.
    fn jobs_in_queues(&self) -> impl Iterator<Item = &Arc<Job>> {
        self.jobs().iter().filter_map(|change| {
            if let Change::Job(JobChange::Update { before: _, after }) = change {
                Some(after)
            } else {
                None
            }
        })
    }
}
