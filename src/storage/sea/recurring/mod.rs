//! Recurring jobs and their occurrences.

mod mapping;
pub(crate) mod occurrences;
pub(crate) mod store;
