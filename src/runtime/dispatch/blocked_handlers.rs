//! Handlers that still block a thread after their attempt has finished: they reach no `.await` at which they could
//! stop.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::task::AbortOnDropHandle;
use tracing::{info, warn};

use crate::domain::job::Job;
use crate::domain::job::attempt::AttemptKey;
use crate::domain::values::name::JobType;

/// Time that a handler may take to stop before it is reported.
const REPORTED_AFTER: Duration = Duration::from_secs(1);

/// The blocked handlers of a node, for its workers, health and metrics.
#[derive(Clone, Debug, Default)]
pub struct BlockedHandlers(Arc<Mutex<Vec<(AttemptKey, JobType)>>>);

impl BlockedHandlers {
    /// Number of blocked handlers.
    pub fn count(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Job types of these handlers, sorted and distinct.
    pub fn job_types(&self) -> Vec<JobType> {
        let blocked = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut job_types: Vec<JobType> = blocked.iter().map(|(_, job_type)| job_type.clone()).collect();
        job_types.sort();
        job_types.dedup();
        job_types
    }

    /// Completes when the handler of a finished attempt returns.
    pub(crate) async fn wait<T>(self, mut handler: AbortOnDropHandle<T>, job: Arc<Job>) {
        let ended_at = Instant::now();
        if tokio::time::timeout(REPORTED_AFTER, &mut handler).await.is_ok() {
            return;
        }
        let (id, number) = (job.id, job.attempt);
        warn!(job.id = %id, job.type = %job.job_type, attempt = number, "attempt {number} of job {id} has ended, but its handler still blocks a thread; its worker and the concurrency of {} stay occupied until it returns", job.job_type);
        let _counted = self.count_in(&job);
        // The result is irrelevant: the attempt's result is stored.
        drop(handler.await);
        info!(job.id = %id, job.type = %job.job_type, attempt = number, "the handler of attempt {number} of job {id} has returned, {:.1} s after the attempt ended", ended_at.elapsed().as_secs_f64());
    }

    fn count_in(&self, job: &Job) -> Counted {
        let attempt = (job.id, job.attempt);
        let mut blocked = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        blocked.push((attempt, job.job_type.clone()));
        Counted {
            blocked: self.clone(),
            attempt,
        }
    }
}

/// Counts a blocked handler while it exists.
struct Counted {
    blocked: BlockedHandlers,
    attempt: AttemptKey,
}

impl Drop for Counted {
    fn drop(&mut self) {
        let mut blocked = self.blocked.0.lock().unwrap_or_else(PoisonError::into_inner);
        blocked.retain(|(attempt, _)| *attempt != self.attempt);
    }
}
