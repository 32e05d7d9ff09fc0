//! The sections of the configuration, a file each.

pub mod api;
pub mod audit;
pub(crate) mod change_feed;
pub mod cluster;
pub mod database;
pub(crate) mod endpoint;
pub(crate) mod graphql;
pub(crate) mod health;
pub mod job_types;
pub mod jobs;
pub mod log;
pub(crate) mod metrics;
pub mod queues;
pub mod realtime;
pub mod recurring;
pub(crate) mod retention;
pub mod server;
pub mod telemetry;
pub mod time_zones;
pub mod webhooks;
