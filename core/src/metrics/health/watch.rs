//! What is told of many looks: something is wrong when it has been for a while, and right again when it has been for
//! another.

use std::time::Duration;

use super::{Health, HealthReason, HealthRules};

/// Something that was wrong at a look.
#[derive(Clone, Debug)]
struct Trouble {
    reason: HealthReason,
    first_seen: Duration,
    last_seen: Duration,
    is_told: bool,
}

/// Remembers what was wrong, and for how long.
#[derive(Clone, Debug, Default)]
pub struct HealthWatch {
    troubles: Vec<Trouble>,
}

impl HealthWatch {
    /// Takes in what a look has found, at a time that only grows, and gives what is to be told. A reason keeps its last
    /// numbers while it is no longer seen.
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
            // What was never told and is not seen any more has never been.
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

/// How long this must be right before that is told. Restarts and lost nodes are remembered for a while as it is.
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
