//! The types of the schema: what jobs, queues and the rest look like in GraphQL, and what is given to change them.
//!
//! The comments of types and their members are the schema's own descriptions.

pub(super) mod attempt;
pub(super) mod audit;
pub(super) mod bulk;
pub(super) mod connection;
pub(super) mod enums;
pub(super) mod health;
pub(super) mod job;
pub(super) mod job_connection;
pub(super) mod job_filter;
pub(super) mod job_input;
mod job_nodes;
pub(super) mod job_report;
pub(super) mod log_level;
pub(super) mod metrics;
pub(super) mod node;
pub(super) mod performance;
pub(super) mod queue;
pub(super) mod reading;
pub(super) mod recurring_input;
pub(super) mod recurring_job;
pub(super) mod server_node;
pub(super) mod webhook_delivery;
pub(super) mod webhook_endpoint;
pub(super) mod webhook_input;
pub(super) mod worker;
pub(super) mod worker_input;
