//! The tables of a TickerQ database, one per file.
//!
//! Times and durations are whole microseconds (times since 1970, UTC), so that both databases compare and index them
//! alike; statuses and priorities are small integers; parameters and results are JSON text, unchanged to the byte.

pub mod activity_slice;
pub mod attempt;
pub mod audit_record;
pub mod failure_reason;
pub mod idempotency_key;
pub mod job;
pub mod job_counter;
pub mod job_rollup;
pub mod job_time_step;
pub mod node;
pub mod operation;
pub mod operation_item;
pub mod queue;
pub mod recurring_job;
pub mod rollup_total;
pub mod time_step_total;
pub mod webhook_delivery;
pub mod webhook_endpoint;
