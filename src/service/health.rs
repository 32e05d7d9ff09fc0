//! Use cases of health.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::domain;
use crate::domain::metrics::health::{HealthReason, HealthState};
use crate::runtime::RuntimeHandle;
use crate::runtime::monitoring::messages::{CheckHealth, ReadHealth};
use crate::storage::repository::{JobRepository, RepositoryError};

/// Readiness of the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Readiness {
    /// Ready.
    Ready {
        /// Number of actor restarts since the start.
        restarted_actors: u64,
        /// Health with its reasons.
        health: domain::metrics::health::Health,
    },
    /// Not ready, for reasons other than storage.
    Unhealthy {
        /// The reasons.
        reasons: Vec<HealthReason>,
    },
    /// Shutting down.
    Stopping,
    /// Storage is unavailable.
    StorageUnavailable {
        /// The storage error.
        reason: String,
    },
}

/// Use cases of health.
#[derive(Clone)]
pub struct Health {
    repository: Arc<dyn JobRepository>,
    runtime: RuntimeHandle,
    is_stopping: Arc<AtomicBool>,
}

impl Health {
    /// Health of this storage and this runtime.
    pub fn new(repository: Arc<dyn JobRepository>, runtime: RuntimeHandle) -> Self {
        Self {
            repository,
            runtime,
            is_stopping: Arc::default(),
        }
    }

    /// Marks the server as shutting down.
    pub(crate) fn stopping(&self) {
        self.is_stopping.store(true, Ordering::Relaxed);
    }

    /// The current readiness.
    pub async fn readiness(&self) -> Readiness {
        if self.is_stopping.load(Ordering::Relaxed) {
            return Readiness::Stopping;
        }
        match self.repository.ping().await {
            Ok(()) => {}
            Err(RepositoryError::Fault { fault, reason: _ }) => {
                // Updates the health that other facades report.
                let _ = self.runtime.sampler.try_send(CheckHealth);
                return Readiness::Unhealthy {
                    reasons: vec![HealthReason::of_fault(fault)],
                };
            }
            Err(failure) => {
                let _ = self.runtime.sampler.try_send(CheckHealth);
                return Readiness::StorageUnavailable {
                    reason: failure.to_string(),
                };
            }
        }
        // While the sampler restarts its last result is unknown.
        let mut health = self
            .runtime
            .sampler
            .send(ReadHealth)
            .await
            .unwrap_or(domain::metrics::health::Health::healthy());
        // Storage has just responded: its reported problems are outdated.
        health.reasons.retain(|reason| !reason.is_of_storage());
        let health = domain::metrics::health::Health::of(health.reasons);
        match health.state {
            HealthState::Unhealthy => Readiness::Unhealthy {
                reasons: health.reasons,
            },
            HealthState::Healthy | HealthState::Degraded => Readiness::Ready {
                restarted_actors: self.runtime.supervisor.restarts(),
                health,
            },
        }
    }
}
