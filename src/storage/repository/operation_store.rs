//! The store of bulk operations.

use std::sync::Arc;

use async_trait::async_trait;

use crate::domain::operation::Operation;
use crate::domain::operation::action::Previous;
use crate::domain::values::id::{JobId, OperationId};
use crate::storage::error::RepositoryError;
use crate::storage::query::OperationPage;

/// Stores bulk operations. By default there are none.
#[async_trait]
pub trait OperationStore: Send + Sync + 'static {
    /// One operation, or the preview of one.
    async fn operation(&self, id: OperationId) -> Result<Option<Arc<Operation>>, RepositoryError> {
        let _ = id;
        Ok(None)
    }

    /// A page of the operations without previews, the newest first.
    async fn operation_page(&self, page: OperationPage) -> Result<Vec<Arc<Operation>>, RepositoryError> {
        let _ = page;
        Ok(Vec::new())
    }

    /// The pending, running and paused operations, the oldest first.
    async fn open_operations(&self) -> Result<Vec<Arc<Operation>>, RepositoryError> {
        Ok(Vec::new())
    }

    /// The values that an operation has replaced in up to `limit` jobs after `after`, by their ids.
    async fn replaced_by(
        &self,
        id: OperationId,
        after: Option<JobId>,
        limit: u32,
    ) -> Result<Vec<Previous>, RepositoryError> {
        let (_, _, _) = (id, after, limit);
        Ok(Vec::new())
    }
}
