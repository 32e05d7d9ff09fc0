//! Webhook endpoints, their events and deliveries, and the change feed.

pub mod change_feed;
pub mod delivery;
pub mod endpoint;
pub mod event;
pub mod signature;
pub mod sync_field;
