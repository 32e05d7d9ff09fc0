//! Deliveries to webhook endpoints and sync targets, with their signatures.

pub(crate) mod client;
pub(crate) mod client_spans;
pub(crate) mod delivery_request;
pub(crate) mod egress_policy;
pub(crate) mod payload;
pub(crate) mod retry_after;
mod special_networks;
pub(crate) mod sync_payload;
