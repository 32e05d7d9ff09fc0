//! Stops the dispatchers of queues that were deleted or pruned from storage.

use std::collections::HashSet;
use std::sync::Arc;

use actix::{ActorFutureExt, AsyncContext, Context, WrapFuture};
use futures_util::future::join_all;

use super::{QueueRegistry, RunningQueue};
use crate::domain::values::name::QueueName;
use crate::runtime::actor::failure_log::log_failure;
use crate::runtime::dispatch::messages::{ReportActivity, ReportState, Stop};

impl RunningQueue {
    /// `true` if the queue neither runs, starts nor stores a job.
    pub(crate) async fn is_idle(&self) -> bool {
        let activity = self.address.send(ReportActivity).await;
        if activity.is_ok_and(|activity| activity.starting > 0 || !activity.claimed.is_empty()) {
            return false;
        }
        let states = join_all(self.workers.iter().map(|worker| worker.send(ReportState))).await;
        !states
            .iter()
            .flatten()
            .any(|state| state.running.is_some() || state.is_blocked || !state.unstored.is_empty())
    }

    fn stop(&self) {
        // A full mailbox means that it is in use again; the next check stops it.
        drop(self.address.try_send(Stop));
        for worker in self.workers.iter() {
            drop(worker.try_send(Stop));
        }
    }
}

impl QueueRegistry {
    /// Stops queues that are neither configured nor stored and are idle. One that is requested meanwhile continues.
    pub(crate) fn stop_unused(&mut self, ctx: &mut Context<Self>) {
        if !self.is_loaded || self.is_draining || self.requested_since_check.is_some() {
            return;
        }
        let is_configured = |name: &QueueName| self.deps.configured.iter().any(|settings| settings.name == *name);
        let candidates: Vec<(QueueName, RunningQueue)> = self
            .queues
            .iter()
            .filter(|(name, _)| !is_configured(name))
            .map(|(name, queue)| (name.clone(), queue.clone()))
            .collect();
        if candidates.is_empty() {
            return;
        }
        self.requested_since_check = Some(HashSet::new());
        let repository = Arc::clone(&self.deps.repository);
        let now = self.deps.clock.now();
        let find = async move {
            let stored = repository.queues(now).await?;
            let stored: HashSet<QueueName> = stored.into_iter().map(|queue| queue.name).collect();
            let mut unused = Vec::new();
            for (name, queue) in candidates {
                if !stored.contains(&name) && queue.is_idle().await {
                    unused.push(name);
                }
            }
            Ok(unused)
        };
        ctx.spawn(find.into_actor(self).map(
            |found: Result<Vec<QueueName>, crate::storage::repository::RepositoryError>, queues, _| {
                let named = queues.requested_since_check.take().unwrap_or_default();
                match found {
                    Ok(unused) => {
                        for name in unused.iter().filter(|name| !named.contains(*name)) {
                            if let Some(queue) = queues.queues.remove(name) {
                                queue.stop();
                            }
                            queues.paused.remove(name);
                        }
                    }
                    Err(failure) => log_failure!(failure, "failed to read the stored queues: {failure}"),
                }
            },
        ));
    }
}

#[cfg(test)]
mod tests;
