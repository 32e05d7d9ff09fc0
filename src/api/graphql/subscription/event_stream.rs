//! The event stream behind subscriptions.

use async_graphql::{Context, Error, Result};
use futures_util::{Stream, StreamExt};

use crate::api::graphql::context::{caller, services};
use crate::api::graphql::errors;
use crate::domain::events::event::Event;
use crate::domain::events::filter::EventClause;
use crate::service::events::{EventStream, StreamItem};

/// The future events that match a clause.
pub(super) async fn subscribe(ctx: &Context<'_>, clause: EventClause) -> Result<EventStream> {
    let filter = std::iter::once(clause).collect();
    Ok(services(ctx)?.events.subscribe(caller(ctx)?, filter).await?)
}

/// The results of a subscription: one per event, and an error per gap.
pub(super) fn results<T>(events: EventStream, map: impl Fn(&Event) -> Option<T>) -> impl Stream<Item = Result<T>> {
    events.filter_map(move |received| {
        let result = match received {
            StreamItem::Event(published) => map(published.event()).map(Ok),
            StreamItem::Lagged { dropped } => Some(Err(lagged(dropped))),
        };
        std::future::ready(result)
    })
}

/// Error of dropped events.
fn lagged(dropped: usize) -> Error {
    let mut extensions = errors::extensions("lagged", false);
    extensions.set("missed", dropped);
    Error {
        message: format!("{dropped} events were dropped because the client is too slow"),
        source: None,
        extensions: Some(extensions),
    }
}
