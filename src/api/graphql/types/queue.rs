//! A queue.

use async_graphql::{ID, Object, SimpleObject};

use super::enums::QueueStatus;
use super::int::int;
use crate::domain::metrics::QueueMetrics;
use crate::domain::queue::{StatusCounts, Throughput as DomainThroughput};
use crate::domain::values::name::QueueName;
use crate::service::queues::{Cleared, QueueView};

/// Prefix of a queue's global id. A delivery's id is a number, all other ids are UUIDs.
const ID_PREFIX: &str = "queue:";

fn queue_id(name: &QueueName) -> ID {
    ID(format!("{ID_PREFIX}{name}"))
}

/// The queue name in a global id, if it is the id of a queue.
pub(in super::super) fn queue_of(ID(id): &ID) -> Option<&str> {
    id.strip_prefix(ID_PREFIX)
}

/// A queue with its metrics.
#[derive(Clone, Debug)]
pub(in super::super) struct Queue(QueueView);

impl From<QueueView> for Queue {
    fn from(view: QueueView) -> Self {
        Self(view)
    }
}

impl From<&QueueMetrics> for Queue {
    fn from(metrics: &QueueMetrics) -> Self {
        Self(metrics.clone().into())
    }
}

/// A queue with its own workers, pause state and limits. Counts are those of stored jobs; counts above 2147483647 are
/// reported as 2147483647.
#[Object]
impl Queue {
    /// Id among all objects; other fields and REST use the name.
    pub(super) async fn id(&self) -> ID {
        queue_id(&self.0.name)
    }

    /// Name.
    async fn name(&self) -> &str {
        self.0.name.as_str()
    }

    /// Status.
    async fn status(&self) -> QueueStatus {
        QueueStatus::of(self.0.is_paused)
    }

    /// Number of jobs that wait for their due time, for a worker, or for a retry.
    async fn pending_jobs(&self) -> i32 {
        int(self.counts().pending)
    }

    /// Number of running jobs.
    async fn running_jobs(&self) -> i32 {
        int(self.counts().running)
    }

    /// Number of completed jobs.
    async fn completed_jobs(&self) -> i32 {
        int(self.counts().completed)
    }

    /// Number of failed jobs.
    async fn failed_jobs(&self) -> i32 {
        int(self.counts().failed)
    }

    /// Number of cancelled jobs.
    async fn cancelled_jobs(&self) -> i32 {
        int(self.counts().cancelled)
    }

    /// Number of workers on each node.
    async fn workers(&self) -> u32 {
        self.0.workers
    }

    /// Recent throughput.
    async fn throughput(&self) -> Throughput {
        let DomainThroughput { last_minute, last_hour } = self.0.throughput;
        Throughput {
            jobs_per_minute: int(last_minute),
            jobs_per_hour: int(last_hour),
        }
    }
}

impl Queue {
    const fn counts(&self) -> &StatusCounts {
        &self.0.counts
    }
}

/// Numbers of recently completed jobs.
#[derive(Debug, SimpleObject)]
pub(in super::super) struct Throughput {
    /// Completed in the last 60 seconds.
    jobs_per_minute: i32,
    /// Completed in the last hour.
    jobs_per_hour: i32,
}

/// A cleared queue, and the numbers of deleted jobs.
#[derive(Debug, SimpleObject)]
pub(in super::super) struct ClearedQueue {
    /// The queue.
    queue: Queue,
    /// Number of deleted pending jobs.
    cleared_pending: i32,
    /// Number of deleted failed jobs.
    cleared_failed: i32,
}

impl From<(Cleared, QueueView)> for ClearedQueue {
    fn from((Cleared { pending, failed }, view): (Cleared, QueueView)) -> Self {
        Self {
            queue: view.into(),
            cleared_pending: int(pending),
            cleared_failed: int(failed),
        }
    }
}
