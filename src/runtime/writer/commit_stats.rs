//! What one commit has done, in numbers.

use std::sync::Arc;
use std::time::Duration;

use crate::domain::metrics::rollup::Mark;
use crate::domain::values::name::{JobType, QueueName};
use crate::domain::webhooks::delivery::AfterAttempt;
use crate::storage::change::{Applied, Change, Finished, Inserted};
use crate::storage::outbox::Attempts;

/// What one commit has done.
#[derive(Clone, Debug, Default)]
pub struct CommitReport {
    /// How many changes it had.
    pub changes: usize,
    /// How long storage took.
    pub took: Duration,
    /// The queue and the type of each new job.
    pub created: Vec<(QueueName, JobType)>,
    /// What jobs have added that started, ended or were cancelled.
    pub marks: Vec<Mark>,
    /// What came of attempts to tell webhook endpoints.
    pub deliveries: Vec<DeliveryReport>,
}

/// What came of attempts to tell one webhook endpoint.
#[derive(Clone, Debug)]
pub struct DeliveryReport {
    /// The endpoint's name.
    pub endpoint: Arc<str>,
    /// What became of each delivery, and how long the attempt has taken.
    pub attempts: Vec<(DeliveryEnd, Duration)>,
}

/// What becomes of a delivery after an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeliveryEnd {
    /// The endpoint has taken it.
    Delivered,
    /// It is tried again.
    Retrying,
    /// It is given up.
    Failed,
}

impl DeliveryEnd {
    /// The word for it.
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
    /// What these attempts to tell the endpoint of this name have come to.
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
    /// Takes in what became of a change.
    pub(crate) fn note(&mut self, change: &Change, applied: &Applied) {
        match (change, applied) {
            (Change::Insert { jobs, .. }, Applied::Inserted(inserted)) => {
                let new = jobs.iter().zip(inserted).filter(|(_, one)| **one == Inserted::New);
                self.created
                    .extend(new.map(|(job, _)| (job.queue.clone(), job.job_type.clone())));
            }
            (Change::Fire(fire), Applied::Fired(fired)) => {
                let new = fire.occurrences.iter().zip(fired).filter(|(_, is_new)| **is_new);
                self.created
                    .extend(new.map(|(job, _)| (job.queue.clone(), job.job_type.clone())));
            }
            (Change::Trigger { occurrence, .. }, Applied::Fired(fired)) if fired.contains(&true) => {
                self.created
                    .push((occurrence.queue.clone(), occurrence.job_type.clone()));
            }
            (Change::Start { jobs }, Applied::Started(started)) => {
                let taken = jobs.iter().zip(started).filter(|(_, taken)| **taken);
                self.marks.extend(taken.map(|(job, _)| Mark::started(job)));
            }
            (Change::Claim(_), Applied::Claimed(jobs)) => {
                self.marks.extend(jobs.iter().map(|job| Mark::started(job)));
            }
            (Change::Finish { job, attempt, .. }, Applied::Finished(Finished::Stored)) => {
                self.marks.push(Mark::ended(job, attempt));
            }
            (Change::Update { before, after }, Applied::Updated) => {
                self.marks.extend(Mark::updated(before, after));
            }
            // The rest is about no job, or has changed nothing.
            _ => {}
        }
    }
}
