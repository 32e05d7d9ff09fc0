//! The use cases that REST, GraphQL and the command line share: a noun a file, a use case a method.
//!
//! Each use case that reads or changes something takes the caller first and refuses what it may not do, so that no facade
//! can forget to ask. Whoever calls has parsed what it was given. Here is decided what is allowed and what it does; reads go to storage,
//! every write is a message to the Recorder.

mod admission;
pub mod audit;
pub mod bulk;
mod caller_limits;
pub mod changes;
pub mod clients;
pub mod connections;
pub mod error;
pub mod events;
pub mod expensive_reads;
pub mod health;
pub mod job_request;
pub mod jobs;
pub mod log_level;
pub mod metrics;
pub mod nodes;
pub mod operations;
pub mod queues;
mod read_cost;
pub mod recurring;
pub mod requests;
pub mod rules;

pub mod shutdown;
pub mod traces;
pub mod traffic;
mod trail;
mod turns;
pub mod webhooks;
mod worker_accesses;
pub mod workers;
