//! What the server says to endpoints of other programs, and how they know that it was the server that said it.

pub mod calls;
pub mod client;
pub mod payload;
pub mod reach;
pub(crate) mod retry_after;
pub mod send;
pub mod signature;
mod special_networks;
pub mod sync_payload;
