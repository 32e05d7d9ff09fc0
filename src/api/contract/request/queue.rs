//! Requests of queues.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::api::contract::field_error::FieldError;

/// Jobs of a queue to delete. Without fields the pending jobs are deleted; an omitted field is false if the other one
/// is given.
#[derive(Debug, Default, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct ClearRequest {
    /// True to delete its pending jobs.
    #[schema(example = true)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) clear_pending: Option<bool>,
    /// True to delete its failed jobs.
    #[schema(example = false)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) clear_failed: Option<bool>,
}

impl ClearRequest {
    /// Statuses to clear: pending and failed.
    pub(crate) fn into_statuses(self) -> Result<(bool, bool), FieldError> {
        let (clear_pending, clear_failed) = match (self.clear_pending, self.clear_failed) {
            (None, None) => (true, false),
            (clear_pending, clear_failed) => (clear_pending.unwrap_or(false), clear_failed.unwrap_or(false)),
        };
        if clear_pending || clear_failed {
            return Ok((clear_pending, clear_failed));
        }
        let detail = "clearPending and clearFailed are both false; set one of them to true";
        Err(FieldError::new("clearPending", detail))
    }
}
