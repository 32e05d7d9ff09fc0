//! Forwarding of calls about bulk operations.

use std::sync::Arc;

use async_trait::async_trait;

use super::inner::DelegatingRepository;
use crate::domain::operation::Operation;
use crate::domain::operation::action::Previous;
use crate::domain::values::id::{JobId, OperationId};
use crate::storage::error::RepositoryError;
use crate::storage::query::OperationPage;
use crate::storage::repository::OperationStore;

/// Forwards calls about bulk operations: see [`DelegatingRepository`].
#[async_trait]
pub trait DelegatingOperations: DelegatingRepository {
    /// See [`OperationStore::operation`].
    async fn operation(&self, id: OperationId) -> Result<Option<Arc<Operation>>, RepositoryError> {
        self.inner().operation(id).await
    }

    /// See [`OperationStore::operation_page`].
    async fn operation_page(&self, page: OperationPage) -> Result<Vec<Arc<Operation>>, RepositoryError> {
        self.inner().operation_page(page).await
    }

    /// See [`OperationStore::open_operations`].
    async fn open_operations(&self) -> Result<Vec<Arc<Operation>>, RepositoryError> {
        self.inner().open_operations().await
    }

    /// See [`OperationStore::replaced_by`].
    async fn replaced_by(
        &self,
        id: OperationId,
        after: Option<JobId>,
        limit: u32,
    ) -> Result<Vec<Previous>, RepositoryError> {
        self.inner().replaced_by(id, after, limit).await
    }
}

#[async_trait]
impl<T: DelegatingOperations> OperationStore for T {
    async fn operation(&self, id: OperationId) -> Result<Option<Arc<Operation>>, RepositoryError> {
        DelegatingOperations::operation(self, id).await
    }

    async fn operation_page(&self, page: OperationPage) -> Result<Vec<Arc<Operation>>, RepositoryError> {
        DelegatingOperations::operation_page(self, page).await
    }

    async fn open_operations(&self) -> Result<Vec<Arc<Operation>>, RepositoryError> {
        DelegatingOperations::open_operations(self).await
    }

    async fn replaced_by(
        &self,
        id: OperationId,
        after: Option<JobId>,
        limit: u32,
    ) -> Result<Vec<Previous>, RepositoryError> {
        DelegatingOperations::replaced_by(self, id, after, limit).await
    }
}
