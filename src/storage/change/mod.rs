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
pub use super::applied::{Applied, ChangeError, Finished, Inserted, Released};
use chrono::{DateTime, Utc};

use crate::domain::values::id::JobId;
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
            Self::Recurring(_) | Self::Cluster(_) | Self::Worker(_) | Self::Webhook(_) | Self::Feed(_) => false,
        }
    }

    /// `true` if it can have events of jobs or queues; bookkeeping of the server has none.
    pub fn may_have_events(&self) -> bool {
        match self {
            Self::Job(change) => change.may_have_events(),
            Self::Queue(change) => change.may_have_events(),
            Self::Recurring(change) => change.may_have_events(),
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
            Self::Maintenance(change) => change.rows(),
            Self::Cluster(_) | Self::Worker(_) | Self::Feed(_) => 1,
        }
    }

    /// The stored jobs that it concerns. New jobs are not among them: no other change refers to them yet.
    pub fn job_ids(&self) -> impl Iterator<Item = JobId> {
        let jobs = match self {
            Self::Job(change) => change.stored_jobs(),
            Self::Queue(_)
            | Self::Recurring(_)
            | Self::Cluster(_)
            | Self::Worker(_)
            | Self::Webhook(_)
            | Self::Feed(_)
            | Self::Maintenance(_) => &[],
        };
        jobs.iter().map(|job| job.id)
    }

    /// The queues that have to exist once it is applied.
    pub fn queues(&self) -> impl Iterator<Item = &QueueName> {
        let (jobs, queue) = match self {
            Self::Job(change) => (change.jobs_in_queues(), None),
            Self::Recurring(change) => (change.occurrences(), None),
            Self::Queue(change) => (&[][..], change.created_queue()),
            Self::Cluster(_) | Self::Worker(_) | Self::Webhook(_) | Self::Feed(_) | Self::Maintenance(_) => {
                (&[][..], None)
            }
        };
        jobs.iter().map(|job| &job.queue).chain(queue)
    }
}
