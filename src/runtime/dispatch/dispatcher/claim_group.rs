//! Groups of job types that are claimed together.

use std::sync::Arc;

use super::super::concurrency_limits::ConcurrencyLimits;
use crate::domain::values::name::JobType;

/// Job types that are claimed together: all types without a limit, or one with a limit.
pub(super) struct ClaimGroup {
    pub(super) job_types: Arc<[JobType]>,
    pub(super) is_limited: bool,
    /// Storage has no further due jobs of these types.
    pub(super) is_dry: bool,
}

impl ClaimGroup {
    /// The groups of a node's job types.
    pub(super) fn of(job_types: &[JobType], limits: &ConcurrencyLimits) -> Vec<Self> {
        let (limited, free): (Vec<_>, Vec<_>) = job_types
            .iter()
            .cloned()
            .partition(|job_type| limits.is_limited(job_type));
        let mut groups: Vec<Self> = limited
            .into_iter()
            .map(|job_type| Self::new(Arc::from([job_type]), true))
            .collect();
        if !free.is_empty() {
            groups.push(Self::new(free.into(), false));
        }
        groups
    }

    fn new(job_types: Arc<[JobType]>, is_limited: bool) -> Self {
        Self {
            job_types,
            is_limited,
            is_dry: false,
        }
    }
}
