//! Types of the schema: objects and inputs of jobs, queues and the other resources.
//!
//! The comments of types and their members are the descriptions of the schema.

pub(super) mod audit;
pub(super) mod connection;
pub(super) mod enums;
pub(super) mod explanation;
pub(super) mod health;
pub(super) mod int;
pub(super) mod job;
pub(super) mod log_level;
pub(super) mod metrics;
pub(super) mod node;
pub(super) mod operation;
pub(super) mod queue;
pub(super) mod queue_overview;
pub(super) mod recurring;
pub(super) mod scalar_parsing;
pub(super) mod server;
pub(super) mod statistics;
pub(crate) mod webhook;
pub(super) mod worker;
