//! Reads of operations.

use std::sync::Arc;

use entities::{operation, operation_item};
use sea_orm::sea_query::{Expr, Order};
use sea_orm::{ColumnTrait, DbErr, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Select};

use super::row::{from_row, previous_from_row};
use crate::domain::operation::Operation;
use crate::domain::operation::action::Previous;
use crate::domain::values::id::{JobId, OperationId};
use crate::storage::query::OperationPage;
use crate::storage::repository::RepositoryError;
use crate::storage::sea::error::unavailable;
use crate::storage::sea::repository::SeaRepository;

fn failed(error: DbErr) -> RepositoryError {
    unavailable(&error)
}

impl SeaRepository {
    pub(crate) async fn read_operation(&self, id: OperationId) -> Result<Option<Arc<Operation>>, RepositoryError> {
        let found = operation::Entity::find_by_id(id.as_uuid());
        let row = found.one(&self.readers()).await.map_err(failed)?;
        Ok(row.map(from_row).transpose()?.map(Arc::new))
    }

    pub(crate) async fn read_operation_page(
        &self,
        page: OperationPage,
    ) -> Result<Vec<Arc<Operation>>, RepositoryError> {
        let OperationPage { limit, after } = page;
        // As literals, so that the planner sees them.
        let mut select = operation::Entity::find().filter(Expr::cust("status <> 0"));
        if let Some(after) = after {
            select = select.filter(operation::Column::Id.lt(after.as_uuid()));
        }
        let select = select.order_by(operation::Column::Id, Order::Desc);
        self.read_operations(select.limit(u64::from(limit))).await
    }

    pub(crate) async fn read_open_operations(&self) -> Result<Vec<Arc<Operation>>, RepositoryError> {
        let open = operation::Entity::find().filter(Expr::cust("status IN (1, 2, 3)"));
        self.read_operations(open.order_by(operation::Column::Id, Order::Asc))
            .await
    }

    async fn read_operations(&self, select: Select<operation::Entity>) -> Result<Vec<Arc<Operation>>, RepositoryError> {
        let rows = select.all(&self.readers()).await.map_err(failed)?;
        rows.into_iter().map(|row| Ok(Arc::new(from_row(row)?))).collect()
    }

    pub(crate) async fn read_replaced(
        &self,
        id: OperationId,
        after: Option<JobId>,
        limit: u32,
    ) -> Result<Vec<Previous>, RepositoryError> {
        let mut select = operation_item::Entity::find().filter(operation_item::Column::OperationId.eq(id.as_uuid()));
        if let Some(after) = after {
            select = select.filter(operation_item::Column::JobId.gt(after.as_uuid()));
        }
        let select = select
            .order_by(operation_item::Column::JobId, Order::Asc)
            .limit(u64::from(limit));
        let rows = select.all(&self.readers()).await.map_err(failed)?;
        rows.into_iter().map(previous_from_row).collect()
    }
}
