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
use super::audit_writer::{Deed, Trail};
use super::error::ServiceError;
use super::limits::expensive_reads::{Charge, ExpensiveReads};
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
use crate::domain::job::state_machine::{Cancelled, JobPatch, Refused};
use crate::domain::recurring::RecurringId;
use crate::domain::values::id::{JobId, NodeId};
use crate::runtime::RuntimeHandle;
use crate::storage::change::{Applied, Change, ChangeError, Idempotency, Inserted};
use crate::storage::query::{JobFilter, JobSummary, JobText, Page, StoredTexts};
use crate::storage::repository::{JobRepository, RepositoryError};

/// How often a change is tried again when somebody else has changed the job in between.
const TRIES: usize = 8;

/// A key under which a request takes effect once, and what was asked.
#[derive(Clone, Debug)]
pub struct IdempotencyKey {
    /// The key, with what tells operations apart. Callers who have shown who they are have each their own keys.
    pub key: String,
    /// What was asked: the same key with another request is refused.
    pub request: Vec<u8>,
}

/// What became of a job that was to be scheduled.
#[derive(Clone, Debug)]
pub struct Scheduled {
    /// The job, or the one that was there before; of a batch, that one in brief.
    pub job: Arc<Job>,
    /// Whether the job is new; otherwise an unfinished job has its unique key, or the request was made before.
    pub is_new: bool,
    /// What its caller should know: that nothing runs its type.
    pub warnings: Vec<String>,
}

/// What became of a request to schedule jobs.
#[derive(Clone, Debug)]
pub struct ScheduledBatch {
    /// For each of the jobs, in their order.
    pub jobs: Vec<Scheduled>,
    /// Whether the same request was made before under this idempotency key, and nothing was done now.
    pub is_replay: bool,
    /// Jobs of that request that have been removed since.
    pub missing: Vec<JobId>,
}

/// A job with its history.
#[derive(Clone, Debug)]
pub struct JobDetail {
    /// The job.
    pub job: Arc<Job>,
    /// Its attempts, the first one first; one that runs now is the last.
    pub attempts: Vec<Attempt>,
    /// What its attempts have reported.
    pub reports: JobReports,
    /// The names of the remote workers that have run some of them, as far as they are known.
    pub workers: HashMap<NodeId, Arc<str>>,
    /// What its caller should know: that nothing runs its type.
    pub warnings: Vec<String>,
}

/// A part of a list of jobs.
#[derive(Clone, Debug)]
pub struct JobPage {
    /// The jobs, the newest first.
    pub jobs: Vec<JobSummary>,
    /// How many jobs the filter means.
    pub total_count: u64,
    /// Whether more follow.
    pub has_more: bool,
}

/// What cancelling did.
#[derive(Clone, Debug)]
pub enum CancelOutcome {
    /// The job is cancelled.
    Cancelled(Arc<Job>),
    /// The job runs and has been told to stop.
    Requested(Arc<Job>),
}

/// Use cases of jobs.
#[derive(Clone)]
pub struct Jobs {
    pub(super) repository: Arc<dyn JobRepository>,
    pub(super) runtime: RuntimeHandle,
    rules: Arc<Rules>,
    pub(super) trail: Trail,
    admission: Arc<Admission>,
    recurring: Recurring,
    turns: Turns,
    pub(super) reads: ExpensiveReads,
}

/// What to narrow when a read of jobs takes too long.
pub(super) const NARROW_JOBS: &str = "narrow it by time of creation (from, to), queue, type or status, or leave the text search \
                                      out";

/// A server that stops takes new jobs from the program that it runs in alone: from handlers that have not ended.
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
        let recurring = Recurring::new(
            Arc::clone(&repository),
            runtime.clone(),
            Arc::clone(&rules),
            Arc::clone(&admission),
        );
        Self {
            repository,
            trail: Trail::new(runtime.clone(), false),
            runtime,
            rules,
            admission,
            recurring,
            turns: Turns::default(),
            reads: ExpensiveReads::default(),
        }
    }

    /// The same use cases, whose expensive reads are among these.
    #[must_use]
    pub fn with_expensive_reads(self, reads: ExpensiveReads) -> Self {
        Self { reads, ..self }
    }

    /// Use cases of recurring jobs, which share this one's limits.
    pub const fn recurring(&self) -> &Recurring {
        &self.recurring
    }

    /// The same use cases; `is_kept` says whether it is recorded who has changed what.
    #[must_use]
    pub fn audited(self, is_kept: bool) -> Self {
        Self {
            trail: Trail::new(self.runtime.clone(), is_kept),
            recurring: self.recurring.audited(is_kept),
            ..self
        }
    }

    /// What this server accepts.
    pub fn rules(&self) -> &Rules {
        &self.rules
    }

    /// Stores a job to be run. When this returns, it is durable.
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
                && let Some(whole) = self.repository.job(job.id).await?
            {
                *job = whole;
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
        // Held until the jobs are written, or refused.
        let mut admitted = self.admission.admit(caller, &jobs, request, first_index).await?;
        let change = Change::Insert {
            jobs: jobs.clone(),
            idempotency,
        };
        let note = self
            .trail
            .note(caller, Deed::CREATE)
            .map(|note| audit_writer::of_jobs(note, &jobs));
        let applied = self.trail.write(change, note).await??;
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

    /// What the caller of a job should know: that nothing runs its type.
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

    /// A part of the list of jobs, and how many there are.
    pub async fn list(&self, caller: &Caller, filter: &JobFilter, page: Page) -> Result<JobPage, ServiceError> {
        caller.require(Scope::Read)?;
        let is_expensive_page = self.is_expensive_page(filter, page).await?;
        let is_expensive_count = is_counted_one_by_one(filter);
        let ((jobs, has_more), total_count) = if is_expensive_page || is_expensive_count {
            // Both in one place, one after the other.
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

    /// A part of the list of jobs, and whether more follow.
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

    /// How many jobs a filter means.
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

    /// One job without its attempts.
    pub async fn get(&self, caller: &Caller, id: JobId) -> Result<Arc<Job>, ServiceError> {
        caller.require(Scope::Read)?;
        self.read(id).await
    }

    /// Those of these jobs that exist, without their large texts: those may be there or not.
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

    /// How many bytes those are.
    pub async fn size_of_texts(&self, caller: &Caller, text: JobText, ids: &[JobId]) -> Result<u64, ServiceError> {
        caller.require(Scope::Read)?;
        Ok(self.repository.size_of(StoredTexts::OfJobs(text, ids)).await?)
    }

    /// A job with all its attempts.
    pub async fn detail(&self, caller: &Caller, id: JobId) -> Result<JobDetail, ServiceError> {
        caller.require(Scope::Read)?;
        self.read_detail(id).await
    }

    /// A job with all its attempts, for a caller that changes it. A facade shows ids and statuses of it to those that may not read.
    pub async fn detail_of_change(&self, caller: &Caller, id: JobId) -> Result<JobDetail, ServiceError> {
        caller.require_any(&[Scope::Write, Scope::Read])?;
        self.read_detail(id).await
    }

    async fn read_detail(&self, id: JobId) -> Result<JobDetail, ServiceError> {
        let (job, attempts) = tokio::try_join!(self.repository.job(id), self.repository.attempts(id))?;
        let job = job.ok_or(ServiceError::NoSuchJob { id })?;
        let attempts = self.as_of(&job, attempts).await?;
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
        })
    }

    /// What a job's attempts have reported.
    pub async fn reports(&self, caller: &Caller, id: JobId) -> Result<JobReports, ServiceError> {
        caller.require(Scope::Read)?;
        Ok(self.repository.reports(id).await?)
    }

    /// The names of the remote workers that have run these attempts.
    async fn workers_of(&self, attempts: &[Attempt]) -> Result<HashMap<NodeId, Arc<str>>, ServiceError> {
        // The server itself is none.
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

    /// The attempts of a job as it was when it was read or changed.
    pub async fn attempts(&self, caller: &Caller, job: &Job) -> Result<Vec<Attempt>, ServiceError> {
        caller.require_any(&[Scope::Write, Scope::Read])?;
        let attempts = self.repository.attempts(job.id).await?;
        self.as_of(job, attempts).await
    }

    /// The attempts of these jobs that have ended, for somebody who has been shown the jobs: see [`JobSummary::history`].
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

    /// Makes attempts that were read before or after the job tell the same as it does.
    async fn as_of(&self, job: &Job, mut attempts: Vec<Attempt>) -> Result<Vec<Attempt>, ServiceError> {
        let current = job.current_attempt();
        let last_is_there = attempts.iter().any(|attempt| attempt.number == job.attempt);
        if job.attempt > 0 && current.is_none() && !last_is_there {
            // They were read before the last attempt had ended. It was stored together with the job.
            attempts = self.repository.attempts(job.id).await?;
        }
        Ok(attempt::as_of(job.attempt, current, attempts))
    }

    /// Cancels a pending job; tells a running one to stop.
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
            let deed = if is_requested {
                Deed::REQUEST_CANCEL
            } else {
                Deed::CANCEL
            };
            if let Some(job) = self.update(caller, deed, job, after).await? {
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
        self.change(caller, Deed::RETRY, id, if_match, |job| {
            job.retry(reset_retry_count, self.runtime.clock.now())
        })
        .await
    }

    /// Makes a pending job due, or queues a finished one again; a recurring job gets one occurrence.
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
            .change(caller, Deed::EXECUTE, id, if_match, |job| {
                job.execute(priority, due, self.runtime.clock.now())
            })
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
            // Whoever asked has meant a job.
            Err(ServiceError::NoSuchRecurringJob { .. }) => Err(ServiceError::NoSuchJob { id }),
            triggered => triggered,
        }
    }

    /// Changes a pending job.
    pub async fn patch(
        &self,
        caller: &Caller,
        id: JobId,
        patch: JobPatch,
        if_match: Option<u32>,
    ) -> Result<Arc<Job>, ServiceError> {
        caller.require(Scope::Write)?;
        self.rules.check_patch(&patch)?;
        if let Some(queue) = &patch.queue {
            self.admission.check_queue(caller, queue, None).await?;
        }
        self.change(caller, Deed::UPDATE, id, if_match, |job| {
            job.patch(patch.clone(), self.runtime.clock.now())
        })
        .await
    }

    /// Deletes a finished job and its history.
    pub async fn delete(&self, caller: &Caller, id: JobId, if_match: Option<u32>) -> Result<(), ServiceError> {
        caller.require(Scope::Write)?;
        for tries in 0..TRIES {
            let _turn = self.turns.take(id.as_uuid(), tries).await;
            let job = self.read_matching(id, if_match).await?;
            job.check_deletable()?;
            let note = self
                .trail
                .note(caller, Deed::DELETE)
                .map(|note| audit_writer::of_job(note, &job));
            match self.trail.write(Change::Delete { job }, note).await? {
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
        deed: Deed,
        id: JobId,
        if_match: Option<u32>,
        rule: impl Fn(&Job) -> Result<Job, Refused>,
    ) -> Result<Arc<Job>, ServiceError> {
        caller.require(Scope::Write)?;
        for tries in 0..TRIES {
            let _turn = self.turns.take(id.as_uuid(), tries).await;
            let job = self.read_matching(id, if_match).await?;
            let after = rule(&job)?;
            if let Some(job) = self.update(caller, deed, job, after).await? {
                return Ok(job);
            }
        }
        Err(ServiceError::Contended)
    }

    /// Swaps a job for its changed self; `None` when somebody else was faster.
    async fn update(
        &self,
        caller: &Caller,
        deed: Deed,
        before: Arc<Job>,
        after: Job,
    ) -> Result<Option<Arc<Job>>, ServiceError> {
        let after = Arc::new(after);
        let note = self
            .trail
            .note(caller, deed)
            .map(|note| audit_writer::of_job(note, &after));
        let change = Change::Update {
            before,
            after: Arc::clone(&after),
        };
        match self.trail.write(change, note).await? {
            Ok(Applied::Updated) => Ok(Some(after)),
            Ok(other) => Err(unexpected(&other)),
            Err(ChangeError::Conflict) => Ok(None),
            Err(refused) => Err(refused.into()),
        }
    }

    async fn read(&self, id: JobId) -> Result<Arc<Job>, ServiceError> {
        self.repository.job(id).await?.ok_or(ServiceError::NoSuchJob { id })
    }

    async fn read_matching(&self, id: JobId, if_match: Option<u32>) -> Result<Arc<Job>, ServiceError> {
        let job = self.read(id).await?;
        match if_match {
            Some(revision) if revision != job.revision => Err(ServiceError::PreconditionFailed {
                actual: Some(job.revision),
            }),
            Some(_) | None => Ok(job),
        }
    }
}

/// An idempotency key as storage keeps it: two callers who are known never meet in one.
pub(super) fn key_of(caller: &Caller, key: String) -> String {
    match caller.kind() {
        CallerKind::Key | CallerKind::Token => format!("{} {}\n{key}", caller.kind().as_str(), caller.name()),
        CallerKind::Anonymous | CallerKind::Local => key,
    }
}

/// Storage answered something that it must not answer to this change.
pub(super) fn unexpected(applied: &Applied) -> ServiceError {
    ServiceError::Internal {
        reason: format!("storage answered {applied:?}"),
    }
}
