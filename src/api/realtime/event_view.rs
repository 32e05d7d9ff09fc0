//! Events as clients receive them: the `data` of a WebSocket message, and the arguments of a SignalR call.

use serde::{Serialize, Serializer};

use crate::api::contract::view::metrics::{ReasonView, SystemMetricsView};
use crate::domain::cluster::remote_worker::AttemptReport;
use crate::domain::events::event::{Event, JobEventKind};
use crate::domain::job::Job;
use crate::domain::metrics::QueueMetrics;
use crate::domain::metrics::health::{Health, HealthChange};
use crate::domain::queue::{StatusCounts, StoredQueue, Throughput};
use crate::domain::values::id::JobId;
use crate::domain::values::time_span::TimeSpan;
use crate::domain::values::timestamp;
use crate::storage::query::JobSummary;

/// An event with all its published fields.
pub(super) enum EventView {
    /// An event of a job.
    Job(Box<JobStatusView>),
    /// A report of a running attempt.
    Report(JobReportView),
    /// Metrics of a queue.
    Queue(QueueMetricsView),
    /// System metrics.
    System(SystemMetricsView),
    /// A change of the server's health.
    Health(HealthAlertView),
}

impl EventView {
    /// The view of an event; `None` for events to which clients of these protocols can't subscribe.
    pub(super) fn of(event: &Event) -> Option<Self> {
        match event {
            Event::Job { kind, at: _, job } => Some(Self::Job(Box::new(JobStatusView::new(*kind, job)))),
            Event::JobReport { at: _, job, report } => Some(Self::Report(JobReportView::new(job, report))),
            // The queue's metrics contain its status, and its counts after it was cleared.
            Event::Queue { .. } => None,
            Event::QueueMetrics { at: _, metrics } => Some(Self::Queue(QueueMetricsView::from(&**metrics))),
            Event::SystemMetrics(metrics) => Some(Self::System(SystemMetricsView::from(&**metrics))),
            Event::SystemAlert { at: _, change } => Some(Self::Health(HealthAlertView::from(&**change))),
        }
    }
}

/// An event of a job: the summary of the job, without large fields, and the event.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct JobStatusView {
    /// Name of the event, such as `job.completed`.
    event: &'static str,
    /// Id of the job.
    #[serde(serialize_with = "id")]
    pub job_id: JobId,
    /// Status after the event; `deleted` if the job was deleted.
    pub status: &'static str,
    name: String,
    #[serde(rename = "type")]
    job_type: String,
    queue: String,
    priority: &'static str,
    created_at: String,
    run_at: String,
    executed_at: Option<String>,
    completed_at: Option<String>,
    #[serde(serialize_with = "span")]
    duration: Option<TimeSpan>,
    attempt: u32,
    retry_count: u32,
    max_retries: u32,
    recurring_job_id: Option<String>,
    error: Option<String>,
}

impl JobStatusView {
    fn new(kind: JobEventKind, job: &Job) -> Self {
        let summary = JobSummary::from(job);
        let duration = summary.duration();
        let JobSummary {
            id,
            name,
            job_type,
            queue,
            priority,
            status,
            error,
            created_at,
            due_at,
            started_at,
            finished_at,
            attempt,
            retry_count,
            max_retries,
            recurring_id,
            node: _,
        } = summary;
        let status = match kind {
            JobEventKind::Deleted => "deleted",
            JobEventKind::Created
            | JobEventKind::Started
            | JobEventKind::Completed
            | JobEventKind::Failed
            | JobEventKind::Retrying
            | JobEventKind::Cancelled
            | JobEventKind::Changed => status.as_str(),
        };
        Self {
            event: kind.as_str(),
            job_id: id,
            status,
            name: name.to_string(),
            job_type: job_type.to_string(),
            queue: queue.to_string(),
            priority: priority.as_str(),
            created_at: timestamp::to_text(created_at),
            run_at: timestamp::to_text(due_at),
            executed_at: started_at.map(timestamp::to_text),
            completed_at: finished_at.map(timestamp::to_text),
            duration,
            attempt,
            retry_count,
            max_retries,
            recurring_job_id: recurring_id.map(|id| id.to_string()),
            error: error.map(|error| error.to_string()),
        }
    }
}

/// A report of a running attempt.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct JobReportView {
    #[serde(serialize_with = "id")]
    pub job_id: JobId,
    #[serde(rename = "type")]
    job_type: String,
    queue: String,
    attempt: u32,
    /// `null` if it is unchanged.
    progress: Option<ProgressView>,
    log: Vec<LogLineView>,
}

#[derive(Serialize)]
struct ProgressView {
    percent: f64,
    message: Option<String>,
}

#[derive(Serialize)]
struct LogLineView {
    at: String,
    level: &'static str,
    message: String,
}

impl JobReportView {
    fn new(job: &Job, report: &AttemptReport) -> Self {
        let AttemptReport {
            job_id,
            attempt,
            at: _,
            progress,
            log,
        } = report;
        Self {
            job_id: *job_id,
            job_type: job.job_type.to_string(),
            queue: job.queue.to_string(),
            attempt: *attempt,
            progress: progress.as_ref().map(|progress| ProgressView {
                percent: progress.percent(),
                message: progress.message.as_deref().map(str::to_owned),
            }),
            log: log
                .iter()
                .map(|line| LogLineView {
                    at: timestamp::to_text(line.at),
                    level: line.level.as_str(),
                    message: line.message.to_string(),
                })
                .collect(),
        }
    }
}

/// Metrics of a queue, as in `/queues/{name}`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct QueueMetricsView {
    name: String,
    status: &'static str,
    pending_jobs: u64,
    running_jobs: u64,
    completed_jobs: u64,
    failed_jobs: u64,
    cancelled_jobs: u64,
    workers: u32,
    throughput: ThroughputView,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ThroughputView {
    jobs_per_minute: u64,
    jobs_per_hour: u64,
}

impl From<&QueueMetrics> for QueueMetricsView {
    fn from(metrics: &QueueMetrics) -> Self {
        let QueueMetrics { queue, workers } = metrics;
        let StoredQueue {
            name,
            is_paused,
            counts,
            throughput,
        } = queue;
        let StatusCounts {
            pending,
            running,
            completed,
            failed,
            cancelled,
        } = *counts;
        let Throughput { last_minute, last_hour } = *throughput;
        Self {
            name: name.to_string(),
            status: if *is_paused { "paused" } else { "running" },
            pending_jobs: pending,
            running_jobs: running,
            completed_jobs: completed,
            failed_jobs: failed,
            cancelled_jobs: cancelled,
            workers: *workers,
            throughput: ThroughputView {
                jobs_per_minute: last_minute,
                jobs_per_hour: last_hour,
            },
        }
    }
}

/// A change of the server's health.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct HealthAlertView {
    /// `healthy`, `degraded` or `unhealthy`.
    status: &'static str,
    previous_status: &'static str,
    /// Time since which the previous status held.
    previous_since: String,
    /// Causes of the status; empty on recovery.
    reasons: Vec<ReasonView>,
}

impl From<&HealthChange> for HealthAlertView {
    fn from(change: &HealthChange) -> Self {
        let HealthChange {
            before,
            before_since,
            after: Health { state, reasons },
        } = change;
        Self {
            status: state.as_str(),
            previous_status: before.as_str(),
            previous_since: timestamp::to_text(*before_since),
            reasons: reasons.iter().map(ReasonView::from).collect(),
        }
    }
}

fn id<S: Serializer>(id: &JobId, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(id.as_uuid().as_hyphenated().encode_lower(&mut [0; 36]))
}

#[expect(clippy::ref_option, reason = "serde gives a reference to the field")]
fn span<S: Serializer>(span: &Option<TimeSpan>, serializer: S) -> Result<S::Ok, S::Error> {
    match span {
        Some(span) => serializer.serialize_some(&span.to_string()),
        None => serializer.serialize_none(),
    }
}
