//! The domain: jobs, schedules, queues, events and their rules, as pure types and functions.
//!
//! No module reads a clock, a file, a socket or a random number: the time and the jitter are arguments. JSON shapes,
//! SQL and actors belong to the server's outer modules.

pub mod access;
pub mod cluster;
pub mod cron;
pub mod events;
pub mod explanation;
pub mod filter;
pub mod job;
pub mod metrics;
pub mod operation;
pub mod queue;
pub mod recurring;
pub mod values;
pub mod webhooks;
