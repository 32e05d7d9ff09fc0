//! What is asked of webhook endpoints.

use chrono::{DateTime, Utc};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::api::rest::problem::PartError;
use crate::api::rest::request::json_fields::{Parsed, RetryCount};
use crate::domain::values::time_span::TimeSpan;
use crate::domain::webhooks::endpoint::SigningSecret;
use crate::domain::webhooks::event::WebhookEvents;
use crate::service::webhooks::{EndpointDraft, EndpointPatch};

/// How many retries a delivery has unless another number is given.
const MAX_RETRIES_DEFAULT: u32 = 3;
/// The wait before the first retry unless another one is given.
const RETRY_DELAY_DEFAULT: TimeSpan = TimeSpan::from_secs(30);
/// How long a secret that was replaced counts unless another time is given.
const OVERLAP_DEFAULT: TimeSpan = TimeSpan::from_secs(24 * 3600);

/// How a delivery is tried again.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = WebhookRetryPolicyRequest)]
pub(crate) struct RetryPolicyRequest {
    /// How many retries a delivery may have; 3 by default.
    #[schema(value_type = Option<u32>, maximum = 1000, example = 3)]
    pub(crate) max_retries: Option<RetryCount>,
    /// The wait before the first retry, 30 seconds by default; each further one is twice as long.
    #[schema(value_type = Option<String>, example = "00:00:30")]
    pub(crate) retry_delay: Option<Parsed<TimeSpan>>,
}

/// A new webhook endpoint.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = NewWebhookEndpoint)]
pub(crate) struct EndpointRequest {
    /// Where it is: an `http` or `https` address.
    #[schema(example = "https://api.example.com/tickerq/webhook")]
    pub(crate) url: Option<String>,
    /// What people call it; its address by default.
    #[schema(example = "billing")]
    pub(crate) name: Option<String>,
    /// What it is told: names of events, `job.*`, `queue.*`, `system.*`, or `*`.
    #[schema(example = json!(["job.completed", "job.failed", "system.alert"]))]
    pub(crate) events: Option<Vec<String>>,
    /// What deliveries are signed with, 14 to 256 bytes; one is made by default, and told once.
    #[schema(example = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")]
    pub(crate) secret: Option<String>,
    /// How a delivery is tried again.
    pub(crate) retry_policy: Option<RetryPolicyRequest>,
}

impl EndpointRequest {
    pub(crate) fn into_draft(self) -> Result<EndpointDraft, PartError> {
        let Self {
            url,
            name,
            events,
            secret,
            retry_policy,
        } = self;
        let RetryPolicyRequest {
            max_retries,
            retry_delay,
        } = retry_policy.unwrap_or_default();
        Ok(EndpointDraft {
            name,
            url: url.ok_or_else(|| PartError::field("/url", "url is required"))?,
            events: events_of(&events.ok_or_else(|| PartError::field("/events", "events is required"))?)?,
            secret: secret.map(SigningSecret::new),
            max_retries: max_retries.map_or(MAX_RETRIES_DEFAULT, |RetryCount(count)| count),
            retry_delay: retry_delay.map_or(RETRY_DELAY_DEFAULT, |Parsed(delay)| delay),
        })
    }
}

/// What of a webhook endpoint is to be changed. What is left out, or is `null`, stays as it is.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = WebhookEndpointPatch)]
pub(crate) struct EndpointPatchRequest {
    /// Where it is.
    #[schema(example = "https://api.example.com/tickerq/webhook")]
    pub(crate) url: Option<String>,
    /// What people call it.
    pub(crate) name: Option<String>,
    /// What it is told.
    #[schema(example = json!(["job.*"]))]
    pub(crate) events: Option<Vec<String>>,
    /// How a delivery is tried again.
    pub(crate) retry_policy: Option<RetryPolicyRequest>,
}

impl EndpointPatchRequest {
    pub(crate) fn into_patch(self) -> Result<EndpointPatch, PartError> {
        let Self {
            url,
            name,
            events,
            retry_policy,
        } = self;
        let RetryPolicyRequest {
            max_retries,
            retry_delay,
        } = retry_policy.unwrap_or_default();
        let is_given =
            url.is_some() || name.is_some() || events.is_some() || max_retries.is_some() || retry_delay.is_some();
        if !is_given {
            let detail = "nothing is to be changed; give url, name, events or retryPolicy";
            return Err(PartError::field("", detail));
        }
        Ok(EndpointPatch {
            name,
            url,
            events: events.map(|events| events_of(&events)).transpose()?,
            max_retries: max_retries.map(|RetryCount(count)| count),
            retry_delay: retry_delay.map(|Parsed(delay)| delay),
        })
    }
}

/// Another secret for a webhook endpoint.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct RotateSecretRequest {
    /// The new secret, 14 to 256 bytes; one is made by default.
    pub(crate) secret: Option<String>,
    /// For how long deliveries are signed with the old one as well; a day by default, at most 30.
    #[schema(value_type = Option<String>, example = "1.00:00:00")]
    pub(crate) overlap: Option<Parsed<TimeSpan>>,
}

impl RotateSecretRequest {
    pub(crate) fn into_parts(self) -> (Option<SigningSecret>, TimeSpan) {
        let Self { secret, overlap } = self;
        let overlap = overlap.map_or(OVERLAP_DEFAULT, |Parsed(overlap)| overlap);
        (secret.map(SigningSecret::new), overlap)
    }
}

/// Which failed deliveries are to be sent again.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct RedeliverRequest {
    /// Those whose event happened at this time or later (RFC 3339).
    #[schema(value_type = String, format = DateTime, example = "2024-01-15T10:30:00Z")]
    pub(crate) since: Option<Parsed<DateTime<Utc>>>,
}

fn events_of(patterns: &[String]) -> Result<WebhookEvents, PartError> {
    WebhookEvents::parse(patterns.iter().map(String::as_str))
        .map_err(|error| PartError::field("/events", error.to_string()))
}
