//! Forwarding of calls about recurring jobs.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::inner::DelegatingRepository;
use crate::domain::recurring::{RecurringId, RecurringJob};
use crate::domain::values::name::RecurringKey;
use crate::storage::error::RepositoryError;
use crate::storage::query::{DueRecurring, RecurringPage, RecurringSelection, SelectedRecurring};
use crate::storage::repository::RecurringStore;

/// Forwards calls about recurring jobs: see [`DelegatingRepository`].
#[async_trait]
pub trait DelegatingRecurring: DelegatingRepository {
    /// See [`RecurringStore::recurring`].
    async fn recurring(&self, id: RecurringId) -> Result<Option<Arc<RecurringJob>>, RepositoryError> {
        self.inner().recurring(id).await
    }

    /// See [`RecurringStore::recurring_by_key`].
    async fn recurring_by_key(&self, key: &RecurringKey) -> Result<Option<Arc<RecurringJob>>, RepositoryError> {
        self.inner().recurring_by_key(key).await
    }

    /// See [`RecurringStore::recurring_page`].
    async fn recurring_page(&self, page: RecurringPage) -> Result<Vec<Arc<RecurringJob>>, RepositoryError> {
        self.inner().recurring_page(page).await
    }

    /// See [`RecurringStore::select_recurring`].
    async fn select_recurring(&self, selection: &RecurringSelection) -> Result<SelectedRecurring, RepositoryError> {
        self.inner().select_recurring(selection).await
    }

    /// See [`RecurringStore::recurring_by_id`].
    async fn recurring_by_id(&self, ids: &[RecurringId]) -> Result<Vec<Arc<RecurringJob>>, RepositoryError> {
        self.inner().recurring_by_id(ids).await
    }

    /// See [`RecurringStore::recurring_after`].
    async fn recurring_after(
        &self,
        after: Option<RecurringId>,
        limit: u32,
    ) -> Result<Vec<Arc<RecurringJob>>, RepositoryError> {
        self.inner().recurring_after(after, limit).await
    }

    /// See [`RecurringStore::recurring_count`].
    async fn recurring_count(&self) -> Result<u64, RepositoryError> {
        self.inner().recurring_count().await
    }

    /// See [`RecurringStore::due_recurring`].
    async fn due_recurring(&self, now: DateTime<Utc>, limit: u32) -> Result<DueRecurring, RepositoryError> {
        self.inner().due_recurring(now, limit).await
    }

    /// See [`RecurringStore::next_recurring`].
    async fn next_recurring(&self, after: DateTime<Utc>) -> Result<Option<DateTime<Utc>>, RepositoryError> {
        self.inner().next_recurring(after).await
    }

    /// See [`RecurringStore::unfinished_occurrences`].
    async fn unfinished_occurrences(&self, ids: &[RecurringId]) -> Result<HashMap<RecurringId, u64>, RepositoryError> {
        self.inner().unfinished_occurrences(ids).await
    }
}

#[async_trait]
impl<T: DelegatingRecurring> RecurringStore for T {
    async fn recurring(&self, id: RecurringId) -> Result<Option<Arc<RecurringJob>>, RepositoryError> {
        DelegatingRecurring::recurring(self, id).await
    }

    async fn recurring_by_key(&self, key: &RecurringKey) -> Result<Option<Arc<RecurringJob>>, RepositoryError> {
        DelegatingRecurring::recurring_by_key(self, key).await
    }

    async fn recurring_page(&self, page: RecurringPage) -> Result<Vec<Arc<RecurringJob>>, RepositoryError> {
        DelegatingRecurring::recurring_page(self, page).await
    }

    async fn select_recurring(&self, selection: &RecurringSelection) -> Result<SelectedRecurring, RepositoryError> {
        DelegatingRecurring::select_recurring(self, selection).await
    }

    async fn recurring_by_id(&self, ids: &[RecurringId]) -> Result<Vec<Arc<RecurringJob>>, RepositoryError> {
        DelegatingRecurring::recurring_by_id(self, ids).await
    }

    async fn recurring_after(
        &self,
        after: Option<RecurringId>,
        limit: u32,
    ) -> Result<Vec<Arc<RecurringJob>>, RepositoryError> {
        DelegatingRecurring::recurring_after(self, after, limit).await
    }

    async fn recurring_count(&self) -> Result<u64, RepositoryError> {
        DelegatingRecurring::recurring_count(self).await
    }

    async fn due_recurring(&self, now: DateTime<Utc>, limit: u32) -> Result<DueRecurring, RepositoryError> {
        DelegatingRecurring::due_recurring(self, now, limit).await
    }

    async fn next_recurring(&self, after: DateTime<Utc>) -> Result<Option<DateTime<Utc>>, RepositoryError> {
        DelegatingRecurring::next_recurring(self, after).await
    }

    async fn unfinished_occurrences(&self, ids: &[RecurringId]) -> Result<HashMap<RecurringId, u64>, RepositoryError> {
        DelegatingRecurring::unfinished_occurrences(self, ids).await
    }
}
