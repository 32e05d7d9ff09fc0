//! Reads of webhook endpoints, deliveries and the change feed.

use std::sync::Arc;

use chrono::{DateTime, Utc};

use crate::domain::job::Job;
use crate::domain::values::id::{JobId, NodeId};
use crate::domain::webhooks::change_feed::FeedCursor;
use crate::domain::webhooks::delivery::{DeliveryId, DeliveryStatus};
use crate::domain::webhooks::endpoint::Endpoint;

/// A stored webhook endpoint, and the node that owns it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredEndpoint {
    /// The endpoint.
    pub endpoint: Arc<Endpoint>,
    /// The node that owns it, or owned it last.
    pub holder: Option<NodeId>,
    /// True if that node is alive.
    pub is_held: bool,
    /// The nodes whose configuration names it, live ones and others.
    pub named_by: Vec<NodeId>,
    /// True if one of them is alive.
    pub is_named: bool,
    /// The time of the review that found none of them alive.
    pub unnamed_since: Option<DateTime<Utc>>,
    /// True if it has pending deliveries; known only for an endpoint without events.
    pub has_pending: bool,
}

/// A page of an endpoint's deliveries, the newest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeliveryPage {
    /// Only those with this status.
    pub status: Option<DeliveryStatus>,
    /// Maximum number of entries.
    pub limit: u32,
    /// The last delivery of the page before: the page has older ones.
    pub after: Option<DeliveryId>,
}

/// A part of the feed of changed jobs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeedPage {
    /// The jobs that have changed, each once, in the order of their last change in this part. A job that is gone has only
    /// its id.
    pub jobs: Vec<(JobId, Option<Arc<Job>>)>,
    /// The end of this part.
    pub cursor: FeedCursor,
    /// True if more entries follow.
    pub has_more: bool,
    /// True if changes after the given cursor were pruned: this part then has a gap before it.
    pub has_gap: bool,
}
