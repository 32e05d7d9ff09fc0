//! Health of the server, with the reasons for problems.
//!
//! [`evaluate`] evaluates observations against thresholds; [`HealthWatch`] adds hysteresis over successive evaluations, so
//! that problems that come and go are not reported each time.

mod evaluation;
mod reason;
mod report;
mod rules;
mod state;
mod watch;

pub use self::evaluation::{DiskRoom, Observations, evaluate};
pub use self::reason::HealthReason;
pub use self::report::{Health, HealthChange};
pub use self::rules::HealthRules;
pub use self::state::HealthState;
pub use self::watch::HealthWatch;

#[cfg(test)]
mod tests;
