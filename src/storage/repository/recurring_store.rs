//! The store of recurring jobs.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use crate::domain::recurring::{RecurringId, RecurringJob};
use crate::domain::values::name::RecurringKey;
use crate::storage::error::RepositoryError;
use crate::storage::query::{DueRecurring, RecurringPage, RecurringSelection, SelectedRecurring};

/// Stores recurring jobs. By default there are none.
#[async_trait]
pub trait RecurringStore: Send + Sync + 'static {
    /// One recurring job.
    async fn recurring(&self, id: RecurringId) -> Result<Option<Arc<RecurringJob>>, RepositoryError> {
        let _ = id;
        Ok(None)
    }

    /// The recurring job that has this key.
    async fn recurring_by_key(&self, key: &RecurringKey) -> Result<Option<Arc<RecurringJob>>, RepositoryError> {
        let total = self.recurring_count().await?;
        for offset in (0..total).step_by(1_000) {
            let page = self.recurring_page(RecurringPage { limit: 1_000, offset }).await?;
            let found = page.into_iter().find(|recurring| recurring.key.as_ref() == Some(key));
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    }

    /// A page of the recurring jobs, the newest first. One that can't be read takes its place in the page and is left
    /// out.
    async fn recurring_page(&self, page: RecurringPage) -> Result<Vec<Arc<RecurringJob>>, RepositoryError> {
        let _ = page;
        Ok(Vec::new())
    }

    /// The ids of a page of the recurring jobs that a filter selects.
    async fn select_recurring(&self, selection: &RecurringSelection) -> Result<SelectedRecurring, RepositoryError> {
        let mut all = Vec::new();
        let total = self.recurring_count().await?;
        for offset in (0..total).step_by(1_000) {
            all.extend(self.recurring_page(RecurringPage { limit: 1_000, offset }).await?);
        }
        Ok(selection.select(all))
    }

    /// The recurring jobs with these ids, in their order; those that are gone or can't be read are left out.
    async fn recurring_by_id(&self, ids: &[RecurringId]) -> Result<Vec<Arc<RecurringJob>>, RepositoryError> {
        let mut found = Vec::with_capacity(ids.len());
        for id in ids {
            found.extend(self.recurring(*id).await?);
        }
        Ok(found)
    }

    /// Up to `limit` enabled recurring jobs in the order of their ids, those whose ids are greater than `after`. Fewer
    /// mean that no more follow; those that can't be read are left out.
    async fn recurring_after(
        &self,
        after: Option<RecurringId>,
        limit: u32,
    ) -> Result<Vec<Arc<RecurringJob>>, RepositoryError> {
        let mut all = Vec::new();
        let total = self.recurring_count().await?;
        for offset in (0..total).step_by(1_000) {
            all.extend(self.recurring_page(RecurringPage { limit: 1_000, offset }).await?);
        }
        all.retain(|recurring| recurring.is_enabled && after.is_none_or(|after| recurring.id > after));
        all.sort_by_key(|recurring| recurring.id);
        all.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        Ok(all)
    }

    /// Number of recurring jobs.
    async fn recurring_count(&self) -> Result<u64, RepositoryError> {
        Ok(0)
    }

    /// Up to `limit` recurring jobs whose next due time is not after `now`, or that have due times waiting while none
    /// of their occurrences is unfinished. Their parameters have
    /// [`DUE_RECURRING_BYTES_MAX`](crate::storage::query::DUE_RECURRING_BYTES_MAX) bytes at most, unless it is only
    /// one; storage that has them in memory ignores this limit.
    async fn due_recurring(&self, now: DateTime<Utc>, limit: u32) -> Result<DueRecurring, RepositoryError> {
        let (_, _) = (now, limit);
        Ok(DueRecurring::default())
    }

    /// The earliest next due time of a recurring job that is later than `after`.
    async fn next_recurring(&self, after: DateTime<Utc>) -> Result<Option<DateTime<Utc>>, RepositoryError> {
        let _ = after;
        Ok(None)
    }

    /// Number of unfinished occurrences of each of these recurring jobs; those without any may be left out.
    async fn unfinished_occurrences(&self, ids: &[RecurringId]) -> Result<HashMap<RecurringId, u64>, RepositoryError> {
        let _ = ids;
        Ok(HashMap::new())
    }
}
