//! Webhook deliveries.

use async_graphql::{ID, SimpleObject};

use crate::api::graphql::scalars::{DateTime, Json, TimeSpan, Uuid};
use crate::api::graphql::types::connection::{Part, connection};
use crate::api::graphql::types::enums::WebhookDeliveryStatus;
use crate::api::graphql::types::int::int;
use crate::domain::webhooks::delivery::{Delivery, DeliveryAttempt, Message};
use crate::service::webhooks::DeliveryList;

/// An event for a webhook endpoint, and the state of its delivery.
#[derive(Debug, SimpleObject)]
pub(crate) struct WebhookDelivery {
    /// Id: the same as in REST. Newer deliveries have greater ids.
    #[graphql(owned)]
    pub(crate) id: ID,
    /// Id of the endpoint.
    endpoint_id: ID,
    /// Header `webhook-id`: the same for every attempt.
    webhook_id: String,
    /// Name of the event, such as `job.completed`.
    event: String,
    /// Time of the event.
    timestamp: DateTime,
    /// Job of the event.
    job_id: Option<Uuid>,
    /// Status of the delivery.
    status: WebhookDeliveryStatus,
    /// Number of attempts since the delivery was last requested.
    attempts: i32,
    /// Time of the next attempt, while it is pending.
    next_attempt_at: Option<DateTime>,
    /// Time of the last attempt.
    last_attempt_at: Option<DateTime>,
    /// Duration of the last attempt.
    duration: Option<TimeSpan>,
    /// Body of the request, before it is signed.
    body: Json,
    /// Response of the endpoint to the last attempt.
    response: Option<WebhookResponse>,
    /// Error message of the last attempt, if it failed.
    error: Option<String>,
}

/// Response of a webhook endpoint.
#[derive(Debug, SimpleObject)]
pub(crate) struct WebhookResponse {
    /// HTTP status.
    status: i32,
    /// First 1024 bytes of the body.
    body: Option<String>,
}

impl From<Delivery> for WebhookDelivery {
    fn from(delivery: Delivery) -> Self {
        let next_attempt_at = delivery.next_attempt_at();
        let Delivery {
            id,
            endpoint_id,
            message,
            status,
            attempts,
            due_at: _,
            last,
        } = delivery;
        let webhook_id = message.webhook_id();
        let Message {
            id: _,
            event,
            at,
            ordering_key: _,
            job_id,
            trace_parent: _,
            propagated: _,
            body,
        } = message;
        let (last_at, duration, response, error) = match last {
            None => (None, None, None, None),
            Some(DeliveryAttempt {
                at,
                duration,
                response_status,
                response_body,
                error,
            }) => {
                let response = response_status.map(|status| WebhookResponse {
                    status: status.into(),
                    body: response_body.map(|body| body.to_string()),
                });
                (Some(at.into()), Some(duration.into()), response, error)
            }
        };
        Self {
            id: ID(id.to_string()),
            endpoint_id: ID(endpoint_id.to_string()),
            webhook_id,
            event: event.to_string(),
            timestamp: at.into(),
            job_id: job_id.map(|id| id.as_uuid().into()),
            status: status.into(),
            attempts: int(attempts.into()),
            next_attempt_at: next_attempt_at.map(DateTime::from),
            last_attempt_at: last_at,
            duration,
            body: Json::of_text(&body),
            response,
            error: error.map(|error| error.to_string()),
        }
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
