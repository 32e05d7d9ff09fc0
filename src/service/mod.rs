//! The use cases shared by REST, GraphQL and the command line: a noun a file, a use case a method.
//!
//! Each use case takes the caller first and checks its scopes, so that no facade can omit the check. Input is already
//! parsed. Use cases decide what is allowed; reads go to storage, every write is a message to the Writer.

pub mod audit;
mod audit_writer;
pub mod change_feed;
pub mod error;
pub mod events;
pub mod facade_metrics;
pub mod health;
pub mod idempotency;
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
