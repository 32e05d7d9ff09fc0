//! What a commit tells others besides what it changes: messages for webhook endpoints, and the feed of changed jobs.

use std::fmt;
use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::change::{Applied, Change, ChangeError};
use crate::domain::delivery::{AfterAttempt, DeliveryAttempt, DeliveryId, Message};
use crate::domain::id::{JobId, NodeId};
use crate::domain::webhook::{Disabled, EndpointId};

/// A message and the endpoints that are told it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Posting {
    /// What is told.
    pub message: Message,
    /// To whom; a delivery for each.
    pub endpoints: Vec<EndpointId>,
}

/// A job that the feed tells of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FeedEntry {
    /// Which job.
    pub job_id: JobId,
    /// When it changed.
    pub at: DateTime<Utc>,
}

/// What others are told of a commit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Announcement {
    /// Messages, in the order in which they happened.
    pub postings: Vec<Posting>,
    /// Jobs that have changed, each once.
    pub feed: Vec<FeedEntry>,
}

type Announce = dyn Fn(&[Change], &[Option<Result<Applied, ChangeError>>]) -> Announcement + Send + Sync;

/// Works out what others are told of changes, when it is known what became of each. It is asked within the transaction.
#[derive(Clone)]
pub struct Announcer(Arc<Announce>);

impl Announcer {
    /// An announcer of this rule.
    pub fn new(
        announce: impl Fn(&[Change], &[Option<Result<Applied, ChangeError>>]) -> Announcement + Send + Sync + 'static,
    ) -> Self {
        Self(Arc::new(announce))
    }

    /// What others are told of these changes with these results.
    pub fn announce(&self, changes: &[Change], results: &[Option<Result<Applied, ChangeError>>]) -> Announcement {
        (self.0)(changes, results)
    }
}

impl fmt::Debug for Announcer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Announcer")
    }
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
