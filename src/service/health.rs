//! Whether the server can do its work.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::domain;
use crate::domain::metrics::health::{HealthReason, HealthState};
use crate::runtime::RuntimeHandle;
use crate::runtime::monitoring::messages::{CheckHealth, ReadHealth};
use crate::storage::repository::{JobRepository, RepositoryError};

/// Whether the server can do its work, and why not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Readiness {
    /// It can.
    Ready {
        /// How often actors had to be restarted since it started.
        restarted_actors: u64,
        /// How it is, and why.
        health: domain::metrics::health::Health,
    },
    /// It can't, and storage is not why.
    Unhealthy {
        /// What is wrong.
        reasons: Vec<HealthReason>,
    },
    /// It is going down.
    Stopping,
    /// Storage can't be reached.
    StorageUnavailable {
        /// What storage said.
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

    /// Says that the server goes down.
    pub fn stopping(&self) {
        self.is_stopping.store(true, Ordering::Relaxed);
    }

    /// Whether the server can do its work.
    pub async fn readiness(&self) -> Readiness {
        if self.is_stopping.load(Ordering::Relaxed) {
            return Readiness::Stopping;
        }
        match self.repository.ping().await {
            Ok(()) => {}
            Err(RepositoryError::Fault { fault, reason: _ }) => {
                // The other ways to read the health say so, too.
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
        // Unknown while the sampler is being restarted.
        let mut health = self
            .runtime
            .sampler
            .send(ReadHealth)
            .await
            .unwrap_or(domain::metrics::health::Health::well());
        // Storage has just answered: what was told of it is past.
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
