//! Views of recurring jobs.

use serde::Serialize;
use utoipa::ToSchema;

use crate::api::contract::enumerations::{MisfirePolicyWord, OverlapPolicyWord, PriorityWord};
use crate::api::contract::json_values::{Raw, Span, Time};
use crate::domain::recurring::{RecurringJob, Schedule, Template};

/// A recurring job. Fields that are defined by the configuration of its job type are `null`.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = RecurringJob)]
pub(crate) struct RecurringView<'a> {
    /// Id, a UUID of version 7.
    #[schema(format = Uuid, example = "01963b5e-7d3a-7c1e-9f43-0d2f6b1a9c55")]
    id: String,
    /// Same as `id`, for clients that read this name.
    #[schema(format = Uuid, example = "01963b5e-7d3a-7c1e-9f43-0d2f6b1a9c55")]
    job_id: String,
    /// Key under which it was declared.
    #[schema(example = "nightly-backup")]
    key: Option<&'a str>,
    /// Display name of it and of its occurrences.
    #[schema(example = "Daily Backup")]
    name: &'a str,
    /// Type of its occurrences, which selects their handler.
    #[serde(rename = "type")]
    #[schema(example = "DataBackupJob")]
    job_type: &'a str,
    /// Cron expression.
    #[schema(example = "0 2 * * *")]
    cron_expression: &'a str,
    /// Description of the cron expression in English.
    #[schema(example = "at 02:00 every day")]
    description: String,
    /// IANA time zone of the cron expression.
    #[schema(example = "Europe/Berlin")]
    time_zone: &'static str,
    /// True if it creates occurrences.
    #[schema(example = true)]
    enabled: bool,
    /// `fire_once`, `skip` or `catch_up`: policy for due times that passed while no server was running.
    #[schema(value_type = MisfirePolicyWord)]
    misfire_policy: &'static str,
    /// Maximum number of missed due times for which `catch_up` creates occurrences.
    #[schema(example = json!(null))]
    catch_up_max: Option<u16>,
    /// `allow`, `skip` or `queue`: policy for an occurrence that is due while an earlier one is unfinished.
    #[schema(value_type = OverlapPolicyWord)]
    overlap_policy: &'static str,
    /// Time before which it has no occurrences.
    #[schema(value_type = Option<String>, format = DateTime)]
    starts_at: Option<Time>,
    /// Time after which it has no occurrences.
    #[schema(value_type = Option<String>, format = DateTime)]
    ends_at: Option<Time>,
    /// Next due time; `null` if it is disabled or has ended.
    #[schema(value_type = Option<String>, format = DateTime, example = "2024-01-16T02:00:00Z")]
    next_run_at: Option<Time>,
    /// Next due times, at most five.
    #[schema(value_type = Vec<String>)]
    next_runs: Vec<Time>,
    /// Last due time for which an occurrence was created.
    #[schema(value_type = Option<String>, format = DateTime)]
    last_run_at: Option<Time>,
    /// Number of due times that wait for an earlier occurrence to finish.
    #[schema(example = 0)]
    waiting: usize,
    /// Input of the handler.
    #[schema(value_type = serde_json::Value)]
    parameters: Raw<'a>,
    /// Name of the queue of its occurrences.
    queue: Option<&'a str>,
    /// `low`, `normal`, `high` or `critical`.
    #[schema(value_type = PriorityWord)]
    priority: &'static str,
    /// Maximum number of retries of an occurrence.
    max_retries: Option<u32>,
    /// Timeout of an attempt.
    #[schema(value_type = Option<String>)]
    timeout: Option<Span>,
    /// Backoff before the first retry.
    #[schema(value_type = Option<String>)]
    retry_delay: Option<Span>,
    /// Backoffs before each retry.
    #[schema(value_type = Option<Vec<String>>)]
    retry_intervals: Option<Vec<Span>>,
    /// Time of its creation.
    #[schema(value_type = String, format = DateTime)]
    created_at: Time,
    /// Time of the last change by a caller.
    #[schema(value_type = String, format = DateTime)]
    updated_at: Time,
    /// Warnings for the caller, such as that no handler runs its type; omitted in lists, and if there are none.
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    #[schema(required = false, example = json!([]))]
    warnings: &'a [String],
    /// Revision, which grows with every change; its `ETag`.
    #[schema(example = 1)]
    revision: u32,
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
            id: id.to_string(),
            job_id: id.to_string(),
            key: key.as_ref().map(|key| key.as_str()),
            name: name.as_str(),
            job_type: job_type.as_str(),
            cron_expression: cron.as_str(),
            description: cron.describe(),
            time_zone: time_zone.as_str(),
            enabled: *is_enabled,
            misfire_policy: misfire_policy.as_str(),
            catch_up_max: misfire_policy.max().map(|max| max.get()),
            overlap_policy: overlap_policy.as_str(),
            starts_at: starts_at.map(Time),
            ends_at: ends_at.map(Time),
            next_run_at: next_run_at.map(Time),
            next_runs: recurring.next_runs().map(Time).collect(),
            last_run_at: last_run_at.map(Time),
            waiting: waiting.len(),
            parameters: Raw(parameters),
            queue: queue.as_ref().map(|queue| queue.as_str()),
            priority: priority.as_str(),
            max_retries: *max_retries,
            timeout: timeout.map(Span),
            retry_delay: retry_delay.map(Span),
            retry_intervals: retry_intervals
                .as_ref()
                .map(|intervals| intervals.iter().copied().map(Span).collect()),
            created_at: Time(*created_at),
            updated_at: Time(*updated_at),
            warnings: &[],
            revision: *revision,
        }
    }
}

/// A page of recurring jobs, newest first.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RecurringListView<'a> {
    /// The recurring jobs.
    pub recurring_jobs: Vec<RecurringView<'a>>,
    /// Number of recurring jobs on all pages.
    #[schema(example = 12)]
    pub total_count: u64,
    /// True if more recurring jobs follow.
    #[schema(example = false)]
    pub has_more: bool,
}
