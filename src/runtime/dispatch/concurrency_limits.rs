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
    by_type: Arc<HashMap<JobType, Arc<Semaphore>>>,
}

impl ConcurrencyLimits {
    /// Limits with all permits available. A type without a limit is unlimited.
    pub fn new(limits: impl IntoIterator<Item = (JobType, NonZeroU32)>) -> Self {
        let by_type = limits
            .into_iter()
            .map(|(job_type, limit)| {
                let permits = usize::try_from(limit.get()).unwrap_or(Semaphore::MAX_PERMITS);
                (job_type, Arc::new(Semaphore::new(permits)))
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
            Some(semaphore) => Arc::clone(semaphore).try_acquire_owned().ok().map(Some),
        }
    }

    /// `true` if the type has a limit.
    pub fn is_limited(&self, job_type: &JobType) -> bool {
        self.by_type.contains_key(job_type)
    }
}
