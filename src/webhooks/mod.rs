//! Deliveries to webhook endpoints and sync targets, with their signatures.

pub mod client;
pub mod client_spans;
pub mod delivery_request;
pub mod egress_policy;
pub mod payload;
pub(crate) mod retry_after;
mod special_networks;
pub mod sync_payload;
