//! View of complete jobs.

use serde::Serialize;
use utoipa::ToSchema;

use super::attempt::{AttemptView, LogLineView, ProgressView};
use crate::domain::job::Job;
use crate::domain::job::attempt::Attempt;
use crate::domain::job::priority::Priority;
use crate::domain::job::status::JobStatus;
use crate::service::jobs::JobDetail;
use crate::views::job::JobItem;
use crate::views::values::{Id, Raw, Span, Spans, Time};
use crate::views::words::{JobStatusWord, PriorityWord, Word};

/// A complete job. Unknown values are `null`.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Job)]
pub(crate) struct JobView<'a> {
    /// Id, a UUID of version 7.
    #[schema(value_type = String, format = Uuid, example = "01963b5e-7d3a-7c1e-9f43-0d2f6b1a9c55")]
    pub(crate) id: Id,
    /// Same as `id`, for clients that read this name.
    #[schema(value_type = String, format = Uuid, example = "01963b5e-7d3a-7c1e-9f43-0d2f6b1a9c55")]
    pub(crate) job_id: Id,
    /// Display name.
    #[schema(example = "Email Notification Job")]
    pub(crate) name: &'a str,
    /// Type, which selects the handler.
    #[serde(rename = "type")]
    #[schema(example = "EmailNotificationJob")]
    pub(crate) job_type: &'a str,
    /// Name of the queue.
    #[schema(example = "default")]
    pub(crate) queue: &'a str,
    /// `pending`, `running`, `completed`, `failed` or `cancelled`.
    #[schema(value_type = JobStatusWord)]
    pub(crate) status: Word<JobStatus>,
    /// Time of its creation.
    #[schema(value_type = String, format = DateTime, example = "2024-01-15T10:30:00Z")]
    pub(crate) created_at: Time,
    /// Time when it is due.
    #[schema(value_type = String, format = DateTime, example = "2024-01-15T10:30:00Z")]
    pub(crate) run_at: Time,
    /// Start time of its last attempt.
    #[schema(value_type = Option<String>, format = DateTime, example = "2024-01-15T10:31:00Z")]
    pub(crate) executed_at: Option<Time>,
    /// Time when it completed, failed or was cancelled.
    #[schema(value_type = Option<String>, format = DateTime, example = "2024-01-15T10:31:30Z")]
    pub(crate) completed_at: Option<Time>,
    /// Duration of its last attempt: `[d.]hh:mm:ss[.fffffff]`.
    #[schema(value_type = Option<String>, example = "00:00:30")]
    pub(crate) duration: Option<Span>,
    /// `low`, `normal`, `high` or `critical`.
    #[schema(value_type = PriorityWord)]
    pub(crate) priority: Word<Priority>,
    /// Number of attempts that were started.
    #[schema(example = 1)]
    pub(crate) attempt: u32,
    /// Number of retries since the count was last reset.
    #[schema(example = 0)]
    pub(crate) retry_count: u32,
    /// Maximum number of retries.
    #[schema(example = 3)]
    pub(crate) max_retries: u32,
    /// Input of the handler.
    #[schema(value_type = serde_json::Value, example = json!({"recipientEmail": "user@example.com", "templateId": "welcome-email"}))]
    pub(crate) parameters: Raw<'a>,
    /// Result of the handler.
    #[schema(value_type = Option<serde_json::Value>, example = json!({"messageId": "msg-456", "deliveryStatus": "delivered"}))]
    pub(crate) result: Option<Raw<'a>>,
    /// Error message of the last attempt, in one line.
    pub(crate) error: Option<&'a str>,
    /// Details of the last error.
    pub(crate) error_detail: Option<&'a str>,
    /// The last 200 attempts, first to last.
    execution_history: Vec<AttemptView<'a>>,
    /// Timeout of an attempt.
    #[schema(value_type = String, example = "00:30:00")]
    pub(crate) timeout: Span,
    /// Backoff before the first retry; it doubles with each further one.
    #[schema(value_type = String, example = "00:00:10")]
    pub(crate) retry_delay: Span,
    /// Backoffs before the first, second, … retry, which replace `retryDelay`; empty if there is no such list.
    #[schema(value_type = Vec<String>, example = json!([]))]
    pub(crate) retry_intervals: Spans<'a>,
    /// Unique key: at most one unfinished job has it.
    pub(crate) unique_key: Option<&'a str>,
    /// Id of the recurring job, if the job is an occurrence.
    #[schema(value_type = Option<String>, format = Uuid)]
    pub(crate) recurring_job_id: Option<Id>,
    /// Due time of the recurring job for which it was created.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub(crate) occurrence_at: Option<Time>,
    /// True if it runs and its cancellation was requested.
    #[schema(example = false)]
    pub(crate) cancel_requested: bool,
    /// Progress reported last; omitted if no attempt has reported any.
    #[serde(skip_serializing_if = "Option::is_none")]
    progress: Option<ProgressView<'a>>,
    /// Last log lines of its attempts, oldest first, at most 200; omitted if there are none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    log: Vec<LogLineView<'a>>,
    /// Warnings for the caller, such as that no handler runs its type; omitted if there are none.
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    #[schema(required = false, example = json!([]))]
    warnings: &'a [String],
    /// Revision, which grows with every change; the job's `ETag`.
    #[schema(example = 3)]
    pub(crate) revision: u32,
}

impl<'a> JobView<'a> {
    /// A job with its attempts.
    pub(crate) fn new(job: &'a Job, attempts: &'a [Attempt]) -> Self {
        // The attempts contain their nodes; traces are not published.
        let item = JobItem::from(job);
        Self {
            id: item.id,
            job_id: item.job_id,
            name: item.name,
            job_type: item.job_type,
            queue: item.queue,
            status: item.status,
            created_at: item.created_at,
            run_at: item.run_at,
            executed_at: item.executed_at,
            completed_at: item.completed_at,
            duration: item.duration,
            priority: item.priority,
            attempt: item.attempt,
            retry_count: item.retry_count,
            max_retries: item.max_retries,
            parameters: Raw(&job.parameters),
            result: job.result.as_ref().map(Raw),
            error: item.error,
            error_detail: job.error_detail.as_deref(),
            execution_history: attempts.iter().map(AttemptView::from).collect(),
            timeout: Span(job.timeout),
            retry_delay: Span(job.retry_policy.delay),
            retry_intervals: Spans(&job.retry_policy.intervals),
            unique_key: job.unique_key.as_ref().map(|key| key.as_str()),
            recurring_job_id: item.recurring_job_id,
            occurrence_at: job.occurrence.map(|occurrence| Time(occurrence.due_at)),
            cancel_requested: job.cancel_requested,
            progress: None,
            log: Vec::new(),
            warnings: item.warnings,
            revision: job.revision,
        }
    }

    /// The same with warnings.
    pub(crate) fn warned(self, warnings: &'a [String]) -> Self {
        Self { warnings, ..self }
    }

    /// A job with its details.
    pub(crate) fn of(detail: &'a JobDetail) -> Self {
        let JobDetail {
            job,
            attempts,
            reports,
            workers,
            warnings,
            _permit: _,
        } = detail;
        let mut view = Self::new(job, attempts).warned(warnings);
        for (attempt, view) in attempts.iter().zip(&mut view.execution_history) {
            view.worker = workers.get(&attempt.node).map(|name| &**name);
        }
        view.progress = reports.progress.as_ref().map(ProgressView::from);
        view.log = reports.log.iter().map(LogLineView::from).collect();
        view
    }
}
