//! Use cases of jobs.

pub mod bulk;
pub mod job_request;
pub mod job_validation;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use sha2::{Digest, Sha256};
use uuid::Uuid;

use self::job_validation::Rules;
use super::audit_writer;
use super::audit_writer::{AuditWriter, AuditedAction};
use super::error::ServiceError;
use super::limits::expensive_reads::{Charge, ExpensiveReads};
use super::limits::large_texts::{FEW_ATTEMPTS, LargeTexts, SMALL_BYTES, TextPermit};
use super::limits::queue_limits::Admission;
use super::limits::read_cost::is_counted_one_by_one;
use super::limits::turns::Turns;
use super::recurring::Recurring;
use crate::domain::access::caller::{Caller, CallerKind, Scope};
use crate::domain::cluster::remote_worker::JobReports;
use crate::domain::job::Job;
use crate::domain::job::attempt;
use crate::domain::job::attempt::Attempt;
use crate::domain::job::new_job::{Due, NewJob};
use crate::domain::job::priority::Priority;
use crate::domain::job::state_machine::{Cancelled, InvalidTransition, JobUpdate};
use crate::domain::recurring::RecurringId;
use crate::domain::values::id::{JobId, NodeId};
use crate::runtime::RuntimeHandle;
use crate::storage::change::{Applied, Change, ChangeError, Idempotency, Inserted, JobChange};
use crate::storage::query::{JobFilter, JobSummary, JobText, Page, StoredTexts};
use crate::storage::repository::{JobRepository, RepositoryError};

/// Maximum number of tries of a change with concurrent changes.
const TRIES: usize = 8;

/// An idempotency key with its request.
#[derive(Clone, Debug)]
pub struct IdempotencyKey {
    /// The key, prefixed by the operation. Authenticated callers have separate keys.
    pub key: String,
    /// The request: the same key with another request is rejected.
    pub request: Vec<u8>,
}

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

/// A job with its history.
#[derive(Clone, Debug)]
pub struct JobDetail {
    /// The job.
    pub job: Arc<Job>,
    /// Its attempts, oldest first; a running one is the last.
    pub attempts: Vec<Attempt>,
    /// Reports of its attempts.
    pub reports: JobReports,
    /// Names of the remote workers that ran its attempts, as far as known.
    pub workers: HashMap<NodeId, Arc<str>>,
    /// Warnings for the caller: that the job type has no handler.
    pub warnings: Vec<String>,
    /// Held while a large job is in memory.
    pub permit: Option<TextPermit>,
}

/// A job after a change, with its history.
#[derive(Clone, Debug)]
pub struct ChangedJob {
    /// The job, with its large texts unless it was deleted concurrently.
    pub job: Arc<Job>,
    /// Its attempts, oldest first; a running one is the last.
    pub attempts: Vec<Attempt>,
    /// Held while a large job is in memory.
    pub permit: Option<TextPermit>,
}

impl ChangedJob {
    /// A new job.
    pub fn new(job: &Arc<Job>) -> Self {
        Self {
            job: Arc::clone(job),
            attempts: Vec::new(),
            permit: None,
        }
    }
}

/// A page of jobs.
#[derive(Clone, Debug)]
pub struct JobPage {
    /// The jobs, newest first.
    pub jobs: Vec<JobSummary>,
    /// Number of matching jobs.
    pub total_count: u64,
    /// True if more follow.
    pub has_more: bool,
}

/// Result of a cancellation. Jobs with large texts are brief.
#[derive(Clone, Debug)]
pub enum CancelOutcome {
    /// The job is cancelled.
    Cancelled(Arc<Job>),
    /// The job is running, and its cancellation is requested.
    Requested(Arc<Job>),
}

/// Use cases of jobs.
#[derive(Clone)]
pub struct Jobs {
    pub(super) repository: Arc<dyn JobRepository>,
    pub(super) runtime: RuntimeHandle,
    rules: Arc<Rules>,
    pub(super) audit: AuditWriter,
    admission: Arc<Admission>,
    recurring: Recurring,
    turns: Turns,
    pub(super) reads: ExpensiveReads,
    large_texts: LargeTexts,
}

/// Advice for reads of jobs that time out.
pub(super) const NARROW_JOBS: &str = "narrow it by time of creation (from, to), queue, type or status, or leave the text search \
                                      out";

/// During shutdown only the embedding program may create jobs: its handlers may still be running.
pub(super) fn takes_new_jobs(runtime: &RuntimeHandle, caller: &Caller) -> Result<(), ServiceError> {
    if runtime.is_stopping() && caller.kind() != CallerKind::Local {
        return Err(ServiceError::Stopping);
    }
    Ok(())
}

impl Jobs {
    /// Use cases over this storage and this runtime.
    pub fn new(repository: Arc<dyn JobRepository>, runtime: RuntimeHandle, rules: Arc<Rules>) -> Self {
        let admission = Arc::new(Admission::new(Arc::clone(&repository), &runtime, Arc::clone(&rules)));
        let large_texts = LargeTexts::default();
        let recurring = Recurring::new(
            Arc::clone(&repository),
            runtime.clone(),
            Arc::clone(&rules),
            Arc::clone(&admission),
            large_texts.clone(),
        );
        Self {
            repository,
            audit: AuditWriter::new(runtime.clone(), false),
            runtime,
            rules,
            admission,
            recurring,
            turns: Turns::default(),
            reads: ExpensiveReads::default(),
            large_texts,
        }
    }

    /// Sets the scheduler of expensive reads.
    #[must_use]
    pub fn with_expensive_reads(self, reads: ExpensiveReads) -> Self {
        Self { reads, ..self }
    }

    /// Use cases of recurring jobs, which share the limits of this instance.
    pub const fn recurring(&self) -> &Recurring {
        &self.recurring
    }

    /// Enables or disables the audit log.
    #[must_use]
    pub fn audited(self, is_kept: bool) -> Self {
        Self {
            audit: AuditWriter::new(self.runtime.clone(), is_kept),
            recurring: self.recurring.audited(is_kept),
            ..self
        }
    }

    /// The limits and defaults of this server.
    pub fn rules(&self) -> &Rules {
        &self.rules
    }

    /// Creates a job. It is durable when this returns.
    pub async fn schedule(
        &self,
        caller: &Caller,
        new: NewJob,
        idempotency: Option<IdempotencyKey>,
    ) -> Result<ScheduledBatch, ServiceError> {
        caller.require(Scope::Write)?;
        takes_new_jobs(&self.runtime, caller)?;
        self.rules.check(&new, None)?;
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
        takes_new_jobs(&self.runtime, caller).map_err(|refused| vec![refused])?;
        let max = self.rules.batch_jobs_max;
        if new.is_empty() || new.len() > max {
            let detail = format!("a batch has 1 to {max} jobs; this one has {}", new.len());
            return Err(vec![ServiceError::Invalid {
                field: "jobs",
                index: None,
                detail,
            }]);
        }
        let refused: Vec<ServiceError> = new
            .iter()
            .enumerate()
            .filter_map(|(index, new)| self.rules.check(new, Some(index)).err())
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
                let defaults = self.rules.defaults.of(&new.job_type);
                Arc::new(Job {
                    trace_parent: caller.trace_parent,
                    propagated: caller.propagated.clone(),
                    ..new.into_job(defaults, now, self.runtime.ids.next())
                })
            })
            .collect();
        let idempotency = idempotency.map(|IdempotencyKey { key, request }| Idempotency {
            key: key_of(caller, key),
            fingerprint: Sha256::digest(&request).into(),
            created_at: now,
        });
        let request = idempotency.as_ref().map(|asked| asked.key.as_str());
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
            return Err(unexpected(&applied));
        };
        let is_new_key =
            |(job, inserted): &(&Arc<Job>, &Inserted)| job.unique_key.is_some() && **inserted == Inserted::New;
        admitted.used_unique_keys(jobs.iter().zip(&inserted).filter(is_new_key).count());
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

    /// Warnings for the caller: that the job type has no handler.
    pub async fn warnings(&self, job: &Job) -> Vec<String> {
        self.runtime.handled.warnings(job).await
    }

    async fn scheduled(&self, job: Arc<Job>, is_new: bool) -> Scheduled {
        Scheduled {
            warnings: self.runtime.handled.warnings(&job).await,
            job,
            is_new,
        }
    }

    /// A page of jobs, and the number of matching jobs.
    pub async fn list(&self, caller: &Caller, filter: &JobFilter, page: Page) -> Result<JobPage, ServiceError> {
        caller.require(Scope::Read)?;
        let is_expensive_page = self.is_expensive_page(filter, page).await?;
        let is_expensive_count = is_counted_one_by_one(filter);
        let ((jobs, has_more), total_count) = if is_expensive_page || is_expensive_count {
            // Both reads count as one expensive read.
            let both = async {
                let page = self.read_page(filter, page, is_expensive_page).await?;
                Ok((page, self.read_count(filter, is_expensive_count).await?))
            };
            self.reads.run(caller, Charge::Full, NARROW_JOBS, both).await?
        } else {
            tokio::try_join!(self.read_page(filter, page, false), self.read_count(filter, false))?
        };
        Ok(JobPage {
            jobs,
            total_count,
            has_more,
        })
    }

    /// A page of jobs, and whether more follow.
    pub async fn page(
        &self,
        caller: &Caller,
        filter: &JobFilter,
        page: Page,
    ) -> Result<(Vec<JobSummary>, bool), ServiceError> {
        caller.require(Scope::Read)?;
        if !self.is_expensive_page(filter, page).await? {
            return Ok(self.read_page(filter, page, false).await?);
        }
        let read = self.read_page(filter, page, true);
        self.reads.run(caller, Charge::Full, NARROW_JOBS, read).await
    }

    /// Number of matching jobs.
    pub async fn count(&self, caller: &Caller, filter: &JobFilter) -> Result<u64, ServiceError> {
        caller.require(Scope::Read)?;
        if !is_counted_one_by_one(filter) {
            return Ok(self.read_count(filter, false).await?);
        }
        let read = self.read_count(filter, true);
        self.reads.run(caller, Charge::Full, NARROW_JOBS, read).await
    }

    async fn read_page(
        &self,
        filter: &JobFilter,
        page: Page,
        is_expensive: bool,
    ) -> Result<(Vec<JobSummary>, bool), RepositoryError> {
        let one_more = Page {
            limit: page.limit + 1,
            ..page
        };
        let mut jobs = if is_expensive {
            self.repository.expensive_jobs(filter, one_more).await?
        } else {
            self.repository.jobs(filter, one_more).await?
        };
        let limit = usize::try_from(page.limit).unwrap_or(usize::MAX);
        let has_more = jobs.len() > limit;
        jobs.truncate(limit);
        Ok((jobs, has_more))
    }

    async fn read_count(&self, filter: &JobFilter, is_expensive: bool) -> Result<u64, RepositoryError> {
        if is_expensive {
            self.repository.expensive_count(filter).await
        } else {
            self.repository.count(filter).await
        }
    }

    /// One job without its attempts, in brief if its texts are large.
    pub async fn get(&self, caller: &Caller, id: JobId) -> Result<Arc<Job>, ServiceError> {
        caller.require(Scope::Read)?;
        self.read_matching(id, None).await
    }

    /// Those of these jobs that exist; large texts may be missing.
    pub async fn in_brief(&self, caller: &Caller, ids: &[JobId]) -> Result<Vec<Arc<Job>>, ServiceError> {
        caller.require(Scope::Read)?;
        Ok(self.repository.jobs_in_brief(ids).await?)
    }

    /// A large text of each of these jobs that has one.
    pub async fn texts(
        &self,
        caller: &Caller,
        text: JobText,
        ids: &[JobId],
    ) -> Result<Vec<(JobId, Arc<str>)>, ServiceError> {
        caller.require(Scope::Read)?;
        Ok(self.repository.job_texts(text, ids).await?)
    }

    /// Size of these texts, in bytes.
    pub async fn size_of_texts(&self, caller: &Caller, text: JobText, ids: &[JobId]) -> Result<u64, ServiceError> {
        caller.require(Scope::Read)?;
        Ok(self.repository.size_of(StoredTexts::OfJobs(text, ids)).await?)
    }

    /// A job with all its attempts.
    pub async fn detail(&self, caller: &Caller, id: JobId) -> Result<JobDetail, ServiceError> {
        caller.require(Scope::Read)?;
        let (job, permit) = self.read_within_limits(id).await?;
        let attempts = self.history(&job).await?;
        let reports = if job.attempt == 0 {
            JobReports::default()
        } else {
            self.repository.reports(id).await?
        };
        let workers = self.workers_of(&attempts).await?;
        let warnings = self.runtime.handled.warnings(&job).await;
        Ok(JobDetail {
            warnings,
            job,
            attempts,
            reports,
            workers,
            permit,
        })
    }

    /// Revision of a job, for a caller that changes it.
    pub async fn revision(&self, caller: &Caller, id: JobId) -> Result<u32, ServiceError> {
        caller.require_any(&[Scope::Write, Scope::Read])?;
        Ok(self.read_matching(id, None).await?.revision)
    }

    /// A whole job, with a permit if it or its history is large.
    async fn read_within_limits(&self, id: JobId) -> Result<(Arc<Job>, Option<TextPermit>), ServiceError> {
        let found = self.repository.job_if_small(id, SMALL_BYTES).await?;
        let job = found.ok_or(ServiceError::NoSuchJob { id })?;
        if !job.is_brief && job.attempt <= FEW_ATTEMPTS {
            return Ok((job, None));
        }
        let permit = self.large_texts.for_read().await?;
        Ok((self.read(id).await?, Some(permit)))
    }

    /// A changed job with its large texts and its history, for the response to its change.
    pub async fn changed(&self, caller: &Caller, job: &Arc<Job>) -> Result<ChangedJob, ServiceError> {
        caller.require_any(&[Scope::Write, Scope::Read])?;
        let permit = if job.is_brief || job.attempt > FEW_ATTEMPTS {
            Some(self.large_texts.for_read().await?)
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
        Ok(ChangedJob { job, attempts, permit })
    }

    /// Reports of a job's attempts.
    pub async fn reports(&self, caller: &Caller, id: JobId) -> Result<JobReports, ServiceError> {
        caller.require(Scope::Read)?;
        Ok(self.repository.reports(id).await?)
    }

    /// Names of the remote workers that ran these attempts.
    async fn workers_of(&self, attempts: &[Attempt]) -> Result<HashMap<NodeId, Arc<str>>, ServiceError> {
        // The server itself is not a remote worker.
        let others = attempts.iter().map(|attempt| attempt.node);
        let others: HashSet<NodeId> = others.filter(|node| *node != self.runtime.node).collect();
        let mut names = HashMap::with_capacity(others.len());
        for node in others {
            if let Some(worker) = self.repository.worker(node).await? {
                names.insert(node, worker.declaration.name);
            }
        }
        Ok(names)
    }

    /// The attempts of a job, consistent with the given state of it.
    async fn history(&self, job: &Job) -> Result<Vec<Attempt>, ServiceError> {
        if job.attempt == 0 {
            return Ok(Vec::new());
        }
        let current = job.current_attempt();
        let attempts = self.repository.attempts(job.id).await?;
        Ok(attempt::as_of(job.attempt, current, attempts))
    }

    /// The finished attempts of these jobs, for a caller that was allowed to read the jobs: see
    /// [`JobSummary::history`].
    pub async fn ended_attempts(
        &self,
        caller: &Caller,
        ids: &[JobId],
    ) -> Result<HashMap<JobId, Vec<Attempt>>, ServiceError> {
        caller.require_any(&[Scope::Write, Scope::Read])?;
        let mut by_job: HashMap<JobId, Vec<Attempt>> = HashMap::with_capacity(ids.len());
        for attempt in self.repository.attempts_of(ids).await? {
            by_job.entry(attempt.job_id).or_default().push(attempt);
        }
        Ok(by_job)
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
            let _turn = self.turns.take(id.as_uuid(), tries).await;
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
                return Ok(if is_requested {
                    CancelOutcome::Requested(job)
                } else {
                    CancelOutcome::Cancelled(job)
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
        if let Some((field, detail)) = self::job_validation::check_due(Some(due)) {
            return Err(ServiceError::Invalid {
                field,
                index: None,
                detail,
            });
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
        self.rules.check_patch(&patch)?;
        if let Some(queue) = &patch.queue {
            self.admission.check_queue(caller, queue, None).await?;
        }
        self.change(
            caller,
            (AuditedAction::UPDATE, id, if_match),
            |_| patch.parameters.is_some(),
            |job| job.patch(patch.clone(), self.runtime.clock.now()),
        )
        .await
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
                Ok(other) => return Err(unexpected(&other)),
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
        for tries in 0..TRIES {
            let _turn = self.turns.take(id.as_uuid(), tries).await;
            let mut job = self.read_matching(id, if_match).await?;
            if job.is_brief && needs_texts(&job) {
                if permit.is_none() {
                    permit = Some(self.large_texts.for_change().await?);
                }
                job = matching(self.read(id).await?, if_match)?;
            }
            let after = rule(&job)?;
            if let Some(job) = self.update(caller, action, job, after).await? {
                return Ok(job);
            }
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
            Ok(other) => Err(unexpected(&other)),
            Err(ChangeError::Conflict) => Ok(None),
            Err(refused) => Err(refused.into()),
        }
    }

    async fn read(&self, id: JobId) -> Result<Arc<Job>, ServiceError> {
        self.repository.job(id).await?.ok_or(ServiceError::NoSuchJob { id })
    }

    /// A job to change, in brief if its texts are large.
    async fn read_matching(&self, id: JobId, if_match: Option<u32>) -> Result<Arc<Job>, ServiceError> {
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

/// An idempotency key in storage: keys of different authenticated callers never collide.
pub(super) fn key_of(caller: &Caller, key: String) -> String {
    match caller.kind() {
        CallerKind::Key | CallerKind::Token => format!("{} {}\n{key}", caller.kind().as_str(), caller.name()),
        CallerKind::Anonymous | CallerKind::Local => key,
    }
}

/// The error for a result that storage must not return for this change.
pub(super) fn unexpected(applied: &Applied) -> ServiceError {
    ServiceError::Internal {
        reason: format!("storage returned {applied:?}"),
    }
}
