//! Where jobs are kept: the trait that every storage implements, and the implementations.

pub mod applied;
pub(crate) mod caller_line;
pub mod change;
pub mod cluster_message;
pub mod commit;
#[cfg(feature = "conformance")]
pub mod conformance;
pub mod delegating;
pub mod error;
mod failure_reason_limiter;
pub mod held;
pub mod memory;
pub mod outage;
pub mod outbox;
pub mod query;
pub mod read_lane;
pub mod repository;
pub mod sea;
