//! Handlers of jobs.

pub(crate) mod blocked;
pub(crate) mod command;
pub(crate) mod http;
