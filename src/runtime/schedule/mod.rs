//! Due times of delayed and recurring jobs.

pub mod clock_watch;
pub mod due_jobs;
pub mod messages;
pub mod recurring_jobs;
