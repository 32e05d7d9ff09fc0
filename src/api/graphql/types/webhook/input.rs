//! What is given of a webhook endpoint: of a new one, and of what is to be changed.

use async_graphql::{InputObject, Result};

use crate::api::graphql::errors;
use crate::api::graphql::scalars::TimeSpan;
use crate::api::graphql::types::scalar_parsing::Place;
use crate::api::rest::webhooks::request::{EndpointPatchRequest, EndpointRequest, RetryPolicyRequest};
use crate::service::webhooks::{EndpointDraft, EndpointPatch};

/// How a webhook delivery is tried again.
#[derive(Debug, InputObject)]
pub(crate) struct WebhookRetryPolicyInput {
    /// How many retries a delivery may have, 0 to 1000; 3 by default.
    max_retries: Option<i32>,
    /// The wait before the first retry, 30 seconds by default; each further one is twice as long.
    retry_delay: Option<TimeSpan>,
}

impl WebhookRetryPolicyInput {
    fn into_request(self, place: &Place) -> Result<RetryPolicyRequest> {
        let Self {
            max_retries,
            retry_delay,
        } = self;
        let place = Place::argument(&place.field("retryPolicy"));
        Ok(RetryPolicyRequest {
            max_retries: place.retries("maxRetries", max_retries)?,
            retry_delay: place.span("retryDelay", retry_delay)?,
        })
    }
}

/// A new webhook endpoint. What is left out, or is null, has its default.
#[derive(InputObject)]
pub(crate) struct CreateWebhookEndpointInput {
    /// Where it is: an `http` or `https` address. Unless the server's configuration says otherwise, it may not lie in a
    /// private network.
    url: String,
    /// What it is told: names of events such as `job.failed`, `job.*`, `queue.*`, `system.*`, or `*`.
    events: Vec<String>,
    /// What people call it, in 1 to 200 characters; its address by default.
    name: Option<String>,
    /// What deliveries are signed with, 14 to 256 bytes; one is made by default.
    secret: Option<String>,
    /// How a delivery is tried again.
    retry_policy: Option<WebhookRetryPolicyInput>,
}

impl CreateWebhookEndpointInput {
    /// The endpoint that is asked for.
    pub(crate) fn into_draft(self, place: &Place) -> Result<EndpointDraft> {
        let Self {
            url,
            events,
            name,
            secret,
            retry_policy,
        } = self;
        let request = EndpointRequest {
            url: Some(url),
            name,
            events: Some(events),
            secret,
            retry_policy: retry_policy.map(|policy| policy.into_request(place)).transpose()?,
        };
        request
            .into_draft()
            .map_err(|part| errors::of_part(&part, place.as_str()))
    }
}

/// What of a webhook endpoint is to be changed. What is left out, or is null, stays as it is; at least one field is needed.
#[derive(Debug, InputObject)]
pub(crate) struct UpdateWebhookEndpointInput {
    /// Where it is.
    url: Option<String>,
    /// What it is told.
    events: Option<Vec<String>>,
    /// What people call it.
    name: Option<String>,
    /// How a delivery is tried again.
    retry_policy: Option<WebhookRetryPolicyInput>,
}

impl UpdateWebhookEndpointInput {
    /// The change that is asked for.
    pub(crate) fn into_patch(self, place: &Place) -> Result<EndpointPatch> {
        let Self {
            url,
            events,
            name,
            retry_policy,
        } = self;
        let request = EndpointPatchRequest {
            url,
            name,
            events,
            retry_policy: retry_policy.map(|policy| policy.into_request(place)).transpose()?,
        };
        request
            .into_patch()
            .map_err(|part| errors::of_part(&part, place.as_str()))
    }
}
