//! The command line.

pub(crate) mod config;
pub(crate) mod cron;
pub(crate) mod first_start;
pub(crate) mod former_names;
pub(crate) mod jobs;
pub(crate) mod keys;
pub(crate) mod migrate;
pub(crate) mod operations;
pub(crate) mod queues;
pub(crate) mod recurring;
