//! Heartbeats, which renew the leases of running jobs and carry their progress and log.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::register;
use super::shared::Shared;
use crate::attempt::{JobContext, StopReason, lock};
use crate::error::Error;
use crate::model::Held;
use crate::reports::is_verdict;
use crate::schemas::Heartbeat;

/// Heartbeats with the response 404 of a proxy before the worker registers again: as long as a lease.
const UNKNOWN_MAX: u32 = 3;

impl Shared {
    pub(super) async fn send_heartbeat(&self) {
        let _heartbeat_lock = self.heartbeat_lock.lock().await;
        self.heartbeat_alone().await;
    }

    /// Sends the progress and log of a job that has ended. Another heartbeat that has taken them must arrive before the
    /// result: afterwards the lease is gone, and they are dropped.
    pub(super) async fn flush(&self, context: &JobContext) {
        let _heartbeat_lock = self.heartbeat_lock.lock().await;
        if context.has_news() {
            self.heartbeat_alone().await;
        }
    }

    async fn heartbeat_alone(&self) {
        let mut named = self.contexts();
        // An attempt that another one of its job has replaced is omitted: the response names jobs only.
        named.retain(|context| !context.is_lost());
        let response = match self.heartbeat(&named).await {
            Ok(response) => response,
            Err(error) => return self.heartbeat_failed(&error, &named).await,
        };
        self.unknown.store(0, Ordering::Relaxed);
        for context in &named {
            if response.lost.contains(&context.job.job_id) {
                self.lose(context);
            } else if response.cancelled.contains(&context.job.job_id) {
                context.stop(StopReason::Cancelled);
            }
        }
        self.log_refused(&response.refused_types.unwrap_or_default().join(", "));
    }

    fn log_refused(&self, types: &str) {
        let mut refused = lock(&self.refused);
        if !types.is_empty() && *refused != types {
            tracing::warn!(
                worker = self.worker.name,
                "servers run jobs of {types} and lease none of them"
            );
        }
        types.clone_into(&mut refused);
    }

    /// Renews the lease. Rejected progress and log lines are dropped: they must not cost the lease.
    async fn heartbeat(&self, named: &[JobContext]) -> Result<Heartbeat, Error> {
        let held: Vec<Held> = named.iter().map(JobContext::report).collect();
        match self.client().heartbeat(&self.id(), &held).await {
            Err(error) if is_verdict(&error) => {
                self.failed("progress and log lines were not accepted", &error);
                let held: Vec<Held> = named.iter().map(JobContext::held).collect();
                self.client().heartbeat(&self.id(), &held).await
            }
            other => other,
        }
    }

    async fn heartbeat_failed(&self, error: &Error, named: &[JobContext]) {
        self.failed("heartbeat failed", error);
        let Error::NotFound(problem) = error else {
            return;
        };
        // A 404 without a problem comes from a proxy, unless it persists.
        let times = self.unknown.fetch_add(1, Ordering::Relaxed) + 1;
        if (problem.kind.is_empty() && times < UNKNOWN_MAX) || self.stopping.is_cancelled() {
            return;
        }
        // The server no longer knows this worker or its leases.
        for context in named {
            self.lose(context);
        }
        match register(&self.worker, &self.types).await {
            Ok((id, _)) => {
                self.id.send_replace(id);
                self.unknown.store(0, Ordering::Relaxed);
            }
            Err(error) => self.failed("could not register", &error),
        }
    }
}

pub(super) async fn heartbeat_loop(shared: Arc<Shared>, every: Duration) {
    loop {
        tokio::time::sleep(every).await;
        shared.send_heartbeat().await;
    }
}
