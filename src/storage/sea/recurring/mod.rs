//! Recurring jobs and their occurrences.

mod mapping;
pub(crate) mod occurrences;
mod selection;
pub(crate) mod store;
