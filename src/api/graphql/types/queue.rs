//! A queue.

use async_graphql::{ID, Object, SimpleObject};

use super::enums::QueueStatus;
use super::int::int;
use crate::domain::metrics::QueueMetrics;
use crate::domain::queue::{StatusCounts, StoredQueue, Throughput as DomainThroughput};
use crate::domain::values::name::QueueName;
use crate::service::queues::{Cleared, QueueView};

/// Prefix of a queue's global id. A delivery's id is a number, all other ids are UUIDs.
const ID_PREFIX: &str = "queue:";

fn queue_id(name: &QueueName) -> ID {
    ID(format!("{ID_PREFIX}{name}"))
}

/// The queue name in a global id, if the id is a queue's.
pub(in super::super) fn queue_of(ID(id): &ID) -> Option<&str> {
    id.strip_prefix(ID_PREFIX)
}

/// A queue in numbers.
#[derive(Clone, Debug)]
pub(in super::super) struct Queue(QueueView);

impl From<QueueView> for Queue {
    fn from(view: QueueView) -> Self {
        Self(view)
    }
}

impl From<&QueueMetrics> for Queue {
    fn from(metrics: &QueueMetrics) -> Self {
        let QueueMetrics { queue, workers } = metrics.clone();
        let StoredQueue {
            name,
            is_paused,
            counts,
            throughput,
        } = queue;
        Self(QueueView {
            name,
            is_paused,
            counts,
            throughput,
            workers,
        })
    }
}

/// A named lane with its own workers, pause switch and limits. Numbers are those of jobs that are kept; above 2147483647
/// they say 2147483647.
#[Object]
impl Queue {
    /// Its identity among all objects; its name is what the other fields and REST take.
    pub(super) async fn id(&self) -> ID {
        queue_id(&self.0.name)
    }

    /// Its name.
    async fn name(&self) -> &str {
        self.0.name.as_str()
    }

    /// Whether it starts jobs.
    async fn status(&self) -> QueueStatus {
        QueueStatus::of(self.0.is_paused)
    }

    /// How many jobs wait for a worker, for their time, or for a retry.
    async fn pending_jobs(&self) -> i32 {
        int(self.counts().pending)
    }

    /// How many jobs are being run.
    async fn running_jobs(&self) -> i32 {
        int(self.counts().running)
    }

    /// How many jobs have succeeded.
    async fn completed_jobs(&self) -> i32 {
        int(self.counts().completed)
    }

    /// How many jobs have failed for good.
    async fn failed_jobs(&self) -> i32 {
        int(self.counts().failed)
    }

    /// How many jobs were cancelled.
    async fn cancelled_jobs(&self) -> i32 {
        int(self.counts().cancelled)
    }

    /// How many workers it has on each server.
    async fn workers(&self) -> u32 {
        self.0.workers
    }

    /// What it has completed lately.
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

/// How many jobs were completed lately.
#[derive(Debug, SimpleObject)]
pub(in super::super) struct Throughput {
    /// In the last 60 seconds.
    jobs_per_minute: i32,
    /// In the last hour.
    jobs_per_hour: i32,
}

/// A queue after it was cleared, and how many jobs were removed.
#[derive(Debug, SimpleObject)]
pub(in super::super) struct ClearedQueue {
    /// The queue.
    queue: Queue,
    /// How many pending jobs were removed.
    cleared_pending: i32,
    /// How many failed jobs were removed.
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
