//! Reads of recurring jobs.

use std::sync::Arc;

use crate::domain::recurring::RecurringJob;

/// Which part of the list of recurring jobs is wanted. The newest comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecurringPage {
    /// How many at the most.
    pub limit: u32,
    /// How many to pass over.
    pub offset: u64,
}

/// Recurring jobs that are due.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DueRecurring {
    /// Those that fit the limits, in any order.
    pub recurring_jobs: Vec<Arc<RecurringJob>>,
    /// True if more may be due.
    pub has_more: bool,
}

/// Maximum size of the parameters of [`DueRecurring`] with more than one recurring job, in bytes.
pub const DUE_RECURRING_BYTES_MAX: u64 = 8 << 20;
