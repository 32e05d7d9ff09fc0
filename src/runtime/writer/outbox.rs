//! Outbox entries of a commit: webhook deliveries and the change feed, built in the transaction of their changes.
//!
//! Without enabled endpoints and without a feed, a commit has no outbox entries.

use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::commit_effects::events_of;
use super::endpoint_cache::EndpointCache;
use crate::domain::events::event::Event;
use crate::domain::values::id::{EndpointId, JobId};
use crate::domain::values::trace_state::PropagatedContext;
use crate::domain::webhooks::delivery::Message;
use crate::domain::webhooks::endpoint::Endpoint;
use crate::domain::webhooks::event::WebhookEvent;
use crate::runtime::actor::clock::{Clock, IdSource};
use crate::runtime::monitoring::job_spans::Traces;
use crate::storage::change::Change;
use crate::storage::commit::OutboxRule;
use crate::storage::outbox::{FeedEntry, KnownVersion, OutboxEntries, OutboxMessage};
use crate::webhooks::payload::message_of;

/// Builds the outbox entries of commits. Clones share the endpoints.
#[derive(Clone)]
pub struct OutboxBuilder {
    endpoints: EndpointCache,
    has_feed: bool,
    /// Set if other nodes may change endpoints.
    is_shared: bool,
    traces: Traces,
    clock: Clock,
    ids: Arc<IdSource>,
}

impl OutboxBuilder {
    /// Entries for these endpoints, which other nodes may change too if storage is shared, and for the feed, if there is
    /// one.
    pub fn new(
        endpoints: EndpointCache,
        has_feed: bool,
        is_shared: bool,
        traces: Traces,
        clock: Clock,
        ids: Arc<IdSource>,
    ) -> Self {
        Self {
            endpoints,
            has_feed,
            is_shared,
            traces,
            clock,
            ids,
        }
    }

    /// The endpoints.
    pub fn endpoints(&self) -> &EndpointCache {
        &self.endpoints
    }

    /// Builds the entries of these changes within their transaction; `None` if there are none to build.
    pub(crate) fn rule_for(&self, changes: &[Change]) -> Option<OutboxRule> {
        if !changes.iter().any(Change::may_have_events) {
            return None;
        }
        let (endpoints, version) = self.endpoints.read_version();
        let is_any_enabled = endpoints.iter().any(|endpoint| endpoint.disabled.is_none());
        let is_idle = !is_any_enabled && !self.has_feed;
        if is_idle && !self.is_shared {
            return None;
        }
        let (has_feed, traces) = (self.has_feed, self.traces.clone());
        let (clock, ids) = (self.clock.clone(), Arc::clone(&self.ids));
        let rule = OutboxRule::new(move |changes, results, newer| {
            let now = clock.now();
            let events = events_of(changes, results, now);
            OutboxEntries {
                messages: messages(&events, newer.unwrap_or(&endpoints), &traces, &ids, now),
                feed: if has_feed { feed(&events, now) } else { Vec::new() },
                events,
            }
        });
        Some(if self.is_shared {
            rule.knowing(KnownVersion { version, is_idle })
        } else {
            rule
        })
    }
}

fn messages(
    events: &[Event],
    endpoints: &[Arc<Endpoint>],
    traces: &Traces,
    ids: &IdSource,
    now: DateTime<Utc>,
) -> Vec<OutboxMessage> {
    let mut messages = Vec::new();
    for event in events {
        let Some(kind) = WebhookEvent::of(event) else { continue };
        let subscribed = endpoints.iter().filter(|endpoint| endpoint.wants(kind));
        let subscribed: Vec<EndpointId> = subscribed.map(|endpoint| endpoint.id).collect();
        if subscribed.is_empty() {
            continue;
        }
        let id = JobId::new(now, ids.next()).as_uuid();
        messages.extend(message_of(event, id).map(|(_, message)| OutboxMessage {
            message: Message {
                trace_parent: traces.event_span_context(event),
                propagated: propagated_of(event),
                ..message
            },
            endpoints: subscribed,
        }));
    }
    messages
}

/// The trace context that the job of an event propagates.
fn propagated_of(event: &Event) -> Option<Arc<PropagatedContext>> {
    match event {
        Event::Job { job, .. } => job.propagated.clone(),
        Event::JobReport { .. }
        | Event::Queue { .. }
        | Event::QueueMetrics { .. }
        | Event::SystemMetrics(_)
        | Event::SystemAlert { .. }
        | Event::Operation { .. } => None,
    }
}

fn feed(events: &[Event], now: DateTime<Utc>) -> Vec<FeedEntry> {
    let mut seen = std::collections::HashSet::new();
    let jobs = events.iter().filter_map(|event| match event {
        Event::Job { job, .. } => Some(job.id),
        Event::JobReport { .. }
        | Event::Queue { .. }
        | Event::QueueMetrics { .. }
        | Event::SystemMetrics(_)
        | Event::SystemAlert { .. }
        | Event::Operation { .. } => None,
    });
    jobs.filter(|job_id| seen.insert(*job_id))
        .map(|job_id| FeedEntry { job_id, at: now })
        .collect()
}
