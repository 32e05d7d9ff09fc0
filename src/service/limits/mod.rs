//! Limits of callers on shared resources.

pub(crate) mod caller_limits;
pub mod expensive_reads;
pub mod large_texts;
pub(crate) mod queue_limits;
pub(crate) mod read_cost;
pub(crate) mod turns;
