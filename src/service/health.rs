//! Whether the server can do its work.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::runtime::RuntimeHandle;
use crate::storage::repository::JobRepository;

/// Whether the server can do its work, and why not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Readiness {
    /// It can.
    Ready {
        /// How often actors had to be restarted since it started.
        restarted_actors: u64,
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
            Ok(()) => Readiness::Ready {
                restarted_actors: self.runtime.restarts.count(),
            },
            Err(failure) => Readiness::StorageUnavailable {
                reason: failure.to_string(),
            },
        }
    }
}
