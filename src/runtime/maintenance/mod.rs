//! Retention of finished jobs and of records.

pub mod pruner;
