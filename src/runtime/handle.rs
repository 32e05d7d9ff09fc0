//! Access to the actors of a runtime.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use actix::Addr;

use super::actor::clock::{Clock, IdSource};
use super::actor::supervisor::Supervisor;
use super::cluster::node_lease::SharedNodeLease;
use super::dispatch::blocked_handlers::BlockedHandlers;
use super::dispatch::concurrency_limits::ConcurrencyLimits;
use super::dispatch::handled_types::HandledTypes;
use super::dispatch::messages::{QueueActivity, QueueCapacity, ReportAllActivity, ReportCapacity};
use super::dispatch::registry::QueueRegistry;
use super::events::event_bus::EventBusHandle;
use super::monitoring::job_spans::Traces;
use super::monitoring::metrics_sampler::MetricsSampler;
use super::monitoring::report_channel::ReportChannel;
use super::outbound::options::OutboundClients;
use super::remote_workers::RemoteWorkers;
use super::writer::commit_stats::CommitReport;
use super::writer::handle::WriterHandle;
use crate::domain::values::id::NodeId;
use crate::domain::values::name::QueueName;

/// A handle to the actors of a runtime. Cheap to clone.
#[derive(Clone)]
pub struct RuntimeHandle {
    /// The only path to storage for changes.
    pub writer: WriterHandle,
    /// The queues of this node.
    pub queues: Addr<QueueRegistry>,
    /// Events.
    pub event_bus: EventBusHandle,
    /// Metrics and health.
    pub sampler: Addr<MetricsSampler>,
    /// The time of day.
    pub clock: Clock,
    /// Generates ids.
    pub ids: Arc<IdSource>,
    /// This node.
    pub node: NodeId,
    /// Restarts and mailbox lag of the actors.
    pub supervisor: Supervisor,
    /// Set while the node is shutting down.
    pub is_stopping: Arc<AtomicBool>,
    /// Handlers that block a thread after their attempt has finished.
    pub blocked: BlockedHandlers,
    /// `true` if the change feed is enabled.
    pub has_feed: bool,
    /// HTTP clients of webhooks; `None` if webhooks are disabled.
    pub outbound: Option<OutboundClients>,
    /// Operations of remote workers.
    pub remote: RemoteWorkers,
    /// The job types that have a handler.
    pub handled: HandledTypes,
    /// Concurrency limits of job types on this node.
    pub type_limits: ConcurrencyLimits,
    /// The node's lease.
    pub node_lease: SharedNodeLease,
    /// Statistics of commits.
    pub commit_reports: ReportChannel<CommitReport>,
    /// Spans of jobs.
    pub traces: Traces,
}

impl RuntimeHandle {
    /// `true` if the node is shutting down and accepts no new jobs of clients.
    pub fn is_stopping(&self) -> bool {
        self.is_stopping.load(Ordering::Relaxed)
    }

    /// The capacity of a queue on this node; `None` for a queue that has not been started here.
    pub async fn capacity(&self, queue: QueueName) -> Option<QueueCapacity> {
        // Unknown while the registry is being restarted.
        self.queues.send(ReportCapacity { queue }).await.ok().flatten()
    }

    /// The activity of this node's queues.
    pub async fn activity(&self) -> HashMap<QueueName, QueueActivity> {
        // Unknown while the registry is being restarted.
        self.queues.send(ReportAllActivity).await.unwrap_or_default()
    }
}
