//! Shutdown of a runtime.

use std::sync::atomic::Ordering;
use std::time::Duration;

use tracing::{info, warn};

use super::cluster::messages::StopRenewing;
use super::dispatch::messages::{ForceStop, IsIdle, StopDispatching};
use super::monitoring::messages::Quiesce;
use super::schedule::messages::StopLeading;
use super::start::Runtime;
use super::writer::messages::WritePriority;
use crate::storage::change::{Change, ClusterChange};

/// Interval at which a stopping runtime checks whether it is idle.
const IDLE_POLL: Duration = Duration::from_millis(20);
/// Timeout for publishing that the node is draining.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(1);
/// Timeout for storing the results of interrupted attempts.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(10);

impl Runtime {
    /// Starts no more jobs, waits up to `grace` for running jobs, requeues the others, and stops.
    pub async fn stop(mut self, grace: Duration) {
        let handle = &self.handle;
        handle.is_stopping.store(true, Ordering::Relaxed);
        if handle.queues.send(StopDispatching).await.is_err() {
            warn!("the queues have stopped before the server");
        }
        let draining = Change::Cluster(ClusterChange::SetDraining {
            node: handle.node,
            is_draining: true,
        });
        // Other nodes show it; unreachable storage must not delay the shutdown.
        drop(
            tokio::time::timeout(
                DRAIN_TIMEOUT,
                handle.writer.write_one(draining, WritePriority::Internal),
            )
            .await,
        );
        if !self.is_idle_within(grace).await {
            info!("shutdown grace period elapsed; requeueing running jobs");
            // A registry that has stopped runs no jobs.
            let _ = handle.queues.send(ForceStop).await;
            if !self.is_idle_within(FLUSH_TIMEOUT).await {
                warn!("some jobs could not be requeued; they are recovered on the next start");
            }
        }
        // While the node still owns the endpoints.
        self.outbound.end(FLUSH_TIMEOUT).await;
        // None may write after the node has left: the node would appear live again, or lead.
        let _ = self.recurring.send(StopLeading).await;
        let _ = self.operations.send(StopLeading).await;
        let _ = self.lease_renewer.send(StopRenewing).await;
        if let Err(failure) = handle
            .writer
            .write_one(
                Change::Cluster(ClusterChange::Leave { node: handle.node }),
                WritePriority::Internal,
            )
            .await
        {
            warn!("failed to release node lease, it will expire: {failure}");
        }
        // An interrupted read would close its connection.
        if tokio::time::timeout(FLUSH_TIMEOUT, handle.sampler.send(Quiesce))
            .await
            .is_err()
        {
            warn!("storage did not respond; skipping final metrics read");
        }
        handle.event_bus.flush().await;
        drop(self.arbiters);
        self.handler_pool.end();
    }

    async fn is_idle_within(&self, time: Duration) -> bool {
        let end = tokio::time::Instant::now() + time;
        loop {
            if self.handle.queues.send(IsIdle).await.unwrap_or(true) {
                return true;
            }
            if tokio::time::Instant::now() >= end {
                return false;
            }
            tokio::time::sleep(IDLE_POLL.min(end - tokio::time::Instant::now())).await;
        }
    }
}
