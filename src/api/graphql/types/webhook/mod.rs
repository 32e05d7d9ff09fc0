//! Webhook endpoints and their deliveries.

pub(crate) mod delivery;
pub(crate) mod endpoint;
pub(crate) mod input;
