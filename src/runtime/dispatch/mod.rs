//! Assignment of due jobs to workers, and the workers that run them.

pub mod attempt;
pub(crate) mod attempt_reports;
pub(crate) mod attempt_result;
pub(crate) mod backlog_gauge;
pub mod blocked_handlers;
pub mod concurrency_limits;
pub mod dispatcher;
pub mod handled_types;
pub(crate) mod handler_pool;
pub mod lease_messages;
pub mod messages;
pub(crate) mod ready_queue;
pub mod registry;
pub mod worker;
