//! The sections of the configuration, a file each.

pub mod api;
pub mod audit;
pub mod database;
pub mod endpoint;
pub mod graphql;
pub(crate) mod health;
pub mod job_types;
pub mod jobs;
pub mod log;
pub mod metrics;
pub mod nodes;
pub mod queues;
pub mod realtime;
pub mod recurring;
pub mod retention;
pub mod server;
pub mod sync;
pub mod telemetry;
pub mod time_zones;
pub mod webhooks;
