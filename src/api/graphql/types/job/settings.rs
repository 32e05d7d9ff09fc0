//! Input fields that jobs and recurring jobs share.

use async_graphql::{InputObject, Result};
use serde_json::value::RawValue;

use crate::api::contract::request::settings::JobSettings;
use crate::api::graphql::scalars::{Json, TimeSpan};
use crate::api::graphql::types::enums::Priority;
use crate::api::graphql::types::scalar_parsing;
use crate::api::graphql::types::scalar_parsing::Place;

/// Settings of a job, or of the occurrences of a recurring job.
#[derive(Debug, InputObject)]
pub(crate) struct JobSettingsInput {
    /// Display name, 1 to 200 characters; that of a new job is its type by default. Occurrences have the recurring job's.
    name: Option<String>,
    /// Name of the queue of the job or of the occurrences: 1 to 100 letters, digits and `_ . : -`.
    queue: Option<String>,
    /// Input of the handler.
    pub(crate) parameters: Option<Json>,
    /// Priority of the job or of the occurrences; that of a new job is normal by default.
    priority: Option<Priority>,
    /// Maximum number of retries: 0 to 1000.
    max_retries: Option<i32>,
    /// Timeout of an attempt.
    timeout: Option<TimeSpan>,
    /// Backoff before the first retry; it doubles with each further one.
    retry_delay: Option<TimeSpan>,
    /// Backoffs before the first, second, … retry, at most 100; the last one repeats. Replaces `retryDelay`.
    retry_intervals: Option<Vec<TimeSpan>>,
    /// Tags by which the job or the occurrences are found: at most 10, of at most 64 characters. They replace previous ones.
    tags: Option<Vec<String>>,
}

impl JobSettingsInput {
    /// The settings of the input, with the JSON text of its parameters.
    pub(crate) fn into_settings<'a>(self, place: &Place, parameters: Option<&'a RawValue>) -> Result<JobSettings<'a>> {
        let Self {
            name,
            queue,
            parameters: _,
            priority,
            max_retries,
            timeout,
            retry_delay,
            retry_intervals,
            tags,
        } = self;
        Ok(JobSettings {
            name: place.text("name", name)?,
            queue: place.text("queue", queue)?,
            parameters,
            priority: scalar_parsing::priority(priority),
            max_retries: place.number("maxRetries", max_retries)?,
            timeout: place.span("timeout", timeout)?,
            retry_delay: place.span("retryDelay", retry_delay)?,
            retry_intervals: place.spans("retryIntervals", retry_intervals)?,
            tags: place.texts("tags", tags)?,
        })
    }
}
