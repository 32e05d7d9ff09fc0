//! Hysteresis of health: a problem is reported after it has lasted for a while, and its end after it has been gone for
//! a while.

use std::time::Duration;

use super::reason::HealthReason;
use super::report::Health;
use super::rules::HealthRules;

/// A problem found by an evaluation.
#[derive(Clone, Debug)]
struct Problem {
    reason: HealthReason,
    first_seen: Duration,
    last_seen: Duration,
    is_reported: bool,
}

/// Current problems with their durations.
#[derive(Clone, Debug, Default)]
pub struct HealthWatch {
    problems: Vec<Problem>,
}

impl HealthWatch {
    /// Adds the result of an evaluation at `now`, which only grows, and returns the health to report. A problem that is
    /// no longer found keeps its last figures.
    pub fn update(&mut self, found: Vec<HealthReason>, now: Duration, rules: &HealthRules) -> Health {
        for reason in found {
            let known = self
                .problems
                .iter_mut()
                .find(|problem| problem.reason.code() == reason.code());
            match known {
                Some(problem) => {
                    problem.reason = reason;
                    problem.last_seen = now;
                }
                None => self.problems.push(Problem {
                    reason,
                    first_seen: now,
                    last_seen: now,
                    is_reported: false,
                }),
            }
        }
        self.problems.retain(|problem| {
            let duration = now.saturating_sub(problem.last_seen);
            // A problem that ends before it was reported is dropped.
            duration.is_zero() || (problem.is_reported && duration < clear_after(&problem.reason, rules))
        });
        for problem in &mut self.problems {
            let duration = problem.last_seen.saturating_sub(problem.first_seen);
            problem.is_reported |= duration >= rules.raise_after(&problem.reason);
        }
        let reported = self.problems.iter().filter(|problem| problem.is_reported);
        Health::of(reported.map(|problem| problem.reason.clone()).collect())
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
        | HealthReason::WriteBacklog { .. }
        | HealthReason::HandlersBlocked { .. }
        | HealthReason::QueueLatency { .. }
        | HealthReason::FailureRate { .. }
        | HealthReason::UnhandledTypes { .. }
        | HealthReason::ClockSkew { .. } => rules.clear_after,
    }
}
