//! Validation of webhook endpoints: URL, name, secret, retries.

use std::sync::Arc;

use crate::domain::values::name::is_name_character;
use crate::domain::values::time_span::TimeSpan;
use crate::domain::webhooks::endpoint::{Endpoint, EndpointSource, SigningSecret};
use crate::runtime::actor::clock::draw_secret;
use crate::runtime::outbound::options::{EndpointAddress, OutboundClients};
use crate::service::error::ServiceError;
use crate::service::limits::job_limits::MAX_RETRIES_MAX;

/// Maximum length of an endpoint's name, in characters.
pub(super) const NAME_LENGTH_MAX: usize = 200;
/// Maximum overlap of a replaced secret.
const OVERLAP_MAX: TimeSpan = TimeSpan::from_secs(30 * 24 * 3600);

pub(super) fn refuse_configured(endpoint: &Endpoint) -> Result<(), ServiceError> {
    match endpoint.source {
        EndpointSource::Api => Ok(()),
        EndpointSource::Configuration => Err(ServiceError::ConfiguredEndpoint { id: endpoint.id }),
    }
}

pub(super) fn address(text: &str, clients: &OutboundClients) -> Result<EndpointAddress, ServiceError> {
    let address = EndpointAddress::parse(text).map_err(|error| ServiceError::invalid("url", error.to_string()))?;
    clients
        .check(EndpointSource::Api, &address)
        .map_err(|error| ServiceError::invalid("url", error.to_string()))?;
    Ok(address)
}

pub(super) fn checked_name(name: &str) -> Result<Arc<str>, ServiceError> {
    let length = name.chars().count();
    if length == 0 || length > NAME_LENGTH_MAX {
        let detail = format!("the name has {length} characters; allowed are 1 to {NAME_LENGTH_MAX}");
        return Err(ServiceError::invalid("name", detail));
    }
    if !name.chars().all(is_name_character) {
        let detail = "the name contains a control, line separator, text direction or invisible character".to_owned();
        return Err(ServiceError::invalid("name", detail));
    }
    Ok(Arc::from(name))
}

pub(super) fn checked_secret(secret: Option<SigningSecret>) -> Result<SigningSecret, ServiceError> {
    let Some(secret) = secret else {
        return Ok(draw_secret());
    };
    SigningSecret::parse(secret.expose())
        .map_err(|error| ServiceError::invalid("secret", format!("the secret {error}")))
}

pub(super) fn checked_retries(count: u32) -> Result<u32, ServiceError> {
    if count > MAX_RETRIES_MAX {
        let detail = format!("maxRetries is {count}; allowed are 0 to {MAX_RETRIES_MAX}");
        return Err(ServiceError::invalid("retryPolicy/maxRetries", detail));
    }
    Ok(count)
}

pub(super) fn checked_wait(field: &'static str, wait: TimeSpan) -> Result<TimeSpan, ServiceError> {
    const MAX: TimeSpan = TimeSpan::from_secs(30 * 24 * 3600);
    if wait.is_negative() || wait > MAX {
        return Err(ServiceError::invalid(
            field,
            format!("the wait is {wait}; allowed are 00:00:00 to {MAX}"),
        ));
    }
    Ok(wait)
}

pub(super) fn checked_overlap(overlap: TimeSpan) -> Result<TimeSpan, ServiceError> {
    if overlap.is_negative() || overlap > OVERLAP_MAX {
        let detail = format!("overlap is {overlap}; allowed are 00:00:00 to {OVERLAP_MAX}");
        return Err(ServiceError::invalid("overlap", detail));
    }
    Ok(overlap)
}
