//! The use cases that REST, GraphQL and the command line share: a noun a file, a use case a method.
//!
//! Whoever calls has parsed what it was given. Here is decided what is allowed and what it does; reads go to storage,
//! every write is a message to the Recorder.

mod admission;
pub mod error;
pub mod health;
pub mod jobs;
pub mod nodes;
pub mod queues;
pub mod recurring;
pub mod rules;
