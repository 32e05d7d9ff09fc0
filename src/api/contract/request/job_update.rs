//! Changes of a pending job.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::job::{due, json_of, spans, tags_of};
use crate::api::contract::field_error::FieldError;
use crate::api::contract::field_values::{Parsed, PriorityValue, RetryCount};
use crate::domain::job::state_machine::JobUpdate;
use crate::domain::values::name::{JobName, QueueName, Tag};
use crate::domain::values::time_span::TimeSpan;
use crate::views::words::PriorityWord;

/// Changes of a pending job. Omitted or `null` fields are not changed.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct PatchRequest<'a> {
    /// Display name.
    #[schema(value_type = Option<String>, min_length = 1, max_length = 200, example = "Welcome Email")]
    pub(crate) name: Option<Parsed<JobName>>,
    /// Name of the queue.
    #[schema(value_type = Option<String>, min_length = 1, max_length = 100, pattern = "^[A-Za-z0-9_.:-]+$", example = "default")]
    pub(crate) queue: Option<Parsed<QueueName>>,
    /// Input of the handler, which replaces the previous one.
    #[serde(borrow)]
    #[schema(value_type = Option<serde_json::Value>)]
    pub(crate) parameters: Option<&'a RawValue>,
    /// `low`, `normal`, `high` or `critical`, in any case; or 0 to 3.
    #[schema(value_type = Option<PriorityWord>)]
    pub(crate) priority: Option<PriorityValue>,
    /// Time from now until it is due. Mutually exclusive with `runAt`.
    #[schema(value_type = Option<String>, example = "00:05:00")]
    pub(crate) delay: Option<Parsed<TimeSpan>>,
    /// Time when it is due (RFC 3339). Mutually exclusive with `delay`.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub(crate) run_at: Option<Parsed<DateTime<Utc>>>,
    /// Maximum number of retries.
    #[schema(value_type = Option<u32>, maximum = 1000)]
    pub(crate) max_retries: Option<RetryCount>,
    /// Timeout of an attempt.
    #[schema(value_type = Option<String>, example = "00:30:00")]
    pub(crate) timeout: Option<Parsed<TimeSpan>>,
    /// Backoff before the first retry.
    #[schema(value_type = Option<String>, example = "00:00:10")]
    pub(crate) retry_delay: Option<Parsed<TimeSpan>>,
    /// Backoffs before each retry.
    #[schema(value_type = Option<Vec<String>>, max_items = 100)]
    pub(crate) retry_intervals: Option<Vec<Parsed<TimeSpan>>>,
    /// Tags by which jobs are found, which replace the previous ones: at most 10, of at most 64 characters.
    #[schema(value_type = Option<Vec<String>>, max_items = 10)]
    pub(crate) tags: Option<Vec<Parsed<Tag>>>,
}

impl PatchRequest<'_> {
    /// The update of the request; an error if it is empty.
    pub(crate) fn into_update(self) -> Result<JobUpdate, FieldError> {
        let Self {
            name,
            queue,
            parameters,
            priority,
            delay,
            run_at,
            max_retries,
            timeout,
            retry_delay,
            retry_intervals,
            tags,
        } = self;
        let update = JobUpdate {
            name: name.map(|Parsed(name)| name),
            queue: queue.map(|Parsed(queue)| queue),
            parameters: parameters.map(json_of),
            priority: priority.map(|PriorityValue(priority)| priority),
            due: due(delay, run_at)?,
            max_retries: max_retries.map(|RetryCount(count)| count),
            timeout: timeout.map(|Parsed(timeout)| timeout),
            retry_delay: retry_delay.map(|Parsed(delay)| delay),
            retry_intervals: retry_intervals.map(spans),
            tags: tags.map(tags_of),
            searchable: Arc::default(),
        };
        if update == JobUpdate::default() {
            let detail = "the update is empty; allowed are name, queue, parameters, priority, delay, runAt, maxRetries, \
                          timeout, retryDelay, retryIntervals and tags";
            return Err(FieldError::of_request(detail));
        }
        Ok(update)
    }
}
