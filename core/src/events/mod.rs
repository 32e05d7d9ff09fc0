//! Events of jobs, queues and the server, and filters for them.

pub mod event;
pub mod filter;
