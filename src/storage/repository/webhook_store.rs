//! The store of webhook endpoints, deliveries and the change feed.

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use crate::domain::values::id::EndpointId;
use crate::domain::webhooks::change_feed::FeedCursor;
use crate::domain::webhooks::delivery::{Delivery, DeliveryId, DueDelivery};
use crate::storage::error::RepositoryError;
use crate::storage::query::{DeliveryPage, FeedPage, StoredEndpoint};

/// Stores webhook endpoints, their deliveries and the change feed. By default there are none.
#[async_trait]
pub trait WebhookStore: Send + Sync + 'static {
    /// All webhook endpoints, by their ids.
    async fn endpoints(&self) -> Result<Vec<StoredEndpoint>, RepositoryError> {
        Ok(Vec::new())
    }

    /// Up to `limit` deliveries of an endpoint that are due at `now`, those that wait the longest first: of each ordering key
    /// only the first one that is pending, so that none overtakes another.
    async fn due_deliveries(
        &self,
        endpoint: EndpointId,
        now: DateTime<Utc>,
        limit: u32,
    ) -> Result<Vec<DueDelivery>, RepositoryError> {
        let (_, _, _) = (endpoint, now, limit);
        Ok(Vec::new())
    }

    /// A page of an endpoint's deliveries, the newest first.
    async fn deliveries(&self, endpoint: EndpointId, page: DeliveryPage) -> Result<Vec<Delivery>, RepositoryError> {
        let (_, _) = (endpoint, page);
        Ok(Vec::new())
    }

    /// One delivery.
    async fn delivery(&self, id: DeliveryId) -> Result<Option<Delivery>, RepositoryError> {
        let _ = id;
        Ok(None)
    }

    /// Up to `limit` changes of the feed after a position. A change may appear a moment after its commit, where one that
    /// is not committed yet could come before it. Changes that were committed at the same time come in any
    /// order; none comes before one that was committed earlier, and none is left out.
    async fn feed(&self, after: FeedCursor, limit: u32) -> Result<FeedPage, RepositoryError> {
        let _ = limit;
        Ok(FeedPage {
            jobs: Vec::new(),
            cursor: after,
            has_more: false,
            has_gap: false,
        })
    }

    /// The same with the jobs as [`jobs_in_brief`](super::JobStore::jobs_in_brief) has them.
    async fn feed_in_brief(&self, after: FeedCursor, limit: u32) -> Result<FeedPage, RepositoryError> {
        self.feed(after, limit).await
    }

    /// The current end of the feed: later commits come after it.
    async fn feed_end(&self) -> Result<FeedCursor, RepositoryError> {
        Ok(FeedCursor::START)
    }
}
