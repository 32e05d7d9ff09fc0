//! Webhook endpoints and deliveries as they are shown. Secrets are not.

use serde::Serialize;
use utoipa::ToSchema;

use crate::api::rest::request::enumerations::{DeliveryStatusWord, DisabledReasonWord, EndpointSourceWord};
use crate::api::rest::request::json_fields::{Id, RawText, Span, Time};
use crate::domain::values::id::NodeId;
use crate::domain::webhooks::delivery::{Delivery, DeliveryAttempt, DeliveryStatus, Message};
use crate::domain::webhooks::endpoint::Endpoint;
use crate::service::webhooks::EndpointView;

/// A webhook endpoint.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = WebhookEndpoint)]
pub(in super::super) struct EndpointItem<'a> {
    /// Its identity, a UUID.
    #[schema(format = Uuid, example = "01963b5e-7d3a-7c1e-9f43-0d2f6b1a9c55")]
    id: String,
    /// What people call it.
    #[schema(example = "billing")]
    name: &'a str,
    /// Where it is; what its query says is hidden.
    #[schema(example = "https://api.example.com/tickerq/webhook")]
    url: String,
    /// What it is told.
    #[schema(example = json!(["job.completed", "job.failed"]))]
    events: Vec<&'a str>,
    /// Whether it is told anything.
    #[schema(example = true)]
    enabled: bool,
    /// `asked`, `gone` (it has answered 410) or `failing` (for too long); `null` while it is enabled.
    #[schema(value_type = Option<DisabledReasonWord>)]
    disabled_reason: Option<&'static str>,
    /// Since when it is disabled.
    #[schema(value_type = Option<String>, format = DateTime)]
    disabled_at: Option<Time>,
    /// Since when it has failed, without a success in between.
    #[schema(value_type = Option<String>, format = DateTime)]
    failing_since: Option<Time>,
    /// How a delivery is tried again.
    retry_policy: RetryPolicyView,
    /// `configuration` or `api`: where it comes from, and can be changed.
    #[schema(value_type = EndpointSourceWord)]
    source: &'static str,
    /// Until when deliveries are signed with the secret that it had before as well; `null` while the configuration names
    /// a `previous_secret`.
    #[schema(value_type = Option<String>, format = DateTime)]
    previous_secret_until: Option<Time>,
    /// The node that sends its deliveries.
    #[schema(format = Uuid)]
    node: Option<String>,
    /// Since when no live node's configuration names the endpoint, which came from one; `null` otherwise.
    #[schema(value_type = Option<String>, format = DateTime)]
    unconfigured_since: Option<Time>,
    /// When it was created.
    #[schema(value_type = String, format = DateTime)]
    created_at: Time,
    /// When somebody changed it last.
    #[schema(value_type = String, format = DateTime)]
    updated_at: Time,
    /// Grows with every change; its `ETag`.
    #[schema(example = 1)]
    revision: u32,
    /// Its secret, told once: when it is created, or given another one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")]
    secret: Option<&'a str>,
}

/// How a delivery is tried again.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = WebhookRetryPolicy)]
pub(in super::super) struct RetryPolicyView {
    /// How many retries a delivery may have.
    #[schema(example = 3)]
    max_retries: u32,
    /// The wait before the first retry; each further one is twice as long.
    #[schema(value_type = String, example = "00:00:30")]
    retry_delay: Span,
}

impl<'a> EndpointItem<'a> {
    pub(super) fn new(endpoint: &'a Endpoint, node: Option<NodeId>) -> Self {
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
            url: endpoint.shown_url(),
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

    /// The same with the secret, for whoever has just made it.
    pub(super) fn with_secret(endpoint: &'a Endpoint) -> Self {
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

/// All webhook endpoints, the oldest first.
#[derive(Serialize, ToSchema)]
#[schema(as = WebhookEndpointList)]
pub(in super::super) struct EndpointListView<'a> {
    /// The endpoints.
    pub endpoints: Vec<EndpointItem<'a>>,
}

/// What an endpoint was told, or is to be told.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = WebhookDelivery)]
pub(in super::super) struct DeliveryItem<'a> {
    /// Its identity, a number as text; greater ones are younger.
    #[schema(example = "4711")]
    id: String,
    /// To whom.
    #[schema(format = Uuid, example = "01963b5e-7d3a-7c1e-9f43-0d2f6b1a9c55")]
    endpoint_id: String,
    /// The header `webhook-id`: the same at every attempt.
    #[schema(example = "msg_01963b5e7d3a7c1e9f430d2f6b1a9c55")]
    webhook_id: String,
    /// The event.
    #[schema(example = "job.completed")]
    event: &'a str,
    /// When it happened.
    #[schema(value_type = String, format = DateTime)]
    timestamp: Time,
    /// The job that it is about.
    #[schema(value_type = Option<String>, format = Uuid)]
    job_id: Option<Id>,
    /// `pending`, `delivered` or `failed`.
    #[schema(value_type = DeliveryStatusWord)]
    status: &'static str,
    /// How many attempts were made since it was last asked for.
    #[schema(example = 1)]
    attempts: u32,
    /// When the next attempt is due, while it is pending.
    #[schema(value_type = Option<String>, format = DateTime)]
    next_attempt_at: Option<Time>,
    /// When the last attempt was made.
    #[schema(value_type = Option<String>, format = DateTime)]
    last_attempt_at: Option<Time>,
    /// How long it took.
    #[schema(value_type = Option<String>, example = "00:00:00.0123")]
    duration: Option<Span>,
    /// What is sent.
    request: DeliveryRequest<'a>,
    /// What the endpoint has answered to the last attempt.
    response: Option<DeliveryResponse<'a>>,
    /// Why the last attempt was no success.
    #[schema(example = json!(null))]
    error: Option<&'a str>,
}

/// What is sent.
#[derive(Serialize, ToSchema)]
#[schema(as = WebhookRequest)]
pub(in super::super) struct DeliveryRequest<'a> {
    /// The body before it is signed.
    #[schema(value_type = serde_json::Value)]
    body: RawText<'a>,
}

/// What an endpoint has answered.
#[derive(Serialize, ToSchema)]
#[schema(as = WebhookResponse)]
pub(in super::super) struct DeliveryResponse<'a> {
    /// The HTTP status.
    #[schema(example = 500)]
    status: u16,
    /// The first 1,024 bytes of the body.
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
                    lane: _,
                    job_id,
                    trace_parent: _,
                    propagated: _,
                    body,
                },
            status,
            attempts,
            due_at,
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
            next_attempt_at: (*status == DeliveryStatus::Pending).then_some(Time(*due_at)),
            last_attempt_at: last_at.map(Time),
            duration: duration.map(Span),
            request: DeliveryRequest { body: RawText(body) },
            response,
            error,
        }
    }
}

/// A part of an endpoint's deliveries, the newest first.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = WebhookDeliveryList)]
pub(in super::super) struct DeliveryListView<'a> {
    /// The deliveries.
    pub deliveries: Vec<DeliveryItem<'a>>,
    /// Whether older ones follow: ask again with `after` set to the id of the last one.
    #[schema(example = false)]
    pub has_more: bool,
}

/// How many deliveries are sent again.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in super::super) struct RedeliveredView {
    /// Their number.
    #[schema(example = 12)]
    pub redelivered: u64,
}

/// A test that is on its way.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = WebhookTest)]
pub(in super::super) struct TestView {
    /// The header `webhook-id` that it has.
    #[schema(example = "msg_01963b5e7d3a7c1e9f430d2f6b1a9c55")]
    pub webhook_id: String,
}
