//! The outbox: messages for webhook endpoints, and the feed of changed jobs, written in the commit of their changes.

use std::sync::Arc;

use chrono::{DateTime, Utc};

use crate::domain::events::event::Event;
use crate::domain::values::id::{JobId, NodeId};
use crate::domain::values::time_span::TimeSpan;
use crate::domain::webhooks::delivery::{AfterAttempt, DeliveryAttempt, DeliveryId, Message};
use crate::domain::webhooks::endpoint::{Disabled, Endpoint, EndpointId};

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

/// What the node that commits knows of the endpoints.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KnownVersion {
    /// The version that it knows; `None` when it has not read any.
    pub version: Option<i64>,
    /// Whether, by the endpoints that it knows, no change has outbox entries.
    pub is_idle: bool,
}

/// What attempts to tell one endpoint have come to.
#[derive(Clone, Debug)]
pub struct Attempts {
    /// Which endpoint.
    pub endpoint_id: EndpointId,
    /// What came of each.
    pub outcomes: Vec<AttemptOutcome>,
    /// What they say of the endpoint.
    pub health: EndpointHealth,
    /// Present when the endpoint is to be told nothing more.
    pub disable: Option<Disabled>,
}

/// What an attempt has come to.
#[derive(Clone, Debug)]
pub struct AttemptOutcome {
    /// Which delivery.
    pub id: DeliveryId,
    /// Which of its attempts, counted from 1: stored only if one fewer was stored before, and the delivery is pending.
    pub number: u32,
    /// What became of it.
    pub attempt: DeliveryAttempt,
    /// What comes next.
    pub after: AfterAttempt,
}

/// What is noted of an endpoint's health.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndpointHealth {
    /// Nothing new.
    AsBefore,
    /// It takes deliveries.
    Well,
    /// It has failed, the first time since its last success at this time; an earlier time that is stored stays.
    FailingSince(DateTime<Utc>),
}

/// Deliveries that are to be sent again, as if they had never been tried.
#[derive(Clone, Copy, Debug)]
pub enum Redelivery {
    /// This one, whatever became of it.
    One(DeliveryId),
    /// Up to `limit` of an endpoint's that have failed and whose event happened at `since` or later.
    FailedSince {
        /// Whose.
        endpoint_id: EndpointId,
        /// From when on.
        since: DateTime<Utc>,
        /// How many at the most in this step.
        limit: u32,
    },
}

/// Asks for endpoints to be held by a node: those that no living node holds, until the node holds `limit`.
#[derive(Clone, Copy, Debug)]
pub struct HoldEndpoints {
    /// Which node; it must hold its lease.
    pub node: NodeId,
    /// How many it may hold altogether.
    pub limit: u32,
}

/// Notes which configured endpoints a node's configuration names, and removes in steps those that no live node names.
#[derive(Clone, Debug)]
pub struct ReviewEndpoints {
    /// Which node.
    pub node: NodeId,
    /// The endpoints that it names.
    pub names: Arc<[EndpointId]>,
    /// How long an endpoint stays that no live node names.
    pub grace: TimeSpan,
}

/// What a review has changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReviewedEndpoints {
    /// Endpoints that no live node names, from now on.
    pub unnamed: Vec<UnnamedEndpoint>,
    /// Endpoints whose grace period is over: they receive no new events, and what is pending is still sent.
    pub retired: Vec<UnnamedEndpoint>,
    /// Endpoints of these that had nothing pending and are removed.
    pub removed: Vec<UnnamedEndpoint>,
}

/// A configured endpoint that no live node names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnnamedEndpoint {
    /// Which.
    pub id: EndpointId,
    /// Its name.
    pub name: Arc<str>,
    /// How many of its deliveries are pending.
    pub pending: u64,
}
