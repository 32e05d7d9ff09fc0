//! Retention of finished jobs and of records.

pub(crate) mod pruner;
