//! Views of resources, as responses and events contain them.

pub(crate) mod activity;
pub(crate) mod attempt;
pub(crate) mod audit;
pub(crate) mod event;
pub(crate) mod failure;
pub(crate) mod job;
pub(crate) mod metrics;
pub(crate) mod node;
pub(crate) mod operation;
pub(crate) mod performance;
pub(crate) mod queue;
pub(crate) mod recurring;
pub(crate) mod schedule;
pub(crate) mod server;
pub(crate) mod webhook;
pub(crate) mod worker;
