//! Use cases that change all jobs matching a filter (cancel, retry, delete), in bounded steps.
//!
//! Each step is one transaction. Each job is changed by the same rule as individually and has its own audit record.
//! The large texts are not needed, so the jobs are read in brief. A job that the rule rejects, or that is changed
//! concurrently again and again, is skipped.

use std::sync::Arc;

use super::read::NARROW_JOBS;
use super::use_cases::Jobs;
use crate::domain::access::caller::{Caller, Scope};
use crate::domain::filter::{Condition, TextField};
use crate::domain::job::Job;
use crate::domain::job::state_machine::Cancelled;
use crate::domain::job::status::JobStatus;
use crate::domain::values::id::JobId;
use crate::service::audit_writer;
use crate::service::audit_writer::AuditedAction;
use crate::service::error::ServiceError;
use crate::service::limits::expensive_reads::Charge;
use crate::service::limits::read_cost::is_expensive_page;
use crate::storage::change::{Applied, Change, ChangeError, JobChange};
use crate::storage::query::{FilterParts, JobFilter, Order, Page};

/// Maximum number of jobs per step, so that concurrent writes do not wait long.
const BATCH_SIZE: u32 = 500;
/// Number of retries of jobs that are changed concurrently.
const MAX_TRIES: usize = 4;
/// Maximum number of jobs that one call changes.
pub const BULK_MAX: u32 = 10_000;

/// Result of one call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Changed {
    /// Number of changed jobs.
    pub count: u64,
    /// True if more jobs may match.
    pub has_more: bool,
}

/// Result of changing the jobs of a page.
struct ChangedPage {
    /// The last job of the page.
    last: Option<JobId>,
    /// True if more jobs may follow.
    is_full: bool,
    /// Number of changed jobs.
    count: u64,
}

/// The change of one job, and its audited action.
type Step = (Change, AuditedAction);

impl Jobs {
    /// Cancels the matching pending jobs and requests cancellation of the running ones, up to `limit`.
    pub async fn cancel_all(&self, caller: &Caller, filter: &JobFilter, limit: u32) -> Result<Changed, ServiceError> {
        let statuses = [JobStatus::Pending, JobStatus::Running];
        self.change_all(caller, filter, &statuses, limit, |job| {
            let (after, action) = match job.cancel(self.runtime.clock.now()).ok()? {
                Cancelled::Done(after) => (after, AuditedAction::CANCEL),
                Cancelled::Requested(after) => (after, AuditedAction::REQUEST_CANCEL),
                Cancelled::AlreadyRequested => return None,
            };
            Some((update(job, after), action))
        })
        .await
    }

    /// Retries the matching failed and cancelled jobs, up to `limit`.
    pub async fn retry_all(
        &self,
        caller: &Caller,
        filter: &JobFilter,
        reset_retry_count: bool,
        limit: u32,
    ) -> Result<Changed, ServiceError> {
        let statuses = [JobStatus::Failed, JobStatus::Cancelled];
        self.change_all(caller, filter, &statuses, limit, |job| {
            let after = job.retry(reset_retry_count, self.runtime.clock.now()).ok()?;
            Some((update(job, after), AuditedAction::RETRY))
        })
        .await
    }

    /// Deletes the matching finished jobs with their history, up to `limit`.
    pub async fn delete_all(&self, caller: &Caller, filter: &JobFilter, limit: u32) -> Result<Changed, ServiceError> {
        let statuses = [JobStatus::Completed, JobStatus::Failed, JobStatus::Cancelled];
        self.change_all(caller, filter, &statuses, limit, |job| {
            job.check_deletable().ok()?;
            let job = Arc::clone(job);
            Some((Change::Job(JobChange::Delete { job }), AuditedAction::DELETE))
        })
        .await
    }

    async fn change_all(
        &self,
        caller: &Caller,
        filter: &JobFilter,
        statuses: &[JobStatus],
        limit: u32,
        rule: impl Fn(&Arc<Job>) -> Option<Step>,
    ) -> Result<Changed, ServiceError> {
        caller.require(Scope::Write)?;
        if reveals_contents(filter) {
            // The number of matches reveals whether a text exists.
            caller.require(Scope::Read)?;
        }
        check_filter(filter)?;
        check_limit(limit)?;
        // Statuses that do not allow the change are excluded.
        let filter = self.resolved(filter).await?.into_owned().with_statuses(statuses);
        let mut changed = Changed::default();
        if FilterParts::of(&filter).is_impossible() {
            return Ok(changed);
        }
        let mut charge = Charge::Full;
        let mut after = None;
        let mut left = limit;
        while left > 0 {
            let page = Page {
                limit: BATCH_SIZE.min(left),
                offset: 0,
                after,
                order: Order::NewestFirst,
            };
            match self.change_page(caller, &filter, page, &mut charge, &rule).await {
                Ok(ChangedPage { last: None, .. }) => {
                    changed.has_more = false;
                    break;
                }
                Ok(ChangedPage { last, is_full, count }) => {
                    changed.count += count;
                    changed.has_more = is_full;
                    after = last;
                }
                // The jobs changed so far are reported; the caller continues with the rest.
                Err(failure) if changed.count > 0 && failure.is_transient() => {
                    changed.has_more = true;
                    return Ok(changed);
                }
                Err(failure) => return Err(failure),
            }
            if !changed.has_more {
                break;
            }
            left -= page.limit;
        }
        Ok(changed)
    }

    /// Changes the jobs of a page.
    async fn change_page(
        &self,
        caller: &Caller,
        filter: &JobFilter,
        page: Page,
        charge: &mut Charge,
        rule: impl Fn(&Arc<Job>) -> Option<Step>,
    ) -> Result<ChangedPage, ServiceError> {
        let found = if is_expensive_page(&*self.repository, filter, page).await? {
            let read = self.repository.expensive_jobs(filter, page);
            // A call is charged once, however many steps it takes.
            let charge = std::mem::replace(charge, Charge::Nothing);
            self.reads.run(caller, charge, NARROW_JOBS, read).await?
        } else {
            self.repository.jobs(filter, page).await?
        };
        let ids: Vec<JobId> = found.iter().map(|job| job.id).collect();
        Ok(ChangedPage {
            last: ids.last().copied(),
            is_full: ids.len() == usize::try_from(page.limit).unwrap_or(usize::MAX),
            count: self.change_these(caller, ids, filter, rule).await?,
        })
    }

    async fn change_these(
        &self,
        caller: &Caller,
        mut ids: Vec<JobId>,
        filter: &JobFilter,
        rule: impl Fn(&Arc<Job>) -> Option<Step>,
    ) -> Result<u64, ServiceError> {
        let mut count = 0;
        for _ in 0..MAX_TRIES {
            let jobs = match self.repository.jobs_in_brief(&ids).await {
                Ok(jobs) => jobs,
                // The others stay as concurrent changes have left them.
                Err(_) if count > 0 => break,
                Err(failure) => return Err(failure.into()),
            };
            let mut changes = Vec::with_capacity(jobs.len());
            ids.clear();
            for job in jobs.iter().filter(|job| filter.matches(job)) {
                let Some((change, action)) = rule(job) else { continue };
                let entry = self
                    .audit
                    .entry(caller, action)
                    .map(|entry| audit_writer::of_job(entry, job));
                changes.push((change, entry));
                ids.push(job.id);
            }
            if changes.is_empty() {
                break;
            }
            let results = match self.audit.write_all(changes).await {
                Ok(results) => results,
                Err(_) if count > 0 => break,
                Err(failure) => return Err(failure),
            };
            let mut again = Vec::new();
            for (id, result) in ids.iter().zip(results) {
                match result {
                    Ok(Applied::Updated | Applied::Deleted) => count += 1,
                    Ok(other) => return Err(ServiceError::unexpected(&other)),
                    Err(ChangeError::Conflict) => again.push(*id),
                    // Another unfinished job has its unique key: individually it would be rejected as well.
                    Err(ChangeError::UniqueKeyTaken { .. }) => {}
                    Err(refused) => return Err(refused.into()),
                }
            }
            ids = again;
        }
        Ok(count)
    }
}

fn update(before: &Arc<Job>, after: Job) -> Change {
    Change::Job(JobChange::Update {
        before: Arc::clone(before),
        after: Arc::new(after),
    })
}

/// True if the number of matches reveals more than the names of queues and types.
fn reveals_contents(filter: &JobFilter) -> bool {
    filter.terms().iter().any(|term| match &term.condition {
        Condition::Text(TextField::Type | TextField::Queue, _) => false,
        Condition::Text(_, _) | Condition::Search(_) | Condition::Fingerprint(_) => true,
        Condition::Id(_)
        | Condition::Status(_)
        | Condition::Priority(_)
        | Condition::Recurring(_)
        | Condition::Node(_)
        | Condition::Number(_, _)
        | Condition::Time(_, _)
        | Condition::Duration(_) => false,
    })
}

/// Rejects an empty filter, which would match every job by mistake.
fn check_filter(filter: &JobFilter) -> Result<(), ServiceError> {
    if !filter.is_empty() {
        return Ok(());
    }
    Err(ServiceError::invalid(
        "filter",
        "the filter is empty and would match every job; add at least one condition",
    ))
}

fn check_limit(limit: u32) -> Result<(), ServiceError> {
    if (1..=BULK_MAX).contains(&limit) {
        return Ok(());
    }
    Err(ServiceError::Invalid {
        field: "limit",
        index: None,
        detail: format!("limit is {limit}; allowed are 1 to {BULK_MAX}"),
    })
}
