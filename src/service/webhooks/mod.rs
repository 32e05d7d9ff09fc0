//! Use cases of webhook endpoints and their deliveries.

mod checks;
mod deliveries;
mod endpoints;

pub(crate) use self::deliveries::DeliveryList;
pub(crate) use self::endpoints::{
    EndpointDraft, EndpointPatch, EndpointView, MAX_RETRIES_DEFAULT, RETRY_DELAY_DEFAULT, Webhooks,
};
