//! Commits: all changes in one transaction, in a few statements.

pub(crate) mod activity_writer;
pub(crate) mod bisection;
pub(crate) mod bulk_values;
pub(crate) mod context;
pub(crate) mod counter_epochs;
pub(crate) mod counters;
pub(crate) mod fast_path;
pub(crate) mod fingerprint_writer;
mod fold_counters;
pub(crate) mod outbox;
pub(crate) mod rollup_writer;
mod slow_path;
mod transaction;
