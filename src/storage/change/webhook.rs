//! Changes of webhook endpoints and of their deliveries.

use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::size::limit_rows;
use crate::domain::values::time_span::TimeSpan;
use crate::domain::webhooks::endpoint::Endpoint;
use crate::storage::applied::{Applied, ChangeError};
use crate::storage::outbox::{Attempts, HoldEndpoints, OutboxMessage, Redelivery, ReviewEndpoints, ReviewedEndpoints};

/// A change of a webhook endpoint or of deliveries.
#[derive(Clone, Debug)]
pub enum WebhookChange {
    /// Stores a webhook endpoint: a new one, or in place of `before` if the stored revision is still that one's.
    /// → [`Applied::EndpointStored`] or [`ChangeError::Conflict`].
    Put {
        /// The endpoint as it was read; `None` when there must be none.
        before: Option<Arc<Endpoint>>,
        /// The changed endpoint.
        after: Arc<Endpoint>,
    },
    /// Removes a webhook endpoint if its stored revision is still this one; its deliveries follow in steps, by
    /// [`PruneDeliveries`](super::maintenance::MaintenanceChange::PruneDeliveries). → [`Applied::Deleted`] or
    /// [`ChangeError::Conflict`].
    Delete {
        /// The endpoint as it was read.
        endpoint: Arc<Endpoint>,
    },
    /// Assigns endpoints to a node: no other sends their deliveries while it is alive. → [`Applied::Held`] or
    /// [`ChangeError::NoLease`].
    Hold(HoldEndpoints),
    /// Stores which configured endpoints a node names, and removes in steps those that no live node names: see
    /// [`ReviewEndpoints`]. → [`Applied::Reviewed`].
    Review(ReviewEndpoints),
    /// Adds deliveries of messages that are about no change. → [`Applied::Enqueued`].
    Enqueue(Vec<OutboxMessage>),
    /// Stores the outcomes of delivery attempts to an endpoint. → [`Applied::Attempted`].
    Attempts(Box<Attempts>),
    /// Makes deliveries pending again that are not. → [`Applied::Removed`], their number.
    Redeliver {
        /// The deliveries.
        which: Redelivery,
        /// Their due time.
        now: DateTime<Utc>,
    },
    /// Resets up to `limit` pending deliveries that became due later because a clock was ahead: those due after `now`
    /// although they have had no attempt, which are due at `now` then, or whose last attempt is after `now`. That one is
    /// moved by `step`, or as far as it is after `now` if that is more, and the next one as far. A second more or less is
    /// no error; storage that nodes share counts no time that its own clock has reached. → [`Applied::Removed`], their
    /// number.
    SetBack {
        /// The time by the corrected clock.
        now: DateTime<Utc>,
        /// The time by which it was ahead; zero if that is not known.
        step: TimeSpan,
        /// Maximum number of deliveries in this commit.
        limit: u32,
    },
}

impl WebhookChange {
    /// Its size in rows of usual length.
    pub(super) fn rows(&self) -> usize {
        match self {
            Self::Enqueue(messages) => messages.iter().map(|message| message.endpoints.len()).sum(),
            Self::Attempts(attempts) => attempts.outcomes.len(),
            Self::Redeliver {
                which: Redelivery::FailedSince { limit, .. },
                now: _,
            }
            | Self::SetBack { limit, .. } => limit_rows(*limit),
            Self::Redeliver {
                which: Redelivery::One(_),
                now: _,
            }
            | Self::Put { .. }
            | Self::Delete { .. }
            | Self::Hold(_)
            | Self::Review(_) => 1,
        }
    }

    /// The result for a storage without webhooks.
    pub(super) fn unsupported(&self) -> Result<Applied, ChangeError> {
        match self {
            Self::Hold(_) => Ok(Applied::Held(Vec::new())),
            Self::Review(_) => Ok(Applied::Reviewed(ReviewedEndpoints::default())),
            Self::SetBack { .. } => Ok(Applied::Removed(0)),
            Self::Put { .. } | Self::Delete { .. } | Self::Enqueue(_) | Self::Attempts(_) | Self::Redeliver { .. } => {
                Err(ChangeError::Unsupported { what: "webhooks" })
            }
        }
    }

    /// `true` if it can change an endpoint, and with it the version of all endpoints.
    pub(crate) fn changes_endpoints(&self) -> bool {
        match self {
            Self::Put { .. } | Self::Delete { .. } | Self::Review(_) => true,
            Self::Attempts(attempts) => attempts.disable.is_some(),
            Self::Hold(_) | Self::Enqueue(_) | Self::Redeliver { .. } | Self::SetBack { .. } => false,
        }
    }
}
