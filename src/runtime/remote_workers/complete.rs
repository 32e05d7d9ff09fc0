//! Completion of attempts of remote workers.

use std::collections::HashMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::error::RemoteWorkerError;
use super::operations::RemoteWorkers;
use crate::domain::access::audit::AuditRecord;
use crate::domain::job::Job;
use crate::domain::job::attempt::AttemptKey;
use crate::domain::job::outcome::Outcome;
use crate::domain::job::status::JobStatus;
use crate::domain::values::id::{JobId, NodeId};
use crate::runtime::actor::clock::draw_jitter;
use crate::runtime::writer::messages::WritePriority;
use crate::storage::change::{Applied, Change, ClusterChange, Finished, JobChange};
use crate::storage::commit::AuditEntry;

/// The outcome of an attempt, as its worker reports it.
#[derive(Clone, Debug)]
pub struct ReportedOutcome {
    /// The job.
    pub job_id: JobId,
    /// The attempt.
    pub attempt: u32,
    /// The outcome.
    pub outcome: Outcome,
}

impl RemoteWorkers {
    /// Completes attempts. Returns for each whether its outcome is stored; otherwise the attempt was lost before, and nothing
    /// is changed.
    pub async fn finish(&self, worker: NodeId, outcomes: Vec<ReportedOutcome>) -> Result<Vec<bool>, RemoteWorkerError> {
        let now = self.deps.clock.now();
        // Attempts count from 1: an invalid lease token means 0, and must not cause a read of another worker's job.
        let verified = outcomes.iter().filter(|end| end.attempt > 0);
        let ids: Vec<JobId> = verified.map(|end| end.job_id).collect();
        let attempts: Vec<AttemptKey> = outcomes.iter().map(|end| (end.job_id, end.attempt)).collect();
        let read = self.deps.repository.jobs_in_brief(&ids).await?;
        let mut running: HashMap<JobId, Arc<Job>> = read.into_iter().map(|job| (job.id, job)).collect();
        let mut stored = vec![false; outcomes.len()];
        let mut open: Vec<(usize, Arc<Job>, Outcome)> = Vec::with_capacity(outcomes.len());
        for (index, end) in outcomes.into_iter().enumerate() {
            let ReportedOutcome {
                job_id,
                attempt,
                outcome,
            } = end;
            // Removed: a second outcome of the same attempt is discarded.
            if let Some(job) = running.remove(&job_id).filter(|job| runs(job, worker, attempt)) {
                open.push((index, job, self.bound(outcome)));
            }
        }
        while !open.is_empty() {
            let changes = open.iter().map(|(_, job, outcome)| finish(job, outcome.clone(), now));
            let results = self
                .deps
                .writer
                .write(changes.collect(), WritePriority::Internal)
                .await?;
            let mut again = Vec::new();
            for ((index, job, outcome), result) in open.into_iter().zip(results) {
                match result {
                    Ok(Applied::Finished(Finished::Stored)) => stored[index] = true,
                    Ok(Applied::Finished(Finished::CancelRequested)) => {
                        again.push((index, with_cancel_request(&job), outcome));
                    }
                    Ok(_) => {}
                    Err(refused) => return Err(RemoteWorkerError::unexpected(refused.to_string())),
                }
            }
            open = again;
        }
        // Stored or lost: either way this worker's attempt has finished. If it could not be stored, the worker
        // reports it again.
        self.ages().remove(attempts.iter().copied());
        self.cancelled().remove(&attempts);
        Ok(stored)
    }

    fn bound(&self, outcome: Outcome) -> Outcome {
        let limits = &self.deps.limits;
        match outcome {
            Outcome::Completed(result) => match limits.bound_result(result) {
                Ok(result) => Outcome::Completed(result),
                Err(failure) => Outcome::Failed(failure),
            },
            Outcome::Failed(failure) => Outcome::Failed(limits.bound_failure(failure)),
            Outcome::Cancelled | Outcome::Interrupted | Outcome::Lost => outcome,
        }
    }

    /// Releases a worker's lease, with an audit record, and requeues its running jobs.
    pub async fn leave(&self, worker: NodeId, record: Option<AuditRecord>) -> Result<(), RemoteWorkerError> {
        self.forget_renewal(worker);
        let leave = Change::Cluster(ClusterChange::Leave { node: worker });
        let audit = record.map(|record| AuditEntry { change: 0, record });
        // First of all, so that a waiting call of this worker leases none of the requeued jobs.
        let left = self
            .deps
            .writer
            .write_audited(vec![leave], audit.into_iter().collect(), WritePriority::Internal);
        if let Some(Err(refused)) = left.await?.into_iter().next() {
            return Err(RemoteWorkerError::unexpected(refused.to_string()));
        }
        let running = self.deps.repository.running_on(worker).await?;
        let outcomes = running.iter().map(|job| ReportedOutcome {
            job_id: job.id,
            attempt: job.attempt,
            outcome: Outcome::Interrupted,
        });
        self.finish(worker, outcomes.collect()).await?;
        Ok(())
    }
}

fn runs(job: &Job, worker: NodeId, attempt: u32) -> bool {
    job.status == JobStatus::Running && job.attempt == attempt && job.node == Some(worker)
}

pub(super) fn finish(job: &Job, outcome: Outcome, now: DateTime<Utc>) -> Change {
    let (job, attempt) = job.finish(outcome, now, draw_jitter());
    Change::Job(JobChange::Finish {
        started: None,
        job: Arc::new(job),
        attempt: Box::new(attempt),
        if_orphaned: false,
    })
}

fn with_cancel_request(job: &Job) -> Arc<Job> {
    Arc::new(Job {
        cancel_requested: true,
        ..job.clone()
    })
}
