//! Changes of the server's health.

use async_graphql::Object;

use super::enums::HealthState;
use crate::api::graphql::scalars::DateTime;
use crate::views::health::{HealthAlertView, ReasonView};
use crate::views::values::Time;

/// A change of the server's health, and its time.
pub(in super::super) struct HealthAlert {
    at: Time,
    alert: HealthAlertView,
}

impl HealthAlert {
    /// A change at this time.
    pub(in super::super) fn new(at: Time, alert: HealthAlertView) -> Self {
        Self { at, alert }
    }
}

/// A change of the server's health.
#[Object]
impl HealthAlert {
    /// Time of the change.
    async fn at(&self) -> DateTime {
        self.at.into()
    }

    /// Health status after the change.
    async fn status(&self) -> HealthState {
        self.alert.status.0.into()
    }

    /// Health status before the change.
    async fn previous_status(&self) -> HealthState {
        self.alert.previous_status.0.into()
    }

    /// Time since which the previous status held.
    async fn previous_since(&self) -> DateTime {
        self.alert.previous_since.into()
    }

    /// Causes of the status; empty if it is healthy.
    async fn reasons(&self) -> Vec<HealthReason<'_>> {
        self.alert.reasons.iter().map(HealthReason).collect()
    }
}

/// Cause of a health status.
pub(in super::super) struct HealthReason<'a>(pub(super) &'a ReasonView);

/// Cause of a health status.
#[Object]
impl HealthReason<'_> {
    /// Code for programs: `storage-unavailable`, `actors-restarted` or `writes-pile-up`.
    async fn code(&self) -> &str {
        self.0.code
    }

    /// Description for users.
    async fn message(&self) -> &str {
        &self.0.message
    }
}
