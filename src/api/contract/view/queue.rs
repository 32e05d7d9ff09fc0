//! View of queues.

use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::metrics::QueueMetrics;
use crate::domain::queue::{StatusCounts, Throughput};
use crate::service::queues::{Cleared, QueueView};
use crate::views::words::{QueueStatus, QueueStatusWord, Word};

/// A queue.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Queue)]
pub(crate) struct QueueDocument {
    /// Name.
    #[schema(example = "default")]
    pub(crate) name: String,
    /// `running`, or `paused`: it starts no jobs.
    #[schema(value_type = QueueStatusWord)]
    pub(crate) status: Word<QueueStatus>,
    /// Number of jobs that wait for their due time, for a worker, or for a retry.
    #[schema(example = 25)]
    pub(crate) pending_jobs: u64,
    /// Number of running jobs.
    #[schema(example = 5)]
    pub(crate) running_jobs: u64,
    /// Number of stored completed jobs.
    #[schema(example = 1250)]
    pub(crate) completed_jobs: u64,
    /// Number of stored failed jobs.
    #[schema(example = 12)]
    pub(crate) failed_jobs: u64,
    /// Number of stored cancelled jobs.
    #[schema(example = 3)]
    pub(crate) cancelled_jobs: u64,
    /// Number of workers on each node.
    #[schema(example = 10)]
    pub(crate) workers: u32,
    /// Recent throughput.
    pub(crate) throughput: ThroughputDocument,
}

/// Numbers of recently completed jobs.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Throughput)]
pub(crate) struct ThroughputDocument {
    /// Completed in the last 60 seconds.
    #[schema(example = 15)]
    pub(crate) jobs_per_minute: u64,
    /// Completed in the last hour.
    #[schema(example = 930)]
    pub(crate) jobs_per_hour: u64,
}

/// A cleared queue, and the numbers of deleted jobs.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ClearedQueue)]
pub(crate) struct ClearedView {
    /// The queue.
    #[serde(flatten)]
    pub(crate) queue: QueueDocument,
    /// Number of deleted pending jobs.
    #[schema(example = 25)]
    pub(crate) cleared_pending: u64,
    /// Number of deleted failed jobs.
    #[schema(example = 0)]
    pub(crate) cleared_failed: u64,
}

impl From<(Cleared, QueueView)> for ClearedView {
    fn from((Cleared { pending, failed }, queue): (Cleared, QueueView)) -> Self {
        Self {
            queue: queue.into(),
            cleared_pending: pending,
            cleared_failed: failed,
        }
    }
}

impl From<&QueueMetrics> for QueueDocument {
    fn from(metrics: &QueueMetrics) -> Self {
        QueueView::from(metrics.clone()).into()
    }
}

impl From<QueueView> for QueueDocument {
    fn from(view: QueueView) -> Self {
        let QueueView {
            name,
            is_paused,
            counts,
            throughput,
            workers,
        } = view;
        let StatusCounts {
            pending,
            running,
            completed,
            failed,
            cancelled,
        } = counts;
        let Throughput { last_minute, last_hour } = throughput;
        Self {
            name: name.to_string(),
            status: Word(QueueStatus::of(is_paused)),
            pending_jobs: pending,
            running_jobs: running,
            completed_jobs: completed,
            failed_jobs: failed,
            cancelled_jobs: cancelled,
            workers,
            throughput: ThroughputDocument {
                jobs_per_minute: last_minute,
                jobs_per_hour: last_hour,
            },
        }
    }
}
