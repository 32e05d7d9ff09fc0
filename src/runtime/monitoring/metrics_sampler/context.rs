//! Options and dependencies of the metrics sampler.

use std::num::NonZeroU32;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::domain::metrics::health::HealthRules;
use crate::domain::queue::QueueSettings;
use crate::domain::values::id::NodeId;
use crate::runtime::actor::clock::Clock;
use crate::runtime::actor::supervisor::Supervisor;
use crate::runtime::dispatch::blocked_handlers::BlockedHandlers;
use crate::runtime::dispatch::handled_types::HandledTypes;
use crate::runtime::events::event_bus::EventBusHandle;
use crate::runtime::writer::handle::WriterHandle;
use crate::storage::outage::StorageOutage;
use crate::storage::repository::JobRepository;

/// Intervals of the sampler, and the rules of the server's health.
#[derive(Clone, Debug, PartialEq)]
pub struct SamplerOptions {
    /// Interval between two reads of queue metrics.
    pub queues_every: Duration,
    /// Interval between two reads of system metrics, and between two health checks.
    pub system_every: Duration,
    /// Thresholds of health.
    pub rules: HealthRules,
    /// The folder of the database, if it is on a disk of this machine.
    pub disk: Option<Arc<Path>>,
}

impl Default for SamplerOptions {
    fn default() -> Self {
        Self {
            queues_every: Duration::from_secs(1),
            system_every: Duration::from_secs(5),
            rules: HealthRules::default(),
            disk: None,
        }
    }
}

/// Dependencies of the sampler.
#[derive(Clone)]
pub struct SamplerContext {
    /// The storage.
    pub repository: Arc<dyn JobRepository>,
    /// Reports the rows that wait for a commit.
    pub writer: WriterHandle,
    /// Publishes metrics and health.
    pub event_bus: EventBusHandle,
    /// The configured queues.
    pub queues: Arc<[QueueSettings]>,
    /// Number of workers of a queue that is not configured.
    pub workers_by_default: NonZeroU32,
    /// The job types that have a handler.
    pub handled: HandledTypes,
    /// This node.
    pub node: NodeId,
    /// Logs failures of storage.
    pub outage: StorageOutage,
    /// Counts restarts of actors.
    pub supervisor: Supervisor,
    /// Handlers that block a thread after their attempt has finished.
    pub blocked: BlockedHandlers,
    /// The options.
    pub options: SamplerOptions,
    /// The time of day.
    pub clock: Clock,
}
