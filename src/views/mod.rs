//! Views that responses and webhook deliveries share, and the values and words of all views.

pub(crate) mod explanation;
pub(crate) mod health;
pub(crate) mod job;
pub(crate) mod values;
pub(crate) mod words;
