//! What a webhook endpoint was told, or is to be told.

use async_graphql::{ID, SimpleObject};

use crate::api::graphql::scalars::{DateTime, Json, TimeSpan, Uuid};
use crate::api::graphql::types::connection::{Part, connection};
use crate::api::graphql::types::enums::WebhookDeliveryStatus;
use crate::api::graphql::types::int::int;
use crate::domain::webhooks::delivery::{Delivery, DeliveryAttempt, DeliveryStatus, Message};
use crate::service::webhooks::DeliveryList;

/// What a webhook endpoint was told, or is to be told.
#[derive(Debug, SimpleObject)]
pub(crate) struct WebhookDelivery {
    /// Its identity: the same as in REST. Greater ones are younger.
    #[graphql(owned)]
    pub(crate) id: ID,
    /// The endpoint.
    endpoint_id: ID,
    /// The header `webhook-id`: the same at every attempt.
    webhook_id: String,
    /// The event's name, such as `job.completed`.
    event: String,
    /// When it happened.
    timestamp: DateTime,
    /// The job that it is about.
    job_id: Option<Uuid>,
    /// How it stands.
    status: WebhookDeliveryStatus,
    /// How many attempts were made since it was last asked for.
    attempts: i32,
    /// When the next attempt is due, while it is pending.
    next_attempt_at: Option<DateTime>,
    /// When the last attempt was made.
    last_attempt_at: Option<DateTime>,
    /// How long it took.
    duration: Option<TimeSpan>,
    /// The body that is sent, before it is signed.
    body: Json,
    /// What the endpoint has answered to the last attempt.
    response: Option<WebhookResponse>,
    /// Why the last attempt was no success.
    error: Option<String>,
}

/// What a webhook endpoint has answered.
#[derive(Debug, SimpleObject)]
pub(crate) struct WebhookResponse {
    /// The HTTP status.
    status: i32,
    /// The first 1024 bytes of the body.
    body: Option<String>,
}

impl From<Delivery> for WebhookDelivery {
    fn from(delivery: Delivery) -> Self {
        let Delivery {
            id,
            endpoint_id,
            message,
            status,
            attempts,
            due_at,
            last,
        } = delivery;
        let webhook_id = message.webhook_id();
        let Message {
            id: _,
            event,
            at,
            lane: _,
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
            next_attempt_at: (status == DeliveryStatus::Pending).then(|| due_at.into()),
            last_attempt_at: last_at,
            duration,
            body: Json::of_text(&body),
            response,
            error: error.map(|error| error.to_string()),
        }
    }
}

connection! {
    /// A page of an endpoint's deliveries, the newest first.
    WebhookDeliveryConnection, WebhookDeliveryEdge, WebhookDelivery, {
        /// Whether older ones follow.
        #[graphql(deprecation = "Use pageInfo.hasNextPage.")]
        async fn has_more(&self) -> bool {
            self.0.has_next
        }
    }
}

impl WebhookDeliveryConnection {
    /// A page behind another one, or the first.
    pub(crate) fn new(list: DeliveryList, is_first: bool) -> Self {
        let DeliveryList { deliveries, has_more } = list;
        Self::from(Part {
            nodes: deliveries.into_iter().map(WebhookDelivery::from).collect(),
            has_previous: !is_first,
            has_next: has_more,
        })
    }
}
