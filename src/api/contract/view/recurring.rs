//! Views of recurring jobs.

use std::fmt;

use serde::{Serialize, Serializer};
use utoipa::ToSchema;

use crate::domain::cron::CronExpression;
use crate::domain::job::priority::Priority;
use crate::domain::job::status::JobStatus;
use crate::domain::recurring::misfire::MisfirePolicy;
use crate::domain::recurring::overlap::OverlapPolicy;
use crate::domain::recurring::{RecurringJob, Schedule, Template};
use crate::storage::query::JobSummary;
use crate::views::values::{Id, Raw, Span, Spans, Tags, Time};
use crate::views::words::{JobStatusWord, MisfirePolicyWord, OverlapPolicyWord, PriorityWord, Word};

/// A recurring job. Fields that are defined by the configuration of its job type are `null`.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = RecurringJob)]
pub(crate) struct RecurringView<'a> {
    /// Id, a UUID of version 7.
    #[schema(value_type = String, format = Uuid, example = "01963b5e-7d3a-7c1e-9f43-0d2f6b1a9c55")]
    pub(crate) id: Id,
    /// Same as `id`, for clients that read this name.
    #[schema(value_type = String, format = Uuid, example = "01963b5e-7d3a-7c1e-9f43-0d2f6b1a9c55")]
    pub(crate) job_id: Id,
    /// Key under which it was declared.
    #[schema(example = "nightly-backup")]
    pub(crate) key: Option<&'a str>,
    /// Display name of it and of its occurrences.
    #[schema(example = "Daily Backup")]
    pub(crate) name: &'a str,
    /// Type of its occurrences, which selects their handler.
    #[serde(rename = "type")]
    #[schema(example = "DataBackupJob")]
    pub(crate) job_type: &'a str,
    /// Cron expression.
    #[schema(example = "0 2 * * *")]
    pub(crate) cron_expression: &'a str,
    /// Description of the cron expression in English.
    #[schema(value_type = String, example = "at 02:00 every day")]
    pub(crate) description: Description<'a>,
    /// IANA time zone of the cron expression.
    #[schema(example = "Europe/Berlin")]
    pub(crate) time_zone: &'static str,
    /// True if it creates occurrences.
    #[schema(example = true)]
    pub(crate) enabled: bool,
    /// `fire_once`, `skip` or `catch_up`: policy for due times that passed while no server was running.
    #[schema(value_type = MisfirePolicyWord)]
    pub(crate) misfire_policy: Word<MisfirePolicy>,
    /// Maximum number of missed due times for which `catch_up` creates occurrences.
    #[schema(example = json!(null))]
    pub(crate) catch_up_max: Option<u16>,
    /// `allow`, `skip` or `queue`: policy for an occurrence that is due while an earlier one is unfinished.
    #[schema(value_type = OverlapPolicyWord)]
    pub(crate) overlap_policy: Word<OverlapPolicy>,
    /// Time before which it has no occurrences.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub(crate) starts_at: Option<Time>,
    /// Time after which it has no occurrences.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub(crate) ends_at: Option<Time>,
    /// Next due time; `null` if it is disabled or has ended.
    #[schema(value_type = Option<String>, format = DateTime, example = "2024-01-16T02:00:00Z")]
    pub(crate) next_run_at: Option<Time>,
    /// Next due times, at most five.
    #[schema(value_type = Vec<String>)]
    pub(crate) next_runs: NextRuns<'a>,
    /// Last due time for which an occurrence was created.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub(crate) last_run_at: Option<Time>,
    /// Number of due times that wait for an earlier occurrence to finish.
    #[schema(example = 0)]
    pub(crate) waiting: usize,
    /// Input of the handler.
    #[schema(value_type = serde_json::Value)]
    pub(crate) parameters: Raw<'a>,
    /// Name of the queue of its occurrences.
    pub(crate) queue: Option<&'a str>,
    /// `low`, `normal`, `high` or `critical`.
    #[schema(value_type = PriorityWord)]
    pub(crate) priority: Word<Priority>,
    /// Maximum number of retries of an occurrence.
    pub(crate) max_retries: Option<u32>,
    /// Timeout of an attempt.
    #[schema(value_type = Option<String>)]
    pub(crate) timeout: Option<Span>,
    /// Backoff before the first retry.
    #[schema(value_type = Option<String>)]
    pub(crate) retry_delay: Option<Span>,
    /// Backoffs before each retry.
    #[schema(value_type = Option<Vec<String>>)]
    pub(crate) retry_intervals: Option<Spans<'a>>,
    /// Tags of its occurrences; omitted if there are none.
    #[serde(skip_serializing_if = "Tags::is_empty")]
    #[schema(value_type = Vec<String>, required = false, example = json!(["vip", "eu"]))]
    pub(crate) tags: Tags<'a>,
    /// Time of its creation.
    #[schema(value_type = String, format = DateTime)]
    pub(crate) created_at: Time,
    /// Time of the last change by a caller.
    #[schema(value_type = String, format = DateTime)]
    pub(crate) updated_at: Time,
    /// Its last occurrences, the newest first; omitted unless requested with `outcomes`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) last_outcomes: Option<Vec<OutcomeView>>,
    /// Warnings for the caller, such as that no handler runs its type; omitted in lists, and if there are none.
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    #[schema(required = false, example = json!([]))]
    pub(crate) warnings: &'a [String],
    /// Revision, which grows with every change; its `ETag`.
    #[schema(example = 1)]
    pub(crate) revision: u32,
}

/// Description of a cron expression in English, composed when it is read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Description<'a>(&'a CronExpression);

impl fmt::Display for Description<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.describe())
    }
}

impl Serialize for Description<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0.describe())
    }
}

/// Next due times, computed when they are read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NextRuns<'a>(&'a RecurringJob);

impl<'a> NextRuns<'a> {
    /// Each due time.
    pub(crate) fn iter(self) -> impl Iterator<Item = Time> + use<'a> {
        self.0.next_runs().map(Time)
    }
}

impl Serialize for NextRuns<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

impl<'a> RecurringView<'a> {
    /// The same with warnings.
    pub(crate) fn warned(self, warnings: &'a [String]) -> Self {
        Self { warnings, ..self }
    }
}

impl<'a> From<&'a RecurringJob> for RecurringView<'a> {
    fn from(recurring: &'a RecurringJob) -> Self {
        let RecurringJob {
            id,
            key,
            schedule,
            template:
                Template {
                    job_type,
                    name,
                    queue,
                    parameters,
                    priority,
                    max_retries,
                    timeout,
                    retry_delay,
                    retry_intervals,
                    tags,
                },
            is_enabled,
            misfire_policy,
            overlap_policy,
            next_run_at,
            last_run_at,
            waiting,
            created_at,
            updated_at,
            revision,
        } = recurring;
        let Schedule {
            cron,
            time_zone,
            starts_at,
            ends_at,
        } = schedule;
        Self {
            id: Id::from(*id),
            job_id: Id::from(*id),
            key: key.as_ref().map(|key| key.as_str()),
            name: name.as_str(),
            job_type: job_type.as_str(),
            cron_expression: cron.as_str(),
            description: Description(cron),
            time_zone: time_zone.as_str(),
            enabled: *is_enabled,
            misfire_policy: Word(*misfire_policy),
            catch_up_max: misfire_policy.max().map(|max| max.get()),
            overlap_policy: Word(*overlap_policy),
            starts_at: starts_at.map(Time),
            ends_at: ends_at.map(Time),
            next_run_at: next_run_at.map(Time),
            next_runs: NextRuns(recurring),
            last_run_at: last_run_at.map(Time),
            waiting: waiting.len(),
            parameters: Raw(parameters),
            queue: queue.as_ref().map(|queue| queue.as_str()),
            priority: Word(*priority),
            max_retries: *max_retries,
            timeout: timeout.map(Span),
            retry_delay: retry_delay.map(Span),
            retry_intervals: retry_intervals.as_deref().map(Spans),
            tags: Tags(tags),
            created_at: Time(*created_at),
            updated_at: Time(*updated_at),
            last_outcomes: None,
            warnings: &[],
            revision: *revision,
        }
    }
}

/// A page of recurring jobs.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RecurringListView<'a> {
    /// The recurring jobs.
    pub(crate) recurring_jobs: Vec<RecurringView<'a>>,
    /// Number of recurring jobs on all pages.
    #[schema(example = 12)]
    pub(crate) total_count: u64,
    /// True if more recurring jobs follow.
    #[schema(example = false)]
    pub(crate) has_more: bool,
    /// Cursor of the last recurring job, for `after` of the next page; null if there is none.
    #[schema(example = "01963b5e-7d3a-7c1e-9f43-0d2f6b1a9c55")]
    pub(crate) end_cursor: Option<String>,
}

/// An occurrence of a recurring job.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Outcome)]
pub(crate) struct OutcomeView {
    /// Id of the job.
    #[schema(value_type = String, format = Uuid, example = "01963b5e-7d3a-7c1e-9f43-0d2f6b1a9c55")]
    pub(crate) id: Id,
    /// Its status.
    #[schema(value_type = JobStatusWord)]
    pub(crate) status: Word<JobStatus>,
    /// Time when it is due.
    #[schema(value_type = String, format = DateTime, example = "2024-01-15T10:30:00Z")]
    pub(crate) run_at: Time,
    /// Time when it completed, failed or was cancelled.
    #[schema(value_type = Option<String>, format = DateTime, example = "2024-01-15T10:31:30Z")]
    pub(crate) completed_at: Option<Time>,
    /// Duration of its last attempt.
    #[schema(value_type = Option<String>, example = "00:00:30")]
    pub(crate) duration: Option<Span>,
}

impl From<&JobSummary> for OutcomeView {
    fn from(job: &JobSummary) -> Self {
        Self {
            id: Id::from(job.id),
            status: Word(job.status),
            run_at: Time(job.due_at),
            completed_at: job.finished_at.map(Time),
            duration: job.duration().map(Span),
        }
    }
}
