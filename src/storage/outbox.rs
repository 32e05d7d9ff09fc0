//! The outbox: messages for webhook endpoints, and the feed of changed jobs, written in the commit of their changes.

use std::sync::Arc;

use chrono::{DateTime, Utc};

use crate::domain::events::event::Event;
use crate::domain::values::id::{EndpointId, JobId, NodeId};
use crate::domain::values::time_span::TimeSpan;
use crate::domain::webhooks::delivery::{AfterAttempt, DeliveryAttempt, DeliveryId, Message};
use crate::domain::webhooks::endpoint::{Disabled, Endpoint};

/// A message and the endpoints that receive it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutboxMessage {
    /// The message.
    pub message: Message,
    /// The endpoints; each has a delivery of its own.
    pub endpoints: Vec<EndpointId>,
}

/// An entry of the change feed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FeedEntry {
    /// The job.
    pub job_id: JobId,
    /// The time of its change.
    pub at: DateTime<Utc>,
}

/// The outbox entries of a commit.
#[derive(Clone, Debug, Default)]
pub struct OutboxEntries {
    /// Messages, in the order of their events.
    pub messages: Vec<OutboxMessage>,
    /// Changed jobs, each once.
    pub feed: Vec<FeedEntry>,
    /// The events of the changes. Storage does not write them: it returns those of a commit in its result, so that they are
    /// derived once.
    pub events: Vec<Event>,
}

/// The endpoints as they were stored under a version. Every change of an endpoint makes another version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndpointsAt {
    /// The version.
    pub version: i64,
    /// The endpoints, by their ids.
    pub endpoints: Arc<[Arc<Endpoint>]>,
}

/// The version of the endpoints that the committing node knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KnownVersion {
    /// The version that it knows; `None` when it has not read any.
    pub version: Option<i64>,
    /// True if no change has outbox entries, by the endpoints that it knows.
    pub is_idle: bool,
}

/// Outcomes of delivery attempts to one endpoint.
#[derive(Clone, Debug)]
pub struct Attempts {
    /// The endpoint.
    pub endpoint_id: EndpointId,
    /// The outcome of each attempt.
    pub outcomes: Vec<AttemptOutcome>,
    /// Their effect on the endpoint's health.
    pub health: EndpointHealth,
    /// Present if the endpoint is to be disabled.
    pub disable: Option<Disabled>,
}

/// The outcome of a delivery attempt.
#[derive(Clone, Debug)]
pub struct AttemptOutcome {
    /// The delivery.
    pub id: DeliveryId,
    /// The number of the attempt, from 1: stored only if one fewer was stored before, and the delivery is pending.
    pub number: u32,
    /// The attempt.
    pub attempt: DeliveryAttempt,
    /// The next step.
    pub after: AfterAttempt,
}

/// A change of an endpoint's health.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndpointHealth {
    /// No change.
    AsBefore,
    /// It accepts deliveries.
    Well,
    /// It has failed, the first time since its last success at this time; an earlier time that is stored stays.
    FailingSince(DateTime<Utc>),
}

/// Deliveries to send again, as if they had never been attempted.
#[derive(Clone, Copy, Debug)]
pub enum Redelivery {
    /// This one, in any status.
    One(DeliveryId),
    /// Up to `limit` of an endpoint's that have failed and whose event happened at `since` or later.
    FailedSince {
        /// The endpoint.
        endpoint_id: EndpointId,
        /// The earliest time of an event.
        since: DateTime<Utc>,
        /// Maximum number of deliveries in this step.
        limit: u32,
    },
}

/// Assigns endpoints to a node: those that no live node owns, until the node owns `limit`.
#[derive(Clone, Copy, Debug)]
pub struct HoldEndpoints {
    /// The node; it must hold its lease.
    pub node: NodeId,
    /// Maximum number of endpoints of the node.
    pub limit: u32,
}

/// Stores the configured endpoints of a node, and removes in steps those that no live node names.
#[derive(Clone, Debug)]
pub struct ReviewEndpoints {
    /// The node.
    pub node: NodeId,
    /// The endpoints that it names.
    pub names: Arc<[EndpointId]>,
    /// The time after which an endpoint that no live node names is removed.
    pub grace: TimeSpan,
}

/// The result of a review.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReviewedEndpoints {
    /// Endpoints that no live node names, from now on.
    pub unnamed: Vec<UnnamedEndpoint>,
    /// Endpoints whose grace period has elapsed: they receive no new events, and pending deliveries are still sent.
    pub retired: Vec<UnnamedEndpoint>,
    /// Endpoints of these that had nothing pending and are removed.
    pub removed: Vec<UnnamedEndpoint>,
}

/// A configured endpoint that no live node names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnnamedEndpoint {
    /// Its id.
    pub id: EndpointId,
    /// Its name.
    pub name: Arc<str>,
    /// Number of its pending deliveries.
    pub pending: u64,
}
