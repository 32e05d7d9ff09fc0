//! Lists of recurring jobs, and their last occurrences.

use std::collections::HashMap;
use std::sync::Arc;

use super::use_cases::Recurring;
use crate::domain::access::caller::{Caller, Scope};
use crate::domain::recurring::{RecurringId, RecurringJob};
use crate::service::error::ServiceError;
use crate::service::limits::ReadLane;
use crate::storage::query::{
    JobFilter, JobSummary, Order, Page, RecurringPage, RecurringSelection, SelectedRecurring, StoredTexts,
};

/// Maximum number of last occurrences of a recurring job.
pub(crate) const OCCURRENCES_MAX: u32 = 20;

/// A page of recurring jobs.
#[derive(Clone, Debug)]
pub struct RecurringList {
    /// The recurring jobs, newest first.
    pub recurring_jobs: Vec<Arc<RecurringJob>>,
    /// Total number.
    pub total_count: u64,
    /// True if more follow.
    pub has_more: bool,
}

impl Recurring {
    /// A page of recurring jobs, newest first.
    pub async fn list(&self, caller: &Caller, page: RecurringPage) -> Result<RecurringList, ServiceError> {
        caller.require(Scope::Read)?;
        let (recurring_jobs, total_count) =
            tokio::try_join!(self.repository.recurring_page(page), self.repository.recurring_count())?;
        Ok(RecurringList {
            recurring_jobs,
            total_count,
            has_more: page.offset.saturating_add(u64::from(page.limit)) < total_count,
        })
    }

    /// The ids of a page of the recurring jobs that a filter selects.
    pub(crate) async fn select(
        &self,
        caller: &Caller,
        selection: &RecurringSelection,
    ) -> Result<SelectedRecurring, ServiceError> {
        caller.require(Scope::Read)?;
        Ok(self.repository.select_recurring(selection).await?)
    }

    /// Size of the parameters of recurring jobs, in bytes.
    pub(crate) async fn size_of(&self, caller: &Caller, ids: &[RecurringId]) -> Result<u64, ServiceError> {
        caller.require(Scope::Read)?;
        Ok(self.repository.size_of(StoredTexts::OfRecurringJobs(ids)).await?)
    }

    /// The recurring jobs of a page. Deleted ones are left out.
    pub(crate) async fn selected(
        &self,
        caller: &Caller,
        selected: SelectedRecurring,
    ) -> Result<RecurringList, ServiceError> {
        caller.require(Scope::Read)?;
        let SelectedRecurring { ids, has_more, total } = selected;
        Ok(RecurringList {
            recurring_jobs: self.repository.recurring_by_id(&ids).await?,
            total_count: total,
            has_more,
        })
    }

    /// The last occurrences of recurring jobs, the newest first.
    pub(crate) async fn last_occurrences(
        &self,
        caller: &Caller,
        ids: &[RecurringId],
        limit: u32,
    ) -> Result<HashMap<RecurringId, Vec<JobSummary>>, ServiceError> {
        caller.require(Scope::Read)?;
        let page = Page {
            limit: limit.min(OCCURRENCES_MAX),
            offset: 0,
            after: None,
            order: Order::NewestFirst,
        };
        let read = async {
            let mut found = HashMap::with_capacity(ids.len());
            for id in ids {
                let filter = JobFilter::default().with_recurring(*id);
                found.insert(*id, self.repository.jobs(&filter, page).await?);
            }
            Ok(found)
        };
        ReadLane::of(caller).scope(read).await
    }
}
