//! The state that the use cases share.

use std::num::NonZeroU32;
use std::sync::Arc;

use crate::domain::queue::QueueSettings;
use crate::domain::values::name::QueueName;
use crate::runtime::RuntimeHandle;
use crate::storage::repository::JobRepository;

/// Use cases of explanations.
#[derive(Clone)]
pub(crate) struct Explanations {
    pub(super) repository: Arc<dyn JobRepository>,
    pub(super) runtime: RuntimeHandle,
    pub(super) configured: Arc<[QueueSettings]>,
    pub(super) workers_by_default: NonZeroU32,
}

impl Explanations {
    /// Use cases over this storage and this runtime.
    pub(crate) fn new(
        repository: Arc<dyn JobRepository>,
        runtime: RuntimeHandle,
        configured: Arc<[QueueSettings]>,
        workers_by_default: NonZeroU32,
    ) -> Self {
        Self {
            repository,
            runtime,
            configured,
            workers_by_default,
        }
    }

    /// The settings of a configured queue.
    pub(super) fn settings(&self, name: &QueueName) -> Option<&QueueSettings> {
        self.configured.iter().find(|settings| settings.name == *name)
    }

    /// Number of workers of a queue on each server, as this one is configured.
    pub(super) fn workers_of(&self, name: &QueueName) -> u32 {
        self.settings(name)
            .map_or(self.workers_by_default, |settings| settings.workers)
            .get()
    }
}
