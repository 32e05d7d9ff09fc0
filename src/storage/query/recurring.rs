//! Reads of recurring jobs.

use std::sync::Arc;

use crate::domain::recurring::RecurringJob;

/// A page of the recurring jobs, the newest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecurringPage {
    /// Maximum number of entries.
    pub limit: u32,
    /// Number of entries to skip.
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
