//! Storage of jobs: the traits of [`repository`], the implementations [`sea`] and [`memory`], and the types of their calls.

mod applied;
pub(crate) mod caller_line;
pub mod change;
pub mod cluster_message;
pub mod commit;
#[cfg(feature = "conformance")]
pub mod conformance;
pub mod delegating;
mod error;
mod failure_reason_limiter;
pub(crate) mod held;
pub mod memory;
pub mod outage;
pub mod outbox;
pub mod query;
pub mod read_lane;
pub mod repository;
pub mod sea;
