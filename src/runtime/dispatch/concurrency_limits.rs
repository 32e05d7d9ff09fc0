//! Concurrency limits of job types on this node, across all queues.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::domain::values::name::JobType;

/// Permit to run one job. Released when it is dropped.
pub(crate) type ConcurrencyPermit = Option<OwnedSemaphorePermit>;

/// The limits and their available permits. Shared by the queues of a node.
#[derive(Clone, Default)]
pub struct ConcurrencyLimits {
    by_type: Arc<HashMap<JobType, Limit>>,
}

/// The limit of a type.
struct Limit {
    permits: usize,
    available: Arc<Semaphore>,
}

impl ConcurrencyLimits {
    /// Limits with all permits available. A type without a limit is unlimited.
    pub fn new(limits: impl IntoIterator<Item = (JobType, NonZeroU32)>) -> Self {
        let by_type = limits
            .into_iter()
            .map(|(job_type, limit)| {
                let permits = usize::try_from(limit.get()).unwrap_or(Semaphore::MAX_PERMITS);
                let available = Arc::new(Semaphore::new(permits));
                (job_type, Limit { permits, available })
            })
            .collect();
        Self {
            by_type: Arc::new(by_type),
        }
    }

    /// Acquires a permit to run a job of this type; `None` if the limit is reached.
    pub fn acquire(&self, job_type: &JobType) -> Option<ConcurrencyPermit> {
        match self.by_type.get(job_type) {
            None => Some(None),
            Some(limit) => Arc::clone(&limit.available).try_acquire_owned().ok().map(Some),
        }
    }

    /// The limit of a type and the number of its permits that are taken; `None` without a limit.
    pub fn usage(&self, job_type: &JobType) -> Option<(usize, usize)> {
        let limit = self.by_type.get(job_type)?;
        Some((
            limit.permits,
            limit.permits.saturating_sub(limit.available.available_permits()),
        ))
    }

    /// `true` if the type has a limit.
    pub fn is_limited(&self, job_type: &JobType) -> bool {
        self.by_type.contains_key(job_type)
    }
}
