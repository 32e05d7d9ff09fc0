//! Metrics of queues, and their sums.

use std::time::Duration;

use tokio::time::timeout;

use super::context::SamplerContext;
use crate::domain::metrics::QueueMetrics;
use crate::domain::queue::{StatusCounts, StoredQueue, Throughput};
use crate::domain::values::name::QueueName;
use crate::storage::repository::{JobRepository, RepositoryError};

/// Maximum time of a read.
pub(super) const STORAGE_TIMEOUT: Duration = Duration::from_secs(5);

/// The stored queues, and configured queues that have no jobs yet.
pub(super) fn with_workers(context: &SamplerContext, mut stored: Vec<StoredQueue>) -> Vec<QueueMetrics> {
    for settings in context.queues.iter() {
        if stored.iter().all(|queue| queue.name != settings.name) {
            stored.push(StoredQueue {
                name: settings.name.clone(),
                is_paused: false,
                counts: StatusCounts::default(),
                throughput: Throughput::default(),
            });
        }
    }
    let workers = |name: &QueueName| {
        let settings = context.queues.iter().find(|settings| settings.name == *name);
        settings.map_or(context.workers_by_default, |settings| settings.workers)
    };
    let queues = stored.into_iter().map(|queue| QueueMetrics {
        workers: workers(&queue.name).get(),
        queue,
    });
    queues.collect()
}

/// The response of storage, or an error after [`STORAGE_TIMEOUT`]: a storage that can be written then is only busy.
pub(super) async fn with_timeout<T>(
    repository: &dyn JobRepository,
    response: impl Future<Output = Result<T, RepositoryError>>,
) -> Result<T, RepositoryError> {
    if let Ok(response) = timeout(STORAGE_TIMEOUT, response).await {
        return response;
    }
    let pinged = timeout(STORAGE_TIMEOUT, repository.ping()).await;
    Err(match pinged {
        Ok(Ok(())) => RepositoryError::Busy,
        Ok(Err(failure)) => failure,
        Err(_) => RepositoryError::Unavailable {
            reason: format!("no response within {} s", STORAGE_TIMEOUT.as_secs()),
        },
    })
}

/// Jobs of all queues, by status.
pub(super) fn sum(queues: &[StoredQueue]) -> StatusCounts {
    let mut sum = StatusCounts::default();
    for queue in queues {
        let StatusCounts {
            pending,
            running,
            completed,
            failed,
            cancelled,
        } = queue.counts;
        sum.pending += pending;
        sum.running += running;
        sum.completed += completed;
        sum.failed += failed;
        sum.cancelled += cancelled;
    }
    sum
}

/// Jobs of all statuses.
pub(super) fn total(counts: &StatusCounts) -> u64 {
    let StatusCounts {
        pending,
        running,
        completed,
        failed,
        cancelled,
    } = counts;
    pending + running + completed + failed + cancelled
}
