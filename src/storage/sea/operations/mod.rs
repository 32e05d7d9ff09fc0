//! Bulk operations: their rows, their steps, and what they have replaced.

mod commit;
mod read;
mod row;

use std::sync::Arc;

use async_trait::async_trait;

use super::repository::SeaRepository;
use crate::domain::operation::Operation;
use crate::domain::operation::action::Previous;
use crate::domain::values::id::{JobId, OperationId};
use crate::storage::query::OperationPage;
use crate::storage::repository::{OperationStore, RepositoryError};

#[async_trait]
impl OperationStore for SeaRepository {
    async fn operation(&self, id: OperationId) -> Result<Option<Arc<Operation>>, RepositoryError> {
        self.pools.read(Box::pin(self.read_operation(id))).await
    }

    async fn operation_page(&self, page: OperationPage) -> Result<Vec<Arc<Operation>>, RepositoryError> {
        self.pools.read(Box::pin(self.read_operation_page(page))).await
    }

    async fn open_operations(&self) -> Result<Vec<Arc<Operation>>, RepositoryError> {
        self.pools.read(Box::pin(self.read_open_operations())).await
    }

    async fn replaced_by(
        &self,
        id: OperationId,
        after: Option<JobId>,
        limit: u32,
    ) -> Result<Vec<Previous>, RepositoryError> {
        self.pools.read(Box::pin(self.read_replaced(id, after, limit))).await
    }
}
