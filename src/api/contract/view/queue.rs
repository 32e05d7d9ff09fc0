//! View of queues.

use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::metrics::QueueMetrics;
use crate::domain::queue::{StatusCounts, Throughput};
use crate::service::queues::overview::QueueOverview;
use crate::service::queues::{Cleared, QueueView};
use crate::views::values::Time;
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
    /// Its state for operators, with `overview=true`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) overview: Option<QueueOverviewView>,
}

/// State of a queue for operators.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = QueueOverview)]
pub(crate) struct QueueOverviewView {
    /// Earliest due time of its pending jobs; null if there are none.
    #[schema(value_type = Option<String>, format = DateTime, example = "2024-01-15T10:30:00Z")]
    pub(crate) oldest_due_at: Option<Time>,
    /// Number of pending jobs that are due; null if there are too many to count.
    #[schema(example = 20)]
    pub(crate) due_jobs: Option<u64>,
    /// Number of pending jobs that are due later and have not failed; null if there are too many to count.
    #[schema(example = 3)]
    pub(crate) scheduled_jobs: Option<u64>,
    /// Number of pending jobs that wait for a retry; null if there are too many to count.
    #[schema(example = 2)]
    pub(crate) retrying_jobs: Option<u64>,
    /// Number of its jobs that can run at once: on the servers that start jobs, if all have these settings, and on the live
    /// remote workers that lease from it.
    #[schema(example = 30)]
    pub(crate) capacity: u64,
    /// Number of live remote workers that lease jobs from it.
    #[schema(example = 1)]
    pub(crate) live_workers: u64,
    /// Settings on the server that responds.
    pub(crate) settings: QueueSettingsView,
    /// Time of the request that paused it; null if it is not paused, or the audit log does not have it.
    #[schema(value_type = Option<String>, format = DateTime, example = "2024-01-15T10:30:00Z")]
    pub(crate) paused_at: Option<Time>,
    /// Caller that paused it; null if it is not paused, or the audit log does not have it.
    #[schema(example = "dashboard")]
    pub(crate) paused_by: Option<String>,
}

/// Settings of a queue.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = QueueSettings)]
pub(crate) struct QueueSettingsView {
    /// Number of workers on each server.
    #[schema(example = 10)]
    pub(crate) workers: u32,
    /// Maximum number of pending jobs; null for no limit.
    #[schema(example = 100000)]
    pub(crate) max_pending: Option<u64>,
    /// Limit of starts on each server, such as `100/s`; null for no limit.
    #[schema(example = "100/s")]
    pub(crate) rate_limit: Option<String>,
}

impl From<&QueueOverview> for QueueOverviewView {
    fn from(overview: &QueueOverview) -> Self {
        Self {
            oldest_due_at: overview.oldest_due_at.map(Time),
            due_jobs: overview.due,
            scheduled_jobs: overview.scheduled,
            retrying_jobs: overview.retrying,
            capacity: overview.capacity,
            live_workers: overview.live_workers,
            settings: QueueSettingsView {
                workers: overview.workers,
                max_pending: overview.pending_max,
                rate_limit: overview.rate_limit.as_ref().map(ToString::to_string),
            },
            paused_at: overview.paused_at.map(Time),
            paused_by: overview.paused_by.as_deref().map(str::to_owned),
        }
    }
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
            overview: None,
        }
    }
}
