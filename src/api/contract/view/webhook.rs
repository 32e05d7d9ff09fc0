//! Views of webhook endpoints and deliveries, without secrets.

use serde::Serialize;
use utoipa::ToSchema;

use crate::api::contract::enumerations::{DeliveryStatusWord, DisabledReasonWord, EndpointSourceWord};
use crate::api::contract::json_values::{Id, RawText, Span, Time};
use crate::domain::values::id::NodeId;
use crate::domain::webhooks::delivery::{Delivery, DeliveryAttempt, Message};
use crate::domain::webhooks::endpoint::Endpoint;
use crate::service::webhooks::EndpointView;

/// A webhook endpoint.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = WebhookEndpoint)]
pub(crate) struct EndpointItem<'a> {
    /// Id, a UUID.
    #[schema(format = Uuid, example = "01963b5e-7d3a-7c1e-9f43-0d2f6b1a9c55")]
    id: String,
    /// Display name.
    #[schema(example = "billing")]
    name: &'a str,
    /// Address, with the values of its query hidden.
    #[schema(example = "https://api.example.com/tickerq/webhook")]
    url: String,
    /// Subscribed events.
    #[schema(example = json!(["job.completed", "job.failed"]))]
    events: Vec<&'a str>,
    /// True if events are delivered to it.
    #[schema(example = true)]
    enabled: bool,
    /// `asked`, `gone` (it responded with 410) or `failing` (for too long); `null` while it is enabled.
    #[schema(value_type = Option<DisabledReasonWord>)]
    disabled_reason: Option<&'static str>,
    /// Time since which it is disabled.
    #[schema(value_type = Option<String>, format = DateTime)]
    disabled_at: Option<Time>,
    /// Time since which all deliveries have failed.
    #[schema(value_type = Option<String>, format = DateTime)]
    failing_since: Option<Time>,
    /// Retry policy of its deliveries.
    retry_policy: RetryPolicyView,
    /// `configuration` or `api`: origin of the endpoint, where it can be changed.
    #[schema(value_type = EndpointSourceWord)]
    source: &'static str,
    /// Time until which deliveries are also signed with the previous secret; `null` if the configuration has a
    /// `previous_secret`.
    #[schema(value_type = Option<String>, format = DateTime)]
    previous_secret_until: Option<Time>,
    /// Node that sends its deliveries.
    #[schema(format = Uuid)]
    node: Option<String>,
    /// Time since which no live node's configuration contains the endpoint, if it came from one; `null` otherwise.
    #[schema(value_type = Option<String>, format = DateTime)]
    unconfigured_since: Option<Time>,
    /// Time of its creation.
    #[schema(value_type = String, format = DateTime)]
    created_at: Time,
    /// Time of the last change by a caller.
    #[schema(value_type = String, format = DateTime)]
    updated_at: Time,
    /// Revision, which grows with every change; its `ETag`.
    #[schema(example = 1)]
    revision: u32,
    /// Secret, returned once: when the endpoint is created, or its secret is rotated.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")]
    secret: Option<&'a str>,
}

/// Retry policy of webhook deliveries.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = WebhookRetryPolicy)]
pub(crate) struct RetryPolicyView {
    /// Maximum number of retries of a delivery.
    #[schema(example = 3)]
    max_retries: u32,
    /// Backoff before the first retry; it doubles with each further one.
    #[schema(value_type = String, example = "00:00:30")]
    retry_delay: Span,
}

impl<'a> EndpointItem<'a> {
    pub(crate) fn new(endpoint: &'a Endpoint, node: Option<NodeId>) -> Self {
        let Endpoint {
            id,
            name,
            url: _,
            events,
            secret: _,
            previous_secret,
            max_retries,
            retry_delay,
            source,
            disabled,
            failing_since,
            created_at,
            updated_at,
            revision,
        } = endpoint;
        Self {
            id: id.to_string(),
            name,
            url: endpoint.display_url(),
            events: events.patterns().collect(),
            enabled: disabled.is_none(),
            disabled_reason: disabled.map(|disabled| disabled.reason.as_str()),
            disabled_at: disabled.map(|disabled| Time(disabled.at)),
            failing_since: failing_since.map(Time),
            retry_policy: RetryPolicyView {
                max_retries: *max_retries,
                retry_delay: Span(*retry_delay),
            },
            source: source.as_str(),
            previous_secret_until: previous_secret.as_ref().and_then(|previous| previous.until).map(Time),
            node: node.map(|node| node.to_string()),
            unconfigured_since: None,
            created_at: Time(*created_at),
            updated_at: Time(*updated_at),
            revision: *revision,
            secret: None,
        }
    }

    /// The same with the secret, for the caller that created it.
    pub(crate) fn with_secret(endpoint: &'a Endpoint) -> Self {
        Self {
            secret: Some(endpoint.secret.expose()),
            ..Self::new(endpoint, None)
        }
    }
}

impl<'a> From<&'a EndpointView> for EndpointItem<'a> {
    fn from(view: &'a EndpointView) -> Self {
        let EndpointView {
            endpoint,
            node,
            unconfigured_since,
        } = view;
        Self {
            unconfigured_since: unconfigured_since.map(Time),
            ..Self::new(endpoint, *node)
        }
    }
}

/// All webhook endpoints, oldest first.
#[derive(Serialize, ToSchema)]
#[schema(as = WebhookEndpointList)]
pub(crate) struct EndpointListView<'a> {
    /// The endpoints.
    pub endpoints: Vec<EndpointItem<'a>>,
}

/// A webhook delivery.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = WebhookDelivery)]
pub(crate) struct DeliveryItem<'a> {
    /// Id, a number as text; newer deliveries have greater ids.
    #[schema(example = "4711")]
    id: String,
    /// Id of the endpoint.
    #[schema(format = Uuid, example = "01963b5e-7d3a-7c1e-9f43-0d2f6b1a9c55")]
    endpoint_id: String,
    /// Header `webhook-id`: the same for every attempt.
    #[schema(example = "msg_01963b5e7d3a7c1e9f430d2f6b1a9c55")]
    webhook_id: String,
    /// Name of the event.
    #[schema(example = "job.completed")]
    event: &'a str,
    /// Time of the event.
    #[schema(value_type = String, format = DateTime)]
    timestamp: Time,
    /// Job of the event.
    #[schema(value_type = Option<String>, format = Uuid)]
    job_id: Option<Id>,
    /// `pending`, `delivered` or `failed`.
    #[schema(value_type = DeliveryStatusWord)]
    status: &'static str,
    /// Number of attempts since the delivery was last requested.
    #[schema(example = 1)]
    attempts: u32,
    /// Time of the next attempt, while it is pending.
    #[schema(value_type = Option<String>, format = DateTime)]
    next_attempt_at: Option<Time>,
    /// Time of the last attempt.
    #[schema(value_type = Option<String>, format = DateTime)]
    last_attempt_at: Option<Time>,
    /// Duration of the last attempt.
    #[schema(value_type = Option<String>, example = "00:00:00.0123")]
    duration: Option<Span>,
    /// The request.
    request: DeliveryRequest<'a>,
    /// Response of the endpoint to the last attempt.
    response: Option<DeliveryResponse<'a>>,
    /// Error message of the last attempt, if it failed.
    #[schema(example = json!(null))]
    error: Option<&'a str>,
}

/// Request of a delivery.
#[derive(Serialize, ToSchema)]
#[schema(as = WebhookRequest)]
pub(crate) struct DeliveryRequest<'a> {
    /// Body of the request, before it is signed.
    #[schema(value_type = serde_json::Value)]
    body: RawText<'a>,
}

/// Response of a webhook endpoint.
#[derive(Serialize, ToSchema)]
#[schema(as = WebhookResponse)]
pub(crate) struct DeliveryResponse<'a> {
    /// HTTP status.
    #[schema(example = 500)]
    status: u16,
    /// First 1,024 bytes of the body.
    body: Option<&'a str>,
}

impl<'a> From<&'a Delivery> for DeliveryItem<'a> {
    fn from(delivery: &'a Delivery) -> Self {
        let Delivery {
            id,
            endpoint_id,
            message:
                message @ Message {
                    id: _,
                    event,
                    at,
                    ordering_key: _,
                    job_id,
                    trace_parent: _,
                    propagated: _,
                    body,
                },
            status,
            attempts,
            due_at: _,
            last,
        } = delivery;
        let (last_at, duration, response, error) = match last {
            None => (None, None, None, None),
            Some(DeliveryAttempt {
                at,
                duration,
                response_status,
                response_body,
                error,
            }) => {
                let response = response_status.map(|status| DeliveryResponse {
                    status,
                    body: response_body.as_deref(),
                });
                (Some(*at), Some(*duration), response, error.as_deref())
            }
        };
        Self {
            id: id.to_string(),
            endpoint_id: endpoint_id.to_string(),
            webhook_id: message.webhook_id(),
            event,
            timestamp: Time(*at),
            job_id: job_id.map(Id),
            status: status.as_str(),
            attempts: *attempts,
            next_attempt_at: delivery.next_attempt_at().map(Time),
            last_attempt_at: last_at.map(Time),
            duration: duration.map(Span),
            request: DeliveryRequest { body: RawText(body) },
            response,
            error,
        }
    }
}

/// A page of an endpoint's deliveries, newest first.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = WebhookDeliveryList)]
pub(crate) struct DeliveryListView<'a> {
    /// The deliveries.
    pub deliveries: Vec<DeliveryItem<'a>>,
    /// True if older deliveries follow: pass the id of the last one as `after`.
    #[schema(example = false)]
    pub has_more: bool,
}

/// Result of a redelivery.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RedeliveredView {
    /// Number of pending deliveries.
    #[schema(example = 12)]
    pub redelivered: u64,
}

/// A pending test event.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = WebhookTest)]
pub(crate) struct TestView {
    /// Header `webhook-id` of the test event.
    #[schema(example = "msg_01963b5e7d3a7c1e9f430d2f6b1a9c55")]
    pub webhook_id: String,
}
