//! What is told of changes to webhook endpoints and to readers of the feed, worked out in the commit that holds them.
//!
//! The book of endpoints is this node's knowledge of who wants to be told what. While it is empty and nobody reads the
//! feed, commits are as they would be without webhooks.

use std::sync::{Arc, PoisonError, RwLock};

use chrono::{DateTime, Utc};

use super::after_commit::Effects;
use crate::domain::events::event::Event;
use crate::domain::values::id::JobId;
use crate::domain::values::trace_state::PropagatedContext;
use crate::domain::webhooks::delivery::Message;
use crate::domain::webhooks::endpoint::{Disabled, Endpoint, EndpointId};
use crate::domain::webhooks::event::WebhookEvent;
use crate::runtime::actor::clock::{Clock, IdSource};
use crate::runtime::monitoring::job_spans::Traces;
use crate::storage::change::{Applied, Change, ChangeError};
use crate::storage::outbox::{Announcement, Announcer, FeedEntry, KnownVersion, Posting};
use crate::webhooks::payload::message_of;

/// The endpoints that this node knows. Copies share it.
#[derive(Clone, Debug, Default)]
pub struct EndpointBook(Arc<RwLock<Known>>);

#[derive(Debug, Default)]
struct Known {
    endpoints: Arc<[Arc<Endpoint>]>,
    /// Grows with each change that this node has made itself, or has learned of in a commit.
    edits: u64,
    /// The version of the endpoints in storage that they are at least as new as.
    version: Option<i64>,
}

impl EndpointBook {
    /// The endpoints, and a number that tells whether this node has changed any since.
    pub fn read(&self) -> (Arc<[Arc<Endpoint>]>, u64) {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        (Arc::clone(&known.endpoints), known.edits)
    }

    /// The endpoints, and the version in storage that they are at least as new as.
    fn read_version(&self) -> (Arc<[Arc<Endpoint>]>, Option<i64>) {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        (Arc::clone(&known.endpoints), known.version)
    }

    /// An endpoint as this node knows it, unless it is disabled.
    pub fn enabled(&self, id: EndpointId) -> Option<Arc<Endpoint>> {
        let (endpoints, _) = self.read();
        let mut endpoints = endpoints.iter();
        let found = endpoints.find(|endpoint| endpoint.id == id && endpoint.disabled.is_none());
        found.cloned()
    }

    /// The name of an endpoint that this node knows.
    pub fn name_of(&self, id: EndpointId) -> Option<Arc<str>> {
        let (endpoints, _) = self.read();
        let found = endpoints.iter().find(|endpoint| endpoint.id == id);
        found.map(|endpoint| Arc::clone(&endpoint.name))
    }

    /// Those that are to be told of an event.
    pub fn wanting(&self, event: WebhookEvent) -> Vec<EndpointId> {
        let (endpoints, _) = self.read();
        let wanting = endpoints.iter().filter(|endpoint| endpoint.wants(event));
        wanting.map(|endpoint| endpoint.id).collect()
    }

    /// Takes what was read from storage, unless this node has changed an endpoint since it asked.
    pub fn replace(&self, endpoints: Vec<Arc<Endpoint>>, edits: u64) {
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if known.edits == edits {
            known.endpoints = endpoints.into();
        }
    }

    /// Notes what this node has stored.
    pub(crate) fn note(&self, change: &Change, applied: &Applied) {
        match (change, applied) {
            (Change::PutEndpoint { before: _, after }, Applied::EndpointStored) => {
                self.edit(after.id, Some(Arc::clone(after)));
            }
            (Change::DeleteEndpoint { endpoint }, Applied::Deleted) => self.edit(endpoint.id, None),
            (Change::Attempts(attempts), Applied::Attempted { is_disabled: true }) => {
                if let Some(disabled) = attempts.disable {
                    self.disable(attempts.endpoint_id, disabled);
                }
            }
            (Change::Announce(_), Applied::AnnouncedAnew(_, at)) => {
                let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
                known.endpoints = Arc::clone(&at.endpoints);
                known.version = Some(at.version);
                known.edits += 1;
            }
            // Whatever else there is leaves the endpoints as they are.
            _ => {}
        }
    }

    fn disable(&self, id: EndpointId, disabled: Disabled) {
        let (endpoints, _) = self.read();
        if let Some(endpoint) = endpoints.iter().find(|endpoint| endpoint.id == id) {
            let disabled = Endpoint {
                disabled: Some(disabled),
                ..endpoint.changed(disabled.at)
            };
            self.edit(id, Some(Arc::new(disabled)));
        }
    }

    fn edit(&self, id: EndpointId, endpoint: Option<Arc<Endpoint>>) {
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let others = known.endpoints.iter().filter(|other| other.id != id).cloned();
        known.endpoints = others.chain(endpoint).collect();
        known.edits += 1;
    }
}

/// Who is told what of a commit. Copies share the book.
#[derive(Clone)]
pub struct Announcements {
    book: EndpointBook,
    has_feed: bool,
    /// Whether other nodes may change endpoints.
    is_shared: bool,
    traces: Traces,
    clock: Clock,
    ids: Arc<IdSource>,
}

impl Announcements {
    /// Announcements to the endpoints of this book, which other nodes change too if it is shared, and to the feed if it
    /// is kept.
    pub fn new(
        book: EndpointBook,
        has_feed: bool,
        is_shared: bool,
        traces: Traces,
        clock: Clock,
        ids: Arc<IdSource>,
    ) -> Self {
        Self {
            book,
            has_feed,
            is_shared,
            traces,
            clock,
            ids,
        }
    }

    /// The endpoints that are told.
    pub fn book(&self) -> &EndpointBook {
        &self.book
    }

    /// What tells of these changes; `None` when there is nobody to be told, or nothing to tell.
    pub(crate) fn announcer_of(&self, changes: &[Change]) -> Option<Announcer> {
        if !changes.iter().any(may_be_news) {
            return None;
        }
        let (endpoints, version) = self.book.read_version();
        let is_any_told = endpoints.iter().any(|endpoint| endpoint.disabled.is_none());
        let is_idle = !is_any_told && !self.has_feed;
        if is_idle && !self.is_shared {
            return None;
        }
        let (has_feed, traces) = (self.has_feed, self.traces.clone());
        let (clock, ids) = (self.clock.clone(), Arc::clone(&self.ids));
        let announcer = Announcer::new(move |changes, results, newer| {
            let now = clock.now();
            let events = events_of(changes, results, now);
            Announcement {
                postings: postings(&events, newer.unwrap_or(&endpoints), &traces, &ids, now),
                feed: if has_feed { feed(&events, now) } else { Vec::new() },
            }
        });
        Some(if self.is_shared {
            announcer.knowing(KnownVersion { version, is_idle })
        } else {
            announcer
        })
    }
}

/// What has happened, in the order in which storage has applied it: claims come after what may have made their jobs.
fn events_of(changes: &[Change], results: &[Option<Result<Applied, ChangeError>>], now: DateTime<Utc>) -> Vec<Event> {
    let mut effects = Effects::new(true, None);
    for is_claim in [false, true] {
        for (change, result) in changes.iter().zip(results) {
            if let Some(Ok(applied)) = result
                && matches!(change, Change::Claim(_)) == is_claim
            {
                effects.note(change, applied, now);
            }
        }
    }
    effects.events
}

fn postings(
    events: &[Event],
    endpoints: &[Arc<Endpoint>],
    traces: &Traces,
    ids: &IdSource,
    now: DateTime<Utc>,
) -> Vec<Posting> {
    let mut postings = Vec::new();
    for event in events {
        let Some(kind) = WebhookEvent::of(event) else { continue };
        let wanting = endpoints.iter().filter(|endpoint| endpoint.wants(kind));
        let wanting: Vec<EndpointId> = wanting.map(|endpoint| endpoint.id).collect();
        if wanting.is_empty() {
            continue;
        }
        let id = JobId::new(now, ids.next()).as_uuid();
        postings.extend(message_of(event, id).map(|(_, message)| Posting {
            message: Message {
                trace_parent: traces.place_of_news(event),
                propagated: propagated_of(event),
                ..message
            },
            endpoints: wanting,
        }));
    }
    postings
}

/// What the trace of the job that an event tells of passes on.
fn propagated_of(event: &Event) -> Option<Arc<PropagatedContext>> {
    match event {
        Event::Job { job, .. } => job.propagated.clone(),
        Event::JobReport { .. }
        | Event::Queue { .. }
        | Event::QueueMetrics { .. }
        | Event::SystemMetrics(_)
        | Event::SystemAlert { .. } => None,
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
        | Event::SystemAlert { .. } => None,
    });
    jobs.filter(|job_id| seen.insert(*job_id))
        .map(|job_id| FeedEntry { job_id, at: now })
        .collect()
}

/// Whether a change can be told of at all; the server's own bookkeeping can't.
fn may_be_news(change: &Change) -> bool {
    match change {
        Change::Insert { .. }
        | Change::Start { .. }
        | Change::Claim(_)
        | Change::Finish { .. }
        | Change::Update { .. }
        | Change::Delete { .. }
        | Change::Clear { .. }
        | Change::SetQueue { .. }
        | Change::Fire(_)
        | Change::Trigger { .. } => true,
        Change::Prune { .. }
        | Change::DeleteQueue { .. }
        | Change::PruneQueues
        | Change::PruneBookkeeping { .. }
        | Change::AgeSums { .. }
        | Change::Audit(_)
        | Change::PruneAudit { .. }
        | Change::Heartbeat { .. }
        | Change::InsertRecurring { .. }
        | Change::UpdateRecurring { .. }
        | Change::DeleteRecurring { .. }
        | Change::Lead { .. }
        | Change::SetDraining { .. }
        | Change::Leave { .. }
        | Change::RegisterWorker { .. }
        | Change::RenewWorker { .. }
        | Change::Report { .. }
        | Change::Announce(_)
        | Change::Post(_)
        | Change::PutEndpoint { .. }
        | Change::DeleteEndpoint { .. }
        | Change::HoldEndpoints(_)
        | Change::ReviewEndpoints(_)
        | Change::Attempts(_)
        | Change::Redeliver { .. }
        | Change::SetBackDeliveries { .. }
        | Change::PruneDeliveries { .. }
        | Change::HoldReader { .. }
        | Change::MoveReader { .. }
        | Change::PruneFeed { .. } => false,
    }
}
