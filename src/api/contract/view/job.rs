//! View of complete jobs.

use serde::Serialize;
use utoipa::ToSchema;

use super::attempt::{AttemptView, LogLineView, ProgressView};
use crate::domain::job::Job;
use crate::domain::job::attempt::Attempt;
use crate::domain::job::priority::Priority;
use crate::domain::job::status::JobStatus;
use crate::service::jobs::JobDetail;
use crate::views::job::{view_of_job, view_with_job_fields};
use crate::views::values::{Id, Raw, Span, Spans, Tags, Time};
use crate::views::words::{JobStatusWord, PriorityWord, Word};

view_with_job_fields! {
    /// A complete job. Unknown values are `null`.
    #[derive(Serialize, ToSchema)]
    #[serde(rename_all = "camelCase")]
    #[schema(as = Job)]
    pub(crate) struct JobView<'a> {
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
        /// Tags; omitted if it has none.
        #[serde(skip_serializing_if = "Tags::is_empty")]
        #[schema(value_type = Vec<String>, required = false, example = json!(["vip", "eu"]))]
        pub(crate) tags: Tags<'a>,
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
}

impl<'a> JobView<'a> {
    /// A job with its attempts.
    pub(crate) fn new(job: &'a Job, attempts: &'a [Attempt]) -> Self {
        // The attempts contain their nodes; traces are not published.
        view_of_job!(JobView, job, {
            parameters: Raw(&job.parameters),
            result: job.result.as_ref().map(Raw),
            error: job.error.as_deref(),
            error_detail: job.error_detail.as_deref(),
            execution_history: attempts.iter().map(AttemptView::from).collect(),
            timeout: Span(job.timeout),
            retry_delay: Span(job.retry_policy.delay),
            retry_intervals: Spans(&job.retry_policy.intervals),
            unique_key: job.unique_key.as_ref().map(|key| key.as_str()),
            tags: Tags(job.tags()),
            recurring_job_id: job.occurrence.map(|occurrence| Id::from(occurrence.recurring_id)),
            occurrence_at: job.occurrence.map(|occurrence| Time(occurrence.due_at)),
            cancel_requested: job.cancel_requested,
            progress: None,
            log: Vec::new(),
            warnings: &[],
            revision: job.revision,
        })
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
