//! Views of webhook endpoints and deliveries, without secrets.

use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::values::id::NodeId;
use crate::domain::webhooks::delivery::{Delivery, DeliveryAttempt, DeliveryId, DeliveryStatus, Message};
use crate::domain::webhooks::endpoint::{DisabledReason, Endpoint, EndpointSource};
use crate::service::webhooks::EndpointView;
use crate::views::values::{Id, RawText, Span, Text, Time};
use crate::views::words::{DeliveryStatusWord, DisabledReasonWord, EndpointSourceWord, Word};

/// A webhook endpoint.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = WebhookEndpoint)]
pub(crate) struct EndpointItem {
    /// Id, a UUID.
    #[schema(value_type = String, format = Uuid, example = "01963b5e-7d3a-7c1e-9f43-0d2f6b1a9c55")]
    pub(crate) id: Id,
    /// Display name.
    #[schema(example = "billing")]
    pub(crate) name: String,
    /// Address, with the values of its query hidden.
    #[schema(example = "https://api.example.com/tickerq/webhook")]
    pub(crate) url: String,
    /// Subscribed events.
    #[schema(example = json!(["job.completed", "job.failed"]))]
    pub(crate) events: Vec<String>,
    /// True if events are delivered to it.
    #[schema(example = true)]
    pub(crate) enabled: bool,
    /// `asked`, `gone` (it responded with 410) or `failing` (for too long); `null` while it is enabled.
    #[schema(value_type = Option<DisabledReasonWord>)]
    pub(crate) disabled_reason: Option<Word<DisabledReason>>,
    /// Time since which it is disabled.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub(crate) disabled_at: Option<Time>,
    /// Time since which all deliveries have failed.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub(crate) failing_since: Option<Time>,
    /// Retry policy of its deliveries.
    pub(crate) retry_policy: RetryPolicyView,
    /// `configuration` or `api`: origin of the endpoint, where it can be changed.
    #[schema(value_type = EndpointSourceWord)]
    pub(crate) source: Word<EndpointSource>,
    /// Time until which deliveries are also signed with the previous secret; `null` if the configuration has a
    /// `previous_secret`.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub(crate) previous_secret_until: Option<Time>,
    /// Node that sends its deliveries.
    #[schema(value_type = Option<String>, format = Uuid)]
    pub(crate) node: Option<Id>,
    /// Time since which no live node's configuration contains the endpoint, if it came from one; `null` otherwise.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub(crate) unconfigured_since: Option<Time>,
    /// Time of its creation.
    #[schema(value_type = String, format = DateTime)]
    pub(crate) created_at: Time,
    /// Time of the last change by a caller.
    #[schema(value_type = String, format = DateTime)]
    pub(crate) updated_at: Time,
    /// Revision, which grows with every change; its `ETag`.
    #[schema(example = 1)]
    pub(crate) revision: u32,
    /// Secret, returned once: when the endpoint is created, or its secret is rotated.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")]
    pub(crate) secret: Option<String>,
}

/// Retry policy of webhook deliveries.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = WebhookRetryPolicy)]
pub(crate) struct RetryPolicyView {
    /// Maximum number of retries of a delivery.
    #[schema(example = 3)]
    pub(crate) max_retries: u32,
    /// Backoff before the first retry; it doubles with each further one.
    #[schema(value_type = String, example = "00:00:30")]
    pub(crate) retry_delay: Span,
}

impl EndpointItem {
    pub(crate) fn new(endpoint: &Endpoint, node: Option<NodeId>) -> Self {
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
            id: Id::from(*id),
            name: name.to_string(),
            url: endpoint.display_url(),
            events: events.patterns().map(str::to_owned).collect(),
            enabled: disabled.is_none(),
            disabled_reason: disabled.map(|disabled| Word(disabled.reason)),
            disabled_at: disabled.map(|disabled| Time(disabled.at)),
            failing_since: failing_since.map(Time),
            retry_policy: RetryPolicyView {
                max_retries: *max_retries,
                retry_delay: Span(*retry_delay),
            },
            source: Word(*source),
            previous_secret_until: previous_secret.as_ref().and_then(|previous| previous.until).map(Time),
            node: node.map(Id::from),
            unconfigured_since: None,
            created_at: Time(*created_at),
            updated_at: Time(*updated_at),
            revision: *revision,
            secret: None,
        }
    }

    /// The same with the secret, for the caller that created it.
    pub(crate) fn with_secret(endpoint: &Endpoint) -> Self {
        Self {
            secret: Some(endpoint.secret.expose().to_owned()),
            ..Self::new(endpoint, None)
        }
    }
}

impl From<&EndpointView> for EndpointItem {
    fn from(view: &EndpointView) -> Self {
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
pub(crate) struct EndpointListView {
    /// The endpoints.
    pub(crate) endpoints: Vec<EndpointItem>,
}

/// A webhook delivery.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = WebhookDelivery)]
pub(crate) struct DeliveryItem<'a> {
    /// Id, a number as text; newer deliveries have greater ids.
    #[schema(value_type = String, example = "4711")]
    pub(crate) id: Text<DeliveryId>,
    /// Id of the endpoint.
    #[schema(value_type = String, format = Uuid, example = "01963b5e-7d3a-7c1e-9f43-0d2f6b1a9c55")]
    pub(crate) endpoint_id: Id,
    /// Header `webhook-id`: the same for every attempt.
    #[schema(example = "msg_01963b5e7d3a7c1e9f430d2f6b1a9c55")]
    pub(crate) webhook_id: String,
    /// Name of the event.
    #[schema(example = "job.completed")]
    pub(crate) event: &'a str,
    /// Time of the event.
    #[schema(value_type = String, format = DateTime)]
    pub(crate) timestamp: Time,
    /// Job of the event.
    #[schema(value_type = Option<String>, format = Uuid)]
    pub(crate) job_id: Option<Id>,
    /// `pending`, `delivered` or `failed`.
    #[schema(value_type = DeliveryStatusWord)]
    pub(crate) status: Word<DeliveryStatus>,
    /// Number of attempts since the delivery was last requested.
    #[schema(example = 1)]
    pub(crate) attempts: u32,
    /// Time of the next attempt, while it is pending.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub(crate) next_attempt_at: Option<Time>,
    /// Time of the last attempt.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub(crate) last_attempt_at: Option<Time>,
    /// Duration of the last attempt.
    #[schema(value_type = Option<String>, example = "00:00:00.0123")]
    pub(crate) duration: Option<Span>,
    /// The request.
    pub(crate) request: DeliveryRequest<'a>,
    /// Response of the endpoint to the last attempt.
    pub(crate) response: Option<DeliveryResponse<'a>>,
    /// Error message of the last attempt, if it failed.
    #[schema(example = json!(null))]
    pub(crate) error: Option<&'a str>,
}

/// Request of a delivery.
#[derive(Serialize, ToSchema)]
#[schema(as = WebhookRequest)]
pub(crate) struct DeliveryRequest<'a> {
    /// Body of the request, before it is signed.
    #[schema(value_type = serde_json::Value)]
    pub(crate) body: RawText<'a>,
}

/// Response of a webhook endpoint.
#[derive(Serialize, ToSchema)]
#[schema(as = WebhookResponse)]
pub(crate) struct DeliveryResponse<'a> {
    /// HTTP status.
    #[schema(example = 500)]
    pub(crate) status: u16,
    /// First 1,024 bytes of the body.
    pub(crate) body: Option<&'a str>,
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
            id: Text(*id),
            endpoint_id: Id::from(*endpoint_id),
            webhook_id: message.webhook_id(),
            event,
            timestamp: Time(*at),
            job_id: job_id.map(Id::from),
            status: Word(*status),
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
    pub(crate) deliveries: Vec<DeliveryItem<'a>>,
    /// True if older deliveries follow: pass the id of the last one as `after`.
    #[schema(example = false)]
    pub(crate) has_more: bool,
}

/// Result of a redelivery.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RedeliveredView {
    /// Number of pending deliveries.
    #[schema(example = 12)]
    pub(crate) redelivered: u64,
}

/// A pending test event.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = WebhookTest)]
pub(crate) struct TestView {
    /// Header `webhook-id` of the test event.
    #[schema(example = "msg_01963b5e7d3a7c1e9f430d2f6b1a9c55")]
    pub(crate) webhook_id: String,
}
