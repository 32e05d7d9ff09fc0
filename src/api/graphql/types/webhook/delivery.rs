//! Webhook deliveries.

use async_graphql::{ID, Object};

use crate::api::contract::view::webhook::{DeliveryItem, DeliveryResponse};
use crate::api::graphql::scalars::{DateTime, Json, TimeSpan, Uuid};
use crate::api::graphql::types::connection::{Part, connection};
use crate::api::graphql::types::enums::WebhookDeliveryStatus;
use crate::api::graphql::types::int::int;
use crate::domain::webhooks::delivery::Delivery;
use crate::service::webhooks::DeliveryList;

/// A webhook delivery.
pub(crate) struct WebhookDelivery(Delivery);

impl From<Delivery> for WebhookDelivery {
    fn from(delivery: Delivery) -> Self {
        Self(delivery)
    }
}

impl WebhookDelivery {
    fn view(&self) -> DeliveryItem<'_> {
        DeliveryItem::from(&self.0)
    }

    /// Its cursor in a list.
    fn cursor(&self) -> String {
        self.view().id.to_string()
    }
}

/// An event for a webhook endpoint, and the state of its delivery.
#[Object]
impl WebhookDelivery {
    /// Id: the same as in REST. Newer deliveries have greater ids.
    pub(crate) async fn id(&self) -> ID {
        self.view().id.into()
    }

    /// Id of the endpoint.
    async fn endpoint_id(&self) -> ID {
        self.view().endpoint_id.into()
    }

    /// Header `webhook-id`: the same for every attempt.
    async fn webhook_id(&self) -> String {
        self.view().webhook_id
    }

    /// Name of the event, such as `job.completed`.
    async fn event(&self) -> &str {
        self.view().event
    }

    /// Time of the event.
    async fn timestamp(&self) -> DateTime {
        self.view().timestamp.into()
    }

    /// Job of the event.
    async fn job_id(&self) -> Option<Uuid> {
        self.view().job_id.map(Uuid::from)
    }

    /// Status of the delivery.
    async fn status(&self) -> WebhookDeliveryStatus {
        self.view().status.0.into()
    }

    /// Number of attempts since the delivery was last requested.
    async fn attempts(&self) -> i32 {
        int(self.view().attempts)
    }

    /// Time of the next attempt, while it is pending.
    async fn next_attempt_at(&self) -> Option<DateTime> {
        self.view().next_attempt_at.map(DateTime::from)
    }

    /// Time of the last attempt.
    async fn last_attempt_at(&self) -> Option<DateTime> {
        self.view().last_attempt_at.map(DateTime::from)
    }

    /// Duration of the last attempt.
    async fn duration(&self) -> Option<TimeSpan> {
        self.view().duration.map(TimeSpan::from)
    }

    /// Body of the request, before it is signed.
    async fn body(&self) -> Json {
        self.view().request.body.into()
    }

    /// Response of the endpoint to the last attempt.
    async fn response(&self) -> Option<WebhookResponse<'_>> {
        self.view().response.map(WebhookResponse)
    }

    /// Error message of the last attempt, if it failed.
    async fn error(&self) -> Option<&str> {
        self.view().error
    }
}

/// Response of a webhook endpoint.
pub(crate) struct WebhookResponse<'a>(DeliveryResponse<'a>);

/// Response of a webhook endpoint.
#[Object]
impl WebhookResponse<'_> {
    /// HTTP status.
    async fn status(&self) -> i32 {
        int(self.0.status)
    }

    /// First 1024 bytes of the body.
    async fn body(&self) -> Option<&str> {
        self.0.body
    }
}

connection! {
    /// A page of an endpoint's deliveries, newest first.
    WebhookDeliveryConnection, WebhookDeliveryEdge, WebhookDelivery, {
        /// True if older deliveries follow.
        #[graphql(deprecation = "Use pageInfo.hasNextPage.")]
        async fn has_more(&self) -> bool {
            self.0.has_next
        }
    }
}

impl WebhookDeliveryConnection {
    /// A page after another one, or the first page.
    pub(crate) fn new(list: DeliveryList, is_first: bool) -> Self {
        let DeliveryList { deliveries, has_more } = list;
        Self::from(Part {
            nodes: deliveries.into_iter().map(WebhookDelivery::from).collect(),
            has_previous: !is_first,
            has_next: has_more,
        })
    }
}
