//! Health with its reasons, and its changes.

use chrono::{DateTime, Utc};

use super::reason::HealthReason;
use super::state::HealthState;

/// Health with its reasons.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Health {
    /// State.
    pub state: HealthState,
    /// Reasons; empty if healthy.
    pub reasons: Vec<HealthReason>,
}

impl Health {
    /// Healthy, without reasons.
    pub const fn healthy() -> Self {
        Self {
            state: HealthState::Healthy,
            reasons: Vec::new(),
        }
    }

    /// Health by these reasons; the worst one defines the state.
    pub fn of(mut reasons: Vec<HealthReason>) -> Self {
        reasons.sort_by_key(HealthReason::order);
        let state = reasons
            .iter()
            .map(HealthReason::weight)
            .max()
            .unwrap_or(HealthState::Healthy);
        Self { state, reasons }
    }

    /// True if the change from `before` is to be reported: the state or the set of reasons differs. Other figures of
    /// the same reasons are not reported.
    pub fn differs_from(&self, before: &Self) -> bool {
        let codes = |health: &Self| health.reasons.iter().map(HealthReason::code).collect::<Vec<_>>();
        self.state != before.state || codes(self) != codes(before)
    }
}

/// A change of health.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HealthChange {
    /// The previous state.
    pub before: HealthState,
    /// Start of the previous state.
    pub before_since: DateTime<Utc>,
    /// The new health.
    pub after: Health,
}
