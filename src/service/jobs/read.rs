//! Use cases that read jobs.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::use_cases::Jobs;
use crate::domain::access::caller::{Caller, Scope};
use crate::domain::cluster::remote_worker::JobReports;
use crate::domain::job::Job;
use crate::domain::job::attempt;
use crate::domain::job::attempt::Attempt;
use crate::domain::values::id::{JobId, NodeId};
use crate::service::error::ServiceError;
use crate::service::limits::ReadLane;
use crate::service::limits::expensive_reads::Charge;
use crate::service::limits::large_texts::{FEW_ATTEMPTS, SMALL_BYTES, TextPermit};
use crate::service::limits::read_cost::{is_counted_one_by_one, is_expensive_page};
use crate::storage::query::{JobFilter, JobSummary, JobText, Order, Page, SortField, SortedPage, StoredTexts};
use crate::storage::repository::RepositoryError;

/// Advice for reads of jobs that time out.
pub(super) const NARROW_JOBS: &str = "narrow it by time of creation (from, to), queue, type or status, or leave the text search \
                                      out";

/// Maximum number of jobs that are sorted for a page.
pub(crate) const SORTED_MAX: u32 = 10_000;

/// Description of the allowed orders for a filter that matches too many jobs.
fn too_many(field: SortField) -> String {
    let name = match field {
        SortField::Due => "due time",
        SortField::Finished => "end",
        SortField::Duration => "duration",
    };
    format!(
        "more than {SORTED_MAX} jobs match, too many to order them by {name}; add conditions to the filter, such as a shorter time \
         of creation, a type or a queue. All jobs are ordered by creation, and the pending jobs of one queue by due time"
    )
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
    pub(crate) _permit: Option<TextPermit>,
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

impl Jobs {
    /// A page of jobs, and the number of matching jobs.
    pub async fn list(&self, caller: &Caller, filter: &JobFilter, page: Page) -> Result<JobPage, ServiceError> {
        self.list_up_to(caller, filter, page, None).await
    }

    /// A page of jobs, and the number of matching jobs, which are counted up to a limit.
    pub async fn list_up_to(
        &self,
        caller: &Caller,
        filter: &JobFilter,
        page: Page,
        limit: Option<u64>,
    ) -> Result<JobPage, ServiceError> {
        caller.require(Scope::Read)?;
        let read = async {
            let resolved = self.resolved(filter).await?;
            let filter = &*resolved;
            let is_expensive_page = is_expensive_page(&*self.repository, filter, page).await?;
            let is_expensive_count = is_counted_one_by_one(filter);
            let ((jobs, has_more), total_count) = if is_expensive_page || is_expensive_count {
                // Both reads count as one expensive read.
                let both = async {
                    let page = self.read_page(filter, page, is_expensive_page).await?;
                    Ok((page, self.read_count(filter, is_expensive_count, limit).await?))
                };
                self.reads.run(caller, Charge::Full, NARROW_JOBS, both).await?
            } else {
                tokio::try_join!(
                    self.read_page(filter, page, false),
                    self.read_count(filter, false, limit)
                )?
            };
            Ok(JobPage {
                jobs,
                total_count,
                has_more,
            })
        };
        ReadLane::of(caller).scope(read).await
    }

    /// A page of jobs, and whether more follow.
    pub(crate) async fn page(
        &self,
        caller: &Caller,
        filter: &JobFilter,
        page: Page,
    ) -> Result<(Vec<JobSummary>, bool), ServiceError> {
        caller.require(Scope::Read)?;
        let read = async {
            let resolved = self.resolved(filter).await?;
            let filter = &*resolved;
            if !is_expensive_page(&*self.repository, filter, page).await? {
                return Ok(self.read_page(filter, page, false).await?);
            }
            let read = self.read_page(filter, page, true);
            self.reads.run(caller, Charge::Full, NARROW_JOBS, read).await
        };
        ReadLane::of(caller).scope(read).await
    }

    /// A page of jobs in the order of a value, and whether more follow. Rejected if too many jobs match, unless an index has
    /// the order.
    pub(crate) async fn sorted_page(
        &self,
        caller: &Caller,
        filter: &JobFilter,
        page: SortedPage,
        field: &'static str,
    ) -> Result<(Vec<JobSummary>, bool), ServiceError> {
        caller.require(Scope::Read)?;
        let read = async {
            let resolved = self.resolved(filter).await?;
            let filter = &*resolved;
            let one_more = SortedPage {
                limit: page.limit + 1,
                sorted_max: SORTED_MAX,
                ..page
            };
            let all = Page {
                limit: SORTED_MAX,
                offset: 0,
                after: None,
                order: Order::NewestFirst,
            };
            let found = if is_expensive_page(&*self.repository, filter, all).await? {
                let read = self.repository.sorted_jobs(filter, one_more, true);
                self.reads.run(caller, Charge::Full, NARROW_JOBS, read).await?
            } else {
                self.repository.sorted_jobs(filter, one_more, false).await?
            };
            let mut jobs = found.ok_or_else(|| ServiceError::invalid(field, too_many(page.sort.field)))?;
            let limit = usize::try_from(page.limit).unwrap_or(usize::MAX);
            let has_more = jobs.len() > limit;
            jobs.truncate(limit);
            Ok((jobs, has_more))
        };
        ReadLane::of(caller).scope(read).await
    }

    /// Number of matching jobs.
    pub async fn count(&self, caller: &Caller, filter: &JobFilter) -> Result<u64, ServiceError> {
        caller.require(Scope::Read)?;
        let read = async {
            let resolved = self.resolved(filter).await?;
            let filter = &*resolved;
            if !is_counted_one_by_one(filter) {
                return Ok(self.read_count(filter, false, None).await?);
            }
            let read = self.read_count(filter, true, None);
            self.reads.run(caller, Charge::Full, NARROW_JOBS, read).await
        };
        ReadLane::of(caller).scope(read).await
    }

    pub(super) async fn read_page(
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

    async fn read_count(
        &self,
        filter: &JobFilter,
        is_expensive: bool,
        limit: Option<u64>,
    ) -> Result<u64, RepositoryError> {
        match (is_expensive, limit) {
            (true, Some(limit)) => self.repository.count_up_to(filter, limit).await,
            (true, None) => self.repository.expensive_count(filter).await,
            (false, limit) => {
                let count = self.repository.count(filter).await?;
                Ok(limit.map_or(count, |limit| count.min(limit)))
            }
        }
    }

    /// One job without its attempts, in brief if its texts are large.
    pub async fn get(&self, caller: &Caller, id: JobId) -> Result<Arc<Job>, ServiceError> {
        caller.require(Scope::Read)?;
        let read = async { self.read_matching(id, None).await };
        ReadLane::of(caller).scope(read).await
    }

    /// Those of these jobs that exist; large texts may be missing.
    pub(crate) async fn in_brief(&self, caller: &Caller, ids: &[JobId]) -> Result<Vec<Arc<Job>>, ServiceError> {
        caller.require(Scope::Read)?;
        let read = async { Ok(self.repository.jobs_in_brief(ids).await?) };
        ReadLane::of(caller).scope(read).await
    }

    /// A large text of each of these jobs that has one.
    pub(crate) async fn texts(
        &self,
        caller: &Caller,
        text: JobText,
        ids: &[JobId],
    ) -> Result<Vec<(JobId, Arc<str>)>, ServiceError> {
        caller.require(Scope::Read)?;
        let read = async { Ok(self.repository.job_texts(text, ids).await?) };
        ReadLane::of(caller).scope(read).await
    }

    /// Size of these texts, in bytes.
    pub(crate) async fn size_of_texts(
        &self,
        caller: &Caller,
        text: JobText,
        ids: &[JobId],
    ) -> Result<u64, ServiceError> {
        caller.require(Scope::Read)?;
        let read = async { Ok(self.repository.size_of(StoredTexts::OfJobs(text, ids)).await?) };
        ReadLane::of(caller).scope(read).await
    }

    /// A job with all its attempts.
    pub async fn detail(&self, caller: &Caller, id: JobId) -> Result<JobDetail, ServiceError> {
        caller.require(Scope::Read)?;
        let read = async {
            let (job, permit) = self.read_within_limits(caller, id).await?;
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
                _permit: permit,
            })
        };
        ReadLane::of(caller).scope(read).await
    }

    /// Revision of a job, for a caller that changes it.
    pub(crate) async fn revision(&self, caller: &Caller, id: JobId) -> Result<u32, ServiceError> {
        caller.require_any(&[Scope::Write, Scope::Read])?;
        let read = async { Ok(self.read_matching(id, None).await?.revision) };
        ReadLane::of(caller).scope(read).await
    }

    /// A whole job, with a permit if it or its history is large.
    pub(super) async fn read_within_limits(
        &self,
        caller: &Caller,
        id: JobId,
    ) -> Result<(Arc<Job>, Option<TextPermit>), ServiceError> {
        let found = self.repository.job_if_small(id, SMALL_BYTES).await?;
        let job = found.ok_or(ServiceError::NoSuchJob { id })?;
        if !job.is_brief && job.attempt <= FEW_ATTEMPTS {
            return Ok((job, None));
        }
        let permit = self.large_texts.for_read(caller).await?;
        Ok((self.read(id).await?, Some(permit)))
    }

    /// Reports of a job's attempts.
    pub(crate) async fn reports(&self, caller: &Caller, id: JobId) -> Result<JobReports, ServiceError> {
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
    pub(super) async fn history(&self, job: &Job) -> Result<Vec<Attempt>, ServiceError> {
        if job.attempt == 0 {
            return Ok(Vec::new());
        }
        let current = job.current_attempt();
        let attempts = self.repository.attempts(job.id).await?;
        Ok(attempt::as_of(job.attempt, current, attempts))
    }

    /// The finished attempts of these jobs, for a caller that was allowed to read the jobs: see
    /// [`JobSummary::history`].
    pub(crate) async fn ended_attempts(
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

    pub(super) async fn read(&self, id: JobId) -> Result<Arc<Job>, ServiceError> {
        self.repository.job(id).await?.ok_or(ServiceError::NoSuchJob { id })
    }
}
