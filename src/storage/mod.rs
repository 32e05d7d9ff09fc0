//! Where jobs are kept: the trait that every storage implements, and the implementations.

pub mod change;
#[cfg(feature = "conformance")]
pub mod conformance;
pub mod delegating;
pub mod memory;
pub mod outage;
pub mod outbox;
pub mod query;
mod reason_book;
pub mod repository;
pub mod sea;
pub mod signal;
