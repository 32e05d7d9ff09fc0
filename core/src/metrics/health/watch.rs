//! Hysteresis of health: a problem is reported after it has lasted for a while, and its end after it has been gone for
//! a while.

use std::time::Duration;

use super::{Health, HealthReason, HealthRules};

/// A problem found by an evaluation.
#[derive(Clone, Debug)]
struct Trouble {
    reason: HealthReason,
    first_seen: Duration,
    last_seen: Duration,
    is_told: bool,
}

/// Current problems with their durations.
#[derive(Clone, Debug, Default)]
pub struct HealthWatch {
    troubles: Vec<Trouble>,
}

impl HealthWatch {
    /// Adds the result of an evaluation at `now`, which only grows, and returns the health to report. A problem that is
    /// no longer found keeps its last figures.
    pub fn look(&mut self, found: Vec<HealthReason>, now: Duration, rules: &HealthRules) -> Health {
        for reason in found {
            let known = self
                .troubles
                .iter_mut()
                .find(|trouble| trouble.reason.code() == reason.code());
            match known {
                Some(trouble) => {
                    trouble.reason = reason;
                    trouble.last_seen = now;
                }
                None => self.troubles.push(Trouble {
                    reason,
                    first_seen: now,
                    last_seen: now,
                    is_told: false,
                }),
            }
        }
        self.troubles.retain(|trouble| {
            let for_how_long = now.saturating_sub(trouble.last_seen);
            // A problem that ends before it was reported is dropped.
            for_how_long.is_zero() || (trouble.is_told && for_how_long < clear_after(&trouble.reason, rules))
        });
        for trouble in &mut self.troubles {
            let for_how_long = trouble.last_seen.saturating_sub(trouble.first_seen);
            trouble.is_told |= for_how_long >= rules.raise_after(&trouble.reason);
        }
        let told = self.troubles.iter().filter(|trouble| trouble.is_told);
        Health::of(told.map(|trouble| trouble.reason.clone()).collect())
    }
}

/// Minimum time without this problem before its end is reported. Restarts and lost nodes are already observed over a
/// period.
fn clear_after(reason: &HealthReason, rules: &HealthRules) -> Duration {
    match reason {
        HealthReason::ActorsRestarted { .. } | HealthReason::NodesLost { .. } => Duration::ZERO,
        HealthReason::StorageUnavailable
        | HealthReason::StorageFault(_)
        | HealthReason::DiskFull { .. }
        | HealthReason::WalGrows { .. }
        | HealthReason::DiskNearlyFull { .. }
        | HealthReason::WritesPileUp { .. }
        | HealthReason::HandlersBlocked { .. }
        | HealthReason::QueueLatency { .. }
        | HealthReason::FailureRate { .. }
        | HealthReason::NobodyRuns { .. }
        | HealthReason::ClockSkew { .. } => rules.clear_after,
    }
}
