//! Events as clients receive them: the `data` of a WebSocket message, and the arguments of a SignalR call.

use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};

use super::attempt::{LogLineView, ProgressView};
use super::metrics::SystemMetricsView;
use super::operation::{OperationEventView, OperationView};
use super::queue::QueueDocument;
use crate::domain::cluster::remote_worker::AttemptReport;
use crate::domain::events::event::{Event, JobEventKind};
use crate::domain::job::Job;
use crate::domain::job::status::JobStatus;
use crate::views::health::HealthAlertView;
use crate::views::job::JobItem;
use crate::views::values::{Id, Time};
use crate::views::words::Word;

/// An event with all its published fields.
pub(crate) enum EventView<'a> {
    /// An event of a job.
    Job(Box<JobStatusView<'a>>),
    /// A report of a running attempt.
    Report(JobReportView<'a>),
    /// Metrics of a queue.
    Queue(QueueDocument),
    /// System metrics.
    System(SystemMetricsView),
    /// A change of the server's health.
    Health(HealthAlertView),
    /// A change of a bulk operation.
    Operation(Box<OperationEventView<'a>>),
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
            Event::Operation { kind, at: _, operation } => Some(Self::Operation(Box::new(OperationEventView {
                event: Word(*kind),
                operation: OperationView::from(&**operation),
            }))),
        }
    }
}

/// An event of a job: the summary of the job, without large fields, and the event.
pub(crate) struct JobStatusView<'a> {
    pub(crate) event: Word<JobEventKind>,
    pub(crate) job: JobItem<'a>,
}

impl<'a> JobStatusView<'a> {
    /// An event of a job.
    pub(crate) fn new(kind: JobEventKind, job: &'a Job) -> Self {
        Self {
            event: Word(kind),
            job: JobItem::from(job),
        }
    }

    /// Status after the event; `None` if the job was deleted.
    pub(crate) const fn status(&self) -> Option<JobStatus> {
        match self.event.0 {
            JobEventKind::Deleted => None,
            JobEventKind::Created
            | JobEventKind::Started
            | JobEventKind::Completed
            | JobEventKind::Failed
            | JobEventKind::Retrying
            | JobEventKind::Cancelled
            | JobEventKind::Changed => Some(self.job.status.0),
        }
    }

    /// The word of the status; `deleted` if the job was deleted.
    pub(crate) fn status_word(&self) -> &'static str {
        self.status().map_or("deleted", JobStatus::as_str)
    }
}

impl Serialize for JobStatusView<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { event, job } = self;
        let mut fields = serializer.serialize_struct("JobStatus", 17)?;
        fields.serialize_field("event", event)?;
        fields.serialize_field("jobId", &job.job_id)?;
        fields.serialize_field("status", self.status_word())?;
        fields.serialize_field("name", job.name)?;
        fields.serialize_field("type", job.job_type)?;
        fields.serialize_field("queue", job.queue)?;
        fields.serialize_field("priority", &job.priority)?;
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
    pub(crate) job_id: Id,
    #[serde(rename = "type")]
    pub(crate) job_type: &'a str,
    pub(crate) queue: &'a str,
    pub(crate) attempt: u32,
    /// `null` if it is unchanged.
    pub(crate) progress: Option<ProgressView<'a>>,
    pub(crate) log: Vec<LogLineView<'a>>,
    // An event has its time beside its data.
    #[serde(skip)]
    pub(crate) at: Time,
}

impl<'a> JobReportView<'a> {
    /// A report of a job's attempt.
    pub(crate) fn new(job: &'a Job, report: &'a AttemptReport) -> Self {
        let AttemptReport {
            job_id,
            attempt,
            at,
            progress,
            log,
        } = report;
        Self {
            job_id: Id::from(*job_id),
            job_type: job.job_type.as_str(),
            queue: job.queue.as_str(),
            attempt: *attempt,
            progress: progress.as_ref().map(ProgressView::of_report),
            log: log.iter().map(LogLineView::of_report).collect(),
            at: Time(*at),
        }
    }
}
