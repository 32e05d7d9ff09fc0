//! Settings that requests for jobs and for recurring jobs share.

use serde_json::value::RawValue;

use super::job::JobRequest;
use super::job_update::PatchRequest;
use super::recurring::RecurringPatch;
use crate::api::contract::field_values::{Parsed, PriorityValue, RetryCount};
use crate::domain::values::name::{JobName, QueueName, Tag};
use crate::domain::values::time_span::TimeSpan;

/// Settings of a job, or of the occurrences of a recurring job.
pub(crate) struct JobSettings<'a> {
    /// Display name.
    pub(crate) name: Option<Parsed<JobName>>,
    /// Name of the queue.
    pub(crate) queue: Option<Parsed<QueueName>>,
    /// Input of the handler.
    pub(crate) parameters: Option<&'a RawValue>,
    /// Priority.
    pub(crate) priority: Option<PriorityValue>,
    /// Maximum number of retries.
    pub(crate) max_retries: Option<RetryCount>,
    /// Timeout of an attempt.
    pub(crate) timeout: Option<Parsed<TimeSpan>>,
    /// Backoff before the first retry.
    pub(crate) retry_delay: Option<Parsed<TimeSpan>>,
    /// Backoffs before each retry.
    pub(crate) retry_intervals: Option<Vec<Parsed<TimeSpan>>>,
    /// Tags.
    pub(crate) tags: Option<Vec<Parsed<Tag>>>,
}

macro_rules! request_with_settings {
    ($($request:ident),+) => {$(
        impl<'a> From<JobSettings<'a>> for $request<'a> {
            fn from(settings: JobSettings<'a>) -> Self {
                let JobSettings {
                    name,
                    queue,
                    parameters,
                    priority,
                    max_retries,
                    timeout,
                    retry_delay,
                    retry_intervals,
                    tags,
                } = settings;
                Self {
                    name,
                    queue,
                    parameters,
                    priority,
                    max_retries,
                    timeout,
                    retry_delay,
                    retry_intervals,
                    tags,
                    ..Self::default()
                }
            }
        }
    )+};
}

request_with_settings!(JobRequest, PatchRequest, RecurringPatch);
