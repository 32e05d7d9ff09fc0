//! How many jobs of a type may run at the same time on this node, whatever their queue.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::domain::values::name::JobType;

/// The right to run one job. Given back when it is dropped.
pub type ConcurrencyPermit = Option<OwnedSemaphorePermit>;

/// The limits and what is left of them. Shared by the queues of a node.
#[derive(Clone, Default)]
pub struct ConcurrencyLimits {
    by_type: Arc<HashMap<JobType, Arc<Semaphore>>>,
}

impl ConcurrencyLimits {
    /// These limits, all free. A type without one has none.
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

    /// The right to run a job of this type; `None` when as many run as may.
    pub fn acquire(&self, job_type: &JobType) -> Option<ConcurrencyPermit> {
        match self.by_type.get(job_type) {
            None => Some(None),
            Some(semaphore) => Arc::clone(semaphore).try_acquire_owned().ok().map(Some),
        }
    }

    /// Whether the type has a limit.
    pub fn is_limited(&self, job_type: &JobType) -> bool {
        self.by_type.contains_key(job_type)
    }
}
