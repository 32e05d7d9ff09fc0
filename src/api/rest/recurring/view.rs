//! Recurring jobs as they are shown.

use serde::Serialize;
use utoipa::ToSchema;

use crate::api::rest::request::enumerations::{MisfirePolicyWord, OverlapPolicyWord, PriorityWord};
use crate::api::rest::request::json_fields::{Raw, Span, Time};
use crate::domain::recurring::{RecurringJob, Schedule, Template};

/// How many of the next due times are shown.
const NEXT_SHOWN: usize = 5;

/// A recurring job. What its job type's configuration decides is `null`.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = RecurringJob)]
pub(in super::super) struct RecurringView<'a> {
    /// Its identity, a UUID of version 7.
    #[schema(format = Uuid, example = "01963b5e-7d3a-7c1e-9f43-0d2f6b1a9c55")]
    id: String,
    /// The same as `id`, for clients that read this name.
    #[schema(format = Uuid, example = "01963b5e-7d3a-7c1e-9f43-0d2f6b1a9c55")]
    job_id: String,
    /// The key under which it is declared.
    #[schema(example = "nightly-backup")]
    key: Option<&'a str>,
    /// What people call it, and its occurrences.
    #[schema(example = "Daily Backup")]
    name: &'a str,
    /// Which handler runs its occurrences.
    #[serde(rename = "type")]
    #[schema(example = "DataBackupJob")]
    job_type: &'a str,
    /// When its occurrences are due.
    #[schema(example = "0 2 * * *")]
    cron_expression: &'a str,
    /// The same in words.
    #[schema(example = "at 02:00 every day")]
    description: String,
    /// The time zone whose clocks are meant.
    #[schema(example = "Europe/Berlin")]
    time_zone: &'static str,
    /// Whether it creates occurrences.
    #[schema(example = true)]
    enabled: bool,
    /// `fire_once`, `skip` or `catch_up`: what becomes of due times that no server was there for.
    #[schema(value_type = MisfirePolicyWord)]
    misfire_policy: &'static str,
    /// How many missed due times `catch_up` makes up for.
    #[schema(example = json!(null))]
    catch_up_max: Option<u16>,
    /// `allow`, `skip` or `queue`: what becomes of an occurrence while an earlier one has not ended.
    #[schema(value_type = OverlapPolicyWord)]
    overlap_policy: &'static str,
    /// It has no occurrence before this time.
    #[schema(value_type = Option<String>, format = DateTime)]
    starts_at: Option<Time>,
    /// It has no occurrence after this time.
    #[schema(value_type = Option<String>, format = DateTime)]
    ends_at: Option<Time>,
    /// The next due time; `null` while it is disabled or when its end has come.
    #[schema(value_type = Option<String>, format = DateTime, example = "2024-01-16T02:00:00Z")]
    next_run_at: Option<Time>,
    /// The next due times, at most five.
    #[schema(value_type = Vec<String>)]
    next_runs: Vec<Time>,
    /// The last due time that became an occurrence.
    #[schema(value_type = Option<String>, format = DateTime)]
    last_run_at: Option<Time>,
    /// How many due times wait for an earlier occurrence to end.
    #[schema(example = 0)]
    waiting: usize,
    /// What the handler is given.
    #[schema(value_type = serde_json::Value)]
    parameters: Raw<'a>,
    /// The queue that its occurrences wait in.
    queue: Option<&'a str>,
    /// `low`, `normal`, `high` or `critical`.
    #[schema(value_type = PriorityWord)]
    priority: &'static str,
    /// How many retries an occurrence may have.
    max_retries: Option<u32>,
    /// How long one attempt may take.
    #[schema(value_type = Option<String>)]
    timeout: Option<Span>,
    /// The wait before the first retry.
    #[schema(value_type = Option<String>)]
    retry_delay: Option<Span>,
    /// The waits before each retry.
    #[schema(value_type = Option<Vec<String>>)]
    retry_intervals: Option<Vec<Span>>,
    /// When it was created.
    #[schema(value_type = String, format = DateTime)]
    created_at: Time,
    /// When somebody changed it last.
    #[schema(value_type = String, format = DateTime)]
    updated_at: Time,
    /// What its caller should know, such as that nothing runs its type; not there when there is nothing, and in lists.
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    #[schema(required = false, example = json!([]))]
    warnings: &'a [String],
    /// Grows with every change; its `ETag`.
    #[schema(example = 1)]
    revision: u32,
}

impl<'a> RecurringView<'a> {
    /// The same with what its caller should know.
    pub(super) fn warned(self, warnings: &'a [String]) -> Self {
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
        let next_runs = std::iter::successors(*next_run_at, |last| schedule.next_after(*last));
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
            next_runs: next_runs.take(NEXT_SHOWN).map(Time).collect(),
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

/// A page of the list of recurring jobs, the newest first.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in super::super) struct RecurringListView<'a> {
    /// The recurring jobs.
    pub recurring_jobs: Vec<RecurringView<'a>>,
    /// How many there are, on all pages.
    #[schema(example = 12)]
    pub total_count: u64,
    /// Whether more follow.
    #[schema(example = false)]
    pub has_more: bool,
}
