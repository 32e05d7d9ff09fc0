//! Writes changes of callers together with their audit records, in the same commit.

use std::sync::Arc;

use super::error::ServiceError;
use crate::domain::access::audit::{AuditAction, AuditOutcome, AuditRecord, AuditTarget};
use crate::domain::access::caller::Caller;
use crate::domain::job::Job;
use crate::domain::recurring::RecurringJob;
use crate::domain::values::id::{AuditId, EndpointId, JobId, NodeId};
use crate::domain::values::name::QueueName;
use crate::runtime::RuntimeHandle;
use crate::runtime::writer::messages::{ChangeResult, WritePriority};
use crate::storage::change::Change;
use crate::storage::commit::AuditEntry;

/// Writes audited changes.
#[derive(Clone)]
pub(super) struct AuditWriter {
    runtime: RuntimeHandle,
    is_kept: bool,
}

/// An action and its outcome: the part of a record that the use case defines.
#[derive(Clone, Copy)]
pub(super) struct AuditedAction {
    action: AuditAction,
    outcome: AuditOutcome,
}

impl AuditedAction {
    pub(super) const CREATE: Self = Self::new(AuditAction::JobCreate, AuditOutcome::Created);
    pub(super) const UPDATE: Self = Self::new(AuditAction::JobUpdate, AuditOutcome::Changed);
    pub(super) const DELETE: Self = Self::new(AuditAction::JobDelete, AuditOutcome::Deleted);
    pub(super) const EXECUTE: Self = Self::new(AuditAction::JobExecute, AuditOutcome::Pending);
    pub(super) const RETRY: Self = Self::new(AuditAction::JobRetry, AuditOutcome::Pending);
    pub(super) const CANCEL: Self = Self::new(AuditAction::JobCancel, AuditOutcome::Cancelled);
    pub(super) const REQUEST_CANCEL: Self = Self::new(AuditAction::JobCancel, AuditOutcome::CancelRequested);
    pub(super) const PAUSE: Self = Self::new(AuditAction::QueuePause, AuditOutcome::Paused);
    pub(super) const RESUME: Self = Self::new(AuditAction::QueueResume, AuditOutcome::Resumed);
    pub(super) const CLEAR: Self = Self::new(AuditAction::QueueClear, AuditOutcome::Cleared);
    pub(super) const DELETE_QUEUE: Self = Self::new(AuditAction::QueueDelete, AuditOutcome::Deleted);
    pub(super) const CREATE_RECURRING: Self = Self::new(AuditAction::RecurringCreate, AuditOutcome::Created);
    pub(super) const UPDATE_RECURRING: Self = Self::new(AuditAction::RecurringUpdate, AuditOutcome::Changed);
    pub(super) const ENABLE: Self = Self::new(AuditAction::RecurringEnable, AuditOutcome::Changed);
    pub(super) const DISABLE: Self = Self::new(AuditAction::RecurringDisable, AuditOutcome::Changed);
    pub(super) const TRIGGER: Self = Self::new(AuditAction::RecurringTrigger, AuditOutcome::Created);
    pub(super) const DELETE_RECURRING: Self = Self::new(AuditAction::RecurringDelete, AuditOutcome::Deleted);

    pub(super) const CREATE_ENDPOINT: Self = Self::new(AuditAction::WebhookCreate, AuditOutcome::Created);
    pub(super) const UPDATE_ENDPOINT: Self = Self::new(AuditAction::WebhookUpdate, AuditOutcome::Changed);
    pub(super) const ENABLE_ENDPOINT: Self = Self::new(AuditAction::WebhookEnable, AuditOutcome::Changed);
    pub(super) const DISABLE_ENDPOINT: Self = Self::new(AuditAction::WebhookDisable, AuditOutcome::Changed);
    pub(super) const ROTATE_SECRET: Self = Self::new(AuditAction::WebhookRotate, AuditOutcome::Changed);
    pub(super) const TEST_ENDPOINT: Self = Self::new(AuditAction::WebhookTest, AuditOutcome::Created);
    pub(super) const REDELIVER: Self = Self::new(AuditAction::WebhookRedeliver, AuditOutcome::Pending);
    pub(super) const DELETE_ENDPOINT: Self = Self::new(AuditAction::WebhookDelete, AuditOutcome::Deleted);
    pub(super) const REGISTER_WORKER: Self = Self::new(AuditAction::WorkerRegister, AuditOutcome::Registered);
    pub(super) const UNREGISTER_WORKER: Self = Self::new(AuditAction::WorkerUnregister, AuditOutcome::Unregistered);

    pub(super) const DRAIN_NODE: Self = Self::new(AuditAction::NodeDrain, AuditOutcome::Changed);
    pub(super) const RESUME_NODE: Self = Self::new(AuditAction::NodeResume, AuditOutcome::Changed);
    pub(super) const START_OPERATION: Self = Self::new(AuditAction::OperationStart, AuditOutcome::Changed);
    pub(super) const PAUSE_OPERATION: Self = Self::new(AuditAction::OperationPause, AuditOutcome::Paused);
    pub(super) const RESUME_OPERATION: Self = Self::new(AuditAction::OperationResume, AuditOutcome::Resumed);
    pub(super) const CANCEL_OPERATION: Self = Self::new(AuditAction::OperationCancel, AuditOutcome::Cancelled);
    pub(super) const UNDO_OPERATION: Self = Self::new(AuditAction::OperationUndo, AuditOutcome::Changed);
    pub(super) const SET_LOG_LEVEL: Self = Self::new(AuditAction::LogLevelSet, AuditOutcome::Changed);

    const fn new(action: AuditAction, outcome: AuditOutcome) -> Self {
        Self { action, outcome }
    }
}

impl AuditWriter {
    /// A writer for this runtime; `is_kept` enables the audit log.
    pub(super) fn new(runtime: RuntimeHandle, is_kept: bool) -> Self {
        Self { runtime, is_kept }
    }

    /// A record of the action, if the audit log is enabled.
    pub(super) fn entry(
        &self,
        caller: &Caller,
        AuditedAction { action, outcome }: AuditedAction,
    ) -> Option<AuditRecord> {
        self.is_kept.then(|| {
            let id = AuditId::new(self.runtime.clock.now(), self.runtime.ids.next());
            AuditRecord::new(id, caller, action, outcome)
        })
    }

    /// Writes a change with its optional record. Returns when both are durable.
    pub(super) async fn write(&self, change: Change, entry: Option<AuditRecord>) -> Result<ChangeResult, ServiceError> {
        let writer = &self.runtime.writer;
        let Some(entry) = entry else {
            return Ok(writer.write_one(change, WritePriority::Client).await?);
        };
        let audit = vec![AuditEntry {
            change: 0,
            record: entry,
        }];
        let results = writer.write_audited(vec![change], audit, WritePriority::Client).await?;
        let result = results.into_iter().next();
        result.ok_or_else(|| ServiceError::Unavailable {
            reason: "storage returned no result".to_owned(),
        })
    }

    /// Writes changes in one transaction, each with its optional record, and returns their results.
    pub(super) async fn write_all(
        &self,
        changes: Vec<(Change, Option<AuditRecord>)>,
    ) -> Result<ChangeResults, ServiceError> {
        let (changes, records): (Vec<_>, Vec<_>) = changes.into_iter().unzip();
        let entries = records.into_iter().enumerate();
        let audit = entries
            .filter_map(|(change, record)| {
                Some(AuditEntry {
                    change,
                    record: record?,
                })
            })
            .collect();
        let writer = &self.runtime.writer;
        Ok(writer.write_audited(changes, audit, WritePriority::Client).await?)
    }
}

/// Results of changes, in their order.
pub(super) type ChangeResults = Vec<ChangeResult>;

/// Sets a job as the target.
pub(super) fn of_job(entry: AuditRecord, job: &Job) -> AuditRecord {
    AuditRecord {
        target: Some(AuditTarget::Job(job.id)),
        queue: Some(job.queue.clone()),
        ..entry
    }
}

/// Sets a recurring job as the target.
pub(super) fn of_recurring(entry: AuditRecord, recurring: &RecurringJob) -> AuditRecord {
    AuditRecord {
        target: Some(AuditTarget::Job(JobId::from_uuid(recurring.id.as_uuid()))),
        queue: recurring.template.queue.clone(),
        ..entry
    }
}

/// Sets a webhook endpoint, or its deliveries, as the target.
pub(super) fn of_endpoint(entry: AuditRecord, id: EndpointId) -> AuditRecord {
    AuditRecord {
        target: Some(AuditTarget::Endpoint(id)),
        ..entry
    }
}

/// Sets a server as the target.
pub(super) fn of_node(entry: AuditRecord, id: NodeId) -> AuditRecord {
    AuditRecord {
        target: Some(AuditTarget::Node(id)),
        ..entry
    }
}

/// Sets a remote worker as the target.
pub(super) fn of_worker(entry: AuditRecord, id: NodeId) -> AuditRecord {
    AuditRecord {
        target: Some(AuditTarget::Worker(id)),
        ..entry
    }
}

/// Sets a queue as the target.
pub(super) fn of_queue(entry: AuditRecord, queue: &QueueName) -> AuditRecord {
    AuditRecord {
        queue: Some(queue.clone()),
        ..entry
    }
}

/// Sets jobs as the target: one, or a batch, with their queue if it is the same for all.
pub(super) fn of_jobs(entry: AuditRecord, jobs: &[Arc<Job>]) -> AuditRecord {
    match jobs {
        [] => entry,
        [job] => of_job(entry, job),
        [first, others @ ..] => {
            let is_one_queue = others.iter().all(|job| job.queue == first.queue);
            AuditRecord {
                queue: is_one_queue.then(|| first.queue.clone()),
                ..entry
            }
        }
    }
}
