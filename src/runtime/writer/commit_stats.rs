//! Statistics of a commit.

use std::sync::Arc;
use std::time::Duration;

use crate::domain::metrics::rollup::RollupEntry;
use crate::domain::values::name::{JobType, QueueName};
use crate::domain::webhooks::delivery::AfterAttempt;
use crate::storage::change::{
    Applied, Change, Finished, Inserted, JobChange, OperationChange, RecurringChange, Released,
};
use crate::storage::outbox::Attempts;

/// Statistics of a commit.
#[derive(Clone, Debug, Default)]
pub struct CommitReport {
    /// Number of changes.
    pub changes: usize,
    /// Duration of the commit in storage.
    pub took: Duration,
    /// The queue and the type of each new job.
    pub created: Vec<(QueueName, JobType)>,
    /// Jobs that started, finished or were cancelled.
    pub entries: Vec<RollupEntry>,
    /// Delivery attempts, by webhook endpoint.
    pub deliveries: Vec<DeliveryReport>,
}

/// Delivery attempts to one webhook endpoint.
#[derive(Clone, Debug)]
pub struct DeliveryReport {
    /// The endpoint's name.
    pub endpoint: Arc<str>,
    /// Outcome of each delivery, and duration of the attempt.
    pub attempts: Vec<(DeliveryEnd, Duration)>,
}

/// Outcome of a delivery after an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeliveryEnd {
    /// The endpoint has accepted it.
    Delivered,
    /// It is retried.
    Retrying,
    /// It has failed permanently.
    Failed,
}

impl DeliveryEnd {
    /// The value in metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Retrying => "retrying",
            Self::Failed => "failed",
        }
    }
}

impl From<AfterAttempt> for DeliveryEnd {
    fn from(after: AfterAttempt) -> Self {
        match after {
            AfterAttempt::Delivered => Self::Delivered,
            AfterAttempt::RetryAt(_) => Self::Retrying,
            AfterAttempt::Failed => Self::Failed,
        }
    }
}

impl DeliveryReport {
    /// The outcomes of these attempts.
    pub(crate) fn new(endpoint: Arc<str>, attempts: &Attempts) -> Self {
        let outcomes = attempts.outcomes.iter();
        Self {
            endpoint,
            attempts: outcomes
                .map(|outcome| (outcome.after.into(), outcome.attempt.duration.to_std()))
                .collect(),
        }
    }
}

impl CommitReport {
    /// Adds an applied change.
    pub(crate) fn record(&mut self, change: &Change, applied: &Applied) {
        match (change, applied) {
            (Change::Job(JobChange::Insert { jobs, .. }), Applied::Inserted(inserted)) => {
                let new = jobs.iter().zip(inserted).filter(|(_, one)| **one == Inserted::New);
                self.created
                    .extend(new.map(|(job, _)| (job.queue.clone(), job.job_type.clone())));
            }
            (Change::Recurring(RecurringChange::Fire(fire)), Applied::Fired(fired)) => {
                let new = fire.occurrences.iter().zip(fired).filter(|(_, is_new)| **is_new);
                self.created
                    .extend(new.map(|(job, _)| (job.queue.clone(), job.job_type.clone())));
            }
            (Change::Recurring(RecurringChange::Trigger { occurrence, .. }), Applied::Fired(fired))
                if fired.contains(&true) =>
            {
                self.created
                    .push((occurrence.queue.clone(), occurrence.job_type.clone()));
            }
            (Change::Job(JobChange::Start { jobs }), Applied::Started(started)) => {
                let taken = jobs.iter().zip(started).filter(|(_, taken)| **taken);
                self.entries.extend(taken.map(|(job, _)| RollupEntry::started(job)));
            }
            (Change::Job(JobChange::Claim(claim)), Applied::Claimed(jobs)) if !claim.is_ahead => {
                self.entries.extend(jobs.iter().map(|job| RollupEntry::started(job)));
            }
            (Change::Job(JobChange::Release { jobs, .. }), Applied::Released(released)) => {
                let cancelled = jobs
                    .iter()
                    .zip(released)
                    .filter_map(|(before, released)| match released {
                        Released::Cancelled(after) => RollupEntry::updated(before, after),
                        Released::Pending | Released::Lost => None,
                    });
                self.entries.extend(cancelled);
            }
            (
                Change::Job(JobChange::Finish {
                    started, job, attempt, ..
                }),
                Applied::Finished(Finished::Stored),
            ) => {
                self.entries.extend(started.as_deref().map(RollupEntry::started));
                self.entries.push(RollupEntry::ended(job, attempt));
            }
            (Change::Job(JobChange::Update { before, after }), Applied::Updated) => {
                self.entries.extend(RollupEntry::updated(before, after));
            }
            (Change::Operation(OperationChange::Step(step)), Applied::Stepped(stepped)) => {
                for (change, result) in step.jobs.iter().zip(&stepped.results) {
                    if let Ok(applied) = result {
                        self.record(change, applied);
                    }
                }
            }
            // Other changes concern no job.
            _ => {}
        }
    }
}
