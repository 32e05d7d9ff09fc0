//! Views of jobs: summaries for lists, and complete jobs.

use serde::Serialize;
use utoipa::ToSchema;

use super::attempt::{AttemptView, LogLineView, ProgressView};
use crate::api::contract::enumerations::{JobStatusWord, PriorityWord};
use crate::api::contract::json_values::{Id, Raw, Span, Time};
use crate::domain::job::Job;
use crate::domain::job::attempt::Attempt;
use crate::service::jobs::JobDetail;
use crate::storage::query::JobSummary;

/// Summary of a job. Unknown values are `null`.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct JobItem<'a> {
    /// Id, a UUID of version 7.
    #[schema(value_type = String, format = Uuid, example = "01963b5e-7d3a-7c1e-9f43-0d2f6b1a9c55")]
    id: Id,
    /// Same as `id`, for clients that read this name.
    #[schema(value_type = String, format = Uuid, example = "01963b5e-7d3a-7c1e-9f43-0d2f6b1a9c55")]
    pub(super) job_id: Id,
    /// Display name.
    #[schema(example = "Email Notification Job")]
    pub(super) name: &'a str,
    /// Type, which selects the handler.
    #[serde(rename = "type")]
    #[schema(example = "EmailNotificationJob")]
    pub(super) job_type: &'a str,
    /// Name of the queue.
    #[schema(example = "default")]
    pub(super) queue: &'a str,
    /// `pending`, `running`, `completed`, `failed` or `cancelled`.
    #[schema(value_type = JobStatusWord)]
    status: &'static str,
    /// Time of its creation.
    #[schema(value_type = String, format = DateTime, example = "2024-01-15T10:30:00Z")]
    pub(super) created_at: Time,
    /// Time when it is due.
    #[schema(value_type = String, format = DateTime, example = "2024-01-15T10:30:00Z")]
    pub(super) run_at: Time,
    /// Start time of its last attempt.
    #[schema(value_type = Option<String>, format = DateTime, example = "2024-01-15T10:31:00Z")]
    pub(super) executed_at: Option<Time>,
    /// Time when it completed, failed or was cancelled.
    #[schema(value_type = Option<String>, format = DateTime, example = "2024-01-15T10:31:30Z")]
    pub(super) completed_at: Option<Time>,
    /// Duration of its last attempt: `[d.]hh:mm:ss[.fffffff]`.
    #[schema(value_type = Option<String>, example = "00:00:30")]
    pub(super) duration: Option<Span>,
    /// `low`, `normal`, `high` or `critical`.
    #[schema(value_type = PriorityWord)]
    pub(super) priority: &'static str,
    /// Number of attempts that were started.
    #[schema(example = 1)]
    pub(super) attempt: u32,
    /// Number of retries since the count was last reset.
    #[schema(example = 0)]
    pub(super) retry_count: u32,
    /// Maximum number of retries.
    #[schema(example = 3)]
    pub(super) max_retries: u32,
    /// Error message of the last attempt, in one line.
    pub(super) error: Option<&'a str>,
    /// Id of the recurring job, if the job is an occurrence.
    #[schema(value_type = Option<String>, format = Uuid)]
    pub(super) recurring_job_id: Option<String>,
    /// Warnings for the caller of a new job, such as that no handler runs its type; omitted in lists, and if there are
    /// none.
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    #[schema(required = false, example = json!([]))]
    warnings: &'a [String],
}

impl<'a> JobItem<'a> {
    /// The same with warnings.
    pub(crate) fn warned(self, warnings: &'a [String]) -> Self {
        Self { warnings, ..self }
    }
}

impl<'a> From<&'a JobSummary> for JobItem<'a> {
    fn from(summary: &'a JobSummary) -> Self {
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
            // The attempts contain their nodes.
            node: _,
        } = summary;
        Self {
            id: Id(*id),
            job_id: Id(*id),
            name: name.as_str(),
            job_type: job_type.as_str(),
            queue: queue.as_str(),
            status: status.as_str(),
            created_at: Time(*created_at),
            run_at: Time(*due_at),
            executed_at: started_at.map(Time),
            completed_at: finished_at.map(Time),
            duration: duration.map(Span),
            priority: priority.as_str(),
            attempt: *attempt,
            retry_count: *retry_count,
            max_retries: *max_retries,
            error: error.as_deref(),
            recurring_job_id: recurring_id.map(|id| id.to_string()),
            warnings: &[],
        }
    }
}

/// A complete job. Unknown values are `null`.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Job)]
pub(crate) struct JobView<'a> {
    /// Id, a UUID of version 7.
    #[schema(value_type = String, format = Uuid, example = "01963b5e-7d3a-7c1e-9f43-0d2f6b1a9c55")]
    id: Id,
    /// Same as `id`, for clients that read this name.
    #[schema(value_type = String, format = Uuid, example = "01963b5e-7d3a-7c1e-9f43-0d2f6b1a9c55")]
    job_id: Id,
    /// Display name.
    #[schema(example = "Email Notification Job")]
    name: &'a str,
    /// Type, which selects the handler.
    #[serde(rename = "type")]
    #[schema(example = "EmailNotificationJob")]
    job_type: &'a str,
    /// Name of the queue.
    #[schema(example = "default")]
    queue: &'a str,
    /// `pending`, `running`, `completed`, `failed` or `cancelled`.
    #[schema(value_type = JobStatusWord)]
    status: &'static str,
    /// Time of its creation.
    #[schema(value_type = String, format = DateTime, example = "2024-01-15T10:30:00Z")]
    created_at: Time,
    /// Time when it is due.
    #[schema(value_type = String, format = DateTime, example = "2024-01-15T10:30:00Z")]
    run_at: Time,
    /// Start time of its last attempt.
    #[schema(value_type = Option<String>, format = DateTime, example = "2024-01-15T10:31:00Z")]
    executed_at: Option<Time>,
    /// Time when it completed, failed or was cancelled.
    #[schema(value_type = Option<String>, format = DateTime, example = "2024-01-15T10:31:30Z")]
    completed_at: Option<Time>,
    /// Duration of its last attempt: `[d.]hh:mm:ss[.fffffff]`.
    #[schema(value_type = Option<String>, example = "00:00:30")]
    duration: Option<Span>,
    /// `low`, `normal`, `high` or `critical`.
    #[schema(value_type = PriorityWord)]
    priority: &'static str,
    /// Number of attempts that were started.
    #[schema(example = 1)]
    attempt: u32,
    /// Number of retries since the count was last reset.
    #[schema(example = 0)]
    retry_count: u32,
    /// Maximum number of retries.
    #[schema(example = 3)]
    max_retries: u32,
    /// Input of the handler.
    #[schema(value_type = serde_json::Value, example = json!({"recipientEmail": "user@example.com", "templateId": "welcome-email"}))]
    parameters: Raw<'a>,
    /// Result of the handler.
    #[schema(value_type = Option<serde_json::Value>, example = json!({"messageId": "msg-456", "deliveryStatus": "delivered"}))]
    result: Option<Raw<'a>>,
    /// Error message of the last attempt, in one line.
    error: Option<&'a str>,
    /// Details of the last error.
    error_detail: Option<&'a str>,
    /// The last 200 attempts, first to last.
    execution_history: Vec<AttemptView<'a>>,
    /// Timeout of an attempt.
    #[schema(value_type = String, example = "00:30:00")]
    timeout: Span,
    /// Backoff before the first retry; it doubles with each further one.
    #[schema(value_type = String, example = "00:00:10")]
    retry_delay: Span,
    /// Backoffs before the first, second, … retry, which replace `retryDelay`; empty if there is no such list.
    #[schema(value_type = Vec<String>, example = json!([]))]
    retry_intervals: Vec<Span>,
    /// Unique key: at most one unfinished job has it.
    unique_key: Option<&'a str>,
    /// Id of the recurring job, if the job is an occurrence.
    #[schema(value_type = Option<String>, format = Uuid)]
    recurring_job_id: Option<String>,
    /// Due time of the recurring job for which it was created.
    #[schema(value_type = Option<String>, format = DateTime)]
    occurrence_at: Option<Time>,
    /// True if it runs and its cancellation was requested.
    #[schema(example = false)]
    cancel_requested: bool,
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
    revision: u32,
}

impl<'a> JobView<'a> {
    /// A job with its attempts.
    pub(crate) fn new(job: &'a Job, attempts: &'a [Attempt]) -> Self {
        let duration = job.duration();
        let Job {
            id,
            name,
            job_type,
            queue,
            priority,
            status,
            parameters,
            result,
            error,
            error_detail,
            created_at,
            due_at,
            due_from: _,
            started_at,
            finished_at,
            attempt,
            retry_count,
            max_retries,
            retry_policy,
            timeout,
            unique_key,
            occurrence,
            cancel_requested,
            // The attempts contain their nodes.
            node: _,
            revision,
            trace_parent: _,
            propagated: _,
            is_brief: _,
        } = job;
        Self {
            id: Id(*id),
            job_id: Id(*id),
            name: name.as_str(),
            job_type: job_type.as_str(),
            queue: queue.as_str(),
            status: status.as_str(),
            created_at: Time(*created_at),
            run_at: Time(*due_at),
            executed_at: started_at.map(Time),
            completed_at: finished_at.map(Time),
            duration: duration.map(Span),
            priority: priority.as_str(),
            attempt: *attempt,
            retry_count: *retry_count,
            max_retries: *max_retries,
            parameters: Raw(parameters),
            result: result.as_ref().map(Raw),
            error: error.as_deref(),
            error_detail: error_detail.as_deref(),
            execution_history: attempts.iter().map(AttemptView::from).collect(),
            timeout: Span(*timeout),
            retry_delay: Span(retry_policy.delay),
            retry_intervals: retry_policy.intervals.iter().copied().map(Span).collect(),
            unique_key: unique_key.as_ref().map(|key| key.as_str()),
            recurring_job_id: occurrence.map(|occurrence| occurrence.recurring_id.to_string()),
            occurrence_at: occurrence.map(|occurrence| Time(occurrence.due_at)),
            cancel_requested: *cancel_requested,
            progress: None,
            log: Vec::new(),
            warnings: &[],
            revision: *revision,
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
            permit: _,
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
