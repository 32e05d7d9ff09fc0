//! Bulk operations: previews, starts, and changes of running ones.

use async_graphql::{Context, Error, ID, Object, Result};

use crate::api::contract::request::operation::OperationStartRequest;
use crate::api::graphql::context::{caller, services};
use crate::api::graphql::errors;
use crate::api::graphql::scalars::TimeSpan;
use crate::api::graphql::types::operation::{Operation, OperationPreview, PreviewOperationInput};
use crate::api::graphql::types::scalar_parsing;
use crate::domain::values::id::OperationId;
use crate::domain::values::time_span::TimeSpan as DomainTimeSpan;

/// Complexity of a preview beside its selection: it counts jobs.
const COMPLEXITY: usize = 1_000;

#[derive(Default)]
pub(super) struct OperationMutations;

fn operation_id(id: &ID) -> Result<OperationId> {
    scalar_parsing::parse_with("id", id, OperationId::parse)
}

#[Object]
impl OperationMutations {
    /// Counts the jobs that a bulk operation would change, and returns a token that starts it within 15 minutes. Nothing
    /// changes. Jobs that are created later are not changed. Requires the write and the read scope.
    #[graphql(complexity = "COMPLEXITY + child_complexity")]
    async fn preview_operation(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The operation.")] input: PreviewOperationInput,
    ) -> Result<Option<OperationPreview>> {
        let request = input.parse().map_err(|error| errors::of_field(&error, "input"))?;
        let preview = services(ctx)?.operations.preview(caller(ctx)?, request).await?;
        Ok(Some(OperationPreview(preview)))
    }

    /// Starts a previewed bulk operation, which changes up to 500 jobs per step in the background and survives restarts.
    /// Operations run one after another. A repeated request returns the same operation. Requires the write and the read scope.
    async fn start_operation(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Token of the preview.")] token: String,
        #[graphql(
            desc = "Time before the first step, in which the operation can be cancelled without an effect. By default \
                          10 s if it can't be undone, otherwise none."
        )]
        grace: Option<TimeSpan>,
        #[graphql(desc = "A note: at most 1,000 characters.")] note: Option<String>,
    ) -> Result<Option<Operation>> {
        let grace = grace
            .map(|grace| scalar_parsing::parse_with("grace", &grace.into_text(), DomainTimeSpan::parse))
            .transpose()?;
        let request = OperationStartRequest {
            token: Some(token),
            grace: None,
            note,
        };
        let mut request = request.parse().map_err(Error::from)?;
        request.grace = grace;
        let operation = services(ctx)?.operations.start(caller(ctx)?, request).await?;
        Ok(Some(operation.into()))
    }

    /// Stops a bulk operation after its current step until it is resumed. Meanwhile other operations run.
    async fn pause_operation(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The operation's id.")] id: ID,
    ) -> Result<Option<Operation>> {
        let operations = &services(ctx)?.operations;
        Ok(Some(operations.pause(caller(ctx)?, operation_id(&id)?).await?.into()))
    }

    /// Continues a paused bulk operation behind the last changed job.
    async fn resume_operation(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The operation's id.")] id: ID,
    ) -> Result<Option<Operation>> {
        let operations = &services(ctx)?.operations;
        Ok(Some(operations.resume(caller(ctx)?, operation_id(&id)?).await?.into()))
    }

    /// Ends a bulk operation after its current step. Changed jobs stay as they are.
    async fn cancel_operation(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The operation's id.")] id: ID,
    ) -> Result<Option<Operation>> {
        let operations = &services(ctx)?.operations;
        Ok(Some(operations.cancel(caller(ctx)?, operation_id(&id)?).await?.into()))
    }

    /// Starts the operation that restores what a finished CANCEL, MOVE or PRIORITY has replaced, within an hour after its
    /// end. Jobs that have changed since are skipped. An operation that has not started is cancelled.
    async fn undo_operation(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The operation's id.")] id: ID,
    ) -> Result<Option<Operation>> {
        let operations = &services(ctx)?.operations;
        Ok(Some(operations.undo(caller(ctx)?, operation_id(&id)?).await?.into()))
    }
}
