//! Changes of the server's health.

use async_graphql::SimpleObject;
use chrono::{DateTime as Time, Utc};

use super::enums::HealthState;
use crate::api::graphql::scalars::DateTime;
use crate::domain::metrics::health::{Health, HealthChange, HealthReason as DomainHealthReason};

/// A change of the server's health.
#[derive(Debug, SimpleObject)]
pub(in super::super) struct HealthAlert {
    /// Time of the change.
    at: DateTime,
    /// Health status after the change.
    status: HealthState,
    /// Health status before the change.
    previous_status: HealthState,
    /// Time since which the previous status held.
    previous_since: DateTime,
    /// Causes of the status; empty if it is healthy.
    reasons: Vec<HealthReason>,
}

/// Cause of a health status.
#[derive(Debug, SimpleObject)]
pub(in super::super) struct HealthReason {
    /// Code for programs: `storage-unavailable`, `actors-restarted` or `writes-pile-up`.
    code: String,
    /// Description for users.
    message: String,
}

impl From<&DomainHealthReason> for HealthReason {
    fn from(reason: &DomainHealthReason) -> Self {
        Self {
            code: reason.code().to_owned(),
            message: reason.message(),
        }
    }
}

impl HealthAlert {
    /// A change at this time.
    pub(in super::super) fn new(at: Time<Utc>, change: &HealthChange) -> Self {
        let HealthChange {
            before,
            before_since,
            after: Health { state, reasons },
        } = change;
        Self {
            at: at.into(),
            status: (*state).into(),
            previous_status: (*before).into(),
            previous_since: (*before_since).into(),
            reasons: reasons.iter().map(HealthReason::from).collect(),
        }
    }
}
