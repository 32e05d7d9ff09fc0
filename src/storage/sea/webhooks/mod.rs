//! Webhook endpoints, deliveries and the change feed.

pub(crate) mod change_feed;
pub(crate) mod delivery_page;
pub(crate) mod endpoint_review;
pub(crate) mod endpoints;
