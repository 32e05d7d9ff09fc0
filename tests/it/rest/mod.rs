//! The REST API.

pub(crate) mod bodies;
pub(crate) mod browsers;
pub(crate) mod connection;
pub(crate) mod explanations;
pub(crate) mod jobs;
pub(crate) mod openapi;
pub(crate) mod operations;
pub(crate) mod prefix;
pub(crate) mod protocol;
pub(crate) mod queue_limits;
mod queue_overview;
pub(crate) mod queues;
pub(crate) mod queues_unused;
pub(crate) mod values;
pub(crate) mod wire_format;
