//! Changes of the server's health.

use async_graphql::SimpleObject;
use chrono::{DateTime as Time, Utc};

use super::enums::HealthState;
use crate::api::graphql::scalars::DateTime;
use crate::domain::metrics::health::{Health, HealthChange, HealthReason as DomainHealthReason};

/// A change of the server's health.
#[derive(Debug, SimpleObject)]
pub(in super::super) struct HealthAlert {
    /// When it changed.
    at: DateTime,
    /// How the server is.
    status: HealthState,
    /// How it was before.
    previous_status: HealthState,
    /// Since when it was so.
    previous_since: DateTime,
    /// What is wrong; empty when it is well again.
    reasons: Vec<HealthReason>,
}

/// What is wrong with a server.
#[derive(Debug, SimpleObject)]
pub(in super::super) struct HealthReason {
    /// A word for programs: `storage-unavailable`, `actors-restarted` or `writes-pile-up`.
    code: String,
    /// What it means, for people.
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
    /// A change that happened at this time.
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
