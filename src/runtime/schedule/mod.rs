//! Due times of delayed and recurring jobs.

pub(crate) mod clock_watch;
pub(crate) mod due_jobs;
pub(crate) mod messages;
pub(crate) mod recurring_jobs;
