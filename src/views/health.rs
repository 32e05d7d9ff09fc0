//! Views of the server's health.

use serde::Serialize;
use utoipa::ToSchema;

use super::values::Time;
use super::words::Word;
use crate::domain::metrics::health::{Health, HealthChange, HealthReason, HealthState};

/// Cause of a health status.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = HealthReason)]
pub(crate) struct ReasonView {
    /// Code for programs.
    #[schema(example = "writes-pile-up")]
    pub(crate) code: &'static str,
    /// Description for users.
    pub(crate) message: String,
}

impl ReasonView {
    /// A cause for callers without the read scope: without names of queues, job types and nodes.
    pub(crate) fn without_names(reason: &HealthReason) -> Self {
        Self {
            code: reason.code(),
            message: reason.message_without_names(),
        }
    }
}

impl From<&HealthReason> for ReasonView {
    fn from(reason: &HealthReason) -> Self {
        Self {
            code: reason.code(),
            message: reason.message(),
        }
    }
}

/// A change of the server's health.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct HealthAlertView {
    /// `healthy`, `degraded` or `unhealthy`.
    pub(crate) status: Word<HealthState>,
    pub(crate) previous_status: Word<HealthState>,
    /// Time since which the previous status held.
    pub(crate) previous_since: Time,
    /// Causes of the status; empty on recovery.
    pub(crate) reasons: Vec<ReasonView>,
}

impl From<&HealthChange> for HealthAlertView {
    fn from(change: &HealthChange) -> Self {
        let HealthChange {
            before,
            before_since,
            after: Health { state, reasons },
        } = change;
        Self {
            status: Word(*state),
            previous_status: Word(*before),
            previous_since: Time(*before_since),
            reasons: reasons.iter().map(ReasonView::from).collect(),
        }
    }
}
