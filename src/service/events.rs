//! What happens, for those who want to be told: one stream of events feeds every facade.

use std::pin::Pin;
use std::task::{Context, Poll};

use chrono::{DateTime, Utc};
use futures_util::Stream;

use super::error::ServiceError;
use crate::domain::access::caller::{Caller, Scope};
use crate::domain::events::filter::EventFilter;
use crate::runtime::RuntimeHandle;
use crate::runtime::events::event_bus::Listening;
pub use crate::runtime::events::event_bus::{Form, Heard, Published};

/// Use cases of events.
#[derive(Clone)]
pub struct Events {
    runtime: RuntimeHandle,
    events_behind_max: usize,
}

/// Events as they happen. Those of one job come in their order; a stream that is read too slowly misses some and says how
/// many.
pub struct EventStream {
    listening: Listening,
}

impl Events {
    /// The events of this runtime. A listener may be so many events behind before it misses some.
    pub fn new(runtime: RuntimeHandle, events_behind_max: usize) -> Self {
        Self {
            runtime,
            events_behind_max,
        }
    }

    /// What the time is for those who tell events.
    pub fn now(&self) -> DateTime<Utc> {
        self.runtime.clock.now()
    }

    /// A stream that has nothing to tell until it is asked to, by [`EventStream::select`].
    pub fn stream(&self) -> EventStream {
        EventStream {
            listening: self.runtime.event_bus.listener(self.events_behind_max),
        }
    }

    /// All events from now on that a filter wants.
    pub async fn subscribe(&self, caller: &Caller, filter: EventFilter) -> Result<EventStream, ServiceError> {
        caller.require(Scope::Read)?;
        let stream = self.stream();
        stream.select(filter).await?;
        Ok(stream)
    }
}

impl EventStream {
    /// From now on these events, and no others. When the future is ready, whatever happens later is told; the effect of
    /// several calls is that of the last one.
    pub fn select(&self, filter: EventFilter) -> impl Future<Output = Result<(), ServiceError>> + use<> {
        let listens = self.listening.listen_to(filter);
        async move {
            if listens.await {
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
    type Item = Heard;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Heard>> {
        self.listening.heard.poll_recv(cx)
    }
}
