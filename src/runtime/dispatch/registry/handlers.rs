//! Messages that the registry forwards to dispatchers or handles on their behalf.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use actix::{Context, Handler, ResponseFuture};
use futures_util::future::join_all;
use tracing::info;

use super::QueueRegistry;
use crate::domain::job::attempt::AttemptKey;
use crate::domain::values::name::QueueName;
use crate::runtime::actor::mailbox::deliver;
use crate::runtime::dispatch::messages::{
    CancelAttempt, CancelJob, ForceStop, InterruptAll, InterruptAttempts, IsIdle, LimitFreed, NodeDrainChanged,
    QueueActivity, QueueCapacity, QueuePauseChanged, ReportActivity, ReportAllActivity, ReportAttempts, ReportCapacity,
    ReportOwnCapacity, ReportState, RetryLimitedTypes, SetNodeDraining, StopDispatching,
};

impl Handler<InterruptAll> for QueueRegistry {
    type Result = ();

    fn handle(&mut self, InterruptAll: InterruptAll, ctx: &mut Context<Self>) {
        for queue in self.queues.values() {
            deliver(&queue.address, InterruptAll, ctx);
        }
    }
}

impl Handler<InterruptAttempts> for QueueRegistry {
    type Result = ();

    fn handle(&mut self, InterruptAttempts { attempts }: InterruptAttempts, ctx: &mut Context<Self>) {
        for queue in self.queues.values() {
            let attempts = Arc::clone(&attempts);
            deliver(&queue.address, InterruptAttempts { attempts }, ctx);
        }
    }
}

impl Handler<ReportAttempts> for QueueRegistry {
    type Result = ResponseFuture<HashSet<AttemptKey>>;

    fn handle(&mut self, ReportAttempts: ReportAttempts, _: &mut Context<Self>) -> Self::Result {
        let queues = self.queues.clone();
        Box::pin(async move {
            let mut attempts = HashSet::new();
            for queue in queues.values() {
                // The dispatcher first: an attempt that finishes meanwhile is then among the reported ones. The
                // attempts of an actor that is being restarted are lost.
                let activity = queue.address.send(ReportActivity).await.unwrap_or_default();
                attempts.extend(activity.running);
                attempts.extend(activity.claimed);
                let states = join_all(queue.workers.iter().map(|worker| worker.send(ReportState))).await;
                for state in states.into_iter().flatten() {
                    attempts.extend(state.running.map(|(attempt, _)| attempt));
                    attempts.extend(state.unstored);
                }
            }
            attempts
        })
    }
}

impl Handler<LimitFreed> for QueueRegistry {
    type Result = ();

    fn handle(&mut self, LimitFreed { by }: LimitFreed, ctx: &mut Context<Self>) {
        for (_, queue) in self.queues.iter().filter(|(name, _)| **name != by) {
            deliver(&queue.address, RetryLimitedTypes, ctx);
        }
    }
}

impl Handler<CancelJob> for QueueRegistry {
    type Result = ();

    fn handle(
        &mut self,
        CancelJob {
            queue,
            job_id,
            attempt,
            node: _,
        }: CancelJob,
        ctx: &mut Context<Self>,
    ) {
        if let Some(queue) = self.queue(&queue) {
            deliver(&queue.address, CancelAttempt { job_id, attempt }, ctx);
        }
    }
}

impl Handler<QueuePauseChanged> for QueueRegistry {
    type Result = ();

    fn handle(&mut self, QueuePauseChanged { queue: name, is_paused }: QueuePauseChanged, ctx: &mut Context<Self>) {
        self.switches += 1;
        self.switch(name, is_paused, ctx);
    }
}

impl Handler<NodeDrainChanged> for QueueRegistry {
    type Result = ();

    fn handle(&mut self, NodeDrainChanged { node, is_draining }: NodeDrainChanged, ctx: &mut Context<Self>) {
        if node != self.deps.node || self.is_drained == is_draining {
            return;
        }
        self.is_drained = is_draining;
        if is_draining {
            info!("draining enabled; starting no new jobs");
        } else {
            info!("draining disabled; starting new jobs");
        }
        for queue in self.queues.values() {
            deliver(&queue.address, SetNodeDraining { is_draining }, ctx);
        }
        if !is_draining {
            self.wake_all_waiting(ctx);
        }
    }
}

impl Handler<StopDispatching> for QueueRegistry {
    type Result = ();

    fn handle(&mut self, StopDispatching: StopDispatching, ctx: &mut Context<Self>) {
        self.is_draining = true;
        self.deps.job_waiters.close();
        for queue in self.queues.values() {
            deliver(&queue.address, StopDispatching, ctx);
        }
    }
}

impl Handler<ForceStop> for QueueRegistry {
    type Result = ();

    fn handle(&mut self, ForceStop: ForceStop, ctx: &mut Context<Self>) {
        self.is_draining = true;
        for queue in self.queues.values() {
            deliver(&queue.address, ForceStop, ctx);
        }
    }
}

impl Handler<ReportAllActivity> for QueueRegistry {
    type Result = ResponseFuture<HashMap<QueueName, QueueActivity>>;

    fn handle(&mut self, ReportAllActivity: ReportAllActivity, _: &mut Context<Self>) -> Self::Result {
        let queues = self.queues.clone();
        Box::pin(async move {
            let targets = queues.into_iter().map(|(name, queue)| async move {
                // A queue that is being restarted has no activity.
                (name, queue.address.send(ReportActivity).await.unwrap_or_default())
            });
            join_all(targets).await.into_iter().collect()
        })
    }
}

impl Handler<ReportCapacity> for QueueRegistry {
    type Result = ResponseFuture<Option<QueueCapacity>>;

    fn handle(&mut self, ReportCapacity { queue }: ReportCapacity, _: &mut Context<Self>) -> Self::Result {
        let address = self.queues.get(&queue).map(|queue| queue.address.clone());
        Box::pin(async move {
            let address = address?;
            // Unknown while the dispatcher is being restarted.
            address.send(ReportOwnCapacity).await.ok()
        })
    }
}

impl Handler<IsIdle> for QueueRegistry {
    type Result = ResponseFuture<bool>;

    fn handle(&mut self, IsIdle: IsIdle, _: &mut Context<Self>) -> Self::Result {
        let queues = self.queues.clone();
        Box::pin(async move {
            for queue in queues.values() {
                if !queue.is_idle().await {
                    return false;
                }
            }
            true
        })
    }
}
