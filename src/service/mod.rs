//! The use cases that REST, GraphQL and the command line share: a noun a file, a use case a method.
//!
//! Each use case that reads or changes something takes the caller first and refuses what it may not do, so that no facade
//! can forget to ask. Whoever calls has parsed what it was given. Here is decided what is allowed and what it does; reads go to storage,
//! every write is a message to the Writer.

pub mod audit;
mod audit_writer;
pub mod change_feed;
pub mod error;
pub mod events;
pub mod facade_metrics;
pub mod health;
pub mod jobs;
pub mod limits;
pub mod log_level;
pub mod metrics;
pub mod nodes;
pub mod queues;
pub mod recurring;
pub mod workers;

pub mod shutdown;
pub mod traces;
pub mod webhooks;
