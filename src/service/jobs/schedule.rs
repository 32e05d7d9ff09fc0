//! Use cases that create jobs.

use std::collections::HashMap;
use std::sync::Arc;

use uuid::Uuid;

use super::use_cases::Jobs;
use crate::domain::access::caller::{Caller, Scope};
use crate::domain::job::Job;
use crate::domain::job::new_job::NewJob;
use crate::domain::values::id::JobId;
use crate::service::audit_writer;
use crate::service::audit_writer::AuditedAction;
use crate::service::error::ServiceError;
use crate::service::idempotency::IdempotencyKey;
use crate::service::limits::large_texts::SMALL_BYTES;
use crate::storage::change::{Applied, Change, Inserted, JobChange};

/// Result of scheduling a job.
#[derive(Clone, Debug)]
pub struct Scheduled {
    /// The job, or the one that was there before: that one in brief if it is part of a batch or its texts are large.
    pub job: Arc<Job>,
    /// True if the job is new; false if an unfinished job has its unique key, or the request was made before.
    pub is_new: bool,
    /// Warnings for the caller: that the job type has no handler.
    pub warnings: Vec<String>,
}

/// Result of scheduling a batch.
#[derive(Clone, Debug)]
pub struct ScheduledBatch {
    /// The results of the jobs, in order.
    pub jobs: Vec<Scheduled>,
    /// True if the same request was made before under this idempotency key; then nothing was changed.
    pub is_replay: bool,
    /// Jobs of that request that were deleted since.
    pub missing: Vec<JobId>,
}

impl ScheduledBatch {
    /// Number of jobs that the request created, now or when it was made before.
    pub fn created(&self) -> usize {
        let created = self.jobs.iter().filter(|job| job.is_new || self.is_replay);
        created.count()
    }
}

impl Jobs {
    /// Creates a job. It is durable when this returns.
    pub async fn schedule(
        &self,
        caller: &Caller,
        new: NewJob,
        idempotency: Option<IdempotencyKey>,
    ) -> Result<ScheduledBatch, ServiceError> {
        caller.require(Scope::Write)?;
        self.admission.check_running(caller)?;
        self.limits.check(&new, None)?;
        let mut scheduled = self.store(caller, vec![new], idempotency, None).await?;
        for Scheduled { job, .. } in &mut scheduled.jobs {
            // One that has been deleted since stays as brief as it was read.
            if job.is_brief
                && let Some(found) = self.repository.job_if_small(job.id, SMALL_BYTES).await?
            {
                *job = found;
            }
        }
        Ok(scheduled)
    }

    /// Stores several jobs to be run, all or none. Those that existed before are in brief.
    pub async fn schedule_batch(
        &self,
        caller: &Caller,
        new: Vec<NewJob>,
        idempotency: Option<IdempotencyKey>,
    ) -> Result<ScheduledBatch, Vec<ServiceError>> {
        caller
            .require(Scope::Write)
            .map_err(|refused| vec![ServiceError::from(refused)])?;
        self.admission.check_running(caller).map_err(|refused| vec![refused])?;
        self.limits
            .check_batch_size(new.len())
            .map_err(|refused| vec![refused])?;
        let refused: Vec<ServiceError> = new
            .iter()
            .enumerate()
            .filter_map(|(index, new)| self.limits.check(new, Some(index)).err())
            .collect();
        if !refused.is_empty() {
            return Err(refused);
        }
        self.store(caller, new, idempotency, Some(0))
            .await
            .map_err(|error| vec![error])
    }

    async fn store(
        &self,
        caller: &Caller,
        new: Vec<NewJob>,
        idempotency: Option<IdempotencyKey>,
        first_index: Option<usize>,
    ) -> Result<ScheduledBatch, ServiceError> {
        let now = self.runtime.clock.now();
        let jobs: Vec<Arc<Job>> = new
            .into_iter()
            .map(|new| {
                let defaults = self.limits.defaults.of(&new.job_type);
                Arc::new(Job {
                    trace_parent: caller.trace_parent,
                    propagated: caller.propagated.clone(),
                    ..new.into_job(defaults, now, self.runtime.ids.next())
                })
            })
            .collect();
        let idempotency = idempotency.map(|key| key.into_stored(caller, now));
        let request = idempotency.as_ref().map(|request| request.key.as_str());
        // Held until the jobs are written or rejected.
        let mut admitted = self.admission.admit(caller, &jobs, request, first_index).await?;
        let change = Change::Job(JobChange::Insert {
            jobs: jobs.clone(),
            idempotency,
        });
        let entry = self
            .audit
            .entry(caller, AuditedAction::CREATE)
            .map(|entry| audit_writer::of_jobs(entry, &jobs));
        let applied = self.audit.write(change, entry).await??;
        if let Applied::Replayed(ids) = applied {
            return self.replay(ids).await;
        }
        let Applied::Inserted(inserted) = applied else {
            return Err(ServiceError::unexpected(&applied));
        };
        let is_new_key =
            |(job, inserted): &(&Arc<Job>, &Inserted)| job.unique_key.is_some() && **inserted == Inserted::New;
        admitted.stored(jobs.iter().zip(&inserted).filter(is_new_key).count());
        let mut scheduled = Vec::with_capacity(jobs.len());
        for (job, inserted) in jobs.into_iter().zip(inserted) {
            scheduled.push(match inserted {
                Inserted::New => self.scheduled(job, true).await,
                Inserted::Existing(job) => self.scheduled(job, false).await,
            });
        }
        Ok(ScheduledBatch {
            jobs: scheduled,
            is_replay: false,
            missing: Vec::new(),
        })
    }

    /// The jobs that the first request with an idempotency key has made, in brief, as far as they are still kept.
    async fn replay(&self, ids: Vec<Uuid>) -> Result<ScheduledBatch, ServiceError> {
        let job_ids: Vec<JobId> = ids.iter().copied().map(JobId::from_uuid).collect();
        let found = self.repository.jobs_in_brief(&job_ids).await?;
        let found: HashMap<JobId, Arc<Job>> = found.into_iter().map(|job| (job.id, job)).collect();
        let (mut jobs, mut missing) = (Vec::with_capacity(ids.len()), Vec::new());
        for id in job_ids {
            match found.get(&id) {
                Some(job) => jobs.push(self.scheduled(Arc::clone(job), false).await),
                None => missing.push(id),
            }
        }
        if jobs.is_empty() {
            return Err(ServiceError::ReplayGone {
                ids,
                is_recurring: false,
            });
        }
        Ok(ScheduledBatch {
            jobs,
            is_replay: true,
            missing,
        })
    }

    async fn scheduled(&self, job: Arc<Job>, is_new: bool) -> Scheduled {
        Scheduled {
            warnings: self.runtime.handled.warnings(&job).await,
            job,
            is_new,
        }
    }
}
