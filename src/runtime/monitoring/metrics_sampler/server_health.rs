//! The server's health between two checks, and its transitions.

use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::time::Instant;
use tracing::{info, warn};

use super::context::SamplerContext;
use crate::domain::metrics::health;
use crate::domain::metrics::health::{Health, HealthChange, HealthReason, HealthState, HealthWatch, Observations};
use crate::storage::outage::StorageOutage;

/// Time for which the restart of an actor counts.
const RESTARTS_REMEMBERED: Duration = Duration::from_secs(300);

/// The server's health. Healthy until the first check.
pub(super) struct ServerHealth {
    health: Health,
    watch: HealthWatch,
    started: Instant,
    /// Start of the present state; `None` before the actor starts.
    since: Option<DateTime<Utc>>,
    restarts_seen: u64,
    recent_restarts: Vec<(Instant, u64)>,
}

impl ServerHealth {
    pub(super) fn new() -> Self {
        Self {
            health: Health::healthy(),
            watch: HealthWatch::default(),
            started: Instant::now(),
            since: None,
            restarts_seen: 0,
            recent_restarts: Vec::new(),
        }
    }

    /// Starts the present state, unless it has started before.
    pub(super) fn start(&mut self, now: DateTime<Utc>) {
        self.since.get_or_insert(now);
    }

    pub(super) fn health(&self) -> &Health {
        &self.health
    }

    pub(super) fn state(&self) -> HealthState {
        self.health.state
    }

    /// Evaluates what a check has observed. Returns the change, if it is to be published.
    pub(super) fn evaluate(
        &mut self,
        mut observations: Observations,
        context: &SamplerContext,
        now: DateTime<Utc>,
    ) -> Option<HealthChange> {
        observations.restarts_lately = self.recent_restarts(context.supervisor.restarts());
        let rules = &context.options.rules;
        let found = health::evaluate(observations, rules);
        let health = self.watch.update(found, self.started.elapsed(), rules);
        self.transition(health, now, &context.outage)
    }

    fn recent_restarts(&mut self, count: u64) -> u64 {
        if count > self.restarts_seen {
            self.recent_restarts.push((Instant::now(), count - self.restarts_seen));
            self.restarts_seen = count;
        }
        self.recent_restarts
            .retain(|(at, _)| at.elapsed() < RESTARTS_REMEMBERED);
        self.recent_restarts.iter().map(|(_, count)| count).sum()
    }

    fn transition(&mut self, health: Health, at: DateTime<Utc>, outage: &StorageOutage) -> Option<HealthChange> {
        if !health.differs_from(&self.health) {
            self.health = health;
            return None;
        }
        log_change(&self.health, &health, outage);
        let change = HealthChange {
            before: self.health.state,
            before_since: self.since.unwrap_or(at),
            after: health.clone(),
        };
        if health.state != self.health.state {
            self.since = Some(at);
        }
        self.health = health;
        Some(change)
    }
}

/// Logs a change of health, unless an outage of storage is its only reason: the outage logs itself.
fn log_change(before: &Health, after: &Health, outage: &StorageOutage) {
    let others = |health: &Health| {
        let is_logged = |reason: &HealthReason| {
            reason.is_of_storage() || (outage.is_ongoing() && matches!(reason, HealthReason::DiskFull { .. }))
        };
        let reasons = health.reasons.iter().filter(|reason| !is_logged(reason));
        Health::of(reasons.cloned().collect())
    };
    if !others(after).differs_from(&others(before)) {
        return;
    }
    let state = after.state.as_str();
    if after.state == HealthState::Healthy {
        info!("health recovered: {state}");
    } else {
        let reasons: Vec<String> = after.reasons.iter().map(HealthReason::message).collect();
        warn!("health changed to {state}: {}", reasons.join("; "));
    }
}
