//! Fields of requests, and their parser into values of the domain.

pub(crate) mod endpoint;
pub(crate) mod job;
pub(crate) mod job_action;
pub(crate) mod job_update;
pub(crate) mod operation;
pub(crate) mod queue;
pub(crate) mod recurring;
pub(crate) mod settings;
pub(crate) mod worker;
