//! The jobs that a step visits.

use std::collections::HashMap;
use std::sync::Arc;

use super::deps::{OperationRunnerDeps, RoundError};
use crate::domain::filter::{Condition, JobFilter, TextField};
use crate::domain::job::Job;
use crate::domain::operation::Operation;
use crate::domain::operation::action::{Action, Previous};
use crate::domain::values::id::{JobId, OperationId};
use crate::storage::query::{JobSummary, JobText, Order, Page, StoredTexts};

/// Maximum bytes of texts of jobs in a step, unless one job has more.
const TEXT_BYTES: u64 = 4 << 20;

/// The jobs of a step.
pub(super) struct Visit {
    /// Their ids, in order.
    pub(super) ids: Vec<JobId>,
    /// The last id; `None` if jobs are visited again.
    pub(super) cursor: Option<JobId>,
    /// True if no jobs follow.
    pub(super) is_last: bool,
    /// The values that the operation that is undone has replaced, by job.
    pub(super) previous: HashMap<JobId, Previous>,
    /// The part of the filter that a job without its texts shows, which has to hold still; `None` for an undo.
    pub(super) filter: Option<JobFilter>,
}

/// The terms about what a job shows without its texts. Storage has applied the others.
fn shown_part(filter: &JobFilter) -> JobFilter {
    let is_hidden =
        |condition: &Condition| matches!(condition, Condition::Text(TextField::Tag | TextField::Parameter(_), _));
    let terms = filter.terms().iter().filter(|term| !is_hidden(&term.condition));
    terms.cloned().collect()
}

impl OperationRunnerDeps {
    /// The next jobs of an operation.
    pub(super) async fn visit(&self, operation: &Operation, limit: u32) -> Result<Visit, RoundError> {
        if let Action::Undo { of } = operation.action {
            return self.visit_replaced(operation, of, limit).await;
        }
        let filter =
            JobFilter::parse(&operation.filter, operation.created_at).map_err(|invalid| RoundError::Invalid {
                reason: invalid.to_string(),
            })?;
        if !operation.again.is_empty() {
            return Ok(Visit {
                ids: operation.again.clone(),
                cursor: None,
                is_last: false,
                previous: HashMap::new(),
                filter: Some(shown_part(&filter)),
            });
        }
        let page = Page {
            limit,
            offset: 0,
            after: operation.cursor,
            order: Order::OldestFirst,
        };
        let allowed = filter.clone().with_statuses(operation.action.statuses());
        let found = self.repository.expensive_jobs(&allowed, page).await?;
        let is_full = u32::try_from(found.len()).is_ok_and(|count| count == limit);
        let within = found.iter().take_while(|job| job.id <= operation.up_to).count();
        let count = self.fitting(&operation.action, &found[..within]).await?;
        let ids: Vec<JobId> = found[..count].iter().map(|job| job.id).collect();
        Ok(Visit {
            cursor: ids.last().copied(),
            is_last: count == within && (!is_full || within < found.len()),
            ids,
            previous: HashMap::new(),
            filter: Some(shown_part(&filter)),
        })
    }

    /// The jobs that another operation has changed.
    async fn visit_replaced(&self, operation: &Operation, of: OperationId, limit: u32) -> Result<Visit, RoundError> {
        // A job that was changed concurrently has another revision: it is skipped.
        let again = operation.again.clone();
        if !again.is_empty() {
            return Ok(Visit {
                ids: again,
                cursor: None,
                is_last: false,
                previous: HashMap::new(),
                filter: None,
            });
        }
        let replaced = self.repository.replaced_by(of, operation.cursor, limit).await?;
        let ids: Vec<JobId> = replaced.iter().map(|previous| previous.job_id).collect();
        Ok(Visit {
            cursor: ids.last().copied(),
            is_last: u32::try_from(ids.len()).is_ok_and(|count| count < limit),
            ids,
            previous: replaced
                .into_iter()
                .map(|previous| (previous.job_id, previous))
                .collect(),
            filter: None,
        })
    }

    /// The jobs with these ids, with their texts if the action removes them.
    pub(super) async fn read(&self, action: &Action, ids: &[JobId]) -> Result<HashMap<JobId, Arc<Job>>, RoundError> {
        let brief = self.repository.jobs_in_brief(ids).await?;
        let mut jobs: HashMap<JobId, Arc<Job>> = brief.into_iter().map(|job| (job.id, job)).collect();
        let needed = jobs
            .values()
            .filter(|job| job.is_brief && action.needs_texts(job.status));
        let needed: Vec<JobId> = needed.map(|job| job.id).collect();
        if !needed.is_empty() {
            let whole = self.repository.jobs_by_id(&needed).await?;
            jobs.extend(whole.into_iter().map(|job| (job.id, job)));
        }
        Ok(jobs)
    }

    /// Number of the first of these jobs that a step changes: together their texts fit into memory.
    async fn fitting(&self, action: &Action, jobs: &[JobSummary]) -> Result<usize, RoundError> {
        let mut count = jobs.len();
        while count > 1 {
            let needed = jobs[..count].iter().filter(|job| action.needs_texts(job.status));
            let needed: Vec<JobId> = needed.map(|job| job.id).collect();
            if needed.is_empty() || self.text_bytes(&needed).await? <= TEXT_BYTES {
                break;
            }
            count /= 2;
        }
        Ok(count)
    }

    async fn text_bytes(&self, ids: &[JobId]) -> Result<u64, RoundError> {
        let mut bytes = 0;
        for text in JobText::ALL {
            bytes += self.repository.size_of(StoredTexts::OfJobs(text, ids)).await?;
        }
        Ok(bytes)
    }
}
