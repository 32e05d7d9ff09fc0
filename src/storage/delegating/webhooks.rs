//! Forwarding of calls about webhooks and the change feed.

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::inner::DelegatingRepository;
use crate::domain::values::id::EndpointId;
use crate::domain::webhooks::change_feed::FeedCursor;
use crate::domain::webhooks::delivery::{Delivery, DeliveryId, DueDelivery};
use crate::storage::error::RepositoryError;
use crate::storage::query::{DeliveryPage, FeedPage, StoredEndpoint};
use crate::storage::repository::WebhookStore;

/// Forwards calls about webhooks and the change feed: see [`DelegatingRepository`].
#[async_trait]
pub trait DelegatingWebhooks: DelegatingRepository {
    /// See [`WebhookStore::endpoints`].
    async fn endpoints(&self) -> Result<Vec<StoredEndpoint>, RepositoryError> {
        self.inner().endpoints().await
    }

    /// See [`WebhookStore::due_deliveries`].
    async fn due_deliveries(
        &self,
        endpoint: EndpointId,
        now: DateTime<Utc>,
        limit: u32,
    ) -> Result<Vec<DueDelivery>, RepositoryError> {
        self.inner().due_deliveries(endpoint, now, limit).await
    }

    /// See [`WebhookStore::deliveries`].
    async fn deliveries(&self, endpoint: EndpointId, page: DeliveryPage) -> Result<Vec<Delivery>, RepositoryError> {
        self.inner().deliveries(endpoint, page).await
    }

    /// See [`WebhookStore::delivery`].
    async fn delivery(&self, id: DeliveryId) -> Result<Option<Delivery>, RepositoryError> {
        self.inner().delivery(id).await
    }

    /// See [`WebhookStore::feed`].
    async fn feed(&self, after: FeedCursor, limit: u32) -> Result<FeedPage, RepositoryError> {
        self.inner().feed(after, limit).await
    }

    /// See [`WebhookStore::feed_in_brief`].
    async fn feed_in_brief(&self, after: FeedCursor, limit: u32) -> Result<FeedPage, RepositoryError> {
        self.inner().feed_in_brief(after, limit).await
    }

    /// See [`WebhookStore::feed_end`].
    async fn feed_end(&self) -> Result<FeedCursor, RepositoryError> {
        self.inner().feed_end().await
    }
}

#[async_trait]
impl<T: DelegatingWebhooks> WebhookStore for T {
    async fn endpoints(&self) -> Result<Vec<StoredEndpoint>, RepositoryError> {
        DelegatingWebhooks::endpoints(self).await
    }

    async fn due_deliveries(
        &self,
        endpoint: EndpointId,
        now: DateTime<Utc>,
        limit: u32,
    ) -> Result<Vec<DueDelivery>, RepositoryError> {
        DelegatingWebhooks::due_deliveries(self, endpoint, now, limit).await
    }

    async fn deliveries(&self, endpoint: EndpointId, page: DeliveryPage) -> Result<Vec<Delivery>, RepositoryError> {
        DelegatingWebhooks::deliveries(self, endpoint, page).await
    }

    async fn delivery(&self, id: DeliveryId) -> Result<Option<Delivery>, RepositoryError> {
        DelegatingWebhooks::delivery(self, id).await
    }

    async fn feed(&self, after: FeedCursor, limit: u32) -> Result<FeedPage, RepositoryError> {
        DelegatingWebhooks::feed(self, after, limit).await
    }

    async fn feed_in_brief(&self, after: FeedCursor, limit: u32) -> Result<FeedPage, RepositoryError> {
        DelegatingWebhooks::feed_in_brief(self, after, limit).await
    }

    async fn feed_end(&self) -> Result<FeedCursor, RepositoryError> {
        DelegatingWebhooks::feed_end(self).await
    }
}
