//! What a job is and which rules it obeys: pure types and functions.
//!
//! Nothing here reads a clock, a file, a socket or a random number: the time and the jitter are arguments. Nothing here
//! knows JSON shapes, SQL or actors; the modules at the borders convert.

pub mod access;
pub mod cluster;
pub mod cron;
pub mod events;
pub mod job;
pub mod metrics;
pub mod queue;
pub mod recurring;
pub mod values;
pub mod webhooks;
