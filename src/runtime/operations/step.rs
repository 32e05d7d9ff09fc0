//! Steps: the changes of the visited jobs, and the cursor, in one commit.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::deps::{OperationRunnerDeps, RoundError};
use super::visit::Visit;
use crate::domain::access::audit::{AuditAction, AuditOutcome, AuditRecord, AuditTarget};
use crate::domain::cluster::leadership::FencingToken;
use crate::domain::job::Job;
use crate::domain::operation::Operation;
use crate::domain::operation::lifecycle::JobResult;
use crate::domain::operation::progress::SkipReason;
use crate::domain::values::id::AuditId;
use crate::runtime::writer::messages::WritePriority;
use crate::storage::change::{Applied, Change, ChangeError, JobChange, OperationChange, OperationStep};
use crate::storage::commit::AuditEntry;

/// Result of a step.
pub(super) enum StepEnd {
    /// The operation after it.
    Made {
        /// As stored.
        operation: Arc<Operation>,
        /// Number of visited jobs.
        jobs: usize,
        /// Duration of the commit.
        took: Duration,
    },
    /// The operation was changed since it was read.
    Changed,
    /// This node no longer leads.
    NoLead,
}

impl OperationRunnerDeps {
    /// Makes the next step of an operation.
    pub(super) async fn step(
        &self,
        operation: &Arc<Operation>,
        token: FencingToken,
        limit: u32,
    ) -> Result<StepEnd, RoundError> {
        let visit = match self.visit(operation, limit).await {
            Ok(visit) => visit,
            // No repetition mends a filter.
            Err(RoundError::Invalid { reason }) => {
                let failed = operation.failed(Arc::from(reason), self.clock.now());
                return self.replace(operation, failed).await;
            }
            Err(failure) => return Err(failure),
        };
        if visit.ids.is_empty() && operation.again.is_empty() {
            return self.replace(operation, operation.completed(self.clock.now())).await;
        }
        let jobs = visit.ids.len();
        let is_last = visit.is_last;
        let step = self.step_of(operation, visit, token).await?;
        let audit = operation.audit.map(|id| AuditEntry {
            change: 0,
            record: start_record(operation, id),
        });
        let started = Instant::now();
        let change = Change::Operation(OperationChange::Step(step));
        let results = self
            .writer
            .write_audited(vec![change], audit.into_iter().collect(), WritePriority::Background)
            .await?;
        let took = started.elapsed();
        match results.into_iter().next() {
            Some(Ok(Applied::Stepped(stepped))) => {
                let operation = stepped.operation;
                if is_last && operation.again.is_empty() {
                    return self.replace(&operation, operation.completed(self.clock.now())).await;
                }
                Ok(StepEnd::Made { operation, jobs, took })
            }
            Some(Err(ChangeError::NoLease)) => Ok(StepEnd::NoLead),
            Some(Err(ChangeError::Rejected { reason })) => {
                let failed = operation.failed(Arc::from(reason), self.clock.now());
                self.replace(operation, failed).await
            }
            Some(Ok(_) | Err(_)) | None => Ok(StepEnd::Changed),
        }
    }

    /// Replaces an operation, without changing jobs.
    pub(super) async fn replace(&self, before: &Arc<Operation>, after: Operation) -> Result<StepEnd, RoundError> {
        let after = Arc::new(after);
        let change = Change::Operation(OperationChange::Update {
            before: Arc::clone(before),
            after: Arc::clone(&after),
        });
        match self.writer.write_one(change, WritePriority::Internal).await? {
            Ok(_) => Ok(StepEnd::Made {
                operation: after,
                jobs: 0,
                took: Duration::ZERO,
            }),
            Err(_) => Ok(StepEnd::Changed),
        }
    }

    async fn step_of(
        &self,
        operation: &Arc<Operation>,
        visit: Visit,
        token: FencingToken,
    ) -> Result<OperationStep, RoundError> {
        let jobs = self.read(&operation.action, &visit.ids).await?;
        let now = self.clock.now();
        let mut after = operation.stepped(visit.cursor, now);
        let mut step = OperationStep {
            leader: (self.node, token),
            before: Arc::clone(operation),
            after: Arc::clone(operation),
            jobs: Vec::with_capacity(visit.ids.len()),
            audit: Vec::new(),
            previous: Vec::new(),
        };
        for id in &visit.ids {
            let changed = match jobs.get(id) {
                None => Err(SkipReason::Gone),
                Some(job) if visit.filter.as_ref().is_some_and(|filter| !filter.matches(job)) => {
                    Err(SkipReason::Changed)
                }
                Some(job) => {
                    let changed = operation.action.apply(job, visit.previous.get(id), now);
                    changed.map(|changed| (job, changed))
                }
            };
            let (job, changed) = match changed {
                Ok(changed) => changed,
                Err(reason) => {
                    after.add_result(*id, JobResult::Skipped(reason));
                    continue;
                }
            };
            if operation.audit.is_some() {
                step.audit.push(self.record(operation, job, changed.audited));
            }
            step.jobs.push(Change::Job(match changed.after {
                Some(after) => JobChange::Update {
                    before: Arc::clone(job),
                    after: Arc::new(after),
                },
                None => JobChange::Delete { job: Arc::clone(job) },
            }));
            step.previous.extend(changed.previous);
        }
        step.after = Arc::new(after);
        Ok(step)
    }

    fn record(&self, operation: &Operation, job: &Job, audited: (AuditAction, AuditOutcome)) -> AuditRecord {
        let (action, outcome) = audited;
        AuditRecord {
            action,
            outcome,
            target: Some(AuditTarget::Job(job.id)),
            queue: Some(job.queue.clone()),
            operation: Some(operation.id),
            ..start_record(operation, AuditId::new(self.clock.now(), self.ids.next()))
        }
    }
}

/// The record of the start of an operation, which counts the jobs of all steps.
fn start_record(operation: &Operation, id: AuditId) -> AuditRecord {
    AuditRecord {
        id,
        actor: Arc::clone(&operation.requester.name),
        actor_kind: operation.requester.kind,
        address: operation.requester.address,
        action: AuditAction::OperationStart,
        target: Some(AuditTarget::Operation(operation.id)),
        queue: None,
        jobs: 0,
        outcome: AuditOutcome::Changed,
        operation: None,
    }
}
