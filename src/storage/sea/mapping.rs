//! Between rows and the domain. Each conversion takes its source apart field by field, so that a new column or field
//! can't be forgotten.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use entities::{attempt, job};
use sea_orm::Value;

use super::error::corrupt;
use super::labels::stored::from_stored as from_stored_labels;
use crate::domain::job::attempt::{Attempt, AttemptStatus};
use crate::domain::job::priority::Priority;
use crate::domain::job::retry::RetryPolicy;
use crate::domain::job::status::JobStatus;
use crate::domain::job::{Job, Occurrence};
use crate::domain::recurring::RecurringId;
use crate::domain::values::id::{JobId, NodeId};
use crate::domain::values::json::Json;
use crate::domain::values::name::{JobName, JobType, QueueName, UniqueKey};
use crate::domain::values::time_span::TimeSpan;
use crate::domain::values::trace_state::from_stored;
use crate::storage::repository::RepositoryError;

/// A number of rows as both databases count.
pub(super) fn row_count(rows: u64) -> i64 {
    i64::try_from(rows).unwrap_or(i64::MAX)
}

/// A time in the database.
pub(super) fn micros(time: DateTime<Utc>) -> i64 {
    time.timestamp_micros()
}

/// A time from the database.
pub(super) fn time(micros: i64) -> Result<DateTime<Utc>, RepositoryError> {
    DateTime::from_timestamp_micros(micros).ok_or_else(|| corrupt(format!("{micros} is no time")))
}

pub(super) fn optional_time(micros: Option<i64>) -> Result<Option<DateTime<Utc>>, RepositoryError> {
    micros.map(time).transpose()
}

pub(super) fn status(code: i16) -> Result<JobStatus, RepositoryError> {
    JobStatus::from_code(code).ok_or_else(|| corrupt(format!("{code} is no status of a job")))
}

pub(super) fn priority(code: i16) -> Result<Priority, RepositoryError> {
    Priority::from_code(i64::from(code)).map_err(|error| corrupt(error.to_string()))
}

/// A count from the database; it never writes a negative one.
pub(super) fn count(number: i32) -> u32 {
    u32::try_from(number).unwrap_or_default()
}

/// A count for the database.
pub(super) fn int(number: u32) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

pub(super) fn created_at(id: JobId) -> Result<DateTime<Utc>, RepositoryError> {
    id.created_at()
        .ok_or_else(|| corrupt(format!("{id} is no job id of version 7")))
}

pub(super) fn text(value: Option<&Arc<str>>) -> Value {
    Value::String(value.map(|text| text.to_string()))
}

pub(super) fn intervals_text(policy: &RetryPolicy) -> Option<String> {
    (!policy.intervals.is_empty()).then(|| intervals_text_of(&policy.intervals))
}

pub(super) fn intervals_text_of(intervals: &[TimeSpan]) -> String {
    let numbers: Vec<String> = intervals
        .iter()
        .map(|interval| interval.as_micros().to_string())
        .collect();
    numbers.join(",")
}

/// Time spans from the text that [`intervals_text_of`] writes.
pub(super) fn spans(text: &str) -> Result<Vec<TimeSpan>, RepositoryError> {
    text.split(',')
        .filter(|number| !number.is_empty())
        .map(|number| {
            number
                .parse()
                .map(TimeSpan::from_micros)
                .map_err(|_| corrupt(format!("'{text}' are no intervals")))
        })
        .collect()
}

/// A job from its row. A claim reads jobs in the commit that starts others: what another program has written wrong in one of
/// them is replaced by its usual value, and does not fail the commit. Only a status has none.
pub(super) fn job(row: job::Model) -> Result<Job, RepositoryError> {
    let job::Model {
        id,
        name,
        job_type,
        queue,
        priority: priority_code,
        status: status_code,
        parameters,
        result,
        error,
        error_detail,
        due_at,
        due_from,
        started_at,
        finished_at,
        attempt,
        retry_count,
        max_retries,
        retry_delay,
        retry_intervals,
        timeout,
        unique_key,
        labels,
        recurring_id,
        occurrence_at,
        trace_parent,
        cancel_requested,
        node,
        revision,
        claimed_by,
    } = row;
    let id = JobId::from_uuid(id);
    let (place, propagated) = trace_parent.as_deref().map(from_stored).unwrap_or_default();
    let due_at = time(due_at).unwrap_or(DateTime::UNIX_EPOCH);
    Ok(Job {
        id,
        name: JobName::from_stored(name),
        job_type: JobType::from_stored(job_type),
        queue: QueueName::from_stored(queue),
        priority: priority(priority_code).unwrap_or_default(),
        status: status(status_code)?,
        parameters: Json::from_valid(parameters),
        result: result.map(Json::from_valid),
        error: error.map(Arc::from),
        error_detail: error_detail.map(Arc::from),
        created_at: created_at(id).unwrap_or(due_at),
        due_at,
        due_from: optional_time(due_from).unwrap_or_default(),
        started_at: optional_time(started_at).unwrap_or_default(),
        finished_at: optional_time(finished_at).unwrap_or_default(),
        attempt: count(attempt),
        retry_count: count(retry_count),
        max_retries: count(max_retries),
        retry_policy: RetryPolicy {
            delay: TimeSpan::from_micros(retry_delay),
            intervals: spans(retry_intervals.as_deref().unwrap_or_default())
                .unwrap_or_default()
                .into(),
        },
        timeout: TimeSpan::from_micros(timeout),
        unique_key: unique_key.map(UniqueKey::from_stored),
        labels: labels.as_deref().and_then(from_stored_labels),
        occurrence: match (recurring_id, occurrence_at) {
            (Some(id), Some(occurrence_at)) => Some(Occurrence {
                recurring_id: RecurringId::from_uuid(id),
                due_at: time(occurrence_at).unwrap_or(due_at),
            }),
            (_, _) => None,
        },
        trace_parent: place,
        propagated,
        cancel_requested,
        node: node.map(NodeId::from_uuid),
        claimed_by: claimed_by.map(NodeId::from_uuid),
        revision: count(revision),
        is_brief: false,
    })
}

/// An attempt from its row.
pub(super) fn attempt(row: attempt::Model) -> Result<Attempt, RepositoryError> {
    let attempt::Model {
        job_id,
        number,
        status,
        started_at,
        ended_at,
        error,
        error_detail,
        node,
    } = row;
    Ok(Attempt {
        job_id: JobId::from_uuid(job_id),
        number: count(number),
        status: AttemptStatus::from_code(status)
            .ok_or_else(|| corrupt(format!("{status} is no status of an attempt")))?,
        started_at: time(started_at)?,
        ended_at: Some(time(ended_at)?),
        error: error.map(Arc::from),
        error_detail: error_detail.map(Arc::from),
        node: NodeId::from_uuid(node),
    })
}
