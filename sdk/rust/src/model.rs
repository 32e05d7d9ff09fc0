//! What is sent and what comes back.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tickerq::domain::id::JobId;
use tickerq::domain::priority::Priority;
use tickerq::domain::recurring::RecurringId;
use tickerq::domain::status::JobStatus;
use tickerq::domain::time_span::TimeSpan;

use crate::wire;

/// A job in a list.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the fields are those of the API's description")]
pub struct JobItem {
    #[serde(deserialize_with = "wire::text")]
    pub id: JobId,
    pub name: String,
    #[serde(rename = "type")]
    pub job_type: String,
    pub queue: String,
    #[serde(deserialize_with = "wire::text")]
    pub status: JobStatus,
    #[serde(deserialize_with = "wire::text")]
    pub priority: Priority,
    pub created_at: DateTime<Utc>,
    pub run_at: DateTime<Utc>,
    pub executed_at: Option<DateTime<Utc>>,
    pub completed_at: Option<DateTime<Utc>>,
    #[serde(deserialize_with = "wire::optional")]
    pub duration: Option<TimeSpan>,
    pub attempt: u32,
    pub retry_count: u32,
    pub max_retries: u32,
    #[serde(default, deserialize_with = "wire::optional")]
    pub recurring_job_id: Option<RecurringId>,
    pub error: Option<String>,
}

/// A job with everything that is known of it.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the fields are those of the API's description")]
pub struct Job {
    #[serde(deserialize_with = "wire::text")]
    pub id: JobId,
    pub name: String,
    #[serde(rename = "type")]
    pub job_type: String,
    pub queue: String,
    #[serde(deserialize_with = "wire::text")]
    pub status: JobStatus,
    #[serde(deserialize_with = "wire::text")]
    pub priority: Priority,
    pub created_at: DateTime<Utc>,
    pub run_at: DateTime<Utc>,
    pub executed_at: Option<DateTime<Utc>>,
    pub completed_at: Option<DateTime<Utc>>,
    #[serde(deserialize_with = "wire::optional")]
    pub duration: Option<TimeSpan>,
    pub attempt: u32,
    pub retry_count: u32,
    pub max_retries: u32,
    pub parameters: Value,
    pub result: Option<Value>,
    pub error: Option<String>,
    pub error_detail: Option<String>,
    pub execution_history: Vec<Attempt>,
    #[serde(deserialize_with = "wire::text")]
    pub timeout: TimeSpan,
    #[serde(deserialize_with = "wire::text")]
    pub retry_delay: TimeSpan,
    #[serde(deserialize_with = "wire::list")]
    pub retry_intervals: Vec<TimeSpan>,
    pub unique_key: Option<String>,
    #[serde(deserialize_with = "wire::optional")]
    pub recurring_job_id: Option<RecurringId>,
    pub occurrence_at: Option<DateTime<Utc>>,
    pub cancel_requested: bool,
    pub progress: Option<Progress>,
    #[serde(default)]
    pub log: Vec<LogLine>,
    pub revision: u32,
}

/// One execution of a job.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the fields are those of the API's description")]
pub struct Attempt {
    pub attempt: u32,
    pub started_at: DateTime<Utc>,
    pub completed_at: Option<DateTime<Utc>>,
    pub status: String,
    #[serde(deserialize_with = "wire::optional")]
    pub duration: Option<TimeSpan>,
    pub error: Option<String>,
    pub error_detail: Option<String>,
    pub node: String,
    pub worker: Option<String>,
}

/// How far an attempt has got.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Progress {
    /// From 0 to 100.
    pub percent: f64,
    /// What it is doing.
    pub message: Option<String>,
}

/// A line that an attempt has logged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogLine {
    /// When.
    pub at: DateTime<Utc>,
    /// `debug`, `info`, `warning` or `error`.
    pub level: String,
    /// What it said.
    pub message: String,
}

/// A part of the list of jobs.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct JobPage {
    /// The jobs, the newest first.
    pub jobs: Vec<JobItem>,
    /// How many the filter means.
    pub total_count: u64,
    /// Whether more follow.
    pub has_more: bool,
}

/// Which jobs are meant, and which part of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields are those of the API's description")]
pub struct JobFilter {
    pub statuses: Vec<JobStatus>,
    pub job_types: Vec<String>,
    pub queue: Option<String>,
    pub priority: Option<Priority>,
    pub recurring_job_id: Option<RecurringId>,
    pub search: Option<String>,
    pub from: Option<DateTime<Utc>>,
    pub to: Option<DateTime<Utc>>,
    pub limit: Option<u32>,
    pub offset: Option<u64>,
    pub after: Option<JobId>,
}

impl JobFilter {
    pub(crate) fn query(&self) -> Vec<(&'static str, String)> {
        let Self {
            statuses,
            job_types,
            queue,
            priority,
            recurring_job_id,
            search,
            from,
            to,
            limit,
            offset,
            after,
        } = self;
        let statuses: Vec<&str> = statuses.iter().map(|status| status.as_str()).collect();
        let given = [
            ("status", (!statuses.is_empty()).then(|| statuses.join(","))),
            ("type", (!job_types.is_empty()).then(|| job_types.join(","))),
            ("queue", queue.clone()),
            ("priority", priority.map(|priority| priority.as_str().to_owned())),
            ("recurringJobId", recurring_job_id.map(|id| id.to_string())),
            ("search", search.clone()),
            ("from", from.map(|time| time.to_rfc3339())),
            ("to", to.map(|time| time.to_rfc3339())),
            ("limit", limit.map(|limit| limit.to_string())),
            ("offset", offset.map(|offset| offset.to_string())),
            ("after", after.map(|id| id.to_string())),
        ];
        given
            .into_iter()
            .filter_map(|(name, value)| Some((name, value?)))
            .collect()
    }
}

/// A job to be run, or what of a pending job is to be changed.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the fields are those of the API's description")]
pub struct NewJob {
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub job_type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub queue: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parameters: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "wire::write_priority")]
    pub priority: Option<Priority>,
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "wire::write_optional")]
    pub delay: Option<TimeSpan>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run_at: Option<DateTime<Utc>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_retries: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "wire::write_optional")]
    pub timeout: Option<TimeSpan>,
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "wire::write_optional")]
    pub retry_delay: Option<TimeSpan>,
    #[serde(skip_serializing_if = "Vec::is_empty", serialize_with = "wire::write_list")]
    pub retry_intervals: Vec<TimeSpan>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unique_key: Option<String>,
    /// Under one key a request takes effect once; each has one of its own by default.
    #[serde(skip)]
    pub idempotency_key: Option<String>,
}

impl NewJob {
    /// A job of this type.
    pub fn of_type(job_type: impl Into<String>) -> Self {
        Self {
            job_type: Some(job_type.into()),
            ..Self::default()
        }
    }

    /// With these parameters. What can't become JSON (a map whose keys are no texts) becomes `null`.
    #[must_use]
    pub fn parameters(self, parameters: &impl Serialize) -> Self {
        Self {
            parameters: Some(serde_json::to_value(parameters).unwrap_or(Value::Null)),
            ..self
        }
    }

    /// In this queue.
    #[must_use]
    pub fn queue(self, queue: impl Into<String>) -> Self {
        Self {
            queue: Some(queue.into()),
            ..self
        }
    }
}

/// A recurring job to be made, to take another's place, or what of it is to be changed.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the fields are those of the API's description")]
pub struct NewRecurringJob {
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub job_type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cron_expression: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parameters: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    /// Any other field: `misfirePolicy`, `overlapPolicy`, `queue`, `startsAt` …
    #[serde(flatten)]
    pub more: BTreeMap<String, Value>,
}

/// A recurring job.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the fields are those of the API's description")]
pub struct RecurringJob {
    #[serde(deserialize_with = "wire::text")]
    pub id: RecurringId,
    pub name: String,
    #[serde(rename = "type")]
    pub job_type: String,
    pub cron_expression: String,
    pub time_zone: String,
    pub enabled: bool,
    pub next_run_at: Option<DateTime<Utc>>,
    pub revision: u32,
    /// All other fields.
    #[serde(flatten)]
    pub more: BTreeMap<String, Value>,
}

/// A part of the list of recurring jobs.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RecurringPage {
    /// The recurring jobs, the newest first.
    pub recurring_jobs: Vec<RecurringJob>,
    /// How many there are.
    pub total_count: u64,
    /// Whether more follow.
    pub has_more: bool,
}

/// A queue.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the fields are those of the API's description")]
pub struct Queue {
    pub name: String,
    pub status: String,
    pub pending_jobs: u64,
    pub running_jobs: u64,
    pub completed_jobs: u64,
    pub failed_jobs: u64,
    pub cancelled_jobs: u64,
    pub workers: u32,
    /// How many pending jobs were removed, where that was asked for.
    #[serde(default)]
    pub cleared_pending: u64,
    /// How many failed jobs were removed, where that was asked for.
    #[serde(default)]
    pub cleared_failed: u64,
}

/// A remote worker.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the fields are those of the API's description")]
pub struct WorkerInfo {
    pub id: String,
    pub name: String,
    pub status: String,
    pub types: Vec<String>,
    pub queues: Vec<String>,
    pub concurrency: u32,
    pub running_jobs: u64,
    pub lease_until: DateTime<Utc>,
    #[serde(deserialize_with = "wire::text")]
    pub lease: TimeSpan,
    #[serde(deserialize_with = "wire::text")]
    pub heartbeat_interval: TimeSpan,
}

/// A job that a worker has been given.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the fields are those of the API's description")]
pub struct LeasedJob {
    #[serde(deserialize_with = "wire::text")]
    pub job_id: JobId,
    pub lease_token: String,
    pub name: String,
    #[serde(rename = "type")]
    pub job_type: String,
    pub queue: String,
    #[serde(deserialize_with = "wire::text")]
    pub priority: Priority,
    pub attempt: u32,
    pub retry_count: u32,
    pub max_retries: u32,
    pub parameters: Value,
    pub created_at: DateTime<Utc>,
    #[serde(deserialize_with = "wire::text")]
    pub timeout: TimeSpan,
    #[serde(deserialize_with = "wire::optional")]
    pub recurring_job_id: Option<RecurringId>,
}

/// A job that a worker runs, and what it says of it.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the fields are those of the API's description")]
pub struct Held {
    pub job_id: String,
    pub lease_token: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub progress: Option<Progress>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub log: Vec<LogLine>,
}

/// What a worker is told that has said that it lives.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Beat {
    /// Until when its jobs are its own.
    pub lease_until: DateTime<Utc>,
    /// Jobs that should stop.
    #[serde(deserialize_with = "wire::list")]
    pub cancelled: Vec<JobId>,
    /// Jobs that are not the worker's any more.
    #[serde(deserialize_with = "wire::list")]
    pub lost: Vec<JobId>,
}

/// What became of a job that a worker ran: fields of `complete` or of `fail`.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the fields are those of the API's description")]
pub struct Ended {
    pub job_id: String,
    pub lease_token: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub result: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outcome: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "wire::write_optional")]
    pub retry_after: Option<TimeSpan>,
}
