//! Notification of remote workers that wait for jobs, where only the queue of due jobs is known.

use actix::{ActorFutureExt, AsyncContext, Context, WrapFuture};
use tokio::time::Instant;

use super::{QueueRegistry, RETRY_DELAY};
use crate::domain::values::name::QueueName;
use crate::runtime::actor::failure_log::log_failure;

impl QueueRegistry {
    /// Assigns the due jobs of these queues to waiting remote workers.
    pub(super) fn wake_waiting(&mut self, queues: impl IntoIterator<Item = QueueName>, ctx: &mut Context<Self>) {
        if self.is_drained || self.deps.job_waiters.is_empty() {
            return;
        }
        let is_paused = |name: &QueueName| self.paused.get(name).copied().unwrap_or(false);
        let unpaused: Vec<QueueName> = queues.into_iter().filter(|name| !is_paused(name)).collect();
        self.unknown_due.extend(unpaused);
        self.read_due_types(ctx);
    }

    /// Assigns the due jobs of all queues to waiting remote workers.
    pub(super) fn wake_all_waiting(&mut self, ctx: &mut Context<Self>) {
        let queues: Vec<QueueName> = self.queues.keys().cloned().collect();
        self.wake_waiting(queues, ctx);
    }

    /// One read at a time, for all queues that became due since the last one has started.
    fn read_due_types(&mut self, ctx: &mut Context<Self>) {
        if self.is_reading_types || self.unknown_due.is_empty() {
            return;
        }
        self.is_reading_types = true;
        let queues = std::mem::take(&mut self.unknown_due);
        let due_types = self.deps.due_types.clone();
        let read = async move { due_types.since(Instant::now()).await };
        ctx.spawn(read.into_actor(self).map(move |found, registry, ctx| {
            registry.is_reading_types = false;
            match found {
                Ok(due) => {
                    for queue in queues {
                        let job_types = due.get(&queue).into_iter().flatten();
                        registry.deps.job_waiters.notify_of_types(&queue, job_types);
                    }
                    registry.read_due_types(ctx);
                }
                Err(failure) => {
                    log_failure!(failure, "failed to read due job types, retrying: {failure}");
                    registry.unknown_due.extend(queues);
                    ctx.run_later(RETRY_DELAY, |registry, ctx| registry.read_due_types(ctx));
                }
            }
        }));
    }
}
