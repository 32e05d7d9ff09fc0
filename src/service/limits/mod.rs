//! Limits of this server: of jobs, of queues, of callers on shared resources, and of reads.

pub(crate) mod caller_limits;
mod charge;
pub(crate) mod claims;
pub(crate) mod expensive_reads;
pub(crate) mod job_admission;
pub(crate) mod job_limits;
pub(crate) mod known_queues;
pub(crate) mod large_texts;
pub(crate) mod read_cost;
pub(crate) mod turns;

pub(crate) use crate::storage::read_lane::ReadLane;
