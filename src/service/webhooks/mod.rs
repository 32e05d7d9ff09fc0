//! Use cases of webhook endpoints and their deliveries.

mod checks;
mod deliveries;
mod endpoints;

pub use self::deliveries::DeliveryList;
pub use self::endpoints::{
    EndpointDraft, EndpointPatch, EndpointView, MAX_RETRIES_DEFAULT, RETRY_DELAY_DEFAULT, Webhooks,
};
