//! Recurring jobs, their keys and changes of clocks.

pub(crate) mod clock_steps;
pub(crate) mod keys;
pub(crate) mod lists;
pub(crate) mod occurrences;
pub(crate) mod preview;
pub(crate) mod schedules;
pub(crate) mod time_zones;
