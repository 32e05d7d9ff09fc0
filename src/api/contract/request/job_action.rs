//! Options of executing and of retrying a job.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::job::due;
use crate::api::contract::field_error::FieldError;
use crate::api::contract::field_values::{Parsed, PriorityValue};
use crate::domain::job::new_job::Due;
use crate::domain::job::priority::Priority;
use crate::domain::values::time_span::TimeSpan;
use crate::views::words::PriorityWord;

/// Options of an execution. All fields may be omitted.
#[derive(Debug, Default, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct ExecuteRequest {
    /// `low`, `normal`, `high` or `critical`, in any case; or 0 to 3. The job's own by default.
    #[schema(value_type = Option<PriorityWord>)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) priority: Option<PriorityValue>,
    /// Time until it is due. Mutually exclusive with `runAt`.
    #[schema(value_type = Option<String>, example = "00:05:00")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) delay: Option<Parsed<TimeSpan>>,
    /// Time when it is due (RFC 3339). Mutually exclusive with `delay`.
    #[schema(value_type = Option<String>, format = DateTime)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) run_at: Option<Parsed<DateTime<Utc>>>,
}

impl ExecuteRequest {
    /// The priority, if it changes, and the due time, which is now by default.
    pub(crate) fn into_parts(self) -> Result<(Option<Priority>, Due), FieldError> {
        let Self {
            priority,
            delay,
            run_at,
        } = self;
        let priority = priority.map(|PriorityValue(priority)| priority);
        Ok((priority, due(delay, run_at)?.unwrap_or_default()))
    }
}

/// Options of a retry.
#[derive(Debug, Default, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct RetryRequest {
    /// True to reset the job's retry count; false by default.
    #[schema(example = false)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reset_retry_count: Option<bool>,
}

impl RetryRequest {
    /// True if the retry count is reset.
    pub(crate) fn resets_retry_count(&self) -> bool {
        self.reset_retry_count.unwrap_or(false)
    }
}
