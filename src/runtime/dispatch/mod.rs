//! Assignment of due jobs to workers, and the workers that run them.

pub(crate) mod attempt;
pub(crate) mod attempt_reports;
pub(crate) mod attempt_result;
pub(crate) mod attempt_start;
pub(crate) mod backlog_gauge;
pub(crate) mod blocked_handlers;
pub(crate) mod claimed_jobs;
pub(crate) mod concurrency_limits;
pub(crate) mod dispatcher;
pub(crate) mod handled_types;
pub(crate) mod handler_pool;
pub(crate) mod lease_messages;
pub(crate) mod messages;
pub(crate) mod ready_queue;
pub(crate) mod registry;
pub(crate) mod worker;
