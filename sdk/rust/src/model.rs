//! The contents of requests. Those of responses are in `schemas.rs`.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::Value;
use tickerq_core::job::priority::Priority;
use tickerq_core::job::status::JobStatus;
use tickerq_core::recurring::RecurringId;
use tickerq_core::values::id::JobId;
use tickerq_core::values::time_span::TimeSpan;

use crate::json::Json;
use crate::wire;

/// The progress of a running attempt.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ProgressReport {
    /// From 0 to 100.
    pub percent: f64,
    /// A description of the current step.
    pub message: Option<String>,
}

/// A log line of a running attempt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LogReport {
    /// The time of the line.
    pub at: DateTime<Utc>,
    /// `debug`, `info`, `warning` or `error`.
    pub level: String,
    /// The text.
    pub message: String,
}

/// A filter of jobs, and a page of the result.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields are those of the API's description")]
pub struct JobFilter {
    pub statuses: Vec<JobStatus>,
    pub job_types: Vec<String>,
    pub queue: Option<String>,
    pub priority: Option<Priority>,
    pub recurring_job_id: Option<RecurringId>,
    pub search: Option<String>,
    pub filter: Option<String>,
    pub from: Option<DateTime<Utc>>,
    pub to: Option<DateTime<Utc>>,
    pub limit: Option<u32>,
    pub offset: Option<u64>,
    pub after: Option<JobId>,
    pub explain: Option<bool>,
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
            filter,
            from,
            to,
            limit,
            offset,
            after,
            explain,
        } = self;
        let statuses: Vec<&str> = statuses.iter().map(|status| status.as_str()).collect();
        let given = [
            ("status", (!statuses.is_empty()).then(|| statuses.join(","))),
            ("type", (!job_types.is_empty()).then(|| job_types.join(","))),
            ("queue", queue.clone()),
            ("priority", priority.map(|priority| priority.as_str().to_owned())),
            ("recurringJobId", recurring_job_id.map(|id| id.to_string())),
            ("search", search.clone()),
            ("filter", filter.clone()),
            ("from", from.map(|time| time.to_rfc3339())),
            ("to", to.map(|time| time.to_rfc3339())),
            ("limit", limit.map(|limit| limit.to_string())),
            ("offset", offset.map(|offset| offset.to_string())),
            ("after", after.map(|id| id.to_string())),
            ("explain", explain.map(|explain| explain.to_string())),
        ];
        given
            .into_iter()
            .filter_map(|(name, value)| Some((name, value?)))
            .collect()
    }
}

/// A job to create, or the changes of a pending job.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the fields are those of the API's description")]
pub struct NewJob {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub job_type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub queue: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parameters: Option<Json>,
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
    /// Requests with the same key take effect once; by default each request has its own.
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

    /// With these parameters. A value without a JSON representation (a map whose keys are not strings) becomes `null`.
    #[must_use]
    pub fn parameters(self, parameters: &impl Serialize) -> Self {
        Self {
            parameters: Some(Json::of(parameters).unwrap_or_default()),
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

/// A recurring job to create, its replacement, or its changes.
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
    pub parameters: Option<Json>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    /// Any other field: `misfirePolicy`, `overlapPolicy`, `queue`, `startsAt` …
    #[serde(flatten)]
    pub more: BTreeMap<String, Value>,
}

/// A leased job in a heartbeat, with its progress and log.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the fields are those of the API's description")]
pub struct Held {
    pub job_id: String,
    pub lease_token: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub progress: Option<ProgressReport>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub log: Vec<LogReport>,
}

/// The result of a leased job: the fields of `complete` or of `fail`.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the fields are those of the API's description")]
pub struct Ended {
    pub job_id: String,
    pub lease_token: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub result: Option<Json>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outcome: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "wire::write_optional")]
    pub retry_after: Option<TimeSpan>,
}
