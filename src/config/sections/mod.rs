//! The sections of the configuration, a file each.

pub(crate) mod api;
pub(crate) mod audit;
pub(crate) mod change_feed;
pub(crate) mod cluster;
pub(crate) mod dashboard;
pub(crate) mod database;
pub(crate) mod endpoint;
pub(crate) mod graphql;
pub(crate) mod health;
pub(crate) mod job_types;
pub(crate) mod jobs;
pub(crate) mod log;
pub(crate) mod metrics;
pub(crate) mod queues;
pub(crate) mod realtime;
pub(crate) mod recurring;
pub(crate) mod retention;
pub(crate) mod server;
pub(crate) mod telemetry;
pub(crate) mod time_zones;
pub(crate) mod webhooks;
