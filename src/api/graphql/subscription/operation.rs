//! One bulk operation: its state, and its progress until it has ended.

use std::sync::Arc;

use async_graphql::{Context, ID, Result, Subscription};
use futures_util::{Stream, StreamExt, stream};

use super::event_stream::subscribe;
use crate::api::graphql::context::{caller, services};
use crate::api::graphql::types::operation::Operation;
use crate::api::graphql::types::scalar_parsing;
use crate::domain::access::caller::Caller;
use crate::domain::events::event::{Event, Topic};
use crate::domain::events::filter::EventClause;
use crate::domain::operation::Operation as DomainOperation;
use crate::domain::values::id::OperationId;
use crate::service::error::ServiceError;
use crate::service::events::{EventStream, StreamItem};
use crate::service::jobs::operations::Operations;

#[derive(Default)]
pub(super) struct OperationSubscriptions;

#[Subscription]
impl OperationSubscriptions {
    /// A bulk operation: its current state, then its progress several times a second, until it has completed, failed or been
    /// cancelled.
    async fn operation(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The operation's id.")] id: ID,
    ) -> Result<impl Stream<Item = Result<Operation>>> {
        let id = scalar_parsing::parse_with("id", &id, OperationId::parse)?;
        let mut clause = EventClause::all_of(Topic::Operations);
        clause.operations.insert(id);
        // Subscribed first, so that changes during the read are received.
        let events = subscribe(ctx, clause).await?;
        let watch = OperationWatch {
            id,
            events,
            operations: services(ctx)?.operations.clone(),
            caller: caller(ctx)?.clone(),
            last_published: 0,
        };
        let first = watch.operations.get(&watch.caller, id).await?;
        Ok(watch.from(first))
    }
}

/// Subscription to one operation.
struct OperationWatch {
    id: OperationId,
    events: EventStream,
    operations: Operations,
    caller: Caller,
    /// Last published revision.
    last_published: u32,
}

impl OperationWatch {
    /// The operation as it was read, followed by its changes.
    fn from(mut self, first: Arc<DomainOperation>) -> impl Stream<Item = Result<Operation>> {
        self.last_published = first.revision;
        let rest = (!first.status.is_finished()).then_some(self);
        let rest = stream::unfold(rest, |watch| async move {
            let mut watch = watch?;
            let changed = watch.next().await?;
            let goes_on = changed.as_ref().is_ok_and(|operation| !operation.status.is_finished());
            Some((
                changed.map(Operation::from).map_err(Into::into),
                goes_on.then_some(watch),
            ))
        });
        stream::once(std::future::ready(Ok(Operation::from(first)))).chain(rest)
    }

    /// The operation after the next change; `None` when the server shuts down.
    async fn next(&mut self) -> Option<Result<Arc<DomainOperation>, ServiceError>> {
        loop {
            let operation = match self.events.next().await? {
                StreamItem::Event(published) => match published.event() {
                    Event::Operation { operation, .. } => Arc::clone(operation),
                    Event::Job { .. }
                    | Event::JobReport { .. }
                    | Event::Queue { .. }
                    | Event::QueueMetrics { .. }
                    | Event::SystemMetrics(_)
                    | Event::SystemAlert { .. } => continue,
                },
                StreamItem::Lagged { .. } => match self.operations.get(&self.caller, self.id).await {
                    Ok(operation) => operation,
                    Err(error) => return Some(Err(error)),
                },
            };
            if self.last_published < operation.revision {
                self.last_published = operation.revision;
                return Some(Ok(operation));
            }
        }
    }
}
