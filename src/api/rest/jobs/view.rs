//! Jobs as they are shown: in lists, and whole.

use serde::Serialize;
use utoipa::ToSchema;

use crate::api::rest::request::enumerations::{AttemptStatusWord, JobStatusWord, LogLineLevelWord, PriorityWord};
use crate::api::rest::request::json_fields::{Id, Raw, Span, Time};
use crate::domain::cluster::remote_worker::{LogLine, Progress};
use crate::domain::job::Job;
use crate::domain::job::attempt::Attempt;
use crate::service::jobs::JobDetail;
use crate::storage::query::JobSummary;

/// A job in a list. What is not known (yet) is `null`.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in super::super) struct JobItem<'a> {
    /// Its identity, a UUID of version 7.
    #[schema(value_type = String, format = Uuid, example = "01963b5e-7d3a-7c1e-9f43-0d2f6b1a9c55")]
    id: Id,
    /// The same as `id`, for clients that read this name.
    #[schema(value_type = String, format = Uuid, example = "01963b5e-7d3a-7c1e-9f43-0d2f6b1a9c55")]
    job_id: Id,
    /// What people call it.
    #[schema(example = "Email Notification Job")]
    name: &'a str,
    /// Which handler runs it.
    #[serde(rename = "type")]
    #[schema(example = "EmailNotificationJob")]
    job_type: &'a str,
    /// The queue that it waits in.
    #[schema(example = "default")]
    queue: &'a str,
    /// `pending`, `running`, `completed`, `failed` or `cancelled`.
    #[schema(value_type = JobStatusWord)]
    status: &'static str,
    /// When it was created.
    #[schema(value_type = String, format = DateTime, example = "2024-01-15T10:30:00Z")]
    created_at: Time,
    /// The time from which on it may start.
    #[schema(value_type = String, format = DateTime, example = "2024-01-15T10:30:00Z")]
    run_at: Time,
    /// When its last attempt started.
    #[schema(value_type = Option<String>, format = DateTime, example = "2024-01-15T10:31:00Z")]
    executed_at: Option<Time>,
    /// When it completed, failed for good or was cancelled.
    #[schema(value_type = Option<String>, format = DateTime, example = "2024-01-15T10:31:30Z")]
    completed_at: Option<Time>,
    /// How long its last attempt took: `[d.]hh:mm:ss[.fffffff]`.
    #[schema(value_type = Option<String>, example = "00:00:30")]
    duration: Option<Span>,
    /// `low`, `normal`, `high` or `critical`.
    #[schema(value_type = PriorityWord)]
    priority: &'static str,
    /// How many attempts have been started.
    #[schema(example = 1)]
    attempt: u32,
    /// How many of them were retries.
    #[schema(example = 0)]
    retry_count: u32,
    /// How many retries it may have.
    #[schema(example = 3)]
    max_retries: u32,
    /// Why the last attempt failed, in a line.
    error: Option<&'a str>,
    /// The recurring job of which it is an occurrence.
    #[schema(value_type = Option<String>, format = Uuid)]
    recurring_job_id: Option<String>,
    /// What a new job's caller should know, such as that nothing runs its type; not there in lists, and when there is
    /// nothing.
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    #[schema(required = false, example = json!([]))]
    warnings: &'a [String],
}

impl<'a> JobItem<'a> {
    /// The same with what its caller should know.
    pub(super) fn warned(self, warnings: &'a [String]) -> Self {
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
            // The history tells which node ran which attempt.
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

/// A job with everything that is known of it. What is not known (yet) is `null`.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Job)]
pub(in super::super) struct JobView<'a> {
    /// Its identity, a UUID of version 7.
    #[schema(value_type = String, format = Uuid, example = "01963b5e-7d3a-7c1e-9f43-0d2f6b1a9c55")]
    id: Id,
    /// The same as `id`, for clients that read this name.
    #[schema(value_type = String, format = Uuid, example = "01963b5e-7d3a-7c1e-9f43-0d2f6b1a9c55")]
    job_id: Id,
    /// What people call it.
    #[schema(example = "Email Notification Job")]
    name: &'a str,
    /// Which handler runs it.
    #[serde(rename = "type")]
    #[schema(example = "EmailNotificationJob")]
    job_type: &'a str,
    /// The queue that it waits in.
    #[schema(example = "default")]
    queue: &'a str,
    /// `pending`, `running`, `completed`, `failed` or `cancelled`.
    #[schema(value_type = JobStatusWord)]
    status: &'static str,
    /// When it was created.
    #[schema(value_type = String, format = DateTime, example = "2024-01-15T10:30:00Z")]
    created_at: Time,
    /// The time from which on it may start.
    #[schema(value_type = String, format = DateTime, example = "2024-01-15T10:30:00Z")]
    run_at: Time,
    /// When its last attempt started.
    #[schema(value_type = Option<String>, format = DateTime, example = "2024-01-15T10:31:00Z")]
    executed_at: Option<Time>,
    /// When it completed, failed for good or was cancelled.
    #[schema(value_type = Option<String>, format = DateTime, example = "2024-01-15T10:31:30Z")]
    completed_at: Option<Time>,
    /// How long its last attempt took: `[d.]hh:mm:ss[.fffffff]`.
    #[schema(value_type = Option<String>, example = "00:00:30")]
    duration: Option<Span>,
    /// `low`, `normal`, `high` or `critical`.
    #[schema(value_type = PriorityWord)]
    priority: &'static str,
    /// How many attempts have been started.
    #[schema(example = 1)]
    attempt: u32,
    /// How many of them were retries, since the count was last started anew.
    #[schema(example = 0)]
    retry_count: u32,
    /// How many retries it may have.
    #[schema(example = 3)]
    max_retries: u32,
    /// What the handler is given, as it came.
    #[schema(value_type = serde_json::Value, example = json!({"recipientEmail": "user@example.com", "templateId": "welcome-email"}))]
    parameters: Raw<'a>,
    /// What the handler answered.
    #[schema(value_type = Option<serde_json::Value>, example = json!({"messageId": "msg-456", "deliveryStatus": "delivered"}))]
    result: Option<Raw<'a>>,
    /// Why the last attempt failed, in a line.
    error: Option<&'a str>,
    /// More of the failure.
    error_detail: Option<&'a str>,
    /// Its attempts, the first one first.
    execution_history: Vec<AttemptView<'a>>,
    /// How long one attempt may take.
    #[schema(value_type = String, example = "00:30:00")]
    timeout: Span,
    /// The wait before the first retry; each further one is twice as long.
    #[schema(value_type = String, example = "00:00:10")]
    retry_delay: Span,
    /// The waits before the first, second, … retry, in place of `retryDelay`; empty when there is no such list.
    #[schema(value_type = Vec<String>, example = json!([]))]
    retry_intervals: Vec<Span>,
    /// At most one unfinished job has it.
    unique_key: Option<&'a str>,
    /// The recurring job of which it is an occurrence.
    #[schema(value_type = Option<String>, format = Uuid)]
    recurring_job_id: Option<String>,
    /// Which due time of the recurring job it is.
    #[schema(value_type = Option<String>, format = DateTime)]
    occurrence_at: Option<Time>,
    /// Whether it runs and was told to stop.
    #[schema(example = false)]
    cancel_requested: bool,
    /// How far the attempt has got that has reported last; not there when none has.
    #[serde(skip_serializing_if = "Option::is_none")]
    progress: Option<ProgressView<'a>>,
    /// The last lines that its attempts have logged, the oldest first, 200 at the most; not there when there are none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    log: Vec<LogLineView<'a>>,
    /// What its caller should know, such as that nothing runs its type; not there when there is nothing.
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    #[schema(required = false, example = json!([]))]
    warnings: &'a [String],
    /// Grows with every change; the job's `ETag`.
    #[schema(example = 3)]
    revision: u32,
}

impl<'a> JobView<'a> {
    /// A job with its attempts.
    pub(super) fn new(job: &'a Job, attempts: &'a [Attempt]) -> Self {
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
            // The history tells which node ran which attempt.
            node: _,
            revision,
            trace_parent: _,
            propagated: _,
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

    /// The same with what its caller should know.
    pub(super) fn warned(self, warnings: &'a [String]) -> Self {
        Self { warnings, ..self }
    }

    /// A job with everything that is known of it.
    pub(super) fn of(detail: &'a JobDetail) -> Self {
        let JobDetail {
            job,
            attempts,
            reports,
            workers,
            warnings,
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

/// How far an attempt has got.
#[derive(Serialize, ToSchema)]
#[schema(as = Progress)]
pub(in super::super) struct ProgressView<'a> {
    /// Which attempt has reported it.
    #[schema(example = 1)]
    attempt: u32,
    /// From 0 to 100.
    #[schema(example = 62.5)]
    percent: f64,
    /// What it is doing.
    #[schema(example = "page 5 of 8")]
    message: Option<&'a str>,
}

impl<'a> From<&'a (u32, Progress)> for ProgressView<'a> {
    fn from((attempt, progress): &'a (u32, Progress)) -> Self {
        Self {
            attempt: *attempt,
            percent: progress.percent(),
            message: progress.message.as_deref(),
        }
    }
}

/// A line that an attempt has logged.
#[derive(Serialize, ToSchema)]
#[schema(as = LogLine)]
pub(in super::super) struct LogLineView<'a> {
    /// Which attempt.
    #[schema(example = 1)]
    attempt: u32,
    /// When.
    #[schema(value_type = String, format = DateTime, example = "2024-01-15T10:31:00Z")]
    at: Time,
    /// `debug`, `info`, `warning` or `error`.
    #[schema(value_type = LogLineLevelWord)]
    level: &'static str,
    /// What it said.
    #[schema(example = "sent to 10 recipients")]
    message: &'a str,
}

impl<'a> From<&'a LogLine> for LogLineView<'a> {
    fn from(line: &'a LogLine) -> Self {
        let LogLine {
            attempt,
            at,
            level,
            message,
        } = line;
        Self {
            attempt: *attempt,
            at: Time(*at),
            level: level.as_str(),
            message,
        }
    }
}

/// One execution of a job.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Attempt)]
pub(in super::super) struct AttemptView<'a> {
    /// Which one, counted from 1.
    #[schema(example = 1)]
    attempt: u32,
    /// When it started.
    #[schema(value_type = String, format = DateTime, example = "2024-01-15T10:31:00Z")]
    started_at: Time,
    /// When it ended; `null` while it runs.
    #[schema(value_type = Option<String>, format = DateTime, example = "2024-01-15T10:31:30Z")]
    completed_at: Option<Time>,
    /// `running`, `completed`, `failed`, `cancelled`, `interrupted` (its server stopped) or `lost` (its server died).
    #[schema(value_type = AttemptStatusWord)]
    status: &'static str,
    /// How long it took: `[d.]hh:mm:ss[.fffffff]`.
    #[schema(value_type = Option<String>, example = "00:00:30")]
    duration: Option<Span>,
    /// Why it failed, in a line.
    error: Option<&'a str>,
    /// More of the failure.
    error_detail: Option<&'a str>,
    /// The server process, or the remote worker, that ran it.
    #[schema(format = Uuid)]
    node: String,
    /// The name of the remote worker that ran it; not there when a server did.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "mailer-3")]
    worker: Option<&'a str>,
}

impl<'a> From<&'a Attempt> for AttemptView<'a> {
    fn from(attempt: &'a Attempt) -> Self {
        let duration = attempt.duration();
        let Attempt {
            job_id: _,
            number,
            status,
            started_at,
            ended_at,
            error,
            error_detail,
            node,
        } = attempt;
        Self {
            attempt: *number,
            started_at: Time(*started_at),
            completed_at: ended_at.map(Time),
            status: status.as_str(),
            duration: duration.map(Span),
            error: error.as_deref(),
            error_detail: error_detail.as_deref(),
            node: node.to_string(),
            worker: None,
        }
    }
}
