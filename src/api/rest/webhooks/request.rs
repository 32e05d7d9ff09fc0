//! What is asked of webhook endpoints.

use chrono::{DateTime, Utc};
use serde::Deserialize;
use utoipa::ToSchema;

use super::super::problem::PartError;
use super::super::values::{Parsed, RetryCount};
use crate::domain::time_span::TimeSpan;
use crate::domain::webhook::SigningSecret;
use crate::domain::webhook_event::WebhookEvents;
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
pub(in crate::api) struct RetryPolicyRequest {
    /// How many retries a delivery may have; 3 by default.
    #[schema(value_type = Option<u32>, maximum = 1000, example = 3)]
    pub(in crate::api) max_retries: Option<RetryCount>,
    /// The wait before the first retry, 30 seconds by default; each further one is twice as long.
    #[schema(value_type = Option<String>, example = "00:00:30")]
    pub(in crate::api) retry_delay: Option<Parsed<TimeSpan>>,
}

/// A new webhook endpoint.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = NewWebhookEndpoint)]
pub(in crate::api) struct EndpointRequest {
    /// Where it is: an `http` or `https` address.
    #[schema(example = "https://api.example.com/tickerq/webhook")]
    pub(in crate::api) url: Option<String>,
    /// What people call it; its address by default.
    #[schema(example = "billing")]
    pub(in crate::api) name: Option<String>,
    /// What it is told: names of events, `job.*`, `queue.*`, `system.*`, or `*`.
    #[schema(example = json!(["job.completed", "job.failed", "system.alert"]))]
    pub(in crate::api) events: Option<Vec<String>>,
    /// What deliveries are signed with, 14 to 256 bytes; one is made by default, and told once.
    #[schema(example = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")]
    pub(in crate::api) secret: Option<String>,
    /// How a delivery is tried again.
    pub(in crate::api) retry_policy: Option<RetryPolicyRequest>,
}

impl EndpointRequest {
    pub(in crate::api) fn into_draft(self) -> Result<EndpointDraft, PartError> {
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
pub(in crate::api) struct EndpointPatchRequest {
    /// Where it is.
    #[schema(example = "https://api.example.com/tickerq/webhook")]
    pub(in crate::api) url: Option<String>,
    /// What people call it.
    pub(in crate::api) name: Option<String>,
    /// What it is told.
    #[schema(example = json!(["job.*"]))]
    pub(in crate::api) events: Option<Vec<String>>,
    /// How a delivery is tried again.
    pub(in crate::api) retry_policy: Option<RetryPolicyRequest>,
}

impl EndpointPatchRequest {
    pub(in crate::api) fn into_patch(self) -> Result<EndpointPatch, PartError> {
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
pub(in crate::api) struct RotateSecretRequest {
    /// The new secret, 14 to 256 bytes; one is made by default.
    pub(in crate::api) secret: Option<String>,
    /// For how long deliveries are signed with the old one as well; a day by default, at most 30.
    #[schema(value_type = Option<String>, example = "1.00:00:00")]
    pub(in crate::api) overlap: Option<Parsed<TimeSpan>>,
}

impl RotateSecretRequest {
    pub(in crate::api) fn into_parts(self) -> (Option<SigningSecret>, TimeSpan) {
        let Self { secret, overlap } = self;
        let overlap = overlap.map_or(OVERLAP_DEFAULT, |Parsed(overlap)| overlap);
        (secret.map(SigningSecret::new), overlap)
    }
}

/// Which failed deliveries are to be sent again.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in crate::api) struct RedeliverRequest {
    /// Those whose event happened at this time or later (RFC 3339).
    #[schema(value_type = String, format = DateTime, example = "2024-01-15T10:30:00Z")]
    pub(in crate::api) since: Option<Parsed<DateTime<Utc>>>,
}

fn events_of(patterns: &[String]) -> Result<WebhookEvents, PartError> {
    WebhookEvents::parse(patterns.iter().map(String::as_str))
        .map_err(|error| PartError::field("/events", error.to_string()))
}
