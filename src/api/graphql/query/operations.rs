//! Bulk operations.

use async_graphql::{Context, ID, Object, Result};

use crate::api::contract::filters::{LIMIT_DEFAULT, LIMIT_MAX};
use crate::api::graphql::context::{caller, services};
use crate::api::graphql::types::connection::page_size;
use crate::api::graphql::types::operation::{Operation, OperationConnection};
use crate::api::graphql::types::scalar_parsing;
use crate::domain::values::id::OperationId;
use crate::service::error::ServiceError;
use crate::storage::query::OperationPage;

#[derive(Default)]
pub(super) struct OperationQueries;

#[Object]
impl OperationQueries {
    /// Returns the bulk operations of the last 90 days, newest first.
    #[graphql(complexity = "page_size(first, None).saturating_mul(child_complexity)")]
    async fn operations(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Maximum number of operations, 1 to 1000; 50 by default.")] first: Option<i32>,
        #[graphql(desc = "Id of the last operation of the previous page: only older ones are returned.")] after: Option<
            ID,
        >,
    ) -> Result<Option<OperationConnection>> {
        let page = OperationPage {
            limit: scalar_parsing::count("first", first, LIMIT_DEFAULT, LIMIT_MAX)?,
            after: after
                .map(|ID(text)| scalar_parsing::parse_with("after", &text, OperationId::parse))
                .transpose()?,
        };
        let is_first = page.after.is_none();
        let operations = services(ctx)?.operations.list(caller(ctx)?, page).await?;
        Ok(Some(OperationConnection::new(operations, is_first)))
    }

    /// Returns a bulk operation with its progress; null if it does not exist.
    async fn operation(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The operation's id.")] id: ID,
    ) -> Result<Option<Operation>> {
        let id = scalar_parsing::parse_with("id", &id, OperationId::parse)?;
        match services(ctx)?.operations.get(caller(ctx)?, id).await {
            Ok(operation) => Ok(Some(operation.into())),
            Err(ServiceError::NoSuchOperation { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}
