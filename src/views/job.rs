//! View of a job in lists, in events and in webhook deliveries.

use serde::Serialize;
use utoipa::ToSchema;

use super::explanation::ExplanationView;
use super::values::{Id, Span, Tags, Time};
use super::words::{JobStatusWord, PriorityWord, Word};
use crate::domain::job::Job;
use crate::domain::job::priority::Priority;
use crate::domain::job::status::JobStatus;
use crate::storage::query::JobSummary;

/// Declares a view of a job with the fields that all of them have, followed by its own. Serde would serialize flattened
/// fields as a map, and OpenAPI would describe them as a type of their own.
macro_rules! view_with_job_fields {
    ($(#[$meta:meta])* pub(crate) struct $view:ident<$a:lifetime> { $($own:tt)* }) => {
        $(#[$meta])*
        pub(crate) struct $view<$a> {
            /// Id, a UUID of version 7.
            #[schema(value_type = String, format = Uuid, example = "01963b5e-7d3a-7c1e-9f43-0d2f6b1a9c55")]
            pub(crate) id: Id,
            /// Same as `id`, for clients that read this name.
            #[schema(value_type = String, format = Uuid, example = "01963b5e-7d3a-7c1e-9f43-0d2f6b1a9c55")]
            pub(crate) job_id: Id,
            /// Display name.
            #[schema(example = "Email Notification Job")]
            pub(crate) name: &$a str,
            /// Type, which selects the handler.
            #[serde(rename = "type")]
            #[schema(example = "EmailNotificationJob")]
            pub(crate) job_type: &$a str,
            /// Name of the queue.
            #[schema(example = "default")]
            pub(crate) queue: &$a str,
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
            $($own)*
        }
    };
}

/// A view of a job or of its summary, whose fields have the same names, with the values of its own fields.
macro_rules! view_of_job {
    ($view:ident, $job:ident, { $($own:tt)* }) => {
        $view {
            id: Id::from($job.id),
            job_id: Id::from($job.id),
            name: $job.name.as_str(),
            job_type: $job.job_type.as_str(),
            queue: $job.queue.as_str(),
            status: Word($job.status),
            created_at: Time($job.created_at),
            run_at: Time($job.due_at),
            executed_at: $job.started_at.map(Time),
            completed_at: $job.finished_at.map(Time),
            duration: $job.duration().map(Span),
            priority: Word($job.priority),
            attempt: $job.attempt,
            retry_count: $job.retry_count,
            max_retries: $job.max_retries,
            $($own)*
        }
    };
}

pub(crate) use {view_of_job, view_with_job_fields};

view_with_job_fields! {
    /// Summary of a job. Unknown values are `null`.
    #[derive(Serialize, ToSchema)]
    #[serde(rename_all = "camelCase")]
    pub(crate) struct JobItem<'a> {
        /// Error message of the last attempt, in one line.
        pub(crate) error: Option<&'a str>,
        /// Id of the recurring job, if the job is an occurrence.
        #[schema(value_type = Option<String>, format = Uuid)]
        pub(crate) recurring_job_id: Option<Id>,
        /// Tags; omitted if it has none.
        #[serde(skip_serializing_if = "Tags::is_empty")]
        #[schema(value_type = Vec<String>, required = false, example = json!(["vip", "eu"]))]
        pub(crate) tags: Tags<'a>,
        /// Warnings for the caller of a new job, such as that no handler runs its type; omitted in lists, and if there are
        /// none.
        #[serde(skip_serializing_if = "<[String]>::is_empty")]
        #[schema(required = false, example = json!([]))]
        pub(crate) warnings: &'a [String],
        /// The reasons why it does not run; omitted unless a list was requested with `explain=true`.
        #[serde(skip_serializing_if = "Option::is_none")]
        pub(crate) explanation: Option<ExplanationView>,
    }
}

impl<'a> JobItem<'a> {
    /// The same with warnings.
    pub(crate) fn warned(self, warnings: &'a [String]) -> Self {
        Self { warnings, ..self }
    }
}

impl<'a> From<&'a JobSummary> for JobItem<'a> {
    fn from(job: &'a JobSummary) -> Self {
        view_of_job!(JobItem, job, {
            error: job.error.as_deref(),
            recurring_job_id: job.recurring_id.map(Id::from),
            tags: Tags(job.tags()),
            warnings: &[],
            explanation: None,
        })
    }
}

impl<'a> From<&'a Job> for JobItem<'a> {
    fn from(job: &'a Job) -> Self {
        view_of_job!(JobItem, job, {
            error: job.error.as_deref(),
            recurring_job_id: job.occurrence.map(|occurrence| Id::from(occurrence.recurring_id)),
            tags: Tags(job.tags()),
            warnings: &[],
            explanation: None,
        })
    }
}
