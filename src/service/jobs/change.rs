//! Use cases that change single jobs.

use std::sync::Arc;
use std::time::Instant;

use tokio::time::sleep;
use tracing::debug;

use super::use_cases::Jobs;
use crate::domain::access::caller::{Caller, Scope};
use crate::domain::job::Job;
use crate::domain::job::attempt::Attempt;
use crate::domain::job::new_job::Due;
use crate::domain::job::priority::Priority;
use crate::domain::job::state_machine::{Cancelled, InvalidTransition, JobUpdate};
use crate::domain::job::status::JobStatus;
use crate::domain::recurring::RecurringId;
use crate::domain::values::id::JobId;
use crate::service::audit_writer;
use crate::service::audit_writer::AuditedAction;
use crate::service::error::ServiceError;
use crate::service::limits::claims::{CLAIM_POLL, CLAIM_WAIT};
use crate::service::limits::job_limits::check_due;
use crate::service::limits::large_texts::{FEW_ATTEMPTS, SMALL_BYTES, TextPermit};
use crate::storage::change::{Applied, Change, ChangeError, JobChange};

/// Maximum number of tries of a change with concurrent changes.
const TRIES: usize = 8;

/// A job after a change, with its history.
#[derive(Clone, Debug)]
pub(crate) struct ChangedJob {
    /// The job, with its large texts unless it was deleted concurrently.
    pub job: Arc<Job>,
    /// Its attempts, oldest first; a running one is the last.
    pub attempts: Vec<Attempt>,
    /// Held while a large job is in memory.
    pub permit: Option<TextPermit>,
    /// True if its texts and its history could not be read: the response has ids and statuses only.
    pub is_reduced: bool,
}

impl ChangedJob {
    /// A new job.
    pub(crate) fn new(job: &Arc<Job>) -> Self {
        Self {
            job: Arc::clone(job),
            attempts: Vec::new(),
            permit: None,
            is_reduced: false,
        }
    }
}

/// Result of a cancellation. Jobs with large texts are brief.
#[derive(Clone, Debug)]
pub enum CancelOutcome {
    /// The job is cancelled.
    Cancelled(Arc<Job>),
    /// The job is running, and its cancellation is requested.
    Requested(Arc<Job>),
}

impl Jobs {
    /// A changed job with its large texts and its history, for the response to its change. Callers without the read scope
    /// receive the job as it was changed, which may be brief, without its history; so do others if it can't be read now,
    /// because the change took effect.
    pub(crate) async fn changed(&self, caller: &Caller, job: &Arc<Job>) -> Result<ChangedJob, ServiceError> {
        caller.require_any(&[Scope::Write, Scope::Read])?;
        if !caller.may(Scope::Read) {
            // The response has ids and statuses only.
            return Ok(ChangedJob::new(job));
        }
        Ok(self.with_texts(caller, job).await.unwrap_or_else(|failure| {
            debug!(job.id = %job.id, "failed to read the changed job {}: {failure}", job.id);
            ChangedJob {
                is_reduced: true,
                ..ChangedJob::new(job)
            }
        }))
    }

    async fn with_texts(&self, caller: &Caller, job: &Arc<Job>) -> Result<ChangedJob, ServiceError> {
        let permit = if job.is_brief || job.attempt > FEW_ATTEMPTS {
            Some(self.large_texts.for_read(caller).await?)
        } else {
            None
        };
        let mut job = Arc::clone(job);
        // If the job was deleted concurrently, the change took effect nevertheless.
        if job.is_brief
            && let Some(stored) = self.repository.job(job.id).await?
        {
            job = Arc::new(Job {
                parameters: stored.parameters.clone(),
                result: stored.result.clone(),
                error_detail: stored.error_detail.clone(),
                is_brief: false,
                ..Job::clone(&job)
            });
        }
        let attempts = self.history(&job).await?;
        Ok(ChangedJob {
            job,
            attempts,
            permit,
            is_reduced: false,
        })
    }

    /// Waits until the job has begun or is released if a node has claimed it ahead, which is a moment: to callers it is
    /// pending or running. Returns it as it is then.
    async fn without_claim(&self, job: &Arc<Job>) -> Result<Arc<Job>, ServiceError> {
        let end = Instant::now() + CLAIM_WAIT;
        let mut now = Arc::clone(job);
        while now.claimed_by.is_some() && Instant::now() < end {
            sleep(CLAIM_POLL).await;
            now = self.read_matching(job.id, None).await?;
        }
        Ok(now)
    }

    /// Cancels a pending job; requests cancellation of a running one.
    pub async fn cancel(
        &self,
        caller: &Caller,
        id: JobId,
        if_match: Option<u32>,
    ) -> Result<CancelOutcome, ServiceError> {
        caller.require(Scope::Write)?;
        for tries in 0..TRIES {
            let turn = self.turns.take(id.as_uuid(), tries).await;
            let job = self.read_matching(id, if_match).await?;
            let (after, is_requested) = match job.cancel(self.runtime.clock.now())? {
                Cancelled::Done(after) => (after, false),
                Cancelled::Requested(after) => (after, true),
                Cancelled::AlreadyRequested => return Ok(CancelOutcome::Requested(job)),
            };
            let action = if is_requested {
                AuditedAction::REQUEST_CANCEL
            } else {
                AuditedAction::CANCEL
            };
            if let Some(job) = self.update(caller, action, job, after).await? {
                drop(turn);
                if !is_requested {
                    return Ok(CancelOutcome::Cancelled(job));
                }
                let job = self.without_claim(&job).await.unwrap_or(job);
                return Ok(if job.status == JobStatus::Cancelled {
                    CancelOutcome::Cancelled(job)
                } else {
                    CancelOutcome::Requested(job)
                });
            }
        }
        Err(ServiceError::Contended)
    }

    /// Makes a failed or cancelled job pending again.
    pub async fn retry(
        &self,
        caller: &Caller,
        id: JobId,
        reset_retry_count: bool,
        if_match: Option<u32>,
    ) -> Result<Arc<Job>, ServiceError> {
        self.change(
            caller,
            (AuditedAction::RETRY, id, if_match),
            |_| false,
            |job| job.retry(reset_retry_count, self.runtime.clock.now()),
        )
        .await
    }

    /// Makes a pending job due, or requeues a finished one; a recurring job gets one occurrence.
    pub async fn execute(
        &self,
        caller: &Caller,
        id: JobId,
        priority: Option<Priority>,
        due: Due,
        if_match: Option<u32>,
    ) -> Result<Arc<Job>, ServiceError> {
        caller.require(Scope::Write)?;
        if let Some((field, detail)) = check_due(Some(due)) {
            return Err(ServiceError::invalid(field, detail));
        }
        let executed = self
            .change(
                caller,
                (AuditedAction::EXECUTE, id, if_match),
                // The result and the error of a finished job are removed.
                |job| job.status.is_finished(),
                |job| job.execute(priority, due, self.runtime.clock.now()),
            )
            .await;
        let Err(ServiceError::NoSuchJob { .. }) = executed else {
            return executed;
        };
        let recurring_id = RecurringId::from_uuid(id.as_uuid());
        match self
            .recurring
            .trigger(caller, recurring_id, priority, due, if_match)
            .await
        {
            // The caller assumed a job.
            Err(ServiceError::NoSuchRecurringJob { .. }) => Err(ServiceError::NoSuchJob { id }),
            triggered => triggered,
        }
    }

    /// Updates a pending job.
    pub async fn patch(
        &self,
        caller: &Caller,
        id: JobId,
        patch: JobUpdate,
        if_match: Option<u32>,
    ) -> Result<Arc<Job>, ServiceError> {
        caller.require(Scope::Write)?;
        self.limits.check_patch(&patch)?;
        let new_queue = match &patch.queue {
            Some(queue) => self.admission.check_queue(caller, queue).await?,
            None => None,
        };
        let changed = self.change(
            caller,
            (AuditedAction::UPDATE, id, if_match),
            |_| patch.parameters.is_some(),
            |job| {
                let searchable = Arc::clone(&self.limits.defaults.of(&job.job_type).searchable);
                let patch = JobUpdate {
                    searchable,
                    ..patch.clone()
                };
                job.patch(patch, self.runtime.clock.now())
            },
        );
        let changed = changed.await?;
        if let Some(new_queue) = new_queue {
            new_queue.stored();
        }
        Ok(changed)
    }

    /// Deletes a finished job with its history.
    pub async fn delete(&self, caller: &Caller, id: JobId, if_match: Option<u32>) -> Result<(), ServiceError> {
        caller.require(Scope::Write)?;
        for tries in 0..TRIES {
            let _turn = self.turns.take(id.as_uuid(), tries).await;
            let job = self.read_matching(id, if_match).await?;
            job.check_deletable()?;
            let entry = self
                .audit
                .entry(caller, AuditedAction::DELETE)
                .map(|entry| audit_writer::of_job(entry, &job));
            match self.audit.write(Change::Job(JobChange::Delete { job }), entry).await? {
                Ok(Applied::Deleted) => return Ok(()),
                Ok(other) => return Err(ServiceError::unexpected(&other)),
                Err(ChangeError::Conflict) => {}
                Err(refused) => return Err(refused.into()),
            }
        }
        Err(ServiceError::Contended)
    }

    async fn change(
        &self,
        caller: &Caller,
        (action, id, if_match): (AuditedAction, JobId, Option<u32>),
        needs_texts: impl Fn(&Job) -> bool,
        rule: impl Fn(&Job) -> Result<Job, InvalidTransition>,
    ) -> Result<Arc<Job>, ServiceError> {
        caller.require(Scope::Write)?;
        // Held until the change is committed, if it needs large texts.
        let mut permit = None;
        let mut has_waited = false;
        for tries in 0..TRIES {
            let mut turn = self.turns.take(id.as_uuid(), tries).await;
            let mut job = self.read_matching(id, if_match).await?;
            if job.is_brief && needs_texts(&job) {
                if permit.is_none() {
                    // The holders of permits may wait for this turn.
                    drop(turn);
                    permit = Some(self.large_texts.for_change(caller).await?);
                    turn = self.turns.take(id.as_uuid(), tries).await;
                }
                job = matching(self.read(id).await?, if_match)?;
            }
            let after = match rule(&job) {
                Ok(after) => after,
                // Without its claim it may be pending.
                Err(_) if job.claimed_by.is_some() && !has_waited => {
                    drop(turn);
                    has_waited = true;
                    self.without_claim(&job).await?;
                    continue;
                }
                Err(invalid) => return Err(invalid.into()),
            };
            if let Some(job) = self.update(caller, action, job, after).await? {
                return Ok(job);
            }
            drop(turn);
        }
        Err(ServiceError::Contended)
    }

    /// Replaces a job by its changed state; `None` after a concurrent change.
    async fn update(
        &self,
        caller: &Caller,
        action: AuditedAction,
        before: Arc<Job>,
        after: Job,
    ) -> Result<Option<Arc<Job>>, ServiceError> {
        let after = Arc::new(after);
        let entry = self
            .audit
            .entry(caller, action)
            .map(|entry| audit_writer::of_job(entry, &after));
        let change = Change::Job(JobChange::Update {
            before,
            after: Arc::clone(&after),
        });
        match self.audit.write(change, entry).await? {
            Ok(Applied::Updated) => Ok(Some(after)),
            Ok(other) => Err(ServiceError::unexpected(&other)),
            Err(ChangeError::Conflict) => Ok(None),
            Err(refused) => Err(refused.into()),
        }
    }

    /// A job to change, in brief if its texts are large.
    pub(super) async fn read_matching(&self, id: JobId, if_match: Option<u32>) -> Result<Arc<Job>, ServiceError> {
        let found = self.repository.job_if_small(id, SMALL_BYTES).await?;
        matching(found.ok_or(ServiceError::NoSuchJob { id })?, if_match)
    }
}

/// The job if it has the expected revision.
fn matching(job: Arc<Job>, if_match: Option<u32>) -> Result<Arc<Job>, ServiceError> {
    match if_match {
        Some(revision) if revision != job.revision => Err(ServiceError::PreconditionFailed {
            actual: Some(job.revision),
        }),
        Some(_) | None => Ok(job),
    }
}
