//! Writes what a caller changes, and with it, in the same commit, who has changed it.

use std::sync::Arc;

use super::error::ServiceError;
use crate::domain::access::audit::{AuditAction, AuditOutcome, AuditRecord};
use crate::domain::access::caller::Caller;
use crate::domain::job::Job;
use crate::domain::recurring::RecurringJob;
use crate::domain::values::id::{AuditId, JobId, NodeId};
use crate::domain::values::name::QueueName;
use crate::domain::webhooks::endpoint::EndpointId;
use crate::runtime::RuntimeHandle;
use crate::runtime::writer::messages::{ChangeResult, WritePriority};
use crate::storage::change::Change;

/// Writes a caller's changes together with their audit records.
#[derive(Clone)]
pub(super) struct Trail {
    runtime: RuntimeHandle,
    is_kept: bool,
}

/// What is done to what: the part of a record that the use case knows.
#[derive(Clone, Copy)]
pub(super) struct Deed {
    action: AuditAction,
    outcome: AuditOutcome,
}

impl Deed {
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

    pub(super) const DRAIN_NODE: Self = Self::new(AuditAction::NodeDrain, AuditOutcome::Changed);
    pub(super) const RESUME_NODE: Self = Self::new(AuditAction::NodeResume, AuditOutcome::Changed);

    const fn new(action: AuditAction, outcome: AuditOutcome) -> Self {
        Self { action, outcome }
    }
}

impl Trail {
    /// Writes through this runtime; `is_kept` says whether it is recorded who has changed what.
    pub(super) fn new(runtime: RuntimeHandle, is_kept: bool) -> Self {
        Self { runtime, is_kept }
    }

    /// The record of a deed, if records are kept.
    pub(super) fn note(&self, caller: &Caller, Deed { action, outcome }: Deed) -> Option<AuditRecord> {
        self.is_kept.then(|| {
            let id = AuditId::new(self.runtime.clock.now(), self.runtime.ids.next());
            AuditRecord::new(id, caller, action, outcome)
        })
    }

    /// Writes a change, with the record of it if there is one. The answer comes when both are durable.
    pub(super) async fn write(&self, change: Change, note: Option<AuditRecord>) -> Result<ChangeResult, ServiceError> {
        let writer = &self.runtime.writer;
        let Some(note) = note else {
            return Ok(writer.write_one(change, WritePriority::Client).await?);
        };
        let changes = vec![change, Change::Audit(Box::new(note))];
        let results = writer.write(changes, WritePriority::Client).await?;
        let result = results.into_iter().next();
        result.ok_or_else(|| ServiceError::Unavailable {
            reason: "storage gave no result".to_owned(),
        })
    }

    /// Writes changes in one transaction, each with the record of it if there is one, and tells what became of each.
    pub(super) async fn write_all(
        &self,
        changes: Vec<(Change, Option<AuditRecord>)>,
    ) -> Result<ChangeResults, ServiceError> {
        let mut together = Vec::with_capacity(changes.len() * 2);
        let mut is_record = Vec::with_capacity(changes.len() * 2);
        for (change, note) in changes {
            together.push(change);
            is_record.push(false);
            if let Some(note) = note {
                together.push(Change::Audit(Box::new(note)));
                is_record.push(true);
            }
        }
        let results = self.runtime.writer.write(together, WritePriority::Client).await?;
        let of_changes = results.into_iter().zip(is_record).filter(|(_, is_record)| !is_record);
        Ok(of_changes.map(|(result, _)| result).collect())
    }
}

/// What became of many changes, in their order.
pub(super) type ChangeResults = Vec<ChangeResult>;

/// A deed that was done to one job.
pub(super) fn of_job(note: AuditRecord, job: &Job) -> AuditRecord {
    AuditRecord {
        job_id: Some(job.id),
        queue: Some(job.queue.clone()),
        ..note
    }
}

/// A deed that was done to a recurring job.
pub(super) fn of_recurring(note: AuditRecord, recurring: &RecurringJob) -> AuditRecord {
    AuditRecord {
        job_id: Some(JobId::from_uuid(recurring.id.as_uuid())),
        queue: recurring.template.queue.clone(),
        ..note
    }
}

/// A deed that was done to a webhook endpoint, or to its deliveries.
pub(super) fn of_endpoint(note: AuditRecord, id: EndpointId) -> AuditRecord {
    AuditRecord {
        job_id: Some(JobId::from_uuid(id.as_uuid())),
        ..note
    }
}

/// A deed that was done to a server.
pub(super) fn of_node(note: AuditRecord, id: NodeId) -> AuditRecord {
    AuditRecord {
        job_id: Some(JobId::from_uuid(id.as_uuid())),
        ..note
    }
}

/// A deed that was done to a queue.
pub(super) fn of_queue(note: AuditRecord, queue: &QueueName) -> AuditRecord {
    AuditRecord {
        queue: Some(queue.clone()),
        ..note
    }
}

/// A deed that was done to jobs: one, or a batch, whose queue is named if all have the same.
pub(super) fn of_jobs(note: AuditRecord, jobs: &[Arc<Job>]) -> AuditRecord {
    match jobs {
        [] => note,
        [job] => of_job(note, job),
        [first, others @ ..] => {
            let is_one_queue = others.iter().all(|job| job.queue == first.queue);
            AuditRecord {
                queue: is_one_queue.then(|| first.queue.clone()),
                ..note
            }
        }
    }
}
