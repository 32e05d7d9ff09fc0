//! What the server says to endpoints of other programs, and how they know that it was the server that said it.

pub mod client;
pub mod client_spans;
pub mod delivery_request;
pub mod egress_policy;
pub mod payload;
pub(crate) mod retry_after;
mod special_networks;
pub mod sync_payload;
