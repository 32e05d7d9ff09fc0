//! Use cases of events: one stream of events feeds every facade.

use std::pin::Pin;
use std::task::{Context, Poll};

use chrono::{DateTime, Utc};
use futures_util::Stream;

use super::error::ServiceError;
use crate::domain::access::caller::{Caller, Scope};
use crate::domain::events::filter::EventFilter;
use crate::runtime::RuntimeHandle;
use crate::runtime::events::event_bus::Subscription;
pub(crate) use crate::runtime::events::event_bus::{Form, StreamItem};

/// Use cases of events.
#[derive(Clone)]
pub(crate) struct Events {
    runtime: RuntimeHandle,
    event_buffer: usize,
}

/// A stream of events. Those of one job are in order; a stream that is read too slowly drops events and reports their
/// number.
pub(crate) struct EventStream {
    subscription: Subscription,
}

impl Events {
    /// The events of this runtime; `event_buffer` is the buffer of each subscriber, in events.
    pub(crate) fn new(runtime: RuntimeHandle, event_buffer: usize) -> Self {
        Self { runtime, event_buffer }
    }

    /// The current time, for timestamps of messages.
    pub(crate) fn now(&self) -> DateTime<Utc> {
        self.runtime.clock.now()
    }

    /// A stream that is empty until [`EventStream::select`] is called.
    pub(crate) fn stream(&self) -> EventStream {
        EventStream {
            subscription: self.runtime.event_bus.subscribe(self.event_buffer),
        }
    }

    /// All future events that match a filter.
    pub(crate) async fn subscribe(&self, caller: &Caller, filter: EventFilter) -> Result<EventStream, ServiceError> {
        caller.require(Scope::Read)?;
        let stream = self.stream();
        stream.select(filter).await?;
        Ok(stream)
    }
}

impl EventStream {
    /// Replaces the filter of the stream. When the future completes, all later matching events are delivered; of
    /// several calls the last one wins.
    pub(crate) fn select(&self, filter: EventFilter) -> impl Future<Output = Result<(), ServiceError>> + use<> {
        let selected = self.subscription.select(filter);
        async move {
            if selected.await {
                Ok(())
            } else {
                Err(ServiceError::Unavailable {
                    reason: "the event bus has stopped".to_owned(),
                })
            }
        }
    }
}

impl Stream for EventStream {
    type Item = StreamItem;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<StreamItem>> {
        self.subscription.items.poll_recv(cx)
    }
}
