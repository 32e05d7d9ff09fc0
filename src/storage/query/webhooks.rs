//! Reads of webhook endpoints, deliveries and the change feed.

use std::sync::Arc;

use chrono::{DateTime, Utc};

use crate::domain::job::Job;
use crate::domain::values::id::{JobId, NodeId};
use crate::domain::webhooks::change_feed::FeedCursor;
use crate::domain::webhooks::delivery::{DeliveryId, DeliveryStatus};
use crate::domain::webhooks::endpoint::Endpoint;

/// A webhook endpoint, and which node tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredEndpoint {
    /// The endpoint.
    pub endpoint: Arc<Endpoint>,
    /// The node that holds it, or held it last.
    pub holder: Option<NodeId>,
    /// Whether that node lives.
    pub is_held: bool,
    /// The nodes whose configuration names it, live ones and others.
    pub named_by: Vec<NodeId>,
    /// Whether one of them lives.
    pub is_named: bool,
    /// Since when none of them has lived, as far as it was reviewed.
    pub unnamed_since: Option<DateTime<Utc>>,
    /// Whether it has pending deliveries; known only of an endpoint without events.
    pub has_pending: bool,
}

/// Which part of an endpoint's deliveries is wanted. The newest comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeliveryPage {
    /// Only those that stand so.
    pub status: Option<DeliveryStatus>,
    /// How many at the most.
    pub limit: u32,
    /// Only deliveries older than this one: where the page before has ended.
    pub after: Option<DeliveryId>,
}

/// A part of the feed of changed jobs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeedPage {
    /// The jobs that have changed, each once, in the order of their last change in this part. A job that is gone has only
    /// its id.
    pub jobs: Vec<(JobId, Option<Arc<Job>>)>,
    /// Where this part ends.
    pub cursor: FeedCursor,
    /// Whether more follows.
    pub has_more: bool,
    /// Whether changes after the given cursor are kept no more: then this part does not follow on what was read before.
    pub has_gap: bool,
}
