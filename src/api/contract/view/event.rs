//! Events as clients receive them: the `data` of a WebSocket message, and the arguments of a SignalR call.

use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};

use super::attempt::{LogLineView, ProgressView};
use super::job::JobItem;
use super::metrics::{ReasonView, SystemMetricsView};
use super::queue::QueueDocument;
use crate::api::contract::json_values::Id;
use crate::domain::cluster::remote_worker::AttemptReport;
use crate::domain::events::event::{Event, JobEventKind};
use crate::domain::job::Job;
use crate::domain::metrics::health::{Health, HealthChange};
use crate::domain::values::id::JobId;
use crate::domain::values::timestamp;
use crate::storage::query::JobSummary;

/// An event with all its published fields.
pub(crate) enum EventView<'a> {
    /// An event of a job.
    Job(Box<JobStatusView>),
    /// A report of a running attempt.
    Report(JobReportView<'a>),
    /// Metrics of a queue.
    Queue(QueueDocument),
    /// System metrics.
    System(SystemMetricsView),
    /// A change of the server's health.
    Health(HealthAlertView),
}

impl<'a> EventView<'a> {
    /// The view of an event; `None` for events to which clients of these protocols can't subscribe.
    pub(crate) fn of(event: &'a Event) -> Option<Self> {
        match event {
            Event::Job { kind, at: _, job } => Some(Self::Job(Box::new(JobStatusView::new(*kind, job)))),
            Event::JobReport { at: _, job, report } => Some(Self::Report(JobReportView::new(job, report))),
            // The queue's metrics contain its status, and its counts after it was cleared.
            Event::Queue { .. } => None,
            Event::QueueMetrics { at: _, metrics } => Some(Self::Queue(QueueDocument::from(&**metrics))),
            Event::SystemMetrics(metrics) => Some(Self::System(SystemMetricsView::from(&**metrics))),
            Event::SystemAlert { at: _, change } => Some(Self::Health(HealthAlertView::from(&**change))),
        }
    }
}

/// An event of a job: the summary of the job, without large fields, and the event.
pub(crate) struct JobStatusView {
    kind: JobEventKind,
    summary: JobSummary,
}

impl JobStatusView {
    fn new(kind: JobEventKind, job: &Job) -> Self {
        Self {
            kind,
            summary: JobSummary::from(job),
        }
    }

    /// Id of the job.
    pub(crate) const fn job_id(&self) -> JobId {
        self.summary.id
    }

    /// Status after the event; `deleted` if the job was deleted.
    pub(crate) const fn status(&self) -> &'static str {
        match self.kind {
            JobEventKind::Deleted => "deleted",
            JobEventKind::Created
            | JobEventKind::Started
            | JobEventKind::Completed
            | JobEventKind::Failed
            | JobEventKind::Retrying
            | JobEventKind::Cancelled
            | JobEventKind::Changed => self.summary.status.as_str(),
        }
    }
}

impl Serialize for JobStatusView {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let job = JobItem::from(&self.summary);
        let mut fields = serializer.serialize_struct("JobStatus", 17)?;
        fields.serialize_field("event", self.kind.as_str())?;
        fields.serialize_field("jobId", &job.job_id)?;
        fields.serialize_field("status", self.status())?;
        fields.serialize_field("name", job.name)?;
        fields.serialize_field("type", job.job_type)?;
        fields.serialize_field("queue", job.queue)?;
        fields.serialize_field("priority", job.priority)?;
        fields.serialize_field("createdAt", &job.created_at)?;
        fields.serialize_field("runAt", &job.run_at)?;
        fields.serialize_field("executedAt", &job.executed_at)?;
        fields.serialize_field("completedAt", &job.completed_at)?;
        fields.serialize_field("duration", &job.duration)?;
        fields.serialize_field("attempt", &job.attempt)?;
        fields.serialize_field("retryCount", &job.retry_count)?;
        fields.serialize_field("maxRetries", &job.max_retries)?;
        fields.serialize_field("recurringJobId", &job.recurring_job_id)?;
        fields.serialize_field("error", &job.error)?;
        fields.end()
    }
}

/// A report of a running attempt.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct JobReportView<'a> {
    job_id: Id,
    #[serde(rename = "type")]
    job_type: &'a str,
    queue: &'a str,
    attempt: u32,
    /// `null` if it is unchanged.
    progress: Option<ProgressView<'a>>,
    log: Vec<LogLineView<'a>>,
}

impl<'a> JobReportView<'a> {
    fn new(job: &'a Job, report: &'a AttemptReport) -> Self {
        let AttemptReport {
            job_id,
            attempt,
            at: _,
            progress,
            log,
        } = report;
        Self {
            job_id: Id(*job_id),
            job_type: job.job_type.as_str(),
            queue: job.queue.as_str(),
            attempt: *attempt,
            progress: progress.as_ref().map(ProgressView::of_report),
            log: log.iter().map(LogLineView::of_report).collect(),
        }
    }

    /// Id of the job.
    pub(crate) const fn job_id(&self) -> JobId {
        self.job_id.0
    }
}

/// A change of the server's health.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct HealthAlertView {
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
