//! Recurring jobs and their occurrences.

pub(crate) mod occurrences;
pub(crate) mod store;
