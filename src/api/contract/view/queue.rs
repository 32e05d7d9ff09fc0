//! View of queues.

use serde::Serialize;
use utoipa::ToSchema;

use crate::api::contract::enumerations::QueueStatusWord;
use crate::domain::metrics::QueueMetrics;
use crate::domain::queue::{StatusCounts, Throughput};
use crate::service::queues::QueueView;

/// A queue.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Queue)]
pub(crate) struct QueueDocument {
    /// Name.
    #[schema(example = "default")]
    name: String,
    /// `running`, or `paused`: it starts no jobs.
    #[schema(value_type = QueueStatusWord)]
    status: &'static str,
    /// Number of jobs that wait for their due time, for a worker, or for a retry.
    #[schema(example = 25)]
    pending_jobs: u64,
    /// Number of running jobs.
    #[schema(example = 5)]
    running_jobs: u64,
    /// Number of stored completed jobs.
    #[schema(example = 1250)]
    completed_jobs: u64,
    /// Number of stored failed jobs.
    #[schema(example = 12)]
    failed_jobs: u64,
    /// Number of stored cancelled jobs.
    #[schema(example = 3)]
    cancelled_jobs: u64,
    /// Number of workers on each node.
    #[schema(example = 10)]
    workers: u32,
    /// Recent throughput.
    throughput: ThroughputDocument,
}

/// Numbers of recently completed jobs.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Throughput)]
pub(crate) struct ThroughputDocument {
    /// Completed in the last 60 seconds.
    #[schema(example = 15)]
    jobs_per_minute: u64,
    /// Completed in the last hour.
    #[schema(example = 930)]
    jobs_per_hour: u64,
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
            status: if is_paused { "paused" } else { "running" },
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
