//! What a job is and which rules it obeys: pure types and functions.
//!
//! Nothing here reads a clock, a file, a socket or a random number: the time and the jitter are arguments. Nothing here
//! knows JSON shapes, SQL or actors; the modules at the borders convert.

pub mod allowance;
pub mod attempt;
pub mod audit;
pub mod caller;
pub mod change_feed;
pub mod clock_step;
pub mod cron;
pub mod delivery;
pub mod event;
pub mod event_filter;
pub mod failure_reason;
pub mod health;
pub mod histogram;
pub mod id;
pub mod ip_network;
pub mod job;
pub mod json;
pub mod leadership;
pub mod log_level;
pub mod loss;
pub mod metrics;
pub mod misfire;
pub mod name;
pub mod new_job;
pub mod node_lease;
pub mod outcome;
pub mod overlap;
pub mod period;
pub mod priority;
pub mod propagation;
pub mod queue;
pub mod rate_limit;
pub mod recurring;
pub mod recurring_tick;
pub mod remote_worker;
pub mod retry;
pub mod rollup;
pub mod spelling;
pub mod status;
pub mod storage_fault;
pub mod sync_field;
pub mod time_span;
pub mod time_zone;
pub mod timestamp;
pub mod trace;
pub mod transition;
pub mod webhook;
pub mod webhook_event;
pub mod worker_access;
