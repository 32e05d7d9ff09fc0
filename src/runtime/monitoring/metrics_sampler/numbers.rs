//! What is read from storage, and what the numbers are together.

use std::time::Duration;

use tokio::time::timeout;

use super::SamplerParts;
use crate::domain::metrics::QueueMetrics;
use crate::domain::queue::{StatusCounts, StoredQueue, Throughput};
use crate::domain::values::name::QueueName;
use crate::storage::repository::RepositoryError;

/// How long storage may take to answer before it counts as unreachable.
pub(super) const STORAGE_PATIENCE: Duration = Duration::from_secs(5);

/// Stored queues, and those that are configured and no job has named yet.
pub(super) fn with_workers(parts: &SamplerParts, mut stored: Vec<StoredQueue>) -> Vec<QueueMetrics> {
    for settings in parts.queues.iter() {
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
        let settings = parts.queues.iter().find(|settings| settings.name == *name);
        settings.map_or(parts.workers_by_default, |settings| settings.workers)
    };
    let queues = stored.into_iter().map(|queue| QueueMetrics {
        workers: workers(&queue.name).get(),
        queue,
    });
    queues.collect()
}

/// What storage answers, or that it takes too long.
pub(super) async fn answer_in_time<T>(
    answer: impl Future<Output = Result<T, RepositoryError>>,
) -> Result<T, RepositoryError> {
    timeout(STORAGE_PATIENCE, answer).await.unwrap_or_else(|_| {
        Err(RepositoryError::Unavailable {
            reason: format!("no answer in {} s", STORAGE_PATIENCE.as_secs()),
        })
    })
}

/// The jobs of all queues together.
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

/// The jobs of all statuses together.
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
